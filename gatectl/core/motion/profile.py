"""How fast, and when to brake: limits along the route, and a stop on the point.

The limits of a route (lane speed, lateral acceleration, steering rate) are worked out once, with a
backward pass so that every slower place is reached at its speed. The end of authority may move at
any scan: it is met by a braking curve whose deceleration fades out with the jerk limit, so that the
vehicle arrives with none. Commands act after a dead time and a lag, so the law works on the state
that the commands already given will have led to, and a slow observer carries what the model does
not know: drag, grade, drive gain.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct

from gatectl.core.motion.route import Route
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Limits

JERK_MPS3 = 0.5  # of the braking curve
CHANGE_MPS3 = 1.0  # of the commands: more, so that errors can be caught up
CURVE_PER_M = 1 / 200  # a lane bent more than this counts as a curve
STEER_RATE_SHARE = 0.5  # of what the actuator can: the rest is for the feedback
SPEED_GAIN = 1.4  # 1/s
CREEP_MPS = 0.05
BRAKE_AT_M = 0.002  # before the end, in what the commands already given will still travel
START_M = 0.025  # a shorter way is not worth releasing the brake for
FOLLOW_M = 0.05  # nor, once arrived, is what the estimate wanders by
OBSERVER = 1.2  # rad/s
DRAG_MAX_MPS2 = 0.3


class Limit(NamedTuple):
    """speed m/s, and the acceleration (m/s2, <= 0) that keeps to it where it falls."""

    speed: float
    accel: float


class SpeedState(Struct):
    """accel m/s2: modelled at the wheels; sent: the commands inside the dead time, oldest first;
    speed m/s, drag m/s2: of the observer; held: on the brake; arrived: because the end of authority
    was reached, so that the wandering of the estimate does not make the vehicle follow it."""

    accel: float = 0.0
    sent: list[float] = []
    speed: float = 0.0
    drag: float = 0.0
    held: bool = True
    arrived: bool = False


class SpeedLimits:
    """Highest speed at every place of a route, by table (spacing of the route)."""

    def __init__(self, route: Route, limits: Limits, vehicle: VehicleConfig) -> None:
        top = min(limits.speed_mps, vehicle.speed_max_mps)
        rate = math.radians(vehicle.steer_rate_max_dps) * STEER_RATE_SHARE
        wheelbase = vehicle.wheelbase_m
        speeds: list[float] = []
        for bend, sharp in zip(route.curvature, route.sharpness, strict=True):
            speed = min(top, math.sqrt(limits.lateral_accel_mps2 / max(abs(bend), 1e-9)))
            if abs(bend) > CURVE_PER_M:
                speed = min(speed, limits.curve_speed_mps)
            turn = wheelbase * abs(sharp) / (1 + (wheelbase * bend) ** 2)  # steering angle per metre
            speed = min(speed, max(0.5, rate / max(turn, 1e-9)))
            speeds.append(speed)
        gain = 2 * vehicle.decel_max_mps2 * route.spacing
        for i in range(len(speeds) - 2, -1, -1):
            speeds[i] = min(speeds[i], math.sqrt(speeds[i + 1] ** 2 + gain))
        self.route = route
        self.speed = speeds
        self._last = len(speeds) - 1

    def at(self, s: float) -> Limit:
        """Linear between table rows; outside the route its end values."""
        u = min(max(s / self.route.spacing, 0.0), self._last - 1e-6)
        i = int(u)
        a, b = self.speed[i], self.speed[i + 1]
        slope = (b - a) / self.route.spacing
        speed = a + (b - a) * (u - i)
        return Limit(speed, min(0.0, speed * slope))


def braking_curve(distance: float, decel: float, jerk: float) -> Limit:
    """The speed from which a stop over `distance` (m) ends with deceleration fading to nothing at
    `jerk`, after a phase of constant `decel`; and the acceleration on that curve."""
    if distance <= 0.0:
        return Limit(0.0, 0.0)
    fade = decel / jerk
    fade_distance = jerk * fade**3 / 6
    if distance <= fade_distance:
        t = (6 * distance / jerk) ** (1 / 3)
        return Limit(0.5 * jerk * t * t, -jerk * t)
    v0 = 0.5 * jerk * fade * fade
    return Limit(math.sqrt(v0 * v0 + 2 * decel * (distance - fade_distance)), -decel)


def braking_distance(speed: float, decel: float, jerk: float) -> float:
    """Inverse of `braking_curve`: m needed from speed m/s."""
    fade = decel / jerk
    v0 = 0.5 * jerk * fade * fade
    if speed <= v0:
        t = math.sqrt(2 * max(0.0, speed) / jerk)
        return jerk * t * t * t / 6
    return jerk * fade * fade * fade / 6 + (speed * speed - v0 * v0) / (2 * decel)


def stopping_point(vehicle: VehicleConfig, s: float, speed: float) -> float:
    """Where (m along the route) a gentle stop that is asked for now will end."""
    speed = max(0.0, speed)
    turn = (vehicle.accel_max_mps2 + vehicle.decel_max_mps2) / CHANGE_MPS3  # it may be accelerating
    lag = vehicle.drive_dead_s + vehicle.drive_tau_s + turn
    return s + braking_distance(speed, vehicle.decel_max_mps2, JERK_MPS3) + speed * lag


class SpeedCommand(NamedTuple):
    """accel m/s2; brake: hold; target m/s: what the law aims at now."""

    accel: float
    brake: bool
    target: float


class SpeedLaw:
    """One vehicle's longitudinal law. period_s: of the scan."""

    def __init__(self, vehicle: VehicleConfig, period_s: float) -> None:
        self._v = vehicle
        self._dead = max(1, round(vehicle.drive_dead_s / period_s))
        self._tau = vehicle.drive_tau_s

    def hold(self, state: SpeedState, speed: float, arrived: bool = False) -> SpeedCommand:
        """Stop on the service brake and stay."""
        state.arrived = arrived or (state.arrived and state.held)
        state.sent = []
        state.accel = 0.0
        state.speed = speed
        state.held = True
        return SpeedCommand(-self._v.brake_mps2 if speed > 0.01 else 0.0, True, 0.0)

    def step(
        self,
        state: SpeedState,
        limits: SpeedLimits,
        s: float,
        *,
        end_s: float,
        cap: float,
        speed: float,
        dt: float,
    ) -> SpeedCommand:
        """One scan of driving towards end_s (m along the route). cap: extra speed limit m/s."""
        if state.held:
            if end_s - s <= (FOLLOW_M if state.arrived else START_M):
                return self.hold(state, speed)
            state.held = state.arrived = False
            state.sent = [0.0] * self._dead
            state.accel, state.speed = 0.0, speed
        elif not state.sent:
            state.sent = [0.0] * self._dead
        self._observe(state, speed, dt)
        ahead, v, a = self._after_dead_time(state, speed, dt)
        left = end_s - s - ahead
        if (left <= BRAKE_AT_M and v < 0.5) or end_s - s <= 0.0:
            return self.hold(state, speed, arrived=True)
        wanted = min(
            self._to_stop(left, v, a), self._to_limit(limits, s + ahead, v, a), SPEED_GAIN * (cap - v)
        )
        accel = min(self._v.accel_max_mps2, max(-self._v.decel_max_mps2 * 1.6, wanted))
        # Invert the drive's lag for the change that the jerk limit allows within a scan.
        change = max(-CHANGE_MPS3, min(CHANGE_MPS3, (accel - a) / (2 * dt)))
        command = a + change * (dt + self._tau) + state.drag
        command = max(-self._v.brake_mps2, min(self._v.accel_max_mps2 + DRAG_MAX_MPS2, command))
        state.sent.append(command - state.drag)
        target = min(
            limits.at(s).speed, cap, braking_curve(end_s - s, self._v.decel_max_mps2, JERK_MPS3).speed
        )
        return SpeedCommand(command, False, target)

    def _to_stop(self, left: float, v: float, a: float) -> float:
        """Acceleration (m/s2) that follows the braking curve, `left` m before its end."""
        decel = self._v.decel_max_mps2
        curve = braking_curve(left, decel, JERK_MPS3)
        # Deceleration takes time to build up; look that far ahead on the curve.
        build = max(0.0, a - curve.accel) / CHANGE_MPS3
        curve = braking_curve(left - 0.5 * v * build, decel, JERK_MPS3)
        return (curve.accel if v > CREEP_MPS else 0.0) + SPEED_GAIN * (max(curve.speed, CREEP_MPS) - v)

    def _to_limit(self, limits: SpeedLimits, s: float, v: float, a: float) -> float:
        """The same for the limits of the lane."""
        build = max(0.0, a - limits.at(s).accel) / CHANGE_MPS3
        lane = limits.at(s + 0.5 * v * (build + 0.3))
        return lane.accel + SPEED_GAIN * (lane.speed - v)

    def _observe(self, state: SpeedState, speed: float, dt: float) -> None:
        """Follow the measured speed; what the modelled acceleration does not explain is drag."""
        due = state.sent.pop(0) if len(state.sent) >= self._dead else 0.0
        state.accel += (due - state.accel) * min(1.0, dt / self._tau)
        error = speed - state.speed
        state.speed += dt * (state.accel + 2 * OBSERVER * error)
        if speed > 0.1:
            drag = state.drag - dt * OBSERVER * OBSERVER * error
            state.drag = max(-DRAG_MAX_MPS2, min(DRAG_MAX_MPS2, drag))

    def _after_dead_time(self, state: SpeedState, speed: float, dt: float) -> tuple[float, float, float]:
        """Distance m, speed m/s and acceleration m/s2 once the commands already sent have acted."""
        v, a, distance = speed, state.accel, 0.0
        k = min(1.0, dt / self._tau)
        for command in state.sent:
            a += (command - a) * k
            distance += dt * (v + 0.5 * dt * a)
            v = max(0.0, v + dt * a)
        return distance, v, a
