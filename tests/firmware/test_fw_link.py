"""Which frames count as a heartbeat (rules 3 and 7 of gate_fw.h)."""

from __future__ import annotations

import pytest
from firmware_lib import DRIVE, Bench

from firmware_bridge import Command
from firmware_bridge.frames import Frame, FrameType, encode

COMMAND_REFUSED, LATE = 4, 4


def test_commands_of_another_connection_are_neither_heartbeat_nor_reset() -> None:
    bench = Bench()
    bench.arm()
    other = Bench()
    other.connect()
    other.connect()
    assert other.session.connection_id != bench.session.connection_id
    other.session._tx_sequence = 1000
    bench.inputs.estop = 1
    bench.run(0.02, reset=1)
    bench.inputs.estop = 0
    bench.run(0.02, reset=1)
    for reset in range(1, 31):
        other.controller.now_us = bench.controller.now_us
        bench.controller.rx(other.frame(reset=reset))
        bench.controller.step()
        assert bench.out.armed == 0
    bench.silence(0.01)
    assert bench.telemetry["host_timeout"] == 1.0


def test_a_long_silence_ends_the_connection_and_the_talking() -> None:
    bench = Bench()
    bench.arm()
    bench.silence(1.9)
    told = len(bench.events)
    bench.silence(0.05)
    assert len(bench.events) > told
    bench.silence(0.2)
    told = len(bench.events)
    bench.silence(1.0)
    assert len(bench.events) == told
    bench.controller.rx(bench.frame(reset=2))
    bench.controller.step()
    assert bench.out.armed == 0
    bench.arm()


def test_silence_stays_silence_when_the_ticks_wrap() -> None:
    bench = Bench(start_us=(1 << 32) - 100_000)
    bench.arm()
    bench.run(0.2, reset=1)
    assert bench.out.armed == 1
    bench.silence(0.3)
    bench.controller.now_us += (1 << 32) - 300_000
    bench.silence(0.05)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)


def test_a_repeated_hello_of_the_same_connection_changes_nothing() -> None:
    bench = Bench()
    bench.arm()
    bench.controller.rx(bench.session.hello(bench.now_ns))
    bench.run(0.05, reset=1)
    assert bench.out.armed == 1
    bench.controller.rx(encode(Frame(FrameType.HELLO, 200, bench.session.connection_id, 0, b"x")))
    bench.run(0.05, reset=1)
    assert bench.out.armed == 1


def test_commands_that_are_a_little_late_are_taken() -> None:
    bench = Bench()
    bench.arm()
    queue = []
    for _ in range(40):
        queue.append(bench.frame(reset=1))
        if len(queue) > 9:
            bench.controller.rx(queue.pop(0))  # 90 ms old
        bench.controller.step()
        bench.collect()
    assert (bench.out.armed, bench.out.brake) == (1, 0)


def test_late_commands_are_no_heartbeat() -> None:
    bench = Bench()
    bench.arm()
    queue = []
    for _ in range(40):
        queue.append(bench.frame(reset=1))
        if len(queue) > 15:
            bench.controller.rx(queue.pop(0))  # 150 ms old
        bench.controller.step()
        bench.collect()
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    assert (COMMAND_REFUSED, LATE) in bench.firmware_events


def test_a_drifting_clock_is_not_late() -> None:
    bench = Bench()
    bench.arm()
    for i in range(6000):  # a minute; the host's clock is 500 ppm fast
        ahead_ns = i * 5_000
        frame = bench.session.command(bench.now_ns - ahead_ns, Command(True, 1, DRIVE))
        bench.controller.rx(frame)
        assert bench.controller.step().armed == 1


@pytest.mark.parametrize("copies", [1, 3])
def test_repeated_and_reordered_frames_are_no_heartbeat(copies: int) -> None:
    bench = Bench()
    bench.arm()
    old = bench.frame(reset=1)
    newer = bench.frame(reset=1)
    bench.controller.rx(newer)
    bench.controller.step()
    for _ in range(30):
        bench.controller.rx(old * copies)
        bench.controller.rx(newer * copies)
        bench.controller.step()
    assert (bench.out.armed, bench.out.brake) == (0, 1)


@pytest.mark.parametrize(("ahead", "taken"), [(1, True), (32_767, True), (32_768, False), (65_535, False)])
def test_how_far_ahead_a_sequence_may_be(ahead: int, taken: bool) -> None:
    bench = Bench()
    bench.arm()
    refused = bench.telemetry["rx_refused"]
    bench.session._tx_sequence = (bench.session._tx_sequence - 1 + ahead) % 0x10000
    bench.run(0.02, reset=1)
    assert (bench.telemetry["rx_refused"] == refused) == taken


def test_the_sequence_wraps() -> None:
    bench = Bench()
    bench.arm()
    bench.session._tx_sequence = 0x7000
    bench.run(0.02, reset=1)
    bench.session._tx_sequence = 0xE000
    bench.run(0.02, reset=1)
    bench.session._tx_sequence = 0xFFFE
    bench.run(0.3, reset=1)
    assert bench.out.armed == 1
    assert bench.telemetry["rx_refused"] == 0.0


def test_frames_that_only_a_controller_sends_are_refused() -> None:
    bench = Bench()
    bench.arm()
    for kind in (0, FrameType.HELLO_ACK, FrameType.TELEMETRY, FrameType.EVENT, 6):
        refused = bench.telemetry["rx_refused"]
        bench.controller.rx(encode(Frame(kind, 2000, bench.session.connection_id, 0)))
        bench.silence(0.01)
        assert bench.telemetry["rx_refused"] == refused + 1
