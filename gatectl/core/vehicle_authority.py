"""How far a vehicle may go: the base of its order, cut to the ground that its lease covers."""

from __future__ import annotations

from typing import NamedTuple

from gatectl.core import vehicle_lease as lease
from gatectl.core.vehicle_network import LaneNetwork
from gatectl.core.vehicle_order import OrderBook
from gatectl.core.vehicle_state import VehicleState
from gatectl.model.node import VehicleConfig
from gatectl.model.site import VehicleEntry

NOSE_MARGIN_M = 0.5  # kept free of ground that is not leased
SERVICE_DECEL_SHARE = 0.8  # of the brake: what a stop within the lease is reckoned with


class Authority(NamedTuple):
    """m along the way: where the base ends, where the leased ground does, and where the vehicle has
    to stand in the end; None = nowhere to go."""

    base_s: float | None
    reach_s: float
    end_s: float | None


class Ground:
    """The blocks of every way, for one vehicle. Constant."""

    def __init__(self, network: LaneNetwork, vehicle: VehicleConfig, entry: VehicleEntry) -> None:
        self._length = {way: route.length for way, route in network.routes.items()}
        self._blocks = network.blocks
        self._front, self._rear = entry.front_m, entry.rear_m
        self._decel = vehicle.brake_mps2 * SERVICE_DECEL_SHARE
        self._dead = vehicle.drive_dead_s

    def authority(self, state: VehicleState, book: OrderBook, s: float) -> Authority:
        """With the control point at s on the way, in the direction of travel."""
        base_s = book.end_of_authority(state.order)
        halt_s = state.instant.halt_s
        if state.reverse:
            reach_s = lease.reach_back(state.lease, self._blocks[state.way], s)
            if base_s is None:
                return Authority(None, reach_s, None)
            # The tail must stay on leased ground; at the lane's beginning there is none before.
            tail = reach_s + self._rear + NOSE_MARGIN_M if reach_s > 0.0 else base_s
            end_s = max(base_s, min(tail, s + 1.0))
            return Authority(base_s, reach_s, end_s if halt_s is None else max(end_s, halt_s))
        length = self._length[state.way]
        reach_s = lease.reach(state.lease, self._blocks[state.way], s, length)
        if base_s is None:
            return Authority(None, reach_s, None)
        # The nose likewise, but what the order goes on to beyond this way is ground, and not looked at yet.
        free = reach_s >= length and base_s <= length
        nose = base_s if free else reach_s - self._front - NOSE_MARGIN_M
        end_s = min(base_s, max(nose, s - 1.0))
        return Authority(base_s, reach_s, end_s if halt_s is None else min(end_s, halt_s))

    def covered(self, state: VehicleState, s: float, speed: float, *, reach_s: float, alive: bool) -> bool:
        """True while a live lease covers the vehicle's leading end and the distance it needs to stop.
        speed: m/s, signed."""
        stop = speed * speed / (2 * self._decel) + abs(speed) * self._dead
        if state.reverse:
            within = reach_s <= max(s - self._rear - stop, 0.0) + 0.05
        else:
            within = reach_s >= min(s + self._front + stop, self._length[state.way]) - 0.05
        return alive and bool(state.lease.blocks) and within
