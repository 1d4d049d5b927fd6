from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hil.plant.vehicle import VehicleParams, VehiclePlant

EXACT = replace(
    VehicleParams(), steer_bias_rad=0.0, steer_backlash_rad=0.0, steer_jitter_rad=0.0, rolling_mps2=0.0
)


def plant(params: VehicleParams = EXACT, load_kg: float = 0.0) -> VehiclePlant:
    made = VehiclePlant(params, 0.0, 0.0, 0.0)
    made.load_kg = load_kg
    return made


def run_at(vehicle: VehiclePlant, speed: float, steer: float, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        vehicle.advance(steer, 1.5 * (speed - vehicle.speed), False, 0.02)


@pytest.mark.parametrize("load_kg", [0.0, 25_000.0])
def test_turns_by_its_wheelbase_and_slips_to_the_outside(load_kg: float) -> None:
    vehicle = plant(load_kg=load_kg)
    steer = math.atan(8.0 / 40.0)
    run_at(vehicle, 4.0, steer, 25.0)
    rate = vehicle.speed * math.tan(steer) / 8.0
    assert vehicle.yaw_rate == pytest.approx(rate, rel=0.03)
    x, y, yaw = vehicle.x, vehicle.y, vehicle.yaw
    vehicle.advance(steer, 0.0, False, 0.005)
    course = math.atan2(vehicle.y - y, vehicle.x - x)
    slip = -math.remainder(course - yaw, math.tau) + 0.5 * 0.005 * vehicle.yaw_rate
    stiffness = 7.5 if load_kg == 0.0 else 6.4
    assert slip == pytest.approx(vehicle.speed * vehicle.yaw_rate / (stiffness * 9.81), rel=0.06)


def test_slip_grows_with_load() -> None:
    paths = []
    for load_kg in (0.0, 25_000.0):
        vehicle = plant(load_kg=load_kg)
        run_at(vehicle, 6.0, math.radians(6.0), 12.0)
        paths.append(vehicle)
    assert paths[0].mass_kg == 18_000.0
    assert paths[1].mass_kg == 43_000.0
    assert math.dist((paths[0].x, paths[0].y), (paths[1].x, paths[1].y)) > 0.1


def test_steering_answers_after_its_dead_time_and_within_its_rate() -> None:
    vehicle, angles = plant(), []
    for _ in range(200):
        vehicle.advance(math.radians(20.0), 0.0, False, 0.005)
        angles.append(vehicle.steer_rad)
    assert max(angles[:24]) == 0.0  # 0.12 s
    assert angles[30] > 0.0
    rate = max(b - a for a, b in pairwise(angles)) / 0.005
    assert rate <= math.radians(15.0) + 1e-9


def test_drive_answers_late_smoothly_and_by_its_gain() -> None:
    vehicle, accels = plant(), []
    for _ in range(600):
        vehicle.advance(0.0, 0.4, False, 0.005)
        accels.append(vehicle.accel)
    assert max(accels[:20]) == 0.0  # 0.10 s
    assert max(abs(b - a) for a, b in pairwise(accels)) / 0.005 <= 2.0 + 1e-6
    assert accels[-1] == pytest.approx(0.4 * 1.06, rel=0.01)


def test_brake_stops_holds_and_never_reverses() -> None:
    vehicle = plant(VehicleParams())
    run_at(vehicle, 5.0, 0.0, 20.0)
    x = vehicle.x
    for _ in range(600):
        vehicle.advance(0.0, -1.0, True, 0.02)
    assert vehicle.speed == 0.0
    assert 8.0 < vehicle.x - x < 14.0  # v^2 / 2a at 1.2 m/s2 is 10.4
    x = vehicle.x
    vehicle.advance(0.0, 0.5, True, 5.0)
    assert vehicle.x == x


def test_bias_moves_the_wheels_but_not_the_sensor() -> None:
    vehicle = plant(replace(EXACT, steer_bias_rad=math.radians(0.5)))
    run_at(vehicle, 4.0, 0.0, 10.0)
    assert vehicle.steer_rad == 0.0
    assert vehicle.yaw_rate > 0.003


def test_backlash_is_crossed_before_the_wheels_follow() -> None:
    vehicle = plant(replace(EXACT, steer_backlash_rad=math.radians(2.0)))
    run_at(vehicle, 3.0, math.radians(0.9), 6.0)
    assert abs(vehicle.yaw_rate) < 1e-6
    run_at(vehicle, 3.0, math.radians(3.0), 4.0)
    assert vehicle.yaw_rate == pytest.approx(vehicle.speed * math.tan(math.radians(2.0)) / 8.0, rel=0.05)


def test_same_seed_same_path_and_steps_do_not_depend_on_the_caller() -> None:
    def drive(dt: float) -> tuple[float, ...]:
        vehicle = VehiclePlant(VehicleParams(), 1.0, 2.0, 0.3, np.random.default_rng(9))
        for _ in range(round(10.0 / dt)):
            vehicle.advance(0.03, 0.4, False, dt)
        return vehicle.x, vehicle.y, vehicle.yaw, vehicle.speed

    assert drive(0.02) == drive(0.02)
    assert drive(0.02) == drive(0.01)
    assert drive(0.008) == pytest.approx(drive(0.02), abs=1e-3)
