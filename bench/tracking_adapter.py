"""gatectl as a controller of the shared tracking benchmark.

Nothing is decided here: the benchmark's nominal vehicle becomes a `VehicleConfig`, its path a `Route`,
its measurements `Motion` and `GnssFix`, and the functions that `gatectl.core.vehicle` calls are called in
the same order. The benchmark's accelerations have no brake beside them: a braked command is
the service brake's deceleration.
"""

from __future__ import annotations

import math
from typing import Any

from gatectl.core.motion import (
    Estimate,
    GnssFix,
    Localiser,
    LocaliserState,
    Motion,
    Route,
    SpeedLaw,
    SpeedLimits,
    SpeedState,
    Tracker,
)
from gatectl.model.node import AntennaConfig, VehicleConfig
from gatectl.model.site import Limits

EPOCH_NS = 1_000_000_000  # the benchmark's t = 0 on our monotonic clock
STANDSTILL_MPS, STANDSTILL_S = 0.03, 0.3  # what the drive controller's firmware calls standstill
CORRECTION_AGE_S = 1.0
ALL_WHEEL_BELOW_M = 5.0  # VehicleInfo only tells the effective wheelbase; no such vehicle is this short
GIVEN_BIAS_TAU_S = 5.0
GIVEN_CRAB_TAU_S, CRAB_FROM_MPS = 30.0, 0.5
# What the benchmark's time-optimal bound keeps to.
ACCEL_MPS2 = 0.55
SITE_LIMITS = Limits(speed_mps=20 / 3.6, curve_speed_mps=20 / 3.6, lateral_accel_mps2=0.6)


def vehicle_config(info: Any) -> VehicleConfig:
    """The benchmark's VehicleInfo as a node file would have it; a command's way is dead time too."""
    all_wheel = info.l_eff < ALL_WHEEL_BELOW_M
    return VehicleConfig(
        serial="bench",
        manufacturer="bench",
        wheelbase_m=2 * info.l_eff if all_wheel else info.l_eff,
        steering="all_wheel" if all_wheel else "front",
        steer_max_deg=math.degrees(info.steer_max),
        steer_rate_max_dps=math.degrees(info.steer_rate_max),
        steer_dead_s=info.steer_dead + info.link_delay,
        steer_tau_s=info.steer_tau,
        drive_dead_s=info.drive_dead + info.link_delay,
        drive_tau_s=info.drive_tau,
        accel_max_mps2=ACCEL_MPS2,
        decel_max_mps2=ACCEL_MPS2,
        speed_max_mps=SITE_LIMITS.speed_mps,
        slip_coeff=info.slip_coeff,
    )


class Controller:
    """One vehicle with gatectl's own estimator, lateral and speed law (benchmark protocol)."""

    own_estimator = True
    period = 0.02

    def __init__(self, info: Any) -> None:
        self.info = info

    def reset(self, path: Any, dt: float) -> None:
        """path: N x 5 array x, y, yaw, kappa, v; dt s."""
        config = vehicle_config(self.info)
        self.dt = dt
        self.route = Route("bench", [(float(row[0]), float(row[1])) for row in path])
        self.limits = SpeedLimits(self.route, SITE_LIMITS, config)
        self.localiser = Localiser(AntennaConfig(), config.slip_coeff, config.wheelbase_m)
        self.tracker = Tracker(config, dt)
        self.law = SpeedLaw(config, dt)
        self.brake_mps2 = config.brake_mps2
        self.place, self.track, self.speed = LocaliserState(), self.tracker.start(), SpeedState()
        self.motion = Motion(0, 0.0, 0.0, True, True, None)
        self.gyro, self.slow_s = 0.0, 0.0
        self.steer: float | None = None
        self.arrived: list[Any] = []
        self.located = False

    def on_measurements(self, measurements: list[Any]) -> None:
        """Kept until the step, so that their cost counts."""
        self.arrived += measurements

    def step(self, t: float, pose: Any, speed: float) -> tuple[float, float]:  # noqa: ARG002 - the protocol
        """Steering rad and acceleration m/s2. pose, speed: the benchmark's estimate, not used here."""
        now = EPOCH_NS + round(t * 1e9)
        pose = self.localise(now)
        return self.drive(pose, max(0.0, (now - self.motion.stamp_mono_ns) * 1e-9))

    def localise(self, now: int) -> Estimate:
        """Every odometry sample is one motion; a fix goes with the newest one."""
        fixes = [_fix(meas) for meas in self.arrived if meas.kind == "gnss"]
        odometry = [meas for meas in self.arrived if meas.kind == "odo"]
        self.arrived = []
        for meas in odometry[:-1]:
            self.motion = self._motion(meas)
            self.localiser.step(self.place, now, self.motion, None)
        if odometry:
            self.motion = self._motion(odometry[-1])
        estimate = self.localiser.step(self.place, now, self.motion, fixes[0] if fixes else None)
        for fix in fixes[1:]:
            estimate = self.localiser.step(self.place, now, self.motion, fix)
        return estimate

    def _motion(self, meas: Any) -> Motion:
        stamp = EPOCH_NS + round(meas.t * 1e9)
        gap_s = (stamp - self.motion.stamp_mono_ns) * 1e-9
        self.slow_s = self.slow_s + gap_s if meas.v < STANDSTILL_MPS else 0.0
        standing = self.slow_s >= STANDSTILL_S
        self.gyro, self.steer = meas.gyro, meas.steer
        return Motion(stamp, meas.v, meas.gyro, True, standing, None)

    def drive(self, pose: Estimate, age_s: float) -> tuple[float, float]:
        """Lateral and speed law on this pose; age_s: of the odometry that it was carried on with."""
        if not pose.known:
            return self.track.command, -self.brake_mps2
        if not self.located:
            self.track.s, self.located = self.route.locate(pose.x, pose.y).s, True
        s = self.tracker.deviation(self.track, self.route, pose).s
        command = self.law.step(
            self.speed,
            self.limits,
            s,
            end_s=self.route.length,
            cap=99.0,
            speed=pose.speed,
            dt=self.dt,
            speed_age_s=age_s,
        )
        steer = self.tracker.step(self.track, self.route, pose, self.steer, self.dt)
        return steer, -self.brake_mps2 if command.brake else command.accel


class ControllerGivenPose(Controller):
    """The same laws on the benchmark's estimate: its pose is exact without noise, its filter's else.

    It does not come with a yaw rate: that is the gyro's, whose bias shows against the given yaw. Nor with the
    course, which on a crossfall is not the heading: that shows in how the given position moves. The slip
    coefficient is the nominal one."""

    def reset(self, path: Any, dt: float) -> None:
        super().reset(path, dt)
        self.bias, self.yaw = 0.0, float(path[0][2])
        self.crab, self.crab_s, self.last = 0.0, 3.0, (0.0, 0.0)

    def step(self, t: float, pose: Any, speed: float) -> tuple[float, float]:  # noqa: ARG002 - the protocol
        for meas in self.arrived:
            if meas.kind == "odo":
                self.motion = self._motion(meas)
        self.arrived = []
        turned, self.yaw = math.remainder(pose[2] - self.yaw, math.tau), pose[2]
        self.bias += (self.gyro * self.dt - turned - self.bias * self.dt) / GIVEN_BIAS_TAU_S
        rate = 0.0 if self.motion.standing else self.gyro - self.bias
        slip = self.info.slip_coeff
        if speed > CRAB_FROM_MPS:
            heading = pose[2] - slip * speed * rate - 0.5 * turned
            dx, dy = pose[0] - self.last[0], pose[1] - self.last[1]
            sideways = math.cos(heading) * dy - math.sin(heading) * dx
            self.crab_s = min(GIVEN_CRAB_TAU_S, self.crab_s + self.dt)
            self.crab += (sideways / speed - self.crab * self.dt) / self.crab_s
        self.last = (pose[0], pose[1])
        estimate = Estimate(True, pose[0], pose[1], pose[2], speed, rate, slip, 0.0, crab=self.crab)
        return self.drive(estimate, 0.0)


def _fix(meas: Any) -> GnssFix:
    return GnssFix(
        EPOCH_NS + round(meas.t * 1e9),
        meas.x,
        meas.y,
        meas.sigma,
        meas.sigma,
        meas.status == "fix",
        meas.yaw,
        CORRECTION_AGE_S,
    )
