from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.motion import braking_curve, braking_distance, stopping_distance
from gatectl.core.motion.braking import landing_distance
from gatectl.model.node import VehicleConfig

VEHICLE = VehicleConfig(serial="V", manufacturer="m")


@given(speed=st.floats(0.0, 15.0), decel=st.floats(0.1, 2.0), jerk=st.floats(0.1, 2.0))
def test_curve_and_distance_are_inverse(speed: float, decel: float, jerk: float) -> None:
    distance = braking_distance(speed, decel, jerk)
    assert braking_curve(distance, decel, jerk).speed == pytest.approx(speed, abs=1e-6)
    assert distance >= speed * speed / (2 * decel) - 1e-9


@given(distance=st.floats(0.001, 200.0), decel=st.floats(0.1, 2.0), jerk=st.floats(0.1, 2.0))
def test_the_curve_is_consistent(distance: float, decel: float, jerk: float) -> None:
    """Its acceleration is the one that keeps on it: a = -v dv/dd, never harder than asked."""
    h = 1e-5 * distance
    here, less = braking_curve(distance, decel, jerk), braking_curve(distance - h, decel, jerk)
    assert -decel - 1e-12 <= here.accel <= 0.0
    assert -(here.speed - less.speed) / h * here.speed == pytest.approx(here.accel, rel=0.02, abs=1e-6)


@given(a=st.floats(0.0, 200.0), b=st.floats(0.0, 200.0))
def test_more_room_never_means_less_speed(a: float, b: float) -> None:
    near, far = sorted((a, b))
    assert braking_curve(near, 0.5, 0.7).speed <= braking_curve(far, 0.5, 0.7).speed
    assert braking_curve(0.0, 0.5, 0.7) == (0.0, 0.0)


@given(speed=st.floats(0.0, 0.5), accel=st.floats(-0.6, 0.0), jerk=st.floats(0.5, 2.0))
def test_landing_ends_at_standstill_where_it_says(speed: float, accel: float, jerk: float) -> None:
    said = landing_distance(speed, accel, jerk)
    v, a, gone, h = speed, accel, 0.0, 1e-4
    while v > 0.0:
        a -= jerk * h
        gone += h * v
        v += h * a
    assert gone == pytest.approx(said, abs=1e-4)


def test_a_stop_asked_for_now_takes_longer_than_the_curve() -> None:
    assert stopping_distance(VEHICLE, 5.0) > braking_distance(5.0, VEHICLE.decel_max_mps2, 0.7)
    assert stopping_distance(VEHICLE, -0.01) == 0.0
