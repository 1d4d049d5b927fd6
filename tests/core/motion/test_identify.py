"""Commissioning: what is identified from a simulated drive is what the plant was given."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gatectl.core.motion.identify import Drive, Unfit, identify, steering, traction
from hil.plant.vehicle import VehicleParams, VehiclePlant

PERIOD_S = 0.02
SIGNS = (1, -1, -1, 1, -1, 1, 1, -1)


def drive(params: VehicleParams, *, seed: int = 1, steps: bool = True) -> Drive:
    """Stand, speed up, steer left and right, slow down: what a commissioning drive records."""
    rng = np.random.default_rng(seed)
    plant = VehiclePlant(params, 0.0, 0.0, 0.0, rng)
    bias = 2e-4
    rows = []
    for n in range(round(24 / PERIOD_S)):
        t = n * PERIOD_S
        rows.append((t + 0.003, plant.steer_rad, plant.speed, plant.yaw_rate))
        accel = 0.5 if 2 <= t < 7 else -0.4 if t > 18 else 0.08
        hold = int((t - 7) / 0.6)
        steer = math.radians(0.8) * SIGNS[hold] if steps and 0 <= hold < len(SIGNS) else 0.0
        brake = t < 2 or t > 22
        rows[-1] += (t, steer, accel, brake)
        plant.advance(steer, accel, brake, PERIOD_S)
    t_mcu, angle, speed, rate, t, steer, accel, brake = (np.array(c) for c in zip(*rows, strict=True))
    speed = np.where(speed > 0, speed + rng.normal(0, 0.01, len(speed)), 0.0)
    rate = rate + bias + rng.normal(0, math.radians(0.05), len(rate))
    return Drive(t, steer, accel, brake.astype(bool), t_mcu, angle, speed, rate)


@pytest.mark.parametrize(
    ("dead_s", "drive_dead_s", "tau_s", "bias_deg"),
    [(0.12, 0.10, 0.30, 0.10), (0.24, 0.20, 0.45, -0.30), (0.06, 0.15, 0.20, 0.0)],
)
def test_a_drive_shows_what_the_plant_was_given(dead_s, drive_dead_s, tau_s, bias_deg):
    params = VehicleParams(
        steer_dead_s=dead_s,
        drive_dead_s=drive_dead_s,
        drive_tau_s=(tau_s, tau_s),
        steer_bias_rad=math.radians(bias_deg),
    )
    found = identify(drive(params), params.wheelbase_m, params.steer_rate_max_radps)
    lag_s = 2 * params.steer_damping / params.steer_wn_radps[0]
    assert found.steer_dead.value == pytest.approx(dead_s, abs=0.02)
    assert found.steer_tau.value == pytest.approx(lag_s, abs=0.02)
    assert math.degrees(found.steer_offset.value) == pytest.approx(bias_deg, abs=0.06)
    assert found.drive_dead.value == pytest.approx(drive_dead_s, abs=0.05)
    assert found.drive_tau.value == pytest.approx(tau_s, abs=0.08)
    assert found.drive_gain.value == pytest.approx(params.drive_gain[0], abs=0.05)
    assert found.gyro_bias == pytest.approx(2e-4, abs=5e-4)


def test_a_drive_without_steering_steps_is_refused():
    params = VehicleParams()
    with pytest.raises(Unfit, match="hardly moved"):
        steering(drive(params, steps=False), params.steer_rate_max_radps)


def test_a_vehicle_that_stood_is_refused():
    still = drive(VehicleParams())
    with pytest.raises(Unfit, match="no stretch"):
        traction(still._replace(brake=np.ones(len(still.t_s), dtype=bool)))
