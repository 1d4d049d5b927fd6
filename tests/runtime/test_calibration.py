"""The similarity fit of a site calibration."""

import cmath
import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gatectl.runtime.calibration import SIGMA_FLOOR_M, fit

COORDINATE = st.floats(-2000, 2000)
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=9)
SQUARE = [(0.0, 0.0), (300.0, 0.0), (300.0, 80.0), (0.0, 80.0)]


def moved(points, shift=0j, turn=0.0, scale=1.0):
    there = [scale * cmath.rect(1.0, turn) * complex(*p) + shift for p in points]
    return [(z.real, z.imag) for z in there]


@given(POINTS, st.floats(-5, 5), st.floats(-5, 5), st.floats(-1e-3, 1e-3), st.floats(0.9999, 1.0001))
def test_what_was_moved_is_found_again(points, east, north, turn, scale):
    assume(max(math.dist(points[0], p) for p in points) > 10)
    found = fit(points, moved(points, complex(east, north), turn, scale))
    assert found.turn_rad == pytest.approx(turn, abs=1e-9)
    assert found.scale == pytest.approx(scale - 1, abs=1e-9)
    assert max(found.residuals_m) < 1e-6
    assert found.uncertainty_m(points[0]) > SIGMA_FLOOR_M / 3  # however well they agree
    for point, there in zip(points, moved(points, complex(east, north), turn, scale), strict=True):
        assert found.apply(point) == pytest.approx(there, abs=1e-6)


def test_residuals_are_least_squares_and_name_the_worst():
    """Against numpy's solution of the linear system a x - b y + c = X, b x + a y + d = Y."""
    import numpy as np

    measured = moved(SQUARE, 1.2 - 0.7j, 2e-4)
    measured[2] = (measured[2][0] + 0.05, measured[2][1])
    rows, right = [], []
    for (x, y), (e, n) in zip(SQUARE, measured, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [e, n]
    (a, b, c, d), *_ = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)
    found = fit(SQUARE, measured)
    assert (found.factor.real, found.factor.imag) == pytest.approx((a, b), abs=1e-12)
    assert found.apply((0.0, 0.0)) == pytest.approx((c, d), abs=1e-9)
    left = np.array(rows) @ np.array([a, b, c, d]) - np.array(right)
    assert found.sigma_m == pytest.approx(math.sqrt(left @ left / 4))
    assert max(found.residuals_m) == found.residuals_m[2]


def test_the_uncertainty_grows_away_from_the_points():
    found = fit(SQUARE, moved(SQUARE, 1 + 1j))
    inside, edge, far = (found.uncertainty_m(p) for p in ((150.0, 40.0), (300.0, 80.0), (2000.0, 40.0)))
    assert inside < edge < far
    assert inside == pytest.approx(2.448 * SIGMA_FLOOR_M / 2, rel=1e-3)
    assert far > 5 * inside


@pytest.mark.parametrize("marks", [SQUARE[:3], SQUARE])
def test_the_uncertainty_holds_in_95_of_100_calibrations(marks):
    """Two thousand calibrations with errors of 2 cm, judged at a point away from the marks."""
    draw = random.Random(7)
    far = (500.0, 40.0)
    inside = 0
    for _ in range(2000):
        noisy = [(e + draw.gauss(0, 0.02), n + draw.gauss(0, 0.02)) for e, n in moved(marks, 1 + 1j)]
        found = fit(marks, noisy)
        inside += math.dist(found.apply(far), (501.0, 41.0)) <= found.uncertainty_m(far)
    assert 0.935 <= inside / 2000 <= 0.97


@pytest.mark.parametrize("points", [[], SQUARE[:2], [(5.0, 5.0)] * 4])
def test_too_few_or_all_in_one_place(points):
    with pytest.raises(ValueError, match="points"):
        fit(points, points)
