from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.motion import Route, Stretches


def bend(radius: float = 60.0, step: float = 0.5, rounding: float = 1e-5) -> list[tuple[float, float]]:
    """40 m straight, a quarter turn left that begins and ends gradually, 40 m straight."""
    s = np.arange(0.0, 80.0 + 1.5 * radius, 0.01)
    ramp = np.clip((s - 40.0) / 15.0, 0, 1) * np.clip((40.0 + 1.5 * radius - s) / 15.0, 0, 1)
    yaw = np.concatenate([[0.0], np.cumsum(ramp[:-1] / radius * 0.01)])
    x, y = np.cumsum(np.cos(yaw) * 0.01), np.cumsum(np.sin(yaw) * 0.01)
    points = np.round(np.column_stack([x, y])[:: round(step / 0.01)] / rounding) * rounding
    return [(float(a), float(b)) for a, b in points]


ROUTE = Route("bend", bend())


def test_curvature_is_smooth_and_right_despite_rounded_points() -> None:
    assert max(ROUTE.curvature) == pytest.approx(1 / 60.0, rel=0.02)
    middle = round(85.0 / ROUTE.spacing)
    assert ROUTE.curvature[middle] == pytest.approx(1 / 60.0, rel=0.01)
    straight = ROUTE.curvature[50 : round(30.0 / ROUTE.spacing)]
    assert max(map(abs, straight)) < 1e-4
    assert max(map(abs, ROUTE.sharpness[20:-20])) < 0.003


def test_length_and_end_points() -> None:
    points = bend()
    chord = sum(math.dist(a, b) for a, b in pairwise(points))
    assert ROUTE.length == pytest.approx(chord, abs=0.01)
    end = ROUTE.at(ROUTE.length)
    assert (end.x, end.y) == pytest.approx(points[-1], abs=1e-3)


@given(s=st.floats(0.0, ROUTE.length), lateral=st.floats(-8.0, 8.0), off=st.floats(-3.0, 3.0))
def test_projection_finds_the_place_it_was_made_from(s: float, lateral: float, off: float) -> None:
    p = ROUTE.at(s)
    x, y = p.x - lateral * math.sin(p.yaw), p.y + lateral * math.cos(p.yaw)
    found = ROUTE.project(x, y, s + off)
    assert found.s == pytest.approx(s, abs=2e-3)
    assert found.lateral == pytest.approx(lateral, abs=2e-3)
    assert ROUTE.locate(x, y).s == pytest.approx(s, abs=2e-3)


@given(beyond=st.floats(0.01, 20.0), lateral=st.floats(-3.0, 3.0))
def test_before_the_start_and_beyond_the_end_it_goes_on_straight(beyond: float, lateral: float) -> None:
    end, start = ROUTE.at(ROUTE.length), ROUTE.at(0.0)
    c, s = math.cos(end.yaw), math.sin(end.yaw)
    found = ROUTE.project(end.x + beyond * c - lateral * s, end.y + beyond * s + lateral * c, ROUTE.length)
    assert found == pytest.approx((ROUTE.length + beyond, lateral), abs=1e-6)
    found = ROUTE.project(start.x - beyond, start.y + lateral, 0.0)
    assert found == pytest.approx((-beyond, lateral), abs=1e-2)


def test_yaw_is_continuous_through_west() -> None:
    route = Route("west", [(-0.5 * i, 0.02 * math.sin(0.05 * i)) for i in range(200)])
    assert max(abs(b - a) for a, b in pairwise(route.yaw)) < 0.01


def test_two_points_are_a_straight_line() -> None:
    route = Route("line", [(0.0, 0.0), (30.0, 40.0)])
    assert route.length == pytest.approx(50.0)
    assert max(map(abs, route.curvature)) < 1e-9
    assert route.at(25.0)[:2] == pytest.approx((15.0, 20.0))


@pytest.mark.parametrize("points", [[(1.0, 1.0)], [(1.0, 1.0), (1.0, 1.0)]])
def test_one_point_is_no_lane(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        Route("dot", points)


def test_stretches() -> None:
    blocks = Stretches([(40.0, 80.0, "b"), (0.0, 40.0, "a"), (90.0, 100.0, "d")])
    assert [b for _, _, b in blocks.between(10.0, 20.0)] == ["a"]
    assert [b for _, _, b in blocks.between(10.0, 200.0)] == ["a", "b", "d"]
    assert blocks.between(82.0, 88.0) == []
