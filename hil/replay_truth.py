"""The survey-grade truth of a recorded drive, and how far a track is from it.

The truth is of another point of the car than the antenna: a constant lever arm in the body frame.
It is estimated by least squares (the mean error in the body frame over fixed epochs), because it is
nobody's error; everything that is not constant in the body frame stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.gnss.messages import Reader
from drivers.gnss.wire import Framer
from gatectl.core.motion import SiteFrame
from gatectl.model import UsageError
from gatectl.model.site import Origin

Floats = NDArray[np.float64]
MOVING_MPS = 0.5  # below it the course is held


class Truth(NamedTuple):
    """time_s (N,): UTC seconds of the day; xy (N, 2) m: site frame; course_rad (N,) ccw from east."""

    frame: SiteFrame
    time_s: Floats
    xy: Floats
    course_rad: Floats
    speed_mps: Floats


@dataclass(frozen=True, slots=True)
class Figures:
    """Horizontal error: percentiles in m over `count` epochs; nan without any."""

    count: int
    half_m: float
    p95_m: float
    max_m: float

    def text(self) -> str:
        """`5.1 / 10.7 / 17.8 cm (941 epochs)`."""
        if not self.count:
            return "no epochs"
        cm = " / ".join(f"{100 * m:.1f}" for m in (self.half_m, self.p95_m, self.max_m))
        return f"{cm} cm ({self.count} epochs)"


def read_truth(file: Path) -> Truth:
    """GGA sentences of one day, one a second. Raises UsageError if there are not enough of them."""
    rows: dict[float, tuple[float, float, float]] = {}
    reader = Reader()
    for message in Framer().feed(file.read_bytes(), 0):
        gga = reader.read(message)
        if gga is None or gga.message != "GGA":
            continue
        if gga.tod_ns is not None and gga.latitude_deg is not None:
            rows[gga.tod_ns * 1e-9] = (gga.latitude_deg, gga.longitude_deg or 0.0, gga.height_m or 0.0)
    if len(rows) < 3:
        raise UsageError("holds no truth", "it must have GGA sentences with valid checksums", where=str(file))
    time_s = np.array(sorted(rows))
    first = rows[float(time_s[0])]
    frame = SiteFrame(Origin(latitude_deg=first[0], longitude_deg=first[1], height_m=first[2]))
    xy = np.array([frame.to_site(*rows[float(t)])[:2] for t in time_s])
    velocity = np.gradient(xy, time_s, axis=0)
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    course = np.arctan2(velocity[:, 1], velocity[:, 0])
    moving = np.maximum.accumulate(np.where(speed >= MOVING_MPS, np.arange(len(speed)), 0))
    return Truth(frame, time_s, xy, course[moving], speed)


@dataclass(frozen=True, slots=True)
class Errors:
    """A track against the truth at the epochs that both have. body (N, 2) m: forward, left."""

    index: NDArray[np.intp]
    time_s: Floats
    body: Floats

    def figures(self, which: NDArray[np.bool_], arm: Floats | None = None) -> Figures:
        """Percentiles over the epochs `which` (N,), after taking off a lever arm (2,) if given."""
        error = self.body[which] if arm is None else self.body[which] - arm
        if not len(error):
            return Figures(0, np.nan, np.nan, np.nan)
        half, p95, most = np.percentile(np.hypot(error[:, 0], error[:, 1]), [50, 95, 100])
        return Figures(len(error), float(half), float(p95), float(most))

    def lever_arm(self, which: NDArray[np.bool_]) -> Floats:
        """Least-squares constant (forward, left) m of the epochs `which`."""
        mean: Floats = self.body[which].mean(axis=0) if which.any() else np.zeros(2)
        return mean


def compare(truth: Truth, time_s: Floats, xy: Floats) -> Errors:
    """Errors of a track: time_s (M,) UTC s since 1970 or of the day; xy (M, 2) m in the truth's frame.

    index: which of the M rows have a truth at the same time (within 1 ms).
    """
    day_s = np.mod(time_s, 86_400.0)
    at = np.clip(np.searchsorted(truth.time_s, day_s - 1e-3), 0, len(truth.time_s) - 1)
    index = np.flatnonzero(np.abs(truth.time_s[at] - day_s) < 1e-3)
    at = at[index]
    east, north = (xy[index] - truth.xy[at]).T
    cos, sin = np.cos(truth.course_rad[at]), np.sin(truth.course_rad[at])
    body = np.column_stack([cos * east + sin * north, cos * north - sin * east])
    return Errors(index, time_s[index], body)
