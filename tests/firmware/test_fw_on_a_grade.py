"""Host session, controller and the vehicle's plant together: a change of direction on a grade."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from firmware_lib import Bench

from hil.plant.vehicle import GRAVITY_MPS2, VehicleParams, VehiclePlant

STEP_S = 0.01


class Vehicle:
    """The plant behind a controller, on one virtual clock."""

    def __init__(self, grade: float) -> None:
        self.plant = VehiclePlant(VehicleParams(), 0.0, 0.0, 0.0)
        self.plant.grade = grade
        self.bench = Bench()
        self.bench.arm()

    def until(
        self, true: Callable[[], bool], accel: float = 0.0, brake: float = 0.0, reverse: float = 0.0
    ) -> None:
        """Command this until `true()`; the test fails after 20 s."""
        outputs = {"steer": 0.0, "accel": accel, "brake": brake, "reverse": reverse}
        for _ in range(2000):
            out = self.bench.out
            self.plant.advance(out.steer_rad, out.accel_mps2, bool(out.brake), STEP_S, bool(out.reverse))
            self.bench.inputs.speed_mps = self.plant.speed
            self.bench.run(STEP_S, reset=1, outputs=outputs)
            if true():
                return
        pytest.fail("did not happen")


@pytest.mark.parametrize("grade", [0.03, 0.05])
def test_stands_drives_back_downhill_and_up_again(grade: float) -> None:
    vehicle = Vehicle(grade)
    plant, bench = vehicle.plant, vehicle.bench
    vehicle.until(lambda: bool(bench.out.reverse), brake=1.0, reverse=1.0)
    assert plant.speed == 0.0
    vehicle.until(lambda: plant.speed < -1.0, accel=0.2, reverse=1.0)
    vehicle.until(lambda: plant.speed > -0.1, accel=0.5)  # forwards is asked for while it rolls back
    assert (bench.out.reverse, bench.out.brake, bench.out.accel_mps2) == (1, 1, 0.0)
    vehicle.until(lambda: not bench.out.reverse, accel=0.5)
    assert plant.speed == 0.0, "only where it stands"
    lowest_m = plant.x
    assert lowest_m < -0.5
    vehicle.until(lambda: plant.speed > 0.5, accel=GRAVITY_MPS2 * grade + 0.4)
    assert lowest_m - 0.005 < plant.x, "drive and fading brake take over from each other"
    assert (bench.telemetry["fault"], bench.out.armed) == (0.0, 1)
    vehicle.until(lambda: plant.speed == 0.0, brake=1.0)


def test_an_unheld_vehicle_that_rolls_away_is_caught() -> None:
    vehicle = Vehicle(0.05)
    plant, bench = vehicle.plant, vehicle.bench
    vehicle.until(lambda: bench.telemetry["fault"] == 3.0)  # brake released, no drive
    assert -0.4 < plant.speed < -0.29
    assert (bench.out.armed, bench.out.brake) == (0, 1)
    vehicle.until(lambda: plant.speed == 0.0)
    assert -0.6 < plant.x < 0.0
