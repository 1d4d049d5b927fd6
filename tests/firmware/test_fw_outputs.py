"""What reaches the actuators (rules 2 and 6 of gate_fw.h)."""

from __future__ import annotations

import struct

import pytest
from firmware_lib import ACCEL, STEER, Bench, default_config, library
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.frames import Decoder, Frame, FrameType, encode

LENGTH, OUTPUT, NUMBER = 1, 2, 3
COMMAND_REFUSED = 4
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def raw_command(bench: Bench, payload: bytes) -> bytes:
    """A COMMAND as the session would never send it: right frame, any payload."""
    template = bench.session
    sequence = template._tx_sequence
    template._tx_sequence += 1
    stamp_us = bench.now_ns // 1000 % (1 << 32)
    return encode(Frame(FrameType.COMMAND, sequence, template.connection_id, stamp_us, payload))


def items(*pairs: tuple[int, float]) -> bytes:
    return b"".join(struct.pack("<Bf", number, value) for number, value in pairs)


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_outputs_are_always_inside_their_limits(values: list[tuple[float, float, float]]) -> None:
    bench = Bench()
    bench.arm()
    limits = default_config().output
    before = bench.out.steer_rad
    for steer, accel, brake in values:
        bench.run(0.01, reset=1, outputs={"steer": steer, "accel": accel, "brake": brake})
        out = bench.out
        assert limits[STEER].min <= out.steer_rad <= limits[STEER].max
        assert limits[ACCEL].min <= out.accel_mps2 <= limits[ACCEL].max
        assert abs(out.steer_rad - before) <= limits[STEER].rate_max * 0.01 + 1e-6
        assert out.brake == (brake >= 0.5)
        assert not (out.brake and out.accel_mps2)
        before = out.steer_rad


def test_clamping_is_counted_once_per_command_and_per_stretch_of_rate_limit() -> None:
    bench = Bench()
    bench.arm()
    bench.run(1.0, reset=1)
    start = bench.telemetry["clamped"]
    bench.run(0.03, reset=1, outputs={"steer": 0.1, "accel": 9.0, "brake": 0.0})
    assert bench.telemetry["clamped"] == start + 3
    bench.run(0.5, reset=1, outputs={"steer": -0.3, "accel": 0.1, "brake": 0.0})
    assert bench.telemetry["clamped"] == start + 4
    bench.run(1.5, reset=1, outputs={"steer": -0.3, "accel": 0.1, "brake": 0.0})
    assert bench.out.steer_rad == pytest.approx(-0.3)
    assert bench.telemetry["clamped"] == start + 4


def test_steering_moves_at_its_rate_and_not_in_a_jump_after_a_stall() -> None:
    bench = Bench()
    bench.arm()
    at = bench.out.steer_rad
    bench.run(0.2, reset=1, outputs={"steer": 0.6, "accel": 0.0, "brake": 0.0})
    assert bench.out.steer_rad - at == pytest.approx(0.35 * 0.2, rel=1e-3)
    at = bench.out.steer_rad
    bench.controller.rx(bench.frame(reset=1, outputs={"steer": -0.6, "accel": 0.0, "brake": 0.0}))
    bench.controller.step(190_000)
    assert at - bench.out.steer_rad == pytest.approx(0.35 * 0.1, rel=1e-3)


def test_arming_starts_from_where_the_wheels_are() -> None:
    bench = Bench()
    bench.inputs.steer_angle_rad = -0.4
    bench.connect()
    bench.run(0.01, reset=0, outputs={"steer": 0.0})
    bench.run(0.01, reset=1, outputs={"steer": 0.0})
    assert bench.out.steer_rad == pytest.approx(-0.4 + 0.0035, abs=1e-5)


def test_every_output_has_its_own_time_limit() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.5, reset=1)
    bench.run(0.19, reset=1, outputs={"brake": 0.0})
    assert bench.out.accel_mps2 == 0.5
    bench.run(0.02, reset=1, outputs={"brake": 0.0})
    assert (bench.out.brake, bench.out.accel_mps2, bench.out.armed) == (0, 0.0, 1)
    bench.run(0.21, reset=1, outputs={"accel": 0.5})
    assert (bench.out.brake, bench.out.accel_mps2, bench.out.armed) == (1, 0.0, 1)


def test_steering_that_is_not_commanded_any_more_stays_where_it_is() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.1, reset=1, outputs={"steer": 0.6, "accel": 0.5, "brake": 0.0})
    bench.run(0.45, reset=1, outputs={"accel": 0.5, "brake": 0.0})
    moving = bench.out.steer_rad
    bench.run(1.0, reset=1, outputs={"accel": 0.5, "brake": 0.0})
    stopped = bench.out.steer_rad
    assert moving < stopped < 0.6
    bench.run(0.5, reset=1, enable=False, outputs={"steer": 0.0, "brake": 1.0})
    bench.silence(1.0)
    assert bench.out.steer_rad == stopped


def test_steering_without_freeze_goes_to_its_fallback() -> None:
    config = default_config()
    config.output[STEER].freeze = 0
    bench = Bench(config)
    bench.arm()
    bench.run(0.5, reset=1)
    assert bench.out.steer_rad == pytest.approx(0.1)
    bench.silence(1.0)
    assert (bench.out.steer_rad, bench.out.brake) == (0.0, 1)


def test_steering_without_a_rate_limit_follows_at_once() -> None:
    config = default_config()
    config.output[STEER].rate_max = 0.0
    bench = Bench(config)
    bench.arm()
    bench.run(0.01, reset=1, outputs={"steer": 0.5, "brake": 0.0})
    assert bench.out.steer_rad == pytest.approx(0.5)


def test_deceleration_ends_at_standstill() -> None:
    bench = Bench()
    bench.arm()
    slower = {"steer": 0.0, "accel": -0.8, "brake": 0.0}
    bench.inputs.speed_mps = 1.0
    bench.run(0.05, reset=1, outputs=slower)
    assert bench.out.accel_mps2 == pytest.approx(-0.8)
    bench.inputs.speed_mps = 0.0
    bench.run(0.05, reset=1, outputs=slower)
    assert (bench.out.accel_mps2, bench.out.brake) == (0.0, 0)


def test_standstill_needs_its_time() -> None:
    bench = Bench()
    bench.connect()
    bench.inputs.speed_mps = 1.0
    bench.run(0.5)
    bench.inputs.speed_mps = 0.01
    bench.run(0.30)
    assert bench.telemetry["standstill"] == 0.0
    bench.run(0.01)
    assert bench.telemetry["standstill"] == 1.0
    bench.inputs.speed_mps = -0.1
    bench.run(0.01)
    assert bench.telemetry["standstill"] == 0.0


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        (b"", LENGTH),
        (struct.pack("<BBI", 1, 1, 0), LENGTH),
        (struct.pack("<BBI", 1, 0, 0) + items((ACCEL, 0.5)), LENGTH),
        (struct.pack("<BBI", 1, 1, 0) + items((4, 0.5)), OUTPUT),
        (struct.pack("<BBI", 1, 2, 0) + items((ACCEL, 0.1), (ACCEL, 0.2)), OUTPUT),
        (struct.pack("<BBI", 1, 1, 0) + items((ACCEL, float("nan"))), NUMBER),
        (struct.pack("<BBI", 1, 2, 0) + items((STEER, 0.0), (ACCEL, float("-inf"))), NUMBER),
    ],
)
def test_a_command_with_one_mistake_is_refused_whole(payload: bytes, refusal: int) -> None:
    bench = Bench()
    bench.arm()
    refused = bench.telemetry["rx_refused"]
    bench.controller.rx(raw_command(bench, payload))
    bench.silence(0.01)
    assert (COMMAND_REFUSED, refusal) in bench.firmware_events
    assert bench.telemetry["rx_refused"] == refused + 1
    for _ in range(25):
        bench.controller.rx(raw_command(bench, payload))
        bench.controller.step()
    assert (bench.out.armed, bench.out.brake) == (0, 1), "a refused command is no heartbeat"


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_payload_leaves_the_outputs_inside_their_limits(payload: bytes) -> None:
    bench = Bench()
    bench.arm()
    bench.controller.rx(raw_command(bench, payload))
    bench.silence(0.01)
    limits = default_config().output
    assert limits[STEER].min <= bench.out.steer_rad <= limits[STEER].max
    assert limits[ACCEL].min <= bench.out.accel_mps2 <= limits[ACCEL].max


def test_telemetry_reports_the_sensors_and_what_was_really_done() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.speed_mps = 2.5
    bench.inputs.yaw_rate_rps = -0.25
    bench.inputs.load_present = 1
    bench.run(1.0, reset=1, outputs={"steer": 5.0, "accel": 5.0, "brake": 0.0})
    told = bench.telemetry
    assert (told["speed"], told["yaw_rate"], told["load_present"], told["battery"]) == (2.5, -0.25, 1.0, 80.0)
    assert told["accel_out"] == bench.out.accel_mps2 == pytest.approx(1.2)
    assert told["steer_out"] == bench.out.steer_rad
    assert (told["armed"], told["brake_applied"]) == (1.0, 0.0)


def test_half_a_brake_is_a_brake() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.01, reset=1, outputs={"accel": 0.2, "brake": 0.5})
    assert (bench.out.brake, bench.out.accel_mps2) == (1, 0.0)


def test_telemetry_echoes_the_newest_command() -> None:
    bench = Bench()
    bench.arm()
    bench.controller.tx()
    stamp_us = bench.now_ns // 1000
    bench.controller.rx(bench.frame(reset=1))
    bench.controller.step(7_000)
    bench.controller.step(9_500)
    (telemetry,) = Decoder().feed(bench.controller.tx())
    assert struct.unpack_from("<II", telemetry.payload) == (stamp_us, 16_500)
    assert telemetry.stamp_us == bench.controller.now_us


def test_hello_announces_the_configuration_in_force() -> None:
    config = default_config()
    plain = Bench(config).connect()
    assert plain.config_crc == library().gate_fw_config_crc(config)
    config.late_ms += 1
    config.output[ACCEL].max = 0.25
    other = Bench(config).connect()
    assert other.config_crc == library().gate_fw_config_crc(config) != plain.config_crc
    assert other.dictionary.outputs["accel"].max == 0.25


def test_a_full_buffer_takes_a_frame_only_if_all_of_it_fits() -> None:
    for room in range(1, 90):
        bench = Bench()
        bench.arm()
        for _ in range(35):
            bench.controller.rx(bench.frame(reset=1))
            bench.controller.step()
        bench.collect(room)
        bench.run(0.01, reset=1)
        assert bench.session.counters.corrupt == 0


@given(st.lists(st.integers(0, 400), min_size=30, max_size=60))
@settings(max_examples=50, deadline=None)
def test_what_does_not_fit_into_the_buffer_is_left_out_whole(takes: list[int]) -> None:
    bench = Bench()
    bench.arm()
    for take in [0] * 40 + takes:  # at first nobody takes the bytes, then too few
        bench.controller.rx(bench.frame(reset=1))
        bench.controller.step()
        bench.collect(take)
    bench.collect()
    assert bench.session.counters.corrupt == 0
    bench.run(0.05, reset=1)
    assert bench.session.counters.lost > 0
    assert bench.out.armed == 1
