"""The site's lanes as one vehicle drives them: routes, where they go over into each other, their limits.

A *way* is what the vehicle follows: a lane (its id), or the route across a joint (`a>b`). Places on the
way `a>b` are places of lane a, and go on beyond the joint.
"""

from __future__ import annotations

import math

from gatectl.core.motion import Route, SpeedLimits, Stretches
from gatectl.core.motion.joint import JOIN_M, Joint, join
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Site


class LaneNetwork:
    """Constant. routes, blocks: by way. joints: by (lane, lane)."""

    def __init__(self, site: Site, vehicle: VehicleConfig) -> None:
        lanes = {lane.id: Route(lane.id, lane.points) for lane in site.lanes}
        found = [join(a, b) for a in lanes.values() for b in lanes.values() if a is not b]
        self.joints = {(j.first, j.second): j for j in found if j is not None}
        self.routes = lanes | {j.route.lane: j.route for j in self.joints.values()}
        self._across = {j.route.lane: j for j in self.joints.values()}
        limits = site.config.limits
        first = {lane: SpeedLimits(route, limits, vehicle) for lane, route in lanes.items()}
        # A vehicle may go on from the end of a way: it comes there no faster than it may go on.
        onward = dict.fromkeys(self.routes, math.inf)
        for joint in self.joints.values():
            speed = first[joint.second].at(joint.leave_s - joint.shift).speed
            for way in self.routes:
                if way.rpartition(">")[2] == joint.first:
                    onward[way] = min(onward[way], speed)
        self._limits = {
            (way, False): SpeedLimits(route, limits, vehicle, end_speed=onward[way])
            for way, route in self.routes.items()
        }
        if vehicle.reverse_speed_max_mps > 0.0:
            for way, route in self.routes.items():
                self._limits[way, True] = SpeedLimits(route, limits, vehicle, reverse=True)
        self.blocks = {way: Stretches(self._spans(site, way)) for way in self.routes}

    def _spans(self, site: Site, way: str) -> list[tuple[float, float, str]]:
        spans = [(s.lane, s.from_m, s.to_m, b.id) for b in site.config.block for s in b.spans]
        joint = self._across.get(way)
        if joint is None:
            return [(begin, end, block) for lane, begin, end, block in spans if lane == way]
        leave, shift = joint.leave_s, joint.shift
        # What the survey left between the lanes belongs to no block: theirs meet at the joint.
        near, far = leave - 2 * JOIN_M, leave + 2 * JOIN_M
        before = [
            (a, leave if b > near else b, k) for lane, a, b, k in spans if lane == joint.first and a < leave
        ]
        return before + [
            (leave if a + shift < far else a + shift, b + shift, k)
            for lane, a, b, k in spans
            if lane == joint.second and b + shift > leave
        ]

    def limits(self, way: str, reverse: bool) -> SpeedLimits:
        """In the direction of travel (see `SpeedLimits`)."""
        return self._limits[way, reverse]

    def across(self, way: str) -> Joint | None:
        """The joint that this way leads across, None for a lane."""
        return self._across.get(way)

    def way(self, lane: str, onward: str) -> str:
        """The way of a vehicle on `lane` that is to go on to the lane `onward` ("" = to none)."""
        return f"{lane}>{onward}" if (lane, onward) in self.joints else lane
