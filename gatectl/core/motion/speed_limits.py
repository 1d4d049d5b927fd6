"""How fast at every place of a route: lane speed, lateral acceleration, steering rate, and what it
takes to reach every slower place at its speed.

Worked out once: a cap per place, then a backward pass (deceleration) and a forward one (acceleration;
both as in J. E. Bobrow et al., Time-optimal control of robotic manipulators, 1985), then a smoothing
over time that limits the jerk and never raises a speed: the least within a window, averaged over it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from gatectl.core.motion.braking import Limit
from gatectl.core.motion.route import Route
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Limits

CURVE_PER_M = 1 / 200  # a lane bent more than this counts as a curve
STEER_RATE_SHARE = 0.8  # of what the actuator can: the rest is for the feedback
LATERAL_SHARE = 0.92  # of the lateral acceleration: likewise
SLOWEST_MPS = 0.5  # a kink in the lane is no reason to stand
JERK_MPS3 = 1.0  # of the table, from none to the full acceleration
STEP_S = 0.02  # of the smoothing


class SpeedLimits:
    """Highest speed at every place of a route, by table.

    Places are metres of travel, counted from the end of the route where travelling begins: s when
    driving forwards, length - s with reverse, where `vehicle.reverse_speed_max_mps` holds too.
    end_speed: m/s allowed at the end of travel (other routes may go on from there).
    cap: m/s as each place allows; speed: as can be driven, never above it.
    """

    def __init__(
        self,
        route: Route,
        limits: Limits,
        vehicle: VehicleConfig,
        *,
        reverse: bool = False,
        end_speed: float = math.inf,
    ) -> None:
        top = min(limits.speed_mps, vehicle.speed_max_mps)
        if reverse:
            top = min(top, max(SLOWEST_MPS, vehicle.reverse_speed_max_mps))
        rate = math.radians(vehicle.steer_rate_max_dps) * STEER_RATE_SHARE
        lateral = limits.lateral_accel_mps2 * LATERAL_SHARE
        wheelbase = vehicle.effective_wheelbase_m
        caps: list[float] = []
        # The actuator's lag evens out what is shorter than it, such as a spline's ripple at a clothoid's end.
        size = 2 * round(vehicle.steer_tau_s * top / route.spacing) + 1
        sharpness = uniform_filter1d(np.asarray(route.sharpness), size, mode="nearest").tolist()
        for bend, sharp in zip(route.curvature, sharpness, strict=True):
            speed = min(top, math.sqrt(lateral / max(abs(bend), 1e-9)))
            if abs(bend) > CURVE_PER_M:
                speed = min(speed, limits.curve_speed_mps)
            turn = wheelbase * abs(sharp) / (1 + (wheelbase * bend) ** 2)  # steering angle per metre
            caps.append(min(speed, max(SLOWEST_MPS, rate / max(turn, 1e-9))))
        if reverse:
            caps.reverse()
        caps[-1] = min(caps[-1], max(SLOWEST_MPS, end_speed))
        self.route, self.spacing = route, route.spacing
        self.cap = caps
        slowed = _pass(caps[::-1], vehicle.decel_max_mps2, route.spacing)[::-1]
        speeds = _pass(slowed, vehicle.accel_max_mps2, route.spacing)
        window_s = max(vehicle.accel_max_mps2, vehicle.decel_max_mps2) / JERK_MPS3
        self.speed = _smooth(speeds, route.spacing, window_s)
        self._last = len(caps) - 1

    def at(self, place: float) -> Limit:
        """Linear between table rows; outside the route its end values."""
        u = place / self.spacing
        u = 0.0 if u < 0.0 else min(u, self._last - 1e-6)
        i = int(u)
        a, b = self.speed[i], self.speed[i + 1]
        speed = a + (b - a) * (u - i)
        return Limit(speed, speed * (b - a) / self.spacing)


def _pass(caps: list[float], accel: float, spacing: float) -> list[float]:
    """No speed rises from row to row by more than `accel` (m/s2) allows."""
    out = [caps[0]]
    for cap in caps[1:]:
        out.append(min(cap, math.sqrt(out[-1] * out[-1] + 2 * accel * spacing)))
    return out


def _smooth(speeds: list[float], spacing: float, window_s: float) -> list[float]:
    """The same profile with its acceleration averaged over window_s of driving, nowhere faster."""
    v = np.asarray(speeds)
    t = np.concatenate([[0.0], np.cumsum(2 * spacing / (v[1:] + v[:-1]))])
    grid = np.arange(0.0, t[-1] + STEP_S, STEP_S)
    size = 2 * round(0.5 * window_s / STEP_S) + 1
    low = minimum_filter1d(np.interp(grid, t, v), size, mode="nearest")
    even = uniform_filter1d(low, size, mode="nearest")
    # Between the points of the grid a row could be a hair above its cap.
    out: list[float] = np.minimum(np.interp(t, grid, even), v).tolist()
    return out
