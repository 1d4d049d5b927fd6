"""What several looks at a receiver tell together: rates and scatter."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from gatectl.cli.gnss_source import Look
from gatectl.model import Quality, Sample

RATE_WINDOW_NS = 10 * 10**9
POINTS = 1200
METRES_PER_DEG = 111_320.0


class Scatter(NamedTuple):
    """Positions around their mean, m. points: (east, north), oldest first; half, p95: radii that hold
    50 % and 95 % of them."""

    points: Sequence[tuple[float, float]]
    half_m: float
    p95_m: float


class History:
    """Looks in order in, figures over the last ones out."""

    def __init__(self) -> None:
        self._epochs: deque[int] = deque()  # when a new epoch was seen, mono ns
        self._last_utc: float | None = None
        self._counts: deque[tuple[int, dict[str, int]]] = deque()
        self._places: deque[tuple[float, float]] = deque(maxlen=POINTS)

    def add(self, look: Look) -> None:
        utc = look.tags["epoch_utc"]
        if utc.quality is Quality.GOOD and utc.value != self._last_utc:
            self._last_utc = utc.value
            self._epochs.append(utc.stamp_mono_ns)
            place = [look.tags[t] for t in ("latitude", "longitude")]
            if all(s.quality is Quality.GOOD for s in place):
                self._places.append((place[0].value, place[1].value))
        while self._epochs and self._epochs[0] < look.mono_ns - RATE_WINDOW_NS:
            self._epochs.popleft()
        if look.view is not None:
            self._counts.append((look.mono_ns, dict(look.view.messages)))
            while len(self._counts) > 2 and self._counts[1][0] < look.mono_ns - RATE_WINDOW_NS:
                self._counts.popleft()

    @property
    def epochs(self) -> int:
        """Seen in the last 10 s."""
        return len(self._epochs)

    @property
    def epoch_rate_hz(self) -> float | None:
        """Of the epochs that were seen; one look sees one epoch, so look more often than they come."""
        if len(self._epochs) < 2:
            return None
        return (len(self._epochs) - 1) / max((self._epochs[-1] - self._epochs[0]) * 1e-9, 1e-9)

    def message_rates(self) -> dict[str, float]:
        """Per second, over the last 10 s or since the start; empty without a driver's view."""
        if not self._counts:
            return {}
        (begin, before), (end, now) = self._counts[0], self._counts[-1]
        seconds = max((end - begin) * 1e-9, 1e-9)
        return {name: (count - before.get(name, 0)) / seconds for name, count in sorted(now.items())}

    def scatter(self) -> Scatter | None:
        """Of the GOOD positions; None of fewer than two."""
        if len(self._places) < 2:
            return None
        lat = math.fsum(p[0] for p in self._places) / len(self._places)
        base = self._places[0][1]  # differences, so that the 180th meridian is no edge
        lon = math.fsum(math.remainder(p[1] - base, 360.0) for p in self._places) / len(self._places)
        scale = METRES_PER_DEG * math.cos(math.radians(lat))
        points = [
            ((math.remainder(p[1] - base, 360.0) - lon) * scale, (p[0] - lat) * METRES_PER_DEG)
            for p in self._places
        ]
        radii = sorted(math.hypot(*point) for point in points)
        return Scatter(points, _share(radii, 0.5), _share(radii, 0.95))


def good(sample: Sample | None) -> float | None:
    """The value, unless it is BAD or not there."""
    return None if sample is None or sample.quality is Quality.BAD else sample.value


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
