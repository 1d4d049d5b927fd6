"""Where the steering commands that are still under way will have led the vehicle.

A single-track model with neutral steer (R. Rajamani, Vehicle Dynamics and Control, ch. 2). With c the
cornering stiffness per mass (the slip coefficient is 1 / c), k2 the yaw inertia per mass, and lf, lr
the axles' distances from the centre of gravity, its linear equations come apart exactly:
    yaw_rate' = (v tan(steer) / L - yaw_rate) / (v k2 / (c lf lr))
    rear drift angle = -v2 curvature / c of the place g = (k2 - lf lr) / lf behind
Backwards the tyres drift to the same side, so the angle between heading and course is the other way round.
k2 / (lf lr) and g / L vary little from vehicle to vehicle; steered on all wheels the middle has g near 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gatectl.core.motion.actuator import SteeringModel, SteeringState
from gatectl.core.motion.localise import Estimate
from gatectl.model.node import VehicleConfig

YAW_INERTIA = 1.15  # k2 / (lf lr)
DRIFT_LENGTH = 0.09  # g / L, front steer


class Place(NamedTuple):
    """x, y m; yaw rad; speed m/s (negative backwards); angle rad of the road wheels; ahead m: travelled
    until then."""

    x: float
    y: float
    yaw: float
    speed: float
    angle: float
    ahead: float


class Predictor:
    """One vehicle's motion over the steering's dead time. period_s: of the scan."""

    def __init__(self, vehicle: VehicleConfig, steering: SteeringModel, period_s: float) -> None:
        self._length = vehicle.effective_wheelbase_m
        self._steering = steering
        self._period = period_s
        self._front = vehicle.steering == "front"
        self.drift_m = DRIFT_LENGTH * vehicle.wheelbase_m if self._front else 0.0

    def yaw_lag(self, speed: float, slip: float) -> float:
        """Seconds by which the yaw rate follows the wheels."""
        return YAW_INERTIA * slip * abs(speed)

    def bend(self, angle: float, drift: float) -> float:
        """Curvature (yaw rate over speed, 1/m) that wheels at this angle rad settle at; drift rad: the
        slip angle that goes with it. A front axle at a large angle has to slip more for its share."""
        tangent = math.tan(angle)
        return (tangent - drift * self._excess(tangent)) / self._length

    def angle(self, bend: float, drift: float) -> float:
        """The inverse of `bend`."""
        tangent = self._length * bend
        return math.atan(tangent + drift * self._excess(tangent))

    def _excess(self, tangent: float) -> float:
        return (1.0 + tangent * tangent) ** 1.5 - 1.0 if self._front else 0.0

    def yaw_rate(self, rate: float, angle: float, speed: float, slip: float, dt: float) -> float:
        """The yaw rate rad/s, dt s later."""
        # `bend` and `yaw_lag`, written out.
        tangent, drift = math.tan(angle), slip * abs(speed)
        if self._front:
            q = 1.0 + tangent * tangent
            tangent -= drift * rate * (q * math.sqrt(q) - 1.0)
        return rate + (speed * tangent / self._length - rate) * dt / (dt + YAW_INERTIA * drift)

    def after_dead_time(self, state: SteeringState, pose: Estimate, accel: float) -> Place:
        """From the pose now, accel m/s2 along the heading."""
        x, y, yaw, v, rate, slip = pose.x, pose.y, pose.yaw, pose.speed, pose.yaw_rate, pose.slip
        crab, dt, angle = pose.crab, self._period, state.angle
        length, drift_m, front = self._length, self.drift_m, self._front
        drift, ahead = -slip * abs(v) * rate, 0.0
        angles = self._steering.ahead(state)
        left, part = len(angles), self._steering.part
        for angle in angles:
            left -= 1
            if part and not left:
                dt *= part
            pace = -v if v < 0.0 else v
            # `yaw_rate`, written out.
            tangent, slips = math.tan(angle), slip * pace
            if front:
                q = 1.0 + tangent * tangent
                tangent -= slips * rate * (q * math.sqrt(q) - 1.0)
            rate += (v * tangent / length - rate) * dt / (dt + YAW_INERTIA * slips)
            lag = slips + drift_m / (pace if pace > 0.1 else 0.1)
            drift -= (slips * rate + drift) * dt / (dt + lag)
            step, turn = v * dt, rate * dt
            course = yaw + 0.5 * turn + drift + crab
            x += step * math.cos(course)
            y += step * math.sin(course)
            yaw += turn
            ahead += step
            v += accel * dt
        return Place(x, y, yaw, v, angle, ahead)
