"""A gantry crane's mechanics: hoist, trolley, spreader with twistlocks, and what hangs on it.

Figures: hoist 70 m/min, 41 t under the spreader are representative of container cranes; accelerations
and the twistlocks' turning time are judgement. No swing, no rope stretch, no skew.
Heights are of the spreader above ground, as in `gatectl.model.site.CraneConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

CONTAINER_HEIGHT_M = 2.6
LANDED_STROKE_M = 0.03  # travel of the landing pins: all in means landed
LIFTED_M = 0.005
SLACK_LIMIT_M = 0.10
SLOT_CAPTURE_M = 0.10


class Cargo(Protocol):
    """What a spreader can carry."""

    @property
    def mass_kg(self) -> float: ...


@dataclass(frozen=True)
class Spot:
    """What stands at a slot.

    top_m: height of a spreader landed on a container that stands (or would stand) there.
    cargo: that container, or None if the place is free. aligned: the spreader, or the container that
    it carries, fits on all corners.
    """

    top_m: float
    cargo: Cargo | None
    aligned: bool = True


class CraneSite(Protocol):
    """The ground below one crane, kept by the world."""

    def look(self, slot: str) -> Spot | None:
        """What stands at the slot; None for bare ground (no vehicle in the lane)."""

    def take(self, slot: str) -> None:
        """The container that stands there has been lifted."""

    def put(self, slot: str, cargo: Cargo) -> None:
        """This container now stands there (on the ground, if the place is bare)."""


@dataclass(kw_only=True)
class CranePlant:
    """One crane. The PLC sets the three setpoints; `step` moves the mechanics.

    slots: trolley position (m) by place. hoist_set_mps: up positive. lock_set: True to lock,
    False to unlock, None to leave the twistlocks where they are.
    The fields after `mode` are what switches, sensors and weather say; the rig may set them.
    """

    site: CraneSite
    slots: Mapping[str, float]
    trolley_m: float = 14.0
    height_m: float = 8.0
    hoist_max_mps: float = 70.0 / 60.0
    hoist_accel_mps2: float = 0.5
    trolley_max_mps: float = 1.5
    trolley_accel_mps2: float = 0.4
    lock_time_s: float = 1.5
    load_max_kg: float = 41_000.0
    reach_m: tuple[float, float] = (-2.0, 20.0)
    lift_m: tuple[float, float] = (0.0, 12.0)

    mode: int = 2
    estop: bool = False
    fault: bool = False
    wind_mps: float = 3.0

    hoist_set_mps: float = 0.0
    trolley_set_mps: float = 0.0
    lock_set: bool | None = None

    hoist_mps: float = field(default=0.0, init=False)
    trolley_mps: float = field(default=0.0, init=False)
    twist: float = field(default=0.0, init=False)  # 0 unlocked .. 1 locked
    carried: Cargo | None = field(default=None, init=False)
    slack_m: float = field(default=0.0, init=False)

    # ---- what the sensors see -----------------------------------------------------------------

    @property
    def slot(self) -> str:
        """The place below the spreader, "" between places."""
        for name, position_m in self.slots.items():
            if abs(position_m - self.trolley_m) <= SLOT_CAPTURE_M:
                return name
        return ""

    @property
    def spot(self) -> Spot | None:
        """What stands below the spreader."""
        return self.site.look(self.slot) if self.slot else None

    @property
    def contact_m(self) -> float:
        """Height at which the spreader, or what it carries, touches what is below it."""
        spot = self.spot
        top_m = CONTAINER_HEIGHT_M if spot is None else spot.top_m
        occupied = spot is not None and spot.cargo is not None
        return top_m + CONTAINER_HEIGHT_M * (int(occupied) + int(self.carried is not None) - 1)

    @property
    def landed(self) -> bool:
        """All four landing pins are pressed: on a container, or with one on its place, aligned."""
        spot = self.spot
        seated = spot is not None and spot.aligned and (spot.cargo is None) == (self.carried is not None)
        return seated and self.height_m <= self.contact_m + LANDED_STROKE_M

    @property
    def touching(self) -> bool:
        """Something bears the spreader or its container."""
        return self.height_m <= self.contact_m + LIFTED_M

    @property
    def locked(self) -> bool:
        return self.twist >= 1.0

    @property
    def unlocked(self) -> bool:
        return self.twist <= 0.0

    @property
    def load_kg(self) -> float:
        """On the ropes, without the spreader."""
        return 0.0 if self.carried is None or self.touching else self.carried.mass_kg

    @property
    def overload(self) -> bool:
        return self.load_kg > self.load_max_kg

    @property
    def slack_rope(self) -> bool:
        return self.slack_m > SLACK_LIMIT_M

    # ---- motion -------------------------------------------------------------------------------

    def step(self, dt_s: float) -> None:
        """Advance by dt_s (some 10 ms). Call it from one place only."""
        stopped = self.estop or self.fault
        hoist_mps = 0.0 if stopped else self.hoist_set_mps
        trolley_mps = 0.0 if stopped else self.trolley_set_mps
        self.hoist_mps = _towards(
            self.hoist_mps,
            max(-self.hoist_max_mps, min(self.hoist_max_mps, hoist_mps)),
            self.hoist_accel_mps2 * dt_s,
        )
        self.trolley_mps = _towards(
            self.trolley_mps,
            max(-self.trolley_max_mps, min(self.trolley_max_mps, trolley_mps)),
            self.trolley_accel_mps2 * dt_s,
        )
        self.trolley_m = max(self.reach_m[0], min(self.reach_m[1], self.trolley_m + self.trolley_mps * dt_s))
        self._hoist(dt_s)
        # A hanging container holds its twistlocks: they turn only without load.
        hanging = self.carried is not None and not self.touching
        if self.lock_set is not None and not stopped and not hanging:
            self.twist = _towards(self.twist, float(self.lock_set), dt_s / self.lock_time_s)

    def _hoist(self, dt_s: float) -> None:
        wanted_m = min(self.lift_m[1], self.height_m + self.hoist_mps * dt_s)
        if self.hoist_mps > 0.0 and self.slack_m > 0.0:
            self.slack_m = max(0.0, self.slack_m - self.hoist_mps * dt_s)
            return
        spot = self.spot
        standing = spot is not None and spot.cargo is not None
        grips = self.carried is None and standing and self.landed and not self.unlocked
        contact_m = self.contact_m
        if wanted_m < contact_m:
            self.slack_m += contact_m - wanted_m
            wanted_m = contact_m
        self.height_m = wanted_m
        if grips and self.hoist_mps > 0.0 and wanted_m > contact_m + LIFTED_M and spot is not None:
            self.carried = spot.cargo
            self.site.take(self.slot)
        elif self.carried is not None and self.landed and self.touching:
            self.site.put(self.slot, self.carried)
            self.carried = None


def _towards(value: float, goal: float, step: float) -> float:
    return min(goal, value + step) if value < goal else max(goal, value - step)
