"""Steering along the route.

Feed-forward: for a vehicle whose tyres slip the steering that keeps the control point on the route follows
from the route alone (see `track_predict`): its heading differs from the route's direction by
slip * speed2 * curvature, so its yaw rate has a share of the sharpness and of the acceleration; it is read
as far ahead on the route as actuator and yaw inertia lag.
Feedback: in distance, not time, so that it is the same at every speed; on the pose that the steering
commands still inside the dead time will have led to; on lateral error, heading error and the
(modelled, so noiseless) curvature error that the lag makes a state of its own: poles at -gain twice
and at the lag's own place. A slow observer learns the constant angle between the measured steering
and the one that the yaw rate shows (steering bias, understeer).
Backwards (speed < 0) the same route is followed towards smaller s; errors keep their signs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct, field

from gatectl.core.motion.actuator import SteeringModel, SteeringState
from gatectl.core.motion.localise import Estimate
from gatectl.core.motion.route import Route
from gatectl.core.motion.track_predict import Place, Predictor
from gatectl.model.node import VehicleConfig

GAIN_PER_M = 0.32  # natural wave number of the closed loop at low speed
GAIN_PER_S = 1.3  # its natural frequency at high speed
ERROR_MAX_M = 1.0  # a larger error steers no harder
HEADING_MAX_RAD = 1.2
OFFSET_TAU_S = 3.0
OFFSET_SPEED_MPS = 2.0  # learned at half that pace, from v2 / (v2 + this2)
OFFSET_MAX_RAD = math.radians(2.0)
ACCEL_TAU_S = 0.4
ACCEL_MAX_MPS2 = 1.5
STAND_MPS = 0.05  # do not grind the tyres of a standing vehicle


class TrackState(Struct):
    """steering: the actuator's model. offset rad: learned, wheels beyond sensor; yaw_rate rad/s: that the
    model would show; accel m/s2, speed m/s: of the vehicle, filtered; s m: last place on the route;
    command rad: the last one, with extra rad that a test added to it."""

    steering: SteeringState = field(default_factory=SteeringState)
    offset: float = 0.0
    yaw_rate: float = 0.0
    accel: float = 0.0
    speed: float = 0.0
    s: float = 0.0
    command: float = 0.0
    extra: float = 0.0


class Deviation(NamedTuple):
    """The pose against the route now: s m, lateral m (left positive), heading rad (course - route)."""

    s: float
    lateral: float
    heading: float


class Tracker:
    """One vehicle's lateral law. period_s: of the scan."""

    def __init__(self, vehicle: VehicleConfig, period_s: float) -> None:
        self._length = vehicle.effective_wheelbase_m
        self._max = math.radians(vehicle.steer_max_deg)
        self._steering = SteeringModel(vehicle, period_s)
        self._predictor = Predictor(vehicle, self._steering, period_s)
        self._offset = math.radians(vehicle.steer_offset_deg)
        self._period = period_s

    def start(self) -> TrackState:
        """The state of a vehicle of which nothing but its configuration is known."""
        return TrackState(SteeringState(), offset=self._offset)

    def deviation(self, state: TrackState, route: Route, pose: Estimate) -> Deviation:
        """Where the vehicle is on the route; remembers the place."""
        near = route.project(pose.x, pose.y, state.s)
        state.s = near.s
        course = pose.yaw - pose.slip * abs(pose.speed) * pose.yaw_rate + pose.crab
        return Deviation(near.s, near.lateral, math.remainder(course - route.bend(near.s)[0], math.tau))

    def step(
        self,
        state: TrackState,
        route: Route,
        pose: Estimate,
        measured: float | None,
        dt: float,
        *,
        measured_age_s: float = 0.0,
        extra: float = 0.0,
    ) -> float:
        """The steering command (rad, left positive). measured: the actuator's angle, rad, if known.

        extra: rad that a test adds; the prediction knows of it, the law's own wish does not grow from it.
        """
        steering = state.steering
        if not steering.sent and measured is not None:  # a start: the wheels stay where they are
            steering.angle = measured + state.offset
        self._steering.advance(steering, dt)
        if measured is not None:
            self._steering.measure(steering, measured + state.offset, measured_age_s, dt)
        self._observe(state, pose, dt)
        place = self._predictor.after_dead_time(steering, pose, state.accel)
        wanted = steering.sent[-1] - state.extra
        if abs(pose.speed) >= STAND_MPS:
            step = self._steering.rate_max * dt
            wanted = max(wanted - step, min(wanted + step, self._wanted(state, route, pose, place)))
        wanted = max(state.offset - self._max, min(state.offset + self._max, wanted))
        state.extra = extra
        self._steering.send(steering, wanted + extra)
        state.command = max(-self._max, min(self._max, wanted + extra - state.offset))
        return state.command

    def _wanted(self, state: TrackState, route: Route, pose: Estimate, place: Place) -> float:
        """The road-wheel angle (rad) at this place."""
        v, slip = place.speed, pose.slip
        near = route.project(place.x, place.y, state.s + place.ahead)
        direction = route.bend(near.s)[0]
        behind = route.bend(near.s - math.copysign(self._predictor.drift_m, v))[1]
        # Errors. The heading that keeps to the route differs from the route's by the tyres' drift.
        forward = math.copysign(1.0, v)
        drift = slip * v * abs(v)
        heading = math.remainder(place.yaw - direction - drift * behind + pose.crab, math.tau)
        heading = max(-HEADING_MAX_RAD, min(HEADING_MAX_RAD, heading))
        lateral = max(-ERROR_MAX_M, min(ERROR_MAX_M, near.lateral))
        # Feed-forward, and what of it should be there by now.
        yaw_lag = self._predictor.yaw_lag(v, slip)
        lag = yaw_lag + self._steering.lag_s
        turning = _curvature(route, near.s + v * yaw_lag, v, slip, state.accel)
        ahead = _curvature(route, near.s + v * (lag + 0.5 * self._period), v, slip, state.accel)
        excess = self._predictor.bend(place.angle, drift * turning) - turning
        gain = self._gain(v, lateral, heading)
        lag_m = lag * abs(v)
        bend = ahead / max(0.2, 1.0 - ahead * lateral)
        bend -= gain * gain * lateral
        bend -= forward * (2 * gain + lag_m * gain * gain) * heading
        bend -= 2 * gain * lag_m * excess
        return self._predictor.angle(bend, drift * ahead)

    def _gain(self, v: float, lateral: float, heading: float) -> float:
        """Wave number 1/m of the closed loop; a wide error is steered out at a pace at which the
        actuator's rate suffices, else the loop would swing."""
        gain = min(GAIN_PER_M, GAIN_PER_S / max(abs(v), 0.1))
        sharpness = self._steering.rate_max / (self._length * max(abs(v), 0.1))
        wish = gain * gain * (gain * abs(lateral) + 2 * abs(heading))
        return gain * math.sqrt(sharpness / wish) if wish > sharpness else gain

    def _observe(self, state: TrackState, pose: Estimate, dt: float) -> None:
        """Acceleration from the speed; the steering offset from what the yaw rate shows beyond the model."""
        v = pose.speed
        share = dt / ACCEL_TAU_S
        # A second-order follower: its slope is the acceleration without the noise of differences.
        error = v - state.speed
        state.speed += dt * state.accel + 2 * share * error
        accel = state.accel + share * share / dt * error
        state.accel = max(-ACCEL_MAX_MPS2, min(ACCEL_MAX_MPS2, accel))
        state.yaw_rate = self._predictor.yaw_rate(state.yaw_rate, state.steering.angle, v, pose.slip, dt)
        if abs(v) < STAND_MPS:
            return
        missing = (pose.yaw_rate - state.yaw_rate) * self._length / v
        weight = v * v / (v * v + OFFSET_SPEED_MPS * OFFSET_SPEED_MPS)
        change = dt / OFFSET_TAU_S * weight * missing
        change = max(-OFFSET_MAX_RAD - state.offset, min(OFFSET_MAX_RAD - state.offset, change))
        state.offset += change
        state.steering.angle += change


def _curvature(route: Route, s: float, v: float, slip: float, accel: float) -> float:
    """Yaw rate over speed (1/m) that keeps a slipping vehicle on the route at s."""
    _, curvature, sharpness = route.bend(s)
    return curvature + math.copysign(slip, v) * (v * v * sharpness + 2 * accel * curvature)
