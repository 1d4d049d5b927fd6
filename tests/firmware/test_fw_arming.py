"""When the controller arms and what disarms it (rules 3 to 6 of gate_fw.h)."""

from __future__ import annotations

import math

import pytest
from firmware_lib import Bench, Config, default_config

DISARM_CONNECTION, DISARM_HOST, DISARM_ESTOP, DISARM_FAULT, NO_INTENT = 2, 3, 4, 5, 6
ARMED, DISARMED, RESET_REFUSED, COMMAND_REFUSED = 1, 2, 3, 4


def test_the_first_count_of_a_connection_is_only_the_baseline() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.5, reset=41)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)
    assert bench.telemetry["disarm_cause"] == 1.0
    bench.run(0.05, reset=42)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (1, 0, 0.5)
    assert bench.firmware_events == [(ARMED, 0)]


def test_commands_without_hello_are_ignored() -> None:
    bench = Bench()
    other = Bench()
    other.connect()
    for reset in range(30):
        bench.controller.rx(other.frame(reset=reset))
        bench.controller.step()
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    assert bench.controller.tx() == b""


def test_a_static_reset_does_nothing_and_a_lower_count_is_a_new_baseline() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.1, reset=5)
    bench.run(0.1, reset=3)
    assert bench.out.armed == 0
    bench.run(0.1, reset=4)
    assert bench.out.armed == 1


def test_withheld_counts_make_the_next_one_a_baseline() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.1, reset=1)
    bench.run(0.1, reset=None)
    bench.run(0.1, reset=2)
    assert bench.out.armed == 0
    bench.run(0.1, reset=3)
    assert bench.out.armed == 1


def test_no_intent_brakes_and_stays_armed() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.01, reset=1, enable=False)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (1, 1, 0.0)
    bench.run(0.01, reset=1)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (1, 0, 0.5)


def test_a_reset_without_intent_is_used_up() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.05, reset=0, enable=False)
    bench.run(0.05, reset=1, enable=False)
    assert (RESET_REFUSED, NO_INTENT) in bench.firmware_events
    bench.run(0.05, reset=1)
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    bench.run(0.05, reset=2)
    assert (bench.out.armed, bench.out.brake) == (1, 0)


def test_a_silent_host_brakes_within_its_time_and_needs_a_reset() -> None:
    bench = Bench()
    bench.arm()
    bench.silence(0.19)
    assert bench.out.armed == 1
    bench.silence(0.01)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)
    assert bench.telemetry["host_timeout"] == 1.0
    assert (DISARMED, DISARM_HOST) in bench.firmware_events
    bench.run(0.3, reset=1)
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    assert bench.telemetry["host_timeout"] == 1.0
    bench.run(0.05, reset=2)
    assert (bench.out.armed, bench.out.brake) == (1, 0)
    assert bench.telemetry["host_timeout"] == 0.0


def test_estop_latches_until_released_and_reset() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.estop = 1
    bench.run(0.01, reset=1)
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    assert (DISARMED, DISARM_ESTOP) in bench.firmware_events
    bench.run(0.1, reset=2)
    assert bench.out.armed == 0
    assert (RESET_REFUSED, DISARM_ESTOP) in bench.firmware_events
    bench.inputs.estop = 0
    bench.run(0.2, reset=2)
    assert bench.out.armed == 0, "the edge was used while the button was pressed"
    assert bench.telemetry["estop"] == 0.0
    bench.run(0.05, reset=3)
    assert bench.out.armed == 1


def test_a_new_connection_disarms() -> None:
    bench = Bench()
    bench.arm()
    bench.connect()
    bench.run(0.02, reset=1)
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    assert bench.telemetry["disarm_cause"] == float(DISARM_CONNECTION)
    bench.run(0.05, reset=2)
    assert bench.out.armed == 1


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("speed_mps", 7.6, 1),
        ("speed_mps", math.nan, 2),
        ("steer_angle_rad", math.inf, 2),
        ("yaw_rate_rps", math.nan, 2),
        ("valid", 0, 2),
        ("speed_mps", -0.4, 3),
    ],
)
def test_a_fault_brakes_and_needs_a_reset_once_it_is_gone(field: str, value: float, fault: int) -> None:
    bench = Bench()
    bench.arm()
    healthy = getattr(bench.inputs, field)
    setattr(bench.inputs, field, value)
    bench.run(0.01, reset=1)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)
    assert bench.telemetry["fault"] == fault
    bench.run(0.05, reset=2)
    assert bench.out.armed == 0
    setattr(bench.inputs, field, healthy)
    bench.run(0.1, reset=2)
    assert bench.out.armed == 0
    assert bench.telemetry["fault"] == 0.0
    bench.run(0.05, reset=3)
    assert bench.out.armed == 1


def test_overspeed_ends_at_the_limit_not_at_the_margin() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.speed_mps = 7.4
    bench.run(0.05, reset=1)
    assert bench.out.armed == 1
    bench.inputs.speed_mps = 7.6
    bench.run(0.05, reset=1)
    bench.inputs.speed_mps = 7.4
    bench.run(0.05, reset=2)
    assert (bench.out.armed, bench.telemetry["fault"]) == (0, 1.0)
    bench.inputs.speed_mps = 6.9
    bench.run(0.05, reset=3)
    assert bench.out.armed == 1


def test_rolling_back_ends_at_standstill() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.speed_mps = -0.2
    bench.run(0.05, reset=1)
    assert bench.out.armed == 1
    bench.inputs.speed_mps = -0.4
    bench.run(0.05, reset=1)
    bench.inputs.speed_mps = -0.2
    bench.run(0.05, reset=2)
    assert (bench.out.armed, bench.telemetry["fault"]) == (0, 3.0)
    bench.inputs.speed_mps = -0.01
    bench.run(0.05, reset=3)
    assert bench.out.armed == 1


def broken(change: str) -> Config:
    """The default configuration with one field changed: `1.hold_ms=0` is output 1's."""
    config = default_config()
    field, _, value = change.partition("=")
    *row, name = field.split(".")
    target = config.output[int(row[0])] if row else config
    setattr(target, name, int(value) if value.isdigit() else float(value))
    return config


@pytest.mark.parametrize(
    "change",
    [
        "0.min=1.0",
        "0.max=nan",
        "0.rate_max=-1.0",
        "1.fallback=0.1",
        "1.hold_ms=0",
        "1.hold_ms=5001",
        "1.freeze=1",
        "2.fallback=0.0",
        "2.freeze=1",
        "speed_limit_mps=0.0",
        "overspeed_margin_mps=nan",
        "rollback_mps=-1.0",
        "standstill_mps=inf",
        "host_timeout_ms=0",
        "host_timeout_ms=1001",
        "forget_ms=100",
        "late_ms=0",
        "telemetry_ms=0",
    ],
)
def test_a_senseless_configuration_never_arms(change: str) -> None:
    bench = Bench(broken(change))
    bench.connect()
    for reset in range(5):
        bench.run(0.05, reset=reset)
    assert (bench.out.armed, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)
    assert bench.telemetry["fault"] == 4.0
