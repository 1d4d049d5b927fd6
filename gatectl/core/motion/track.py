"""Steering along the route.

Feed-forward from the route's curvature, previewed by the actuator's lag and with the tyre slip that
the estimator knows; feedback in distance, not time, so that it is the same at every speed; both on
the pose that the steering commands still inside the dead time will have led to. A slow observer
learns the constant angle between the measured steering and the one that the yaw rate shows
(steering bias, understeer).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct

from gatectl.core.motion.localise import Estimate
from gatectl.core.motion.route import Route
from gatectl.model.node import VehicleConfig

GAIN_PER_M = 0.30  # natural wave number of the closed loop at low speed
GAIN_PER_S = 1.05  # its natural frequency at high speed
DAMPING = 0.85
ERROR_MAX_M = 1.0  # a larger error steers no harder
OFFSET_TAU_S = 6.0
OFFSET_SPEED_MPS = 0.8
OFFSET_MAX_RAD = math.radians(2.0)


class TrackState(Struct):
    """angle rad: the actuator, modelled; sent: commands inside the dead time, oldest first (with the
    offset taken off); offset rad: learned; s m: last place on the route; command rad: the last one."""

    angle: float = 0.0
    sent: list[float] = []
    offset: float = 0.0
    s: float = 0.0
    command: float = 0.0


class Deviation(NamedTuple):
    """The pose against the route now: s m, lateral m (left positive), heading rad (course - route)."""

    s: float
    lateral: float
    heading: float


class Tracker:
    """One vehicle's lateral law. period_s: of the scan."""

    def __init__(self, vehicle: VehicleConfig, period_s: float) -> None:
        self._length = vehicle.wheelbase_m
        self._max = math.radians(vehicle.steer_max_deg)
        self._rate = math.radians(vehicle.steer_rate_max_dps)
        self._dead = max(1, round(vehicle.steer_dead_s / period_s))
        self._tau = vehicle.steer_tau_s
        self._reach = self._dead * period_s

    def deviation(self, state: TrackState, route: Route, pose: Estimate) -> Deviation:
        """Where the vehicle is on the route; remembers the place."""
        near = route.project(pose.x, pose.y, state.s)
        state.s = near.s
        point = route.at(near.s)
        course = pose.yaw - pose.slip * pose.speed * pose.yaw_rate
        return Deviation(near.s, near.lateral, math.remainder(course - point.yaw, math.tau))

    def step(
        self, state: TrackState, route: Route, pose: Estimate, measured: float | None, dt: float
    ) -> float:
        """The steering command (rad, left positive). measured: the actuator's angle, rad, if known."""
        due = state.sent.pop(0) if len(state.sent) >= self._dead else state.command + state.offset
        state.angle += max(
            -self._rate * dt, min(self._rate * dt, (due - state.angle) * min(1.0, dt / self._tau))
        )
        if measured is not None:
            self._learn(state, pose, measured, dt)
            # The sensor corrects the model of the actuator, which must not drift from it.
            state.angle += 0.3 * (measured + state.offset - state.angle)
        place, angle = self._after_dead_time(state, pose, dt)
        wanted = self._wanted(state.s, route, place, pose)
        wanted = max(-self._max, min(self._max, wanted))
        limit = self._rate * (dt + self._tau)
        wanted = max(angle - limit, min(angle + limit, wanted))
        if pose.speed < 0.05:  # do not grind the tyres of a standing vehicle
            wanted = state.command + state.offset
        state.sent.append(wanted)
        state.command = max(-self._max, min(self._max, wanted - state.offset))
        return state.command

    def _wanted(
        self, near_s: float, route: Route, place: tuple[float, float, float], pose: Estimate
    ) -> float:
        """The road-wheel angle (rad) for this place (x, y, yaw)."""
        v, (x, y, yaw) = pose.speed, place
        near = route.project(x, y, near_s + v * self._reach)
        here = route.at(near.s)
        ahead = route.at(near.s + v * self._tau)
        slip = pose.slip * v * v
        # Course error: where the rear axle really goes, against the route.
        heading = math.remainder(yaw - slip * here.curvature - here.yaw, math.tau)
        lateral = max(-ERROR_MAX_M, min(ERROR_MAX_M, near.lateral))
        gain = min(GAIN_PER_M, GAIN_PER_S / max(v, 0.1))
        bend = ahead.curvature / max(0.2, 1.0 - ahead.curvature * lateral) + slip * ahead.sharpness
        bend -= gain * gain * lateral + 2 * DAMPING * gain * math.sin(heading)
        return math.atan(self._length * bend)

    def _after_dead_time(
        self, state: TrackState, pose: Estimate, dt: float
    ) -> tuple[tuple[float, float, float], float]:
        """The place (x, y, yaw) and actuator angle once the commands already sent have acted."""
        x, y, yaw, angle, v = pose.x, pose.y, pose.yaw, state.angle, pose.speed
        k = min(1.0, dt / self._tau)
        limit, step, slip = self._rate * dt, v * dt, pose.slip * v
        for command in state.sent:
            angle += max(-limit, min(limit, (command - angle) * k))
            rate = v * math.tan(angle) / self._length
            course = yaw + rate * (0.5 * dt - slip)
            x += step * math.cos(course)
            y += step * math.sin(course)
            yaw += rate * dt
        return (x, y, yaw), angle

    def _learn(self, state: TrackState, pose: Estimate, measured: float, dt: float) -> None:
        if pose.speed < OFFSET_SPEED_MPS:
            return
        shown = math.atan(self._length * pose.yaw_rate / pose.speed)
        share = min(1.0, dt / OFFSET_TAU_S)
        offset = state.offset + share * (shown - measured - state.offset)
        state.offset = max(-OFFSET_MAX_RAD, min(OFFSET_MAX_RAD, offset))
