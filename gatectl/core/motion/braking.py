"""The braking curve: from which speed a stop over a distance ends softly, and its inverse.

Constant deceleration, then one that fades out with a constant jerk, so that the vehicle arrives
with none (third-order motion, e.g. L. Biagiotti and C. Melchiorri, Trajectory Planning, ch. 3).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gatectl.model.node import VehicleConfig

FADE_MPS3 = 0.7  # of the deceleration at the end of a stop
CHANGE_MPS3 = 1.6  # of the commands: more, so that errors can be caught up


class Limit(NamedTuple):
    """speed m/s, and the acceleration (m/s2) that keeps to it where it falls or rises."""

    speed: float
    accel: float


def braking_curve(distance: float, decel: float, jerk: float) -> Limit:
    """The speed from which a stop over `distance` (m) ends with deceleration fading to nothing at
    `jerk` (m/s3), after a phase of constant `decel` (m/s2); and the acceleration on that curve."""
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


def stopping_distance(vehicle: VehicleConfig, speed: float) -> float:
    """m that a gentle stop takes which is asked for now. speed: m/s, in the direction of travel."""
    speed = max(0.0, speed)
    turn = (vehicle.accel_max_mps2 + vehicle.decel_max_mps2) / CHANGE_MPS3  # it may be accelerating
    lag = vehicle.drive_dead_s + vehicle.drive_tau_s + turn
    return braking_distance(speed, vehicle.decel_max_mps2, FADE_MPS3) + speed * lag


def landing_distance(speed: float, accel: float, jerk: float) -> float:
    """m until standstill if the acceleration (m/s2, <= 0) now falls at `jerk` (m/s3)."""
    t = (accel + math.sqrt(accel * accel + 2 * jerk * max(0.0, speed))) / jerk
    return t * (speed + t * (0.5 * accel - jerk * t / 6))
