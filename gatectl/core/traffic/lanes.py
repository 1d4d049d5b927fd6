"""A lane's centre line as a polyline: from a position to (s, lateral) and back."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

_CHUNK = 16  # segments that share one bounding circle


class LaneLine:
    """points: N >= 2 distinct (x, y) in m, site frame. length_m: along the line."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._points = [(float(x), float(y)) for x, y in points]
        self._s = [0.0]
        for (x0, y0), (x1, y1) in pairwise(self._points):
            self._s.append(self._s[-1] + math.hypot(x1 - x0, y1 - y0))
        self.length_m = self._s[-1]
        self._chunks: list[tuple[int, int, float, float, float]] = []
        last = len(self._points) - 1
        for a in range(0, last, _CHUNK):
            b = min(a + _CHUNK, last)
            part = self._points[a : b + 1]
            cx, cy = sum(p[0] for p in part) / len(part), sum(p[1] for p in part) / len(part)
            radius = max(math.hypot(p[0] - cx, p[1] - cy) for p in part)
            self._chunks.append((a, b, cx, cy, radius))

    def point(self, s_m: float) -> tuple[float, float, float]:
        """x, y in m and yaw in rad (counter-clockwise from east) at s, clamped to the line."""
        i = min(max(bisect_right(self._s, s_m) - 1, 0), len(self._points) - 2)
        (x0, y0), (x1, y1) = self._points[i], self._points[i + 1]
        t = min(max((s_m - self._s[i]) / (self._s[i + 1] - self._s[i]), 0.0), 1.0)
        return x0 + t * (x1 - x0), y0 + t * (y1 - y0), math.atan2(y1 - y0, x1 - x0)

    def project(self, x: float, y: float) -> tuple[float, float]:
        """s and lateral offset (m, left positive) of the nearest point of the line.

        Exact: chunks of segments are skipped only when their bounding circle is farther away than
        the best point found.
        """
        near = sorted((math.hypot(x - cx, y - cy) - r, a, b) for a, b, cx, cy, r in self._chunks)
        best, s_m, lateral = math.inf, 0.0, 0.0
        for bound, a, b in near:
            if bound > best:
                break
            for i in range(a, b):
                (x0, y0), (x1, y1) = self._points[i], self._points[i + 1]
                dx, dy, length = x1 - x0, y1 - y0, self._s[i + 1] - self._s[i]
                t = min(max(((x - x0) * dx + (y - y0) * dy) / (length * length), 0.0), 1.0)
                away = math.hypot(x - x0 - t * dx, y - y0 - t * dy)
                if away < best:
                    best, s_m = away, self._s[i] + t * length
                    lateral = math.copysign(away, dx * (y - y0) - dy * (x - x0))
        return s_m, lateral
