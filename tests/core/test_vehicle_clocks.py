"""Odometry that is older than its stamp, a receiver of 5 Hz: what every real vehicle has."""

from __future__ import annotations

import numpy as np
import pytest
from vehicle_loop import VehicleLoop
from vehicle_world import ALL, NODES

from gatectl.core.motion import filter as ekf


def cold(late: int, epoch_scans: int, seed: int = 1) -> VehicleLoop:
    """Has just started, with the way to the last node free. late: scans of 20 ms."""
    loop = VehicleLoop(seed=seed)
    loop.odometry_late, loop.epoch_scans = late, epoch_scans
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, NODES)
    return loop


def watched(loop: VehicleLoop, seconds: float) -> list[float]:
    """The levels (m) of a drive until it is over; every error is within them, nothing is taken over."""
    levels, there = [], loop.standing_at("e_vn_crane")
    for _ in range(round(seconds / 0.02)):
        loop.step()
        levels.append(loop.core_tag("protection_level"))
        error = np.hypot(loop.core_tag("x") - loop.plant.x, loop.core_tag("y") - loop.plant.y)
        assert error < levels[-1]
        if there(loop):
            break
    assert "position_taken_over" not in repr(loop.sent)
    return levels


@pytest.mark.parametrize("epoch_scans", [5, 10], ids=["10 Hz", "5 Hz"])
@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_healthy_drive_from_a_cold_start_is_trusted_all_the_way(late: int, epoch_scans: int) -> None:
    loop = cold(late, epoch_scans)
    levels = watched(loop, 120.0)
    assert loop.standing_at("e_vn_crane")(loop), loop.status
    assert np.quantile(levels, 0.9) < 0.37
    assert max(levels) < 0.42
    assert not loop.state.localiser.integrity.held
    x = loop.state.localiser.steps[-1].x
    assert x[ekf.SCALE] == pytest.approx(1 / loop.wheel_scale, abs=1.5e-3)


@pytest.mark.parametrize("start_m", [35.0, 45.0, 60.0, 80.0, 110.0, 140.0])
def test_three_seconds_without_gnss_are_driven_through_from_anywhere(start_m: float) -> None:
    loop = cold(1, 10, seed=2)
    assert loop.run(90, lambda x: x.s_true > start_m)
    loop.gnss.silent = True
    worst = 0.0
    for _ in range(150):
        loop.step()
        worst = max(worst, loop.core_tag("protection_level"))
        assert loop.core_tag("driving")
    loop.gnss.silent = False
    assert worst < 0.48
    watched(loop, 120.0)
    assert loop.standing_at("e_vn_crane")(loop), loop.status


@pytest.mark.parametrize("start_m", [40.0, 80.0])
def test_a_minute_without_gnss_is_over_some_seconds_after_it(start_m: float) -> None:
    loop = cold(1, 10)
    assert loop.run(90, lambda x: x.s_true > start_m)
    loop.gnss.silent = True
    loop.run(60.0)
    assert loop.plant.speed == 0.0
    assert loop.core_tag("protection_level") > 0.5
    loop.gnss.silent = False
    loop.leased = ()  # stays where it is
    assert loop.run(8.0, lambda x: x.core_tag("protection_level") < 0.3)
    loop.leased = ALL
    assert loop.run(90, loop.standing_at("e_vn_crane")), loop.status
    assert "position_taken_over" not in repr(loop.sent)
