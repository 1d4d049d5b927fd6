"""The actuator's model and the prediction over the dead time, against the plant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gatectl.core.motion import Estimate
from gatectl.core.motion.actuator import SteeringModel, SteeringState
from gatectl.core.motion.track_predict import Predictor
from gatectl.model.node import VehicleConfig
from hil.plant.vehicle import VehicleParams, VehiclePlant

DT = 0.02
CLEAN = VehicleParams(steer_bias_rad=0.0, steer_backlash_rad=0.0)
CONFIG = VehicleConfig(serial="v", manufacturer="m")


@pytest.mark.parametrize("dead_s", [0.0, 0.12, 0.13, 0.17])
def test_the_actuator_answers_after_dead_time_and_lag(dead_s: float) -> None:
    plant = VehiclePlant(replace(CLEAN, steer_dead_s=dead_s), 0.0, 0.0, 0.0)
    plant.load_kg = 25_000.0
    model = SteeringModel(VehicleConfig(serial="v", manufacturer="m", steer_dead_s=dead_s), DT)
    state = SteeringState()
    for k in range(150):
        command = 0.1 if k < 60 else -0.05
        model.advance(state, DT)
        assert state.angle == pytest.approx(plant.steer_rad, abs=0.004)
        model.send(state, command)
        plant.advance(command, 0.0, True, DT)


def test_a_late_measurement_corrects_the_angle_of_its_own_time() -> None:
    model, state = SteeringModel(CONFIG, DT), SteeringState()
    truth: list[float] = []
    for k in range(120):
        model.advance(state, DT)
        truth.append(state.angle + 0.05 * math.exp(-k / 200))  # the wheels are elsewhere
        if k >= 5:
            model.measure(state, truth[-6], 5 * DT, DT)
        model.send(state, 0.2)
    assert state.angle == pytest.approx(truth[-1], abs=0.03)
    before = state.angle
    model.measure(state, 1.0, 60.0, DT)  # older than what is remembered
    assert state.angle == before


def test_the_model_keeps_to_the_rate_limit_and_survives_a_lag_of_nothing() -> None:
    model = SteeringModel(VehicleConfig(serial="v", manufacturer="m", steer_tau_s=0.0), DT)
    angle, rate = 0.0, 0.0
    for _ in range(400):
        before = angle
        angle, rate = model.move(angle, rate, 0.3, DT)
        assert abs(angle - before) <= math.radians(15.0) * DT + 1e-12
    assert angle == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("steering", ["front", "all_wheel"])
@pytest.mark.parametrize("speed", [-2.0, 2.0, 5.5])
def test_predicts_where_the_commands_under_way_lead(steering: str, speed: float) -> None:
    """A weave; the place predicted at each scan is where the plant is one dead time later."""
    plant = VehiclePlant(replace(CLEAN, steering=steering), 0.0, 0.0, 0.3)  # type: ignore[arg-type]
    plant.load_kg = 25_000.0
    config = VehicleConfig(serial="v", manufacturer="m", steering=steering)  # type: ignore[arg-type]
    model = SteeringModel(config, DT)
    predictor, state = Predictor(config, model, DT), SteeringState()
    slip = 1 / (9.81 * plant._mix(plant.params.cornering))
    expected: list[tuple[float, float, float]] = []
    worst_m = worst_rad = moved_m = 0.0
    ahead = round(config.steer_dead_s / DT)
    for k in range(900):
        accel = max(-0.5, min(0.5, abs(speed) - abs(plant.speed))) + 0.08
        model.advance(state, DT)
        pose = Estimate(True, plant.x, plant.y, plant.yaw, plant.speed, plant.yaw_rate, slip, 0.0)
        place = predictor.after_dead_time(state, pose, plant.accel)
        expected.append((place.x, place.y, place.yaw))
        if k >= 600 + ahead:  # at speed
            x, y, yaw = expected[k - ahead]
            side = -(plant.x - x) * math.sin(yaw) + (plant.y - y) * math.cos(yaw)
            worst_m = max(worst_m, abs(side))
            worst_rad = max(worst_rad, abs(plant.yaw - yaw))
            moved_m = max(moved_m, abs(plant.speed) * config.steer_dead_s)
        command = math.radians(5.0) * math.sin(0.05 * k)
        model.send(state, command)
        plant.advance(command, accel, False, DT, reverse=speed < 0)
    assert moved_m > 0.2
    assert worst_m < 0.003
    assert worst_rad < 0.0015
