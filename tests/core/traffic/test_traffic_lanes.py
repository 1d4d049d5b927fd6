"""The lane polyline."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.traffic import LaneLine

ARC = [(60 * math.sin(a / 50), 60 - 60 * math.cos(a / 50)) for a in range(120)]
LINE = LaneLine(ARC)


def test_length_ends_and_clamping():
    assert LINE.length_m == pytest.approx(60 * 119 / 50, rel=1e-3)
    assert LINE.point(-5.0)[:2] == ARC[0]
    assert LINE.point(1e6)[:2] == pytest.approx(ARC[-1])
    assert LINE.point(0.0)[2] == pytest.approx(0.01, abs=1e-3)


@given(st.floats(1.0, 140.0), st.floats(-5.0, 5.0))
def test_there_and_back(s, lateral):
    x, y, yaw = LINE.point(s)
    found, away = LINE.project(x - lateral * math.sin(yaw), y + lateral * math.cos(yaw))
    assert found == pytest.approx(s, abs=0.15)
    assert away == pytest.approx(lateral, abs=0.02)


@given(st.floats(-80, 80), st.floats(-40, 140))
def test_projection_is_the_nearest_point_of_all(x, y):
    s, lateral = LINE.project(x, y)
    fine = min(math.hypot(x - px, y - py) for px, py, _ in map(LINE.point, (i * 0.1 for i in range(1430))))
    assert abs(lateral) <= fine + 1e-9
    px, py, _ = LINE.point(s)
    assert math.hypot(x - px, y - py) == pytest.approx(abs(lateral), abs=1e-9)
