from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatectl.core.motion import Route, SpeedLimits
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Limits

VEHICLE = VehicleConfig(serial="V", manufacturer="m", reverse_speed_max_mps=1.5)
LIMITS = Limits()


def wave(amplitude: float, length: float) -> Route:
    return Route("wave", [(0.5 * i, amplitude * math.sin(0.5 * i / length)) for i in range(400)])


BENDY = wave(6.0, 14.0)


@settings(max_examples=25, deadline=None)
@given(
    amplitude=st.floats(0.0, 8.0),
    length=st.floats(8.0, 40.0),
    accel=st.floats(0.2, 0.8),
    decel=st.floats(0.2, 0.8),
    curve=st.floats(1.0, 7.0),
    reverse=st.booleans(),
)
def test_every_limit_holds_everywhere_and_the_profile_can_be_driven(
    amplitude: float, length: float, accel: float, decel: float, curve: float, reverse: bool
) -> None:
    vehicle = VehicleConfig(
        serial="V",
        manufacturer="m",
        accel_max_mps2=accel,
        decel_max_mps2=decel,
        reverse_speed_max_mps=1.5,
    )
    limits = Limits(curve_speed_mps=curve)
    route = wave(amplitude, length)
    table = SpeedLimits(route, limits, vehicle, reverse=reverse)
    bends = route.curvature[::-1] if reverse else route.curvature
    assert len(table.speed) == len(bends)
    for speed, cap, bend in zip(table.speed, table.cap, bends, strict=True):
        assert 0.0 < speed <= cap <= limits.speed_mps
        assert speed * speed * abs(bend) <= limits.lateral_accel_mps2 + 1e-9 or cap == 0.5
        assert not (abs(bend) > 1 / 200 and speed > curve)
        assert not (reverse and speed > 1.5)
    for i in range(1, len(table.speed)):
        change = (table.speed[i] ** 2 - table.speed[i - 1] ** 2) / (2 * table.spacing)
        assert -1.1 * decel - 0.02 <= change <= 1.1 * accel + 0.02


def test_the_places_of_travelling_backwards_count_from_the_far_end() -> None:
    forward = SpeedLimits(BENDY, LIMITS, VehicleConfig(serial="V", manufacturer="m"))
    backward = SpeedLimits(BENDY, LIMITS, VEHICLE, reverse=True)
    assert max(backward.speed) <= 1.5
    for place in (10.0, 55.5, 130.0):
        row = round((BENDY.length - place) / BENDY.spacing)
        assert backward.at(place).speed <= forward.cap[row] + 1e-6


def test_another_route_beyond_the_end_is_reached_at_its_speed() -> None:
    table = SpeedLimits(BENDY, LIMITS, VEHICLE, end_speed=0.8)
    assert table.at(BENDY.length).speed <= 0.8 + 1e-6
    assert table.at(BENDY.length - 1.0).speed < 1.6


def test_a_site_without_a_curve_speed_drives_at_the_lateral_limit() -> None:
    route = Route(
        "bend", [(15 * math.sin(i / 30), 15 - 15 * math.cos(i / 30)) for i in range(60)], tolerance_m=1e-4
    )
    slow = SpeedLimits(route, Limits(lateral_accel_mps2=0.8, curve_speed_mps=1.0), VEHICLE)
    free = SpeedLimits(route, Limits(lateral_accel_mps2=0.8, curve_speed_mps=9.0), VEHICLE)
    middle = 0.5 * route.length
    assert slow.at(middle).speed == pytest.approx(1.0, abs=0.02)
    assert free.at(middle).speed == pytest.approx(math.sqrt(0.8 * 0.92 * 15), rel=0.03)


def test_all_wheel_steering_needs_less_angle_and_may_take_a_sharp_bend_faster() -> None:
    front = SpeedLimits(BENDY, LIMITS, VehicleConfig(serial="V", manufacturer="m", steer_rate_max_dps=2.0))
    both = SpeedLimits(
        BENDY,
        LIMITS,
        VehicleConfig(serial="V", manufacturer="m", steer_rate_max_dps=2.0, steering="all_wheel"),
    )
    assert sum(both.speed) > sum(front.speed) * 1.02


@given(place=st.floats(-50.0, 400.0))
def test_beyond_its_ends_the_table_keeps_its_end_values(place: float) -> None:
    table = SpeedLimits(BENDY, LIMITS, VEHICLE)
    limit = table.at(place)
    assert 0.0 < limit.speed <= LIMITS.speed_mps
    assert math.isfinite(limit.accel)
