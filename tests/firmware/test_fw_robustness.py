"""Bytes that nobody meant: the controller does not crash, does not arm, and hears well afterwards."""

from __future__ import annotations

import pytest
from firmware_lib import Bench, Controller
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.frames import Frame, FrameType, encode


def still_works(bench: Bench) -> None:
    bench.arm()
    assert bench.out.brake == 0


@given(st.lists(st.binary(max_size=200), max_size=20))
@settings(max_examples=150, deadline=None)
def test_random_bytes_never_arm(chunks: list[bytes]) -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02, reset=0)
    for chunk in chunks:
        bench.controller.rx(chunk)
        out = bench.controller.step()
        assert (out.armed, out.brake, out.accel_mps2) == (0, 1, 0.0)
        bench.collect()  # else its buffer fills up, and the next answer finds no room
    bench.controller.rx(b"\0")
    still_works(bench)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=70))
@settings(max_examples=150, deadline=None)
def test_any_sound_frame_of_another_connection_never_arms(
    version: int, kind: int, sequence: int, payload: bytes
) -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02, reset=0)
    for connection in (0, 99):
        bench.controller.rx(encode(Frame(kind, sequence, connection, 0, payload, version)))
        assert bench.controller.step().armed == 0
        bench.collect()
    still_works(bench)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 7)), min_size=1, max_size=4), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_a_damaged_reset_never_arms(flips: list[tuple[int, int]], cut: int) -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02, reset=0)
    sound = bench.frame(reset=1)
    damaged = bytearray(sound)
    for at, bit in flips:
        damaged[at] ^= 1 << bit
    damaged = damaged[:cut] if cut < 20 else damaged
    bench.controller.rx(bytes(damaged))
    out = bench.controller.step()
    assert out.armed == (bytes(damaged) == sound)
    assert out.armed == 0 or out.brake == 0


def test_another_protocol_version_is_not_understood() -> None:
    controller = Controller()
    controller.rx(encode(Frame(FrameType.HELLO, 0, 5, 0, b"", version=2)))
    controller.step()
    assert controller.tx() == b""
    bench = Bench()
    bench.arm()
    for sequence in range(100, 130):
        frame = Frame(FrameType.COMMAND, sequence, bench.session.connection_id, 0, bytes(6), version=2)
        bench.controller.rx(encode(frame))
        bench.controller.step()
    assert bench.out.armed == 0


@pytest.mark.parametrize("jump_us", [-60_000_000, 60_000_000])
def test_a_host_with_another_clock_may_connect(jump_us: int) -> None:
    bench = Bench()
    bench.arm()
    bench.ahead_us += jump_us
    bench.arm()
    bench.run(0.5, reset=1)
    assert bench.out.armed == 1


def test_a_frame_that_is_too_long_is_left_out_and_the_next_is_heard() -> None:
    bench = Bench()
    bench.arm()
    bench.controller.rx(b"\x05" * 500 + b"\0")
    bench.run(0.05, reset=1)
    assert bench.telemetry["rx_refused"] == 1.0
    assert bench.out.armed == 1


def test_empty_frames_are_no_mistake() -> None:
    bench = Bench()
    bench.arm()
    bench.controller.rx(b"\0" * 50)
    bench.run(0.02, reset=1)
    assert bench.telemetry["rx_refused"] == 0.0


def test_ticks_may_start_anywhere_and_wrap() -> None:
    for start_us in (0, (1 << 31) - 20_000, (1 << 32) - 20_000):
        bench = Bench(start_us=start_us)
        bench.arm()
        bench.run(0.3, reset=1)
        assert bench.out.armed == 1


def test_two_controllers_do_not_share_state() -> None:
    bench = Bench()
    bench.arm()
    other = Controller()
    assert other.step().armed == 0
    assert bench.out.armed == 1
