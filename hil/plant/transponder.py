"""What a transponder antenna below a vehicle sees: when it crosses which transponder, and how far beside.

Physics only: no wire. The antenna senses across the vehicle; a crossing is the moment at which a
transponder passes from before it to behind it (or back), found between two moments of the truth.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from gatectl.model.site import Transponder
from hil.plant.gnss import VehicleTruth

LOOK_M = 2.0
"""Between two moments nothing farther than this can come under the antenna."""


@dataclass(frozen=True, slots=True)
class ReaderParams:
    """forward_m, left_m: of the antenna from the control point. reach_m: to each side. lateral_sigma_m:
    one-sigma error of the lateral position; step_m: its resolution. field_m: length in which a transponder
    is seen at all, half before and half behind."""

    forward_m: float = 0.0
    left_m: float = 0.0
    reach_m: float = 0.25
    lateral_sigma_m: float = 0.015
    step_m: float = 0.001
    field_m: float = 0.4


@dataclass(frozen=True, slots=True)
class Crossing:
    """time_s: in the plant's time; lateral_m: of the transponder from the antenna, left positive, as
    measured; signal: 0 to 1."""

    time_s: float
    code: int
    lateral_m: float
    signal: float


class ReaderPlant:
    """One antenna over the transponders of a site. `in_field`: one of them is seen now."""

    def __init__(
        self, params: ReaderParams, transponders: Sequence[Transponder], rng: random.Random | None = None
    ) -> None:
        """rng: for the lateral error; None: there is none."""
        self.params = params
        self.in_field = False
        self._transponders = tuple(transponders)
        self._rng = rng
        self._before: dict[int, tuple[float, float]] = {}  # by code: ahead, left of the antenna, m
        self._time_s = 0.0

    def update(self, time_s: float, truth: VehicleTruth) -> list[Crossing]:
        """The crossings since the last moment, oldest first."""
        now = {t.id: place for t in self._transponders if (place := self._place(t, truth)) is not None}
        found = []
        for code, (ahead, left) in now.items():
            was = self._before.get(code)
            if was is None or (was[0] > 0.0) == (ahead > 0.0):
                continue
            part = was[0] / (was[0] - ahead)
            lateral = was[1] + part * (left - was[1])
            if abs(lateral) <= self.params.reach_m:
                found.append(self._cross(self._time_s + part * (time_s - self._time_s), code, lateral))
        half = 0.5 * self.params.field_m
        self.in_field = any(abs(a) <= half and abs(b) <= self.params.reach_m for a, b in now.values())
        self._before, self._time_s = now, time_s
        return sorted(found, key=lambda crossing: crossing.time_s)

    def _place(self, transponder: Transponder, truth: VehicleTruth) -> tuple[float, float] | None:
        dx, dy = transponder.x - truth.x, transponder.y - truth.y
        if math.hypot(dx, dy) > LOOK_M + math.hypot(self.params.forward_m, self.params.left_m):
            return None
        c, s = math.cos(truth.yaw), math.sin(truth.yaw)
        return c * dx + s * dy - self.params.forward_m, c * dy - s * dx - self.params.left_m

    def _cross(self, time_s: float, code: int, lateral_m: float) -> Crossing:
        p = self.params
        error = self._rng.gauss(0.0, p.lateral_sigma_m) if self._rng is not None else 0.0
        measured = round((lateral_m + error) / p.step_m) * p.step_m
        return Crossing(time_s, code, measured, 1.0 - 0.6 * (lateral_m / p.reach_m) ** 2)
