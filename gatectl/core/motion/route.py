"""A lane as a smooth reference: position, direction and curvature at uniform arc length.

Lane points carry rounding or survey noise, and curvature is a second derivative, so it is taken
from a quintic smoothing spline (FITPACK, P. Dierckx), never from differences of points. numpy and
scipy work once, when the route is built; the scan reads plain lists.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import splev, splprep

SPACING_M = 0.1
TOLERANCE_M = 2e-5  # rms that the spline may leave the points by
SETTLED_M = 1e-4  # a projection's step after which the next would be below a micrometre


class RoutePoint(NamedTuple):
    """x, y m; yaw rad (continuous along the route, not wrapped); curvature 1/m, left positive;
    sharpness: its change per metre, 1/m2."""

    x: float
    y: float
    yaw: float
    curvature: float
    sharpness: float


class Projection(NamedTuple):
    """The nearest point of the route: s m along it, lateral m (left positive)."""

    s: float
    lateral: float


class Route:
    """One lane. length m; `s` counts from the lane's first point and is clamped to 0..length.

    points: N x 2, m, site frame, N >= 2, in driving direction. tolerance_m: rms noise of the points.
    Raises ValueError for fewer than two distinct points.
    """

    def __init__(
        self, lane: str, points: Sequence[tuple[float, float]], tolerance_m: float = TOLERANCE_M
    ) -> None:
        self.lane = lane
        raw = np.asarray(points, dtype=float).reshape(-1, 2)
        step = np.hypot(*np.diff(raw, axis=0).T)
        raw = raw[np.concatenate([[True], step > 1e-6])]
        if len(raw) < 2:
            raise ValueError(f"lane {lane} has fewer than two distinct points")
        chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(raw, axis=0).T))])
        if len(raw) < 8:  # a quintic needs more; straight stretches stay straight
            grid = np.unique(np.concatenate([chord, np.linspace(0.0, chord[-1], 16)]))
            raw = np.column_stack([np.interp(grid, chord, raw[:, k]) for k in (0, 1)])
            chord = grid
        spline, _ = splprep(raw.T, u=chord, k=5, s=len(raw) * tolerance_m**2)
        u = np.linspace(0.0, chord[-1], max(2, math.ceil(chord[-1] / (SPACING_M / 4)) + 1))
        dx, dy = splev(u, spline, der=1)
        along = np.concatenate(
            [[0.0], np.cumsum(np.diff(u) * 0.5 * (np.hypot(dx, dy)[1:] + np.hypot(dx, dy)[:-1]))]
        )
        self.length = float(along[-1])
        count = max(2, math.ceil(self.length / SPACING_M) + 1)
        self.spacing = self.length / (count - 1)
        at = np.interp(np.linspace(0.0, self.length, count), along, u)
        px, py = splev(at, spline)
        dx, dy = splev(at, spline, der=1)
        ddx, ddy = splev(at, spline, der=2)
        bend = (dx * ddy - dy * ddx) / np.hypot(dx, dy) ** 3
        self.x: list[float] = px.tolist()
        self.y: list[float] = py.tolist()
        self.yaw: list[float] = np.unwrap(np.arctan2(dy, dx)).tolist()
        self.curvature: list[float] = bend.tolist()
        self.sharpness: list[float] = np.gradient(bend, self.spacing).tolist()
        self._last = count - 1

    def at(self, s: float) -> RoutePoint:
        """The point at s, linear between table rows (chord error below 0.1 mm at 15 m radius)."""
        u = s / self.spacing
        u = 0.0 if u < 0.0 else min(u, float(self._last))
        i = min(int(u), self._last - 1)
        f = u - i
        x, y, yaw, bend, sharp = self.x, self.y, self.yaw, self.curvature, self.sharpness
        return RoutePoint(
            x[i] + (x[i + 1] - x[i]) * f,
            y[i] + (y[i + 1] - y[i]) * f,
            yaw[i] + (yaw[i + 1] - yaw[i]) * f,
            bend[i] + (bend[i + 1] - bend[i]) * f,
            sharp[i] + (sharp[i + 1] - sharp[i]) * f,
        )

    def bend(self, s: float) -> tuple[float, float, float]:
        """yaw, curvature and sharpness of `at`, without the place."""
        u = s / self.spacing
        last = self._last
        u = 0.0 if u < 0.0 else min(u, float(last))
        i = int(u)
        if i == last:
            i -= 1
        f = u - i
        yaw, bend, sharp = self.yaw, self.curvature, self.sharpness
        return (
            yaw[i] + (yaw[i + 1] - yaw[i]) * f,
            bend[i] + (bend[i + 1] - bend[i]) * f,
            sharp[i] + (sharp[i + 1] - sharp[i]) * f,
        )

    def project(self, x: float, y: float, near_s: float) -> Projection:
        """The nearest point in the neighbourhood of near_s; before the start and beyond the end
        the route continues straight (s < 0, s > length)."""
        s = min(max(near_s, 0.0), self.length)
        xs, ys, yaws, bends, last = self.x, self.y, self.yaw, self.curvature, self._last
        for _ in range(12):
            u = s / self.spacing
            i = min(int(u), last - 1)
            f = u - i
            dx, dy = x - xs[i] - (xs[i + 1] - xs[i]) * f, y - ys[i] - (ys[i + 1] - ys[i]) * f
            yaw = yaws[i] + (yaws[i + 1] - yaws[i]) * f
            bend = bends[i] + (bends[i + 1] - bends[i]) * f
            c, sn = math.cos(yaw), math.sin(yaw)
            along, lateral = c * dx + sn * dy, c * dy - sn * dx
            # Newton on the distance; the guard keeps a point beyond the centre of the bend harmless.
            step = along / max(0.2, 1.0 - bend * lateral)
            following = s + step
            if not 0.0 <= following <= self.length:
                edge = 0.0 if following < 0.0 else self.length
                if s == edge:
                    return Projection(s + along, lateral)
                following = edge
            if abs(following - s) < SETTLED_M:
                return Projection(following, lateral)
            s = following
        return Projection(s, lateral)

    def locate(self, x: float, y: float) -> Projection:
        """The nearest point of the whole route (slow: once, when the position becomes known)."""
        nearest = min(range(self._last + 1), key=lambda i: (self.x[i] - x) ** 2 + (self.y[i] - y) ** 2)
        return self.project(x, y, nearest * self.spacing)


class Stretches:
    """Values that hold from one place of a route to the next, such as blocks: look-up by s.

    spans: (from m, to m, value); they must not overlap.
    """

    def __init__(self, spans: Sequence[tuple[float, float, str]]) -> None:
        self._spans = sorted(spans)
        self._starts = [a for a, _, _ in self._spans]

    def between(self, begin: float, end: float) -> list[tuple[float, float, str]]:
        """All spans that touch begin..end, in order."""
        first = max(0, bisect_right(self._starts, begin) - 1)
        return [span for span in self._spans[first:] if span[0] <= end and span[1] >= begin]
