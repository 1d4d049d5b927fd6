"""The truth of a run: where the vehicles really were, and what that says about the driving.

Only the plant knows it; nodes never see it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct, field
from shapely import LineString, Point

from gatectl.model.site import Lane

Row = tuple[float, float, float, float, float]


class PathError(NamedTuple):
    """Lateral distance of the control point from the lane's centre line while moving, in m."""

    rms_m: float
    max_m: float
    samples: int


class StopError(NamedTuple):
    """Where the control point really stood, against its node: m along (+ beyond) and across (+ left)."""

    node: str
    along_m: float
    across_m: float


class Track(Struct):
    """One vehicle's true path. rows: t_s (rig clock), x m, y m, yaw rad, speed m/s, about 20 a second."""

    serial: str
    lane: str
    rows: list[Row] = []
    stops: list[StopError] = []


class Truth(Struct):
    """All tracks of a run, and a measure for each."""

    lanes: tuple[Lane, ...]
    tracks: dict[str, Track] = field(default_factory=dict)

    def line(self, lane: str) -> LineString:
        """A lane's centre line in the site frame."""
        return LineString(next(item.points for item in self.lanes if item.id == lane))

    def path_error(self, serial: str, above_mps: float = 0.05) -> PathError:
        """Over all moments at which the vehicle moved faster than `above_mps`."""
        track = self.tracks[serial]
        line = self.line(track.lane)
        errors = [line.distance(Point(x, y)) for _, x, y, _, v in track.rows if abs(v) > above_mps]
        if not errors:
            return PathError(math.nan, math.nan, 0)
        rms = math.sqrt(sum(e * e for e in errors) / len(errors))
        return PathError(rms, max(errors), len(errors))

    def stop_error(self, serial: str, node: str, at_m: float) -> StopError:
        """Of the vehicle as it stands now, against a node of its lane; also kept in its track."""
        track = self.tracks[serial]
        _, x, y, _, _ = track.rows[-1]
        line = self.line(track.lane)
        here, goal = Point(x, y), line.interpolate(at_m)
        before, after = line.interpolate(at_m - 0.5), line.interpolate(at_m + 0.5)
        ux, uy = after.x - before.x, after.y - before.y
        norm = math.hypot(ux, uy)
        dx, dy = here.x - goal.x, here.y - goal.y
        error = StopError(node, (dx * ux + dy * uy) / norm, (ux * dy - uy * dx) / norm)
        track.stops.append(error)
        return error
