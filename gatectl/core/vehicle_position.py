"""Where the vehicle is: one scan's readings to a pose that the lane agrees with, and what must be told.

A receiver whose antennas are swapped, or whose heading offset is wrong by half a turn, shows a vehicle
the wrong way round, fixed and without doubt. Only the lane can tell: such a start is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gatectl.core.motion import Estimate, Localiser, LocaliserState, Route
from gatectl.core.vehicle_inputs import Readings
from gatectl.core.vehicle_operator import Outbox
from gatectl.core.vehicle_state import VehicleState

NEAR_M = 3.0  # a lane nearer than this says which way vehicles stand on it
AGAINST_RAD = 0.5 * math.pi


class Whereabouts:
    """The localiser of one vehicle among the site's lanes. alert_limit_m: a larger jump owes a reset."""

    def __init__(
        self, localiser: Localiser, routes: Mapping[str, Route], serial: str, alert_limit_m: float
    ) -> None:
        self._localiser, self._routes = localiser, routes
        self._serial, self._alert = serial, alert_limit_m

    def locate(self, state: VehicleState, readings: Readings, out: Outbox) -> Estimate:
        """Step the localiser; tell of take-overs, of a start the wrong way round, of unknown transponders."""
        was_known = state.localiser.known
        pose = self._localiser.step(
            state.localiser, out.now_mono_ns, readings.motion, readings.fix, readings.marker
        )
        if pose.known and (not was_known or pose.jump_m > 0.0) and self._against(pose):
            return self._refuse(state, readings, out)
        if pose.known and not was_known:
            state.placed = state.wrong_way = False
            state.report.changed = True
        if pose.jump_m > 0.0:
            self._taken_over(state, pose.jump_m, out)
        if readings.stranger:
            out.incident(
                "warning",
                self._serial,
                "transponder_unknown",
                f"crossed transponder {readings.stranger}, which site.toml does not have",
                "survey it and add it as [[transponder]], or remove it from the ground",
            )
        return pose

    def confirm(self, state: VehicleState) -> None:
        """A person has looked where the vehicle stands."""
        self._localiser.confirm(state.localiser)

    def _against(self, pose: Estimate) -> bool:
        """The pose is on a lane, and the wrong way round for every lane there."""
        near = False
        for route in self._routes.values():
            place = route.locate(pose.x, pose.y)
            if abs(place.lateral) > NEAR_M or not 0.0 < place.s < route.length:
                continue
            if abs(math.remainder(pose.yaw - route.at(place.s).yaw, math.tau)) < AGAINST_RAD:
                return False
            near = True
        return near

    def _refuse(self, state: VehicleState, readings: Readings, out: Outbox) -> Estimate:
        """Not localised; told once. The next epochs are looked at anew."""
        state.localiser = LocaliserState()
        if not state.wrong_way:
            state.wrong_way = state.report.changed = state.reset_owed = True
            out.incident(
                "alarm",
                self._serial,
                "wrong_way",
                "GNSS shows the vehicle on its lane the wrong way round: this heading is refused",
                "look how the vehicle stands; if right, check that the receiver's antennas are not swapped "
                "and vehicle.antenna.heading_offset_deg is not half a turn off",
            )
        return self._localiser.step(state.localiser, out.now_mono_ns, readings.motion, None)

    def _taken_over(self, state: VehicleState, jump_m: float, out: Outbox) -> None:
        state.placed = False
        state.report.changed = True
        large = jump_m > self._alert  # a small correction is the filter's business; a large one a person's
        if large:
            state.reset_owed = True
        out.incident(
            "alarm" if large else "warning",
            self._serial,
            "position_taken_over",
            f"GNSS and odometry disagreed; standing, the position moved by {jump_m:.2f} m",
            "check that the vehicle stands where it is shown, then reset if one is owed",
        )
