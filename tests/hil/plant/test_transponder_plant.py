"""When an antenna crosses a transponder, and how far beside."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.site import Transponder
from hil.plant.gnss import VehicleTruth
from hil.plant.transponder import Crossing, ReaderParams, ReaderPlant


def drive(
    plant: ReaderPlant,
    yaw: float,
    start: tuple[float, float],
    speed: float,
    seconds: float,
    period: float = 0.01,
) -> list[Crossing]:
    """Straight ahead; what was crossed."""
    found = []
    for n in range(round(seconds / period)):
        along = speed * n * period
        x, y = start[0] + along * math.cos(yaw), start[1] + along * math.sin(yaw)
        found += plant.update(n * period, VehicleTruth(x, y, yaw))
    return found


@given(
    yaw=st.floats(-math.pi, math.pi),
    left=st.floats(-0.24, 0.24),
    speed=st.floats(0.1, 7.0),
    forward=st.floats(-2.0, 8.0),
    backwards=st.booleans(),
)
def test_the_moment_and_the_place_are_exact(
    yaw: float, left: float, speed: float, forward: float, backwards: bool
) -> None:
    c, s = math.cos(yaw), math.sin(yaw)
    ahead = -1.0 if backwards else 1.0  # of the antenna at the start
    target = Transponder(7, (forward + ahead) * c - left * s, (forward + ahead) * s + left * c)
    plant = ReaderPlant(ReaderParams(forward_m=forward), [target])
    (found,) = drive(plant, yaw, (0.0, 0.0), math.copysign(speed, ahead), 1.0 / speed + 0.5)
    assert found.code == 7
    assert found.time_s == pytest.approx(1.0 / speed, abs=1e-6)
    assert found.lateral_m == pytest.approx(left, abs=0.00051)


def test_beside_its_reach_nothing_is_seen() -> None:
    plant = ReaderPlant(ReaderParams(), [Transponder(1, 1.0, 0.3), Transponder(2, 2.0, -0.2)])
    assert [crossing.code for crossing in drive(plant, 0.0, (0.0, 0.0), 2.0, 2.0)] == [2]


def test_weaker_towards_the_edge_and_only_seen_near() -> None:
    plant = ReaderPlant(ReaderParams(), [Transponder(1, 1.0, 0.0), Transponder(2, 2.0, 0.2)])
    seen = []
    for n in range(300):
        plant.update(n * 0.01, VehicleTruth(n * 0.01, 0.0, 0.0))
        seen.append(plant.in_field)
    assert sum(seen) == pytest.approx(80, abs=3)  # 2 x 0.4 m
    first, second = drive(ReaderPlant(ReaderParams(), plant._transponders), 0.0, (0.0, 0.0), 1.0, 3.0)
    assert first.signal == 1.0
    assert 0.5 < second.signal < 0.7


def test_standing_above_one_crosses_nothing() -> None:
    plant = ReaderPlant(ReaderParams(), [Transponder(1, 0.0, 0.0)])
    assert not any(plant.update(n * 0.01, VehicleTruth(0.0, 0.0, 0.0)) for n in range(100))
    assert plant.in_field


def test_the_lateral_error_is_as_configured_and_repeatable() -> None:
    row = [Transponder(n, float(n), 0.0) for n in range(1, 200)]

    def errors(seed: int) -> list[float]:
        plant = ReaderPlant(ReaderParams(lateral_sigma_m=0.015), row, random.Random(seed))
        return [crossing.lateral_m for crossing in drive(plant, 0.0, (0.5, 0.0), 6.0, 33.0)]

    assert errors(1) == errors(1) != errors(2)
    assert statistics.stdev(errors(1)) == pytest.approx(0.015, rel=0.2)
    assert all(error == pytest.approx(round(error, 3)) for error in errors(1))
