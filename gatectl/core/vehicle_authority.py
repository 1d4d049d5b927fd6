"""How far a vehicle may go: the base of its order, cut to the ground that its lease covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gatectl.core import vehicle_lease as lease
from gatectl.core.motion import Route, Stretches
from gatectl.core.vehicle_lease import LeaseState
from gatectl.core.vehicle_order import OrderBook
from gatectl.core.vehicle_state import VehicleState
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Site, VehicleEntry

NOSE_MARGIN_M = 0.5  # kept free before ground that is not leased
SERVICE_DECEL_SHARE = 0.8  # of the brake: what a stop within the lease is reckoned with


class Authority(NamedTuple):
    """m along the lane: where the base ends, where the leased ground does, and where the vehicle has
    to stand in the end; None = nowhere to go."""

    base_s: float | None
    reach_s: float
    end_s: float | None


class Ground:
    """The blocks of every lane, for one vehicle. Constant."""

    def __init__(
        self, site: Site, routes: Mapping[str, Route], vehicle: VehicleConfig, entry: VehicleEntry
    ) -> None:
        self._length = {lane: route.length for lane, route in routes.items()}
        self._blocks = {
            lane: Stretches(
                [(s.from_m, s.to_m, b.id) for b in site.config.block for s in b.spans if s.lane == lane]
            )
            for lane in routes
        }
        self._front = entry.front_m
        self._decel = vehicle.brake_mps2 * SERVICE_DECEL_SHARE
        self._dead = vehicle.drive_dead_s

    def authority(self, state: VehicleState, book: OrderBook, lane: str, s: float) -> Authority:
        """With the control point at s on the lane."""
        length = self._length[lane]
        reach_s = lease.reach(state.lease, self._blocks[lane], s, length)
        base_s = book.end_of_authority(state.order)
        if base_s is None:
            return Authority(None, reach_s, None)
        # The nose must stay on leased ground; at the lane's end there is none beyond.
        nose = reach_s - self._front - NOSE_MARGIN_M if reach_s < length else base_s
        end_s = min(base_s, max(nose, s - 1.0))
        if state.instant.halt_s is not None:
            end_s = min(end_s, state.instant.halt_s)
        return Authority(base_s, reach_s, end_s)

    def covered(
        self, state: LeaseState, lane: str, s: float, speed: float, *, reach_s: float, alive: bool
    ) -> bool:
        """True while a live lease covers the vehicle's front and the distance it needs to stop."""
        stop = speed * speed / (2 * self._decel) + speed * self._dead
        return (
            alive and bool(state.blocks) and reach_s >= min(s + self._front + stop, self._length[lane]) - 0.05
        )
