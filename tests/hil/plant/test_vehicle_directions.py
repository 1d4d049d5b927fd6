"""The vehicle backwards, with all wheels steering, on a grade and on a crossfall."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hil.plant.vehicle import GRAVITY_MPS2, VehicleParams, VehiclePlant

EXACT = replace(
    VehicleParams(), steer_bias_rad=0.0, steer_backlash_rad=0.0, steer_jitter_rad=0.0, rolling_mps2=0.0
)
ALL_WHEEL = replace(EXACT, steering="all_wheel")
STEER = math.atan(8.0 / 40.0)


def drive(
    vehicle: VehiclePlant, speed: float, steer: float, seconds: float, *, reverse: bool = False
) -> None:
    """Hold a speed (m/s along the direction of travel)."""
    sign = -1.0 if reverse else 1.0
    for _ in range(round(seconds / 0.02)):
        accel = 1.5 * (speed - sign * vehicle.speed)
        vehicle.advance(steer, accel, False, 0.02, reverse)


def course_rad(vehicle: VehiclePlant) -> float:
    """Of the control point, less its heading at the middle of the step."""
    x, y, yaw = vehicle.x, vehicle.y, vehicle.yaw
    vehicle.advance(0.0, 0.0, False, 0.005, vehicle.reversing)
    return math.remainder(math.atan2(vehicle.y - y, vehicle.x - x) - 0.5 * (yaw + vehicle.yaw), math.tau)


@pytest.mark.parametrize("params", [EXACT, ALL_WHEEL])
@pytest.mark.parametrize("load_kg", [0.0, 25_000.0])
def test_backwards_it_turns_by_its_wheelbase_the_other_way(params: VehicleParams, load_kg: float) -> None:
    vehicle = VehiclePlant(params, 0.0, 0.0, 0.0)
    vehicle.load_kg = load_kg
    drive(vehicle, 2.0, STEER, 15.0, reverse=True)
    assert vehicle.speed == pytest.approx(-2.0, rel=0.1)
    expected = vehicle.speed * math.tan(STEER) / params.effective_wheelbase_m
    assert vehicle.yaw_rate == pytest.approx(expected, rel=0.03)
    assert vehicle.yaw_rate < 0.0
    assert vehicle.yaw < 0.0


def test_walking_pace_there_and_back_ends_where_it_began() -> None:
    vehicle = VehiclePlant(EXACT, 3.0, 4.0, 0.5)
    drive(vehicle, 0.25, STEER, 3.0)
    x, y, yaw = vehicle.x, vehicle.y, vehicle.yaw
    drive(vehicle, 0.25, STEER, 20.0)
    assert math.dist((x, y), (vehicle.x, vehicle.y)) > 4.0
    before = math.inf
    while (distance := math.dist((x, y), (vehicle.x, vehicle.y))) < before:  # to where it comes closest
        before = distance if vehicle.speed < 0.0 else math.inf
        vehicle.advance(STEER, 1.5 * (0.25 + vehicle.speed), vehicle.speed > 0.0, 0.005, True)
    assert before < 0.005
    assert vehicle.yaw == pytest.approx(yaw, abs=0.001)


def test_backwards_it_slips_to_the_outside_of_the_bend() -> None:
    vehicle = VehiclePlant(EXACT, 0.0, 0.0, 0.0)
    drive(vehicle, 2.4, STEER, 20.0, reverse=True)
    # Travelling with the tail first, the rear axle moves on where its wheels point, plus its slip.
    slip = math.remainder(course_rad(vehicle) - math.pi, math.tau)
    lateral = vehicle.speed * vehicle.yaw_rate  # > 0: towards the left, where the bend's centre is
    assert lateral > 0.0
    assert slip == pytest.approx(lateral / (7.5 * GRAVITY_MPS2), rel=0.06)


def test_all_wheels_turn_twice_as_tight_about_the_middle() -> None:
    front, all_wheel = VehiclePlant(EXACT, 0.0, 0.0, 0.0), VehiclePlant(ALL_WHEEL, 0.0, 0.0, 0.0)
    for vehicle in (front, all_wheel):
        drive(vehicle, 2.0, STEER, 15.0)
    assert all_wheel.yaw_rate / all_wheel.speed == pytest.approx(2 * front.yaw_rate / front.speed, rel=0.02)
    # Without slip the middle moves along the heading; with it, outwards by its share of the tyre forces.
    expected = -all_wheel.speed * all_wheel.yaw_rate / (7.5 * GRAVITY_MPS2)
    assert course_rad(all_wheel) == pytest.approx(expected, rel=0.1)


def test_changes_direction_only_at_standstill() -> None:
    vehicle = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
    drive(vehicle, 2.0, 0.0, 10.0)
    vehicle.advance(0.0, 0.5, False, 0.5, True)
    assert not vehicle.reversing
    assert vehicle.speed > 1.9
    vehicle.advance(0.0, 0.0, True, 4.0, True)
    assert vehicle.reversing
    assert vehicle.speed == 0.0
    vehicle.advance(0.0, 0.5, False, 3.0, True)
    assert vehicle.speed < -0.5
    assert vehicle.accel < 0.0


def test_slowing_down_backwards_never_turns_into_driving_forwards() -> None:
    vehicle = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
    drive(vehicle, 1.0, 0.0, 6.0, reverse=True)
    vehicle.advance(0.0, -1.0, False, 5.0, True)
    assert vehicle.speed == 0.0


@pytest.mark.parametrize("grade", [-0.05, 0.05])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_brake_holds_on_a_grade_and_without_it_the_vehicle_rolls(grade: float, reverse: bool) -> None:
    vehicle = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
    vehicle.grade = grade
    vehicle.advance(0.0, 0.0, True, 2.0, reverse)
    x = vehicle.x
    vehicle.advance(0.0, 0.6, True, 10.0, reverse)
    assert (vehicle.x, vehicle.speed) == (x, 0.0)
    vehicle.advance(0.0, 0.0, False, 3.0, reverse)
    pull = GRAVITY_MPS2 * math.sin(math.atan(grade))
    assert vehicle.accel == pytest.approx(-pull + math.copysign(0.08, grade), rel=1e-3)
    assert math.copysign(1.0, vehicle.speed) == -math.copysign(1.0, grade)
    vehicle.advance(0.0, 0.0, True, 3.0, reverse)
    assert vehicle.speed == 0.0


def test_rolling_resistance_holds_what_it_can() -> None:
    vehicle = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
    vehicle.grade = 0.008  # 0.078 m/s2 against 0.08
    vehicle.advance(0.0, 0.0, True, 1.0)
    vehicle.advance(0.0, 0.0, False, 5.0)
    assert vehicle.speed == 0.0


@pytest.mark.parametrize("reverse", [False, True])
def test_starts_uphill_with_little_rollback_when_the_drive_holds_the_grade(reverse: bool) -> None:
    vehicle = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
    sign = -1.0 if reverse else 1.0
    vehicle.grade = sign * 0.03
    vehicle.advance(0.0, 0.0, True, 2.0, reverse)
    worst = 0.0
    for _ in range(200):
        vehicle.advance(0.0, 0.294 + 0.3, False, 0.02, reverse)
        worst = min(worst, sign * vehicle.x)
    assert -0.02 < worst < 0.0
    assert sign * vehicle.speed > 0.5


def test_a_grade_may_depend_on_the_place_and_turns_with_the_vehicle() -> None:
    def rises_east(x: float, y: float, yaw: float) -> float:
        return 0.05 * math.cos(yaw) if x > -1.0 else 0.0

    heads_east, heads_west = (VehiclePlant(VehicleParams(), 0.0, 0.0, yaw) for yaw in (0.0, math.pi))
    for vehicle in (heads_east, heads_west):
        vehicle.grade = rises_east
        vehicle.advance(0.0, 0.0, False, 2.0)
        assert vehicle.x < -0.3
    assert heads_east.speed < 0.0 < heads_west.speed


@pytest.mark.parametrize("speed", [0.25, 2.4])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("params", [EXACT, ALL_WHEEL])
def test_a_crossfall_makes_it_crab(params: VehicleParams, reverse: bool, speed: float) -> None:
    vehicle = VehiclePlant(params, 0.0, 0.0, 0.0)
    vehicle.camber = 0.02
    drive(vehicle, speed, 0.0, 12.0, reverse=reverse)
    assert vehicle.y > 0.0, "it drifts to the left, where the ground falls to"
    angle = course_rad(vehicle) if not reverse else math.remainder(math.pi - course_rad(vehicle), math.tau)
    assert angle == pytest.approx(0.02 / 7.5, rel=0.03)
    assert abs(vehicle.yaw_rate) < 1e-6


def test_a_parked_vehicle_does_not_slide_sideways() -> None:
    vehicle = VehiclePlant(EXACT, 0.0, 0.0, 0.0)
    vehicle.camber = 0.03
    vehicle.advance(0.0, 0.0, True, 10.0)
    assert (vehicle.x, vehicle.y) == (0.0, 0.0)
