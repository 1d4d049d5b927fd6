"""What a GNSS/RTK receiver measures of a vehicle: truth plus the errors that real ones have.

Per axis white noise plus a slow first-order Gauss-Markov process (multipath, atmosphere: errors of
a fix are correlated over a minute or more, so averaging does not remove them), both scaled by the
kind of fix; white noise on heading, speed and course. Physics only: no wire, no clock of its own.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import IntEnum

from pyproj import Transformer

from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin


@dataclass(frozen=True, slots=True)
class VehicleTruth:
    """Where the control point (rear-axle centre) really is, in the site frame (ENU).

    x, y: m; yaw: rad counter-clockwise from east; speed: m/s along the vehicle; yaw_rate: rad/s;
    side: m/s to the left (tyre slip).
    """

    x: float
    y: float
    yaw: float
    speed: float = 0.0
    yaw_rate: float = 0.0
    side: float = 0.0


class Fix(IntEnum):
    """GGA quality."""

    NONE = 0
    SINGLE = 1
    FIXED = 4
    FLOAT = 5


@dataclass(frozen=True, slots=True)
class GnssNoise:
    """One-sigma errors of a fixed solution; float and single are so many times worse.

    white_m, drift_m: per horizontal axis; drift_tau_s: correlation time of the drift. up_factor:
    height against horizontal. heading_rad: of the antenna baseline. speed_mps: per velocity axis.
    float_factor, single_factor: against fixed. correction_period_s: corrections arrive so often.
    refix_s, reheading_s: after an outage, time until float becomes fixed and until heading returns.
    seed: of the pseudo-random sequence; two receivers need two seeds.
    """

    white_m: float = 0.006
    drift_m: float = 0.010
    drift_tau_s: float = 90.0
    up_factor: float = 1.8
    heading_rad: float = math.radians(0.15)
    speed_mps: float = 0.02
    float_factor: float = 15.0
    single_factor: float = 90.0
    correction_period_s: float = 1.0
    refix_s: float = 4.0
    reheading_s: float = 2.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One epoch as the receiver believes it. sigma_m: claimed, per horizontal axis.

    course_rad, heading_rad: clockwise from north; heading None while the baseline is not resolved.
    Everything but fix is meaningless while fix is NONE.
    """

    fix: Fix
    latitude_deg: float
    longitude_deg: float
    height_m: float
    speed_mps: float
    course_rad: float
    heading_rad: float | None
    sigma_m: float
    correction_age_s: float
    satellites: int


class SiteFrame:
    """Site ENU to WGS 84, exact (through ECEF, by PROJ's topocentric conversion)."""

    def __init__(self, origin: Origin) -> None:
        self._to_geodetic = Transformer.from_pipeline(
            "+proj=pipeline +step +inv +proj=topocentric +ellps=WGS84"
            f" +lon_0={origin.longitude_deg} +lat_0={origin.latitude_deg} +h_0={origin.height_m}"
            " +step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
        )

    def geodetic(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Latitude deg, longitude deg, ellipsoidal height m of a point in the site frame (m)."""
        longitude_deg, latitude_deg, height_m = self._to_geodetic.transform(x, y, z)
        return float(latitude_deg), float(longitude_deg), float(height_m)


class GnssModel:
    """One receiver's errors over time. `available`: satellites in view; `corrections`: link up.

    offset_m: a constant error (east, north) that the receiver does not know of: a wrong fix.
    """

    def __init__(self, origin: Origin, antenna: AntennaConfig, noise: GnssNoise) -> None:
        self.available = True
        self.corrections = True
        self.best = Fix.FIXED
        self.offset_m = (0.0, 0.0)
        self._frame = SiteFrame(origin)
        self._antenna = antenna
        self._noise = noise
        self._random = random.Random(noise.seed)
        self._drift = [self._random.gauss(0.0, noise.drift_m) for _ in range(3)]
        self._time_s: float | None = None
        self._since_s = -math.inf  # when satellites came back; long ago at the start
        self._was_available = True
        self._corrected_s = -math.inf

    def restart(self) -> None:
        """The receiver rebooted: it has to resolve its ambiguities again."""
        self._was_available = False

    def measure(self, truth: VehicleTruth, time_s: float) -> Measurement:
        """The epoch at time_s (any clock, rising) with the vehicle at `truth`."""
        noise = self._noise
        step_s = noise.correction_period_s if self._time_s is None else max(0.0, time_s - self._time_s)
        self._time_s = time_s
        self._walk(step_s)
        if self.corrections:
            self._corrected_s = math.floor(time_s / noise.correction_period_s) * noise.correction_period_s
        elif self._corrected_s == -math.inf:
            self._corrected_s = time_s
        fix = self._fix(time_s)
        scale = {Fix.FIXED: 1.0, Fix.FLOAT: noise.float_factor}.get(fix, noise.single_factor)
        east, north, up = (scale * (drift + self._random.gauss(0.0, noise.white_m)) for drift in self._drift)
        x, y = self._antenna_at(truth)
        latitude, longitude, height = self._frame.geodetic(
            x + east + self.offset_m[0],
            y + north + self.offset_m[1],
            self._antenna.up_m + up * noise.up_factor,
        )
        speed, course = self._velocity(truth)
        return Measurement(
            fix=fix,
            latitude_deg=latitude,
            longitude_deg=longitude,
            height_m=height,
            speed_mps=speed,
            course_rad=course,
            heading_rad=self._heading(truth) if self._has_heading(fix, time_s) else None,
            sigma_m=scale * math.hypot(noise.white_m, noise.drift_m),
            correction_age_s=time_s - self._corrected_s,
            satellites=0 if fix is Fix.NONE else 22,
        )

    def _walk(self, step_s: float) -> None:
        """Exact discretisation of a first-order Gauss-Markov process with stationary drift_m."""
        noise = self._noise
        keep = math.exp(-step_s / noise.drift_tau_s)
        kick = noise.drift_m * math.sqrt(1.0 - keep * keep)
        self._drift = [keep * d + self._random.gauss(0.0, kick) for d in self._drift]

    def _fix(self, time_s: float) -> Fix:
        if not self.available:
            self._was_available = False
            return Fix.NONE
        if not self._was_available:
            self._was_available = True
            self._since_s = time_s
        fix = self.best
        if fix is Fix.FIXED and time_s - self._since_s < self._noise.refix_s:
            fix = Fix.FLOAT
        if not self.corrections and time_s - self._corrected_s > 60.0:
            fix = Fix.SINGLE  # as real receivers do by default, some 60 s after the last correction
        return fix

    def _has_heading(self, fix: Fix, time_s: float) -> bool:
        return fix is not Fix.NONE and time_s - self._since_s >= self._noise.reheading_s

    def _antenna_at(self, truth: VehicleTruth) -> tuple[float, float]:
        cos, sin = math.cos(truth.yaw), math.sin(truth.yaw)
        forward, left = self._antenna.forward_m, self._antenna.left_m
        return truth.x + cos * forward - sin * left, truth.y + sin * forward + cos * left

    def _velocity(self, truth: VehicleTruth) -> tuple[float, float]:
        """Speed and course of the antenna, which swings about the control point."""
        noise, rate = self._noise, truth.yaw_rate
        along = truth.speed - rate * self._antenna.left_m
        across = truth.side + rate * self._antenna.forward_m
        cos, sin = math.cos(truth.yaw), math.sin(truth.yaw)
        east = cos * along - sin * across + self._random.gauss(0.0, noise.speed_mps)
        north = sin * along + cos * across + self._random.gauss(0.0, noise.speed_mps)
        return math.hypot(east, north), math.atan2(east, north) % math.tau

    def _heading(self, truth: VehicleTruth) -> float:
        clockwise = math.pi / 2 - truth.yaw + math.radians(self._antenna.heading_offset_deg)
        return (clockwise + self._random.gauss(0.0, self._noise.heading_rad)) % math.tau
