"""Transponders in the lane: the reader's crossings turned into absolute fixes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gatectl.core.motion import MarkerFix
from gatectl.model import Layout, Quality, Snapshot
from gatectl.model.node import VehicleConfig
from gatectl.model.quality import unpack_quality

TAGS = ("count", "id", "lateral", "age")
ALONG_M, ALONG_S, ACROSS_M = 0.02, 0.004, 0.01  # one sigma: at rest, per m/s of speed; sideways


class MarkerState(Struct):
    """count: crossings that the reader had counted when last looked; -1 = not looked yet."""

    count: int = -1


class MarkerReader:
    """Reads one device's tags. places: transponder's id -> x, y m in the site frame."""

    def __init__(
        self, vehicle: VehicleConfig, places: Mapping[int, tuple[float, float]], layout: Layout
    ) -> None:
        self._tags = [layout.index[f"{vehicle.transponder}.{t}"] for t in TAGS] if vehicle.transponder else []
        self._stale = layout.stale_after_ns
        self._places = places

    def read(
        self, state: MarkerState, snapshot: Snapshot, now: int, speed: float
    ) -> tuple[MarkerFix | None, int]:
        """A crossing that is new since the last call, and the id of one that the site does not know (else 0).

        speed: m/s. A crossing counts only if every tag is GOOD: a weak signal has no place.
        """
        if not self._tags:
            return None, 0
        for i in self._tags:
            stale = self._stale[i] and now - snapshot.stamps_mono_ns[i] > self._stale[i]
            if stale or unpack_quality(snapshot.qualities[i])[0] is not Quality.GOOD:
                return None, 0
        count, code, lateral, age = (snapshot.values[i] for i in self._tags)
        before, state.count = state.count, int(count)
        if state.count in (before, 0) or before < 0:
            return None, 0  # nothing new, or from before this start
        place = self._places.get(int(code))
        if place is None:
            return None, int(code)
        stamp = snapshot.stamps_mono_ns[self._tags[0]] - round(age * 1e9)
        return MarkerFix(stamp, *place, ALONG_M + ALONG_S * abs(speed), ACROSS_M, lateral), 0
