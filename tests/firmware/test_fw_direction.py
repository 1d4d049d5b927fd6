"""The direction of travel (rule 7 of gate_fw.h)."""

from __future__ import annotations

import pytest
from firmware_lib import Bench, Config, default_config
from hypothesis import given, settings
from hypothesis import strategies as st

STANDSTILL_S = 0.3


def command(accel: float = 0.4, reverse: float = 1.0, brake: float = 0.0) -> dict[str, float]:
    return {"steer": 0.1, "accel": accel, "brake": brake, "reverse": reverse}


def backwards() -> Bench:
    """Armed, standing, direction backwards engaged."""
    bench = Bench()
    bench.arm()
    bench.run(0.5, reset=1, outputs=command())
    assert bench.out.reverse == 1
    return bench


def test_brakes_until_it_has_stood_and_then_drives_backwards() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.speed_mps = 1.0
    for _ in range(100):
        bench.run(0.01, reset=1, outputs=command())
        assert (bench.out.reverse, bench.out.brake, bench.out.accel_mps2) == (0, 1, 0.0)
    bench.inputs.speed_mps = 0.0
    bench.run(STANDSTILL_S - 0.02, reset=1, outputs=command())
    assert bench.out.reverse == 0
    bench.run(0.1, reset=1, outputs=command())
    assert (bench.out.reverse, bench.out.brake, bench.out.armed) == (1, 0, 1)
    assert bench.out.accel_mps2 == pytest.approx(0.4)
    assert bench.telemetry["reversing"] == 1.0


def test_is_engaged_only_after_a_braked_step() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.5, reset=1)  # stands, but the brake is released
    assert bench.out.brake == 0
    bench.run(0.01, reset=1, outputs=command())
    assert (bench.out.reverse, bench.out.brake) == (0, 1)
    bench.run(0.01, reset=1, outputs=command())
    assert (bench.out.reverse, bench.out.brake) == (1, 1), "the step that engages is braked, too"
    bench.run(0.01, reset=1, outputs=command())
    assert (bench.out.reverse, bench.out.brake) == (1, 0)


def test_a_change_asked_for_while_rolling_is_counted_once() -> None:
    bench = Bench()
    bench.arm()
    bench.inputs.speed_mps = 1.0
    bench.run(0.05, reset=1)
    start = bench.telemetry["clamped"]
    bench.run(0.5, reset=1, outputs=command())
    assert bench.telemetry["clamped"] == start + 1
    bench.run(0.5, reset=1, outputs=command(reverse=0.0))
    assert (bench.telemetry["clamped"], bench.out.brake) == (start + 1, 0)


def test_at_standstill_a_change_is_no_mistake() -> None:
    bench = Bench()
    bench.arm()
    bench.run(1.0, reset=1)
    start = bench.telemetry["clamped"]
    bench.run(0.5, reset=1, outputs=command())
    assert (bench.telemetry["clamped"], bench.out.reverse) == (start, 1)


def test_slowing_down_backwards_ends_at_standstill() -> None:
    bench = backwards()
    bench.inputs.speed_mps = -1.0
    bench.run(0.05, reset=1, outputs=command(accel=-0.8))
    assert bench.out.accel_mps2 == pytest.approx(-0.8)
    for speed_mps in (-0.02, 0.0, 0.02):
        bench.inputs.speed_mps = speed_mps
        bench.run(0.05, reset=1, outputs=command(accel=-0.8))
        assert (bench.out.accel_mps2, bench.out.brake) == (0.0, 0)


@pytest.mark.parametrize(
    ("speed_mps", "fault"), [(-2.9, 0.0), (-3.1, 1.0), (0.2, 0.0), (0.4, 3.0), (7.6, 3.0), (-0.4, 0.0)]
)
def test_limits_backwards(speed_mps: float, fault: float) -> None:
    bench = backwards()
    bench.inputs.speed_mps = speed_mps
    bench.run(0.05, reset=1, outputs=command())
    assert bench.telemetry["fault"] == fault
    assert bench.out.armed == (fault == 0.0)


def test_overspeed_backwards_ends_at_the_limit_not_at_the_margin() -> None:
    bench = backwards()
    bench.inputs.speed_mps = -3.1
    bench.run(0.05, reset=1, outputs=command())
    bench.inputs.speed_mps = -2.6
    bench.run(0.05, reset=2, outputs=command())
    assert (bench.out.armed, bench.telemetry["fault"]) == (0, 1.0)
    bench.inputs.speed_mps = -2.4
    bench.run(0.05, reset=3, outputs=command())
    assert bench.out.armed == 1


def test_a_direction_that_is_not_commanded_any_more_is_forward() -> None:
    bench = backwards()
    bench.inputs.speed_mps = -1.0
    rest = {"steer": 0.1, "accel": 0.4, "brake": 0.0}
    bench.run(0.19, reset=1, outputs=rest)
    assert (bench.out.reverse, bench.out.brake) == (1, 0)
    bench.run(0.02, reset=1, outputs=rest)
    assert (bench.out.reverse, bench.out.brake, bench.out.accel_mps2) == (1, 1, 0.0)
    bench.inputs.speed_mps = 0.0
    bench.run(0.5, reset=1, outputs=rest)
    assert (bench.out.reverse, bench.out.brake, bench.out.armed) == (0, 0, 1)


@pytest.mark.parametrize("how", ["no intent", "silence", "emergency stop"])
def test_without_armed_intent_the_direction_stays(how: str) -> None:
    bench = backwards()
    if how == "silence":
        bench.silence(3.0)
    else:
        bench.inputs.estop = how == "emergency stop"
        bench.run(1.0, reset=1, enable=how != "no intent", outputs=command(reverse=0.0))
    assert (bench.out.reverse, bench.out.brake, bench.out.accel_mps2) == (1, 1, 0.0)


def test_an_unarmed_controller_does_not_change_direction() -> None:
    bench = Bench()
    bench.connect()
    bench.run(1.0, reset=0, outputs=command())
    assert bench.out.reverse == 0


def changed(name: str, value: float) -> Config:
    config = default_config()
    setattr(config, name, value)
    return config


@pytest.mark.parametrize("wrong", ["limit", "fallback", "freeze"])
def test_a_senseless_configuration_never_arms(wrong: str) -> None:
    config = changed("reverse_limit_mps", 0.0) if wrong == "limit" else default_config()
    if wrong != "limit":
        setattr(config.output[3], wrong, 1)
    bench = Bench(config)
    bench.connect()
    for reset in range(5):
        bench.run(0.05, reset=reset)
    assert (bench.out.armed, bench.out.brake, bench.telemetry["fault"]) == (0, 1, 4.0)


def test_the_limit_backwards_is_part_of_the_configuration_that_is_announced() -> None:
    plain = Bench().connect()
    assert Bench(changed("reverse_limit_mps", 2.0)).connect().config_crc != plain.config_crc


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_never_changes_direction_while_rolling_or_unbraked(steps: list[tuple[float, float, bool]]) -> None:
    bench = Bench()
    bench.arm()
    stood = 10  # steps of `arm`
    for speed_mps, reverse, stand in steps:
        bench.inputs.speed_mps = 0.0 if stand else speed_mps
        for _ in range(20):
            engaged, braked = bench.out.reverse, bench.out.brake
            bench.run(0.01, reset=1, outputs=command(reverse=reverse))
            stood = stood + 1 if abs(bench.inputs.speed_mps) < 0.03 else 0
            if bench.out.reverse != engaged:
                assert stood >= 30
                assert braked
                assert bench.out.brake
            assert not (bench.out.brake and bench.out.accel_mps2)
