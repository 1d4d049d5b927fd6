"""A site calibration: where the survey's coordinates lie in the receiver's, by common points. No I/O.

A control point is known twice: as the surveyor gives it, and as the gate's own receiver measures it
with the corrections that the vehicles will use. The two differ by what no published transformation
knows to a centimetre. Over a gate of a few hundred metres that is a shift with a slight turn and
scale: a similarity of the plane, four parameters, by least squares (Ghilani, Adjustment
Computations, ch. 18: two-dimensional conformal coordinate transformation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]

MIN_POINTS = 3
"""Two determine the four parameters; a third is needed to see that one is wrong."""

SIGMA_FLOOR_M = 0.005
"""Nobody measures a control point better than this with RTK, however well three points may agree."""

MAX_SCALE = 1e-4
MAX_TURN_RAD = 1e-3
"""More than this (10 cm in 1 km, 1 m in 1 km) is a wrong point or a wrong zone, not a datum."""


@dataclass(frozen=True)
class Fit:
    """measured = factor * (surveyed - centre) + moved, with points as complex numbers (east + i north), m.

    residuals_m: one for each point, in its order. sigma_m: standard deviation of one coordinate of
    one point. spread_m2: sum of squared distances of the points from their centre.
    """

    factor: complex
    centre: complex
    moved: complex
    residuals_m: tuple[float, ...]
    sigma_m: float
    spread_m2: float

    @property
    def shift_m(self) -> float:
        """How far the points' centre moves."""
        return abs(self.moved - self.centre)

    @property
    def turn_rad(self) -> float:
        """Turn, counter-clockwise positive."""
        return math.atan2(self.factor.imag, self.factor.real)

    @property
    def scale(self) -> float:
        """Scale minus one."""
        return abs(self.factor) - 1.0

    def apply(self, point: Point) -> Point:
        """A surveyed point as the receiver would measure it, m."""
        there = self.factor * (complex(*point) - self.centre) + self.moved
        return there.real, there.imag

    def uncertainty_m(self, point: Point) -> float:
        """95 % radius of `apply` at this point: grows with its distance from the points' centre.

        Variance of one coordinate: sigma^2 (1 / n + d^2 / spread). Sigma is estimated with f = 2n - 4
        degrees of freedom, so the radius is sqrt(2 F(0.95; 2, f)) sigmas, which is
        sqrt(f (0.05^(-2/f) - 1)): 6.2 for three points, 3.7 for four, 2.45 for very many.
        """
        freedom = 2 * len(self.residuals_m) - 4
        radius_m = math.sqrt(freedom * (0.05 ** (-2.0 / freedom) - 1.0)) * self.sigma_m
        floor_m = math.sqrt(-2.0 * math.log(0.05)) * SIGMA_FLOOR_M
        distance = abs(complex(*point) - self.centre)
        return max(radius_m, floor_m) * math.sqrt(1.0 / len(self.residuals_m) + distance**2 / self.spread_m2)


def fit(surveyed: Sequence[Point], measured: Sequence[Point]) -> Fit:
    """The similarity that takes the surveyed points to the measured ones best, (x, y) in m each.

    Raises ValueError for fewer than three points, or points that are all in one place.
    """
    if len(surveyed) < MIN_POINTS or len(surveyed) != len(measured):
        raise ValueError(f"{len(surveyed)} points; at least {MIN_POINTS} are needed")
    here = [complex(*p) for p in surveyed]
    there = [complex(*p) for p in measured]
    centre, moved = sum(here) / len(here), sum(there) / len(there)
    spread = sum(abs(p - centre) ** 2 for p in here)
    if spread < 1.0:
        raise ValueError("the points are all in one place")
    factor = sum((p - centre).conjugate() * (q - moved) for p, q in zip(here, there, strict=True)) / spread
    residuals = [abs(q - moved - factor * (p - centre)) for p, q in zip(here, there, strict=True)]
    freedom = 2 * len(here) - 4
    sigma = math.sqrt(sum(r * r for r in residuals) / freedom)
    return Fit(factor, centre, moved, tuple(residuals), sigma, spread)
