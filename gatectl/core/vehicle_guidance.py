"""How a vehicle moves along its way: place, direction of travel, speed and steering.

The way changes at speed: where the order goes on to another lane, the vehicle follows the route across
the joint as soon as it knows of it, and the second lane once that route has become it; places, speed
profile and steering are continuous. The direction of travel changes at standstill only.
"""

from __future__ import annotations

import math

from gatectl.core.motion import (
    Deviation,
    Estimate,
    SpeedCommand,
    SpeedLaw,
    Tracker,
    TrackState,
    excite,
    stopping_distance,
)
from gatectl.core.vehicle_inputs import Readings
from gatectl.core.vehicle_network import LaneNetwork
from gatectl.core.vehicle_order import OrderBook
from gatectl.core.vehicle_state import VehicleState
from gatectl.model.node import VehicleConfig

SPEED_AGE_MAX_S = 0.3  # an older speed is no basis for more than a stop


class Guidance:
    """One vehicle's motion along the ways of its network. Constant. period_s: of the scan."""

    def __init__(
        self, vehicle: VehicleConfig, network: LaneNetwork, book: OrderBook, period_s: float
    ) -> None:
        self._vehicle, self._network, self._book = vehicle, network, book
        self._tracker = Tracker(vehicle, period_s)
        self._law = SpeedLaw(vehicle, period_s)

    def start(self) -> TrackState:
        """The tracker's state of a vehicle of which nothing but its configuration is known."""
        return self._tracker.start()

    def place(self, state: VehicleState, pose: Estimate) -> Deviation:
        """Choose the way and find the vehicle on it; zeros while the position is not known."""
        self._choose(state)
        if not pose.known:
            return Deviation(0.0, 0.0, 0.0)
        route = self._network.routes[state.way]
        if not state.placed:
            state.track.s, state.placed = route.locate(pose.x, pose.y).s, True
        return self._tracker.deviation(state.track, route, pose)

    def _choose(self, state: VehicleState) -> None:
        joint = self._network.across(state.way)
        over = joint is not None and joint.first == state.order.lane and state.placed
        if joint is not None and over and state.track.s > joint.over_s:
            # The second lane is under the wheels: from now on its places count.
            state.track.s -= joint.shift
            if state.instant.halt_s is not None:
                state.instant.halt_s -= joint.shift
            state.order.lane = state.way = joint.second
        elif joint is not None and over and state.track.s > joint.leave_s:
            return  # across, whatever becomes of the order
        onward = self._book.onward(state.order)
        way = self._network.way(state.order.lane, onward[0] if onward else "")
        if way.partition(">")[0] != state.way.partition(">")[0]:
            state.placed = False
        state.way = way

    def turn(self, state: VehicleState, readings: Readings, still: bool) -> bool:
        """Take up the direction of travel that comes next; True while the vehicle has to stand for it."""
        wanted = self._book.backwards(state.order)
        if wanted is not None and wanted != state.reverse:
            if not still:
                return True
            state.reverse = wanted
            self._law.turn_round(state.speed)
        return readings.reversing != state.reverse

    def halt_point(self, state: VehicleState, s: float, speed: float) -> float:
        """m along the way where a gentle stop that is asked for now ends. speed: m/s, signed."""
        if state.reverse:
            return s - stopping_distance(self._vehicle, -speed)
        return s + stopping_distance(self._vehicle, speed)

    def speed(
        self,
        state: VehicleState,
        pose: Estimate,
        s: float,
        end_s: float | None,
        dt: float,
        *,
        odometry_age_s: float,
    ) -> SpeedCommand:
        """Towards end_s; to a stop on the brake without one. odometry_age_s: of the speed in the pose."""
        along = -pose.speed if state.reverse else pose.speed
        if end_s is None or not pose.known:
            return self._law.hold(state.speed, along)
        limits = self._network.limits(state.way, state.reverse)
        length = limits.route.length

        def travelled(place: float) -> float:
            return length - place if state.reverse else place

        here, cap = travelled(s), math.inf
        slower: list[tuple[float, float]] = []
        for begin, speed in self._book.speed_limits(state.order):
            if begin is None or travelled(begin) <= here:
                cap = min(cap, speed)
            else:
                slower.append((travelled(begin), speed))
        return self._law.step(
            state.speed,
            limits,
            here,
            end_s=travelled(end_s),
            cap=cap,
            speed=along,
            dt=dt,
            slower=slower,
            speed_age_s=min(max(odometry_age_s, 0.0), SPEED_AGE_MAX_S),
        )

    def steer(
        self, state: VehicleState, pose: Estimate, readings: Readings, end_s: float | None, dt: float
    ) -> float:
        """The steering command, rad."""
        if not pose.known:
            return state.track.command
        route = self._network.routes[state.way]
        extra = 0.0
        if state.excitation.left and not state.reverse:
            extra = excite.step(
                state.excitation, route, pose, near_s=state.track.s, end_s=end_s, vehicle=self._vehicle, dt=dt
            )
        return self._tracker.step(state.track, route, pose, readings.steer, dt, extra=extra)
