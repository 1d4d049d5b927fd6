"""A vehicle, its sensors and what goes wrong with its GNSS: the closed world of `bench.integrity`.

Everything of a run is made at once as arrays, from one seed; only the localiser then goes step by step.
Truth: speed and curvature vary at random (up to 7 m/s, straights, bends of 12 to 100 m, stops); the
course deviates from the heading by tyre slip (with its lag) and by the crossfall of each stretch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS = (
    "none", "outage", "wrong fix", "wrong refix", "slow drift", "drift without velocity", "spoofed ramp",
    "float as fixed", "heading", "stale corrections",
)  # fmt: skip
RUN_S = 160.0
STAND_S = 4.0
FAULT_FROM_S = (45.0, 80.0)
FAULT_S = (20.0, 60.0)
FORWARD_M, LEFT_M = 3.0, -0.5
WHEELBASE_M = 8.0
NOMINAL_SLIP = 0.017
ODOMETRY_LATE_S = 0.03  # wheels and gyro are up to so much older or newer than their stamp,
EPOCH_AGE_S = 0.02  # and the epochs' age is wrong by up to so much: constants of a vehicle
CROSSFALL_RAD = math.radians(0.08)


@dataclass(frozen=True, slots=True)
class Truth:
    """Control point at scans (N,): time s, x, y m, yaw rad, speed m/s, yaw rate rad/s."""

    t: Floats
    x: Floats
    y: Floats
    yaw: Floats
    speed: Floats
    rate: Floats


@dataclass(frozen=True, slots=True)
class Epochs:
    """GNSS (M,): time as stamped and arrival s; antenna x, y m; velocity m/s; heading rad, nan = none;
    correction age s; fixed; lost: no epoch at all. sigma_m: claimed. doppler: whether velocity is given."""

    t: Floats
    arrival: Floats
    x: Floats
    y: Floats
    vx: Floats
    vy: Floats
    yaw: Floats
    age: Floats
    fixed: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    sigma_m: float
    doppler: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run. wheel m/s, gyro rad/s, standing at scans; fault from, to s and its size (m, m/s or rad)."""

    kind: str
    truth: Truth
    wheel: Floats
    gyro: Floats
    standing: NDArray[np.bool_]
    epochs: Epochs
    fault: tuple[float, float, float]


def make(kind: str, seed: int, rate_hz: float) -> Run:
    """A run of RUN_S seconds with odometry at rate_hz. The same seed drives the same way at any rate."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    fine = _drive(rng)
    start = rng.uniform(*FAULT_FROM_S)
    end = min(start + rng.uniform(*FAULT_S), RUN_S)
    epochs, size = _epochs(rng, kind, fine, start, end)
    every = round(50.0 / rate_hz)
    truth = Truth(*(a[::every] for a in (fine.t, fine.x, fine.y, fine.yaw, fine.speed, fine.rate)))
    n = len(truth.t)
    scale = 1.0 + rng.normal(0.0, 0.003)
    bias = rng.normal(0.0, math.radians(0.05)) + np.cumsum(
        rng.normal(0.0, math.radians(0.001) * math.sqrt(every / 50.0), n)
    )
    late = rng.uniform(-ODOMETRY_LATE_S, ODOMETRY_LATE_S)
    speed, rate = (np.interp(truth.t - late, fine.t, of) for of in (fine.speed, fine.rate))
    stands = speed < 0.02
    # The controller says standstill a third of a second after the wheels have stopped.
    told = max(1, round(0.3 * rate_hz))
    standing = np.convolve(stands, np.ones(told), "full")[:n] >= told
    wheel = np.where(stands, 0.0, speed * scale + rng.normal(0.0, 0.01, n))
    gyro = rate * (1.0 + rng.normal(0.0, 0.002)) + bias + rng.normal(0.0, math.radians(0.05), n)
    return Run(kind, truth, wheel, gyro, standing, epochs, (start, end, size))


# ---- truth -----------------------------------------------------------------------------------------


def _drive(rng: np.random.Generator) -> Truth:
    dt = 0.02
    n = round(RUN_S / dt)
    speed = _speed(rng, n, dt)
    way = np.concatenate([[0.0], np.cumsum(speed[:-1] * dt)])
    road = _Road.draw(rng, way[-1] + 1.0)
    curvature = road.curvature(way)
    # Bends are taken at no more than 0.8 m/s2.
    limit = np.sqrt(0.8 / np.maximum(np.abs(curvature), 1e-6))
    speed = np.minimum(speed, limit).astype(np.float64)
    for i in range(1, n):  # and reached by braking and accelerating, not at once
        speed[i] = min(speed[i], speed[i - 1] + 0.5 * dt)
    for i in range(n - 2, -1, -1):
        speed[i] = min(speed[i], speed[i + 1] + 0.6 * dt)
    way = np.concatenate([[0.0], np.cumsum(speed[:-1] * dt)])
    curvature, crab = road.curvature(way), road.crab(way)
    rate: Floats = speed * curvature
    yaw: Floats = rng.uniform(-math.pi, math.pi) + np.concatenate([[0.0], np.cumsum(rate[:-1] * dt)])
    slip = rng.uniform(0.0135, 0.0185)
    lateral = np.zeros(n)
    for i in range(1, n):
        tau = slip * speed[i] + 0.1 * WHEELBASE_M / max(1.0, speed[i])
        lateral[i] = lateral[i - 1] + (speed[i] * rate[i] - lateral[i - 1]) * dt / (tau + dt)
    course: Floats = yaw + 0.5 * rate * dt - slip * lateral + crab
    mean = 0.5 * (speed + np.append(speed[1:], speed[-1]))
    x: Floats = np.concatenate([[0.0], np.cumsum((mean * np.cos(course) * dt)[:-1])])
    y: Floats = np.concatenate([[0.0], np.cumsum((mean * np.sin(course) * dt)[:-1])])
    time: Floats = np.arange(n, dtype=np.float64) * dt
    return Truth(time, x, y, yaw, speed, rate)


def _speed(rng: np.random.Generator, n: int, dt: float) -> Floats:
    """Stands first; then holds a random speed for a while, or stops."""
    target = np.zeros(n)
    at = round(STAND_S / dt)
    while at < n:
        hold = round(rng.uniform(8.0, 35.0) / dt)
        if rng.random() < 0.2:
            hold = round(rng.uniform(6.0, 20.0) / dt)
        else:
            target[at : at + hold] = rng.uniform(1.0, 7.0)
        at += hold
    return target


@dataclass(frozen=True, slots=True)
class _Road:
    """Knots of curvature (1/m) and crab (rad) over the way (m)."""

    places: list[float]
    bends: list[float]
    stretches: list[float]
    slopes: list[float]

    @classmethod
    def draw(cls, rng: np.random.Generator, length: float) -> _Road:
        """Straights and bends with 6 m transitions; a new crossfall every 30 to 150 m."""
        places, bends = [0.0], [0.0]
        while places[-1] < length:
            straight, radius = rng.uniform(10.0, 120.0), rng.uniform(12.0, 100.0) * rng.choice([-1.0, 1.0])
            bend = min(abs(radius) * rng.uniform(0.3, 1.6), 80.0)
            begin = places[-1] + straight
            places += [begin, begin + 6.0, begin + 6.0 + bend, begin + 12.0 + bend]
            bends += [0.0, 1.0 / radius, 1.0 / radius, 0.0]
        stretches, slopes = [0.0], [rng.normal(0.0, CROSSFALL_RAD)]
        while stretches[-1] < length:
            begin = stretches[-1] + rng.uniform(30.0, 150.0)
            stretches += [begin, begin + 10.0]
            slopes += [slopes[-1], rng.normal(0.0, CROSSFALL_RAD)]
        return cls(places, bends, stretches, slopes)

    def curvature(self, way: Floats) -> Floats:
        """1/m at each place (N,) m."""
        return np.interp(way, self.places, self.bends)

    def crab(self, way: Floats) -> Floats:
        """rad at each place (N,) m."""
        return np.interp(way, self.stretches, self.slopes)


# ---- GNSS ------------------------------------------------------------------------------------------


def _slow(rng: np.random.Generator, n: int, dt: float, sigma: float, tau: float) -> Floats:
    """A first-order Gauss-Markov process, stationary."""
    keep = math.exp(-dt / tau)
    kicks = rng.normal(0.0, sigma * math.sqrt(1.0 - keep * keep), n)
    out = np.empty(n)
    value = rng.normal(0.0, sigma)
    for i in range(n):
        value = keep * value + kicks[i]
        out[i] = value
    return out


def _epochs(
    rng: np.random.Generator, kind: str, truth: Truth, start: float, end: float
) -> tuple[Epochs, float]:
    hz = float(rng.choice([5.0, 10.0]))
    dt = 1.0 / hz
    t = np.arange(rng.uniform(0.0, dt), RUN_S - 0.2, dt)
    n = len(t)
    arrival = t + rng.uniform(0.04, 0.10) + rng.uniform(0.0, 0.02, n)
    yaw = np.interp(t, truth.t, truth.yaw)
    c, s = np.cos(yaw), np.sin(yaw)
    white, slow, tau = rng.uniform(0.006, 0.010), rng.uniform(0.008, 0.014), rng.uniform(50.0, 100.0)
    ax, ay = c * FORWARD_M - s * LEFT_M, s * FORWARD_M + c * LEFT_M
    x = np.interp(t, truth.t, truth.x) + ax + _slow(rng, n, dt, slow, tau) + rng.normal(0.0, white, n)
    y = np.interp(t, truth.t, truth.y) + ay + _slow(rng, n, dt, slow, tau) + rng.normal(0.0, white, n)
    rate = np.interp(t, truth.t, truth.rate)
    vx = np.interp(t, truth.t, np.gradient(truth.x, 0.02)) - rate * ay
    vy = np.interp(t, truth.t, np.gradient(truth.y, 0.02)) + rate * ax
    vx = vx + rng.normal(0.0, 0.02, n) + _slow(rng, n, dt, 0.003, 5.0)
    vy = vy + rng.normal(0.0, 0.02, n) + _slow(rng, n, dt, 0.003, 5.0)
    heading = yaw + rng.normal(0.0, math.radians(0.15), n) + _slow(rng, n, dt, math.radians(0.08), 60.0)
    age = 0.3 + np.mod(t, 1.0)
    fixed, lost = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    inside = (t >= start) & (t < end)
    since = np.where(inside, t - start, 0.0)
    direction = rng.uniform(-math.pi, math.pi)
    size, out = 0.0, np.zeros(n)
    if kind in ("outage", "wrong refix"):
        size = rng.uniform(2.0, 30.0)
        lost = inside & (since < size)
        refix = size + 4.0  # float for four seconds, heading after two
        floats = inside & (since >= size) & (since < refix)
        fixed &= ~floats
        for axis in (x, y):
            axis += np.where(floats, _slow(rng, n, dt, 0.2, 60.0), 0.0)
        heading = np.where(inside & (since < size + 2.0), np.nan, heading)
        if kind == "wrong refix":
            size = float(np.exp(rng.uniform(math.log(0.2), math.log(5.0))))
            out = np.where(inside & (since >= refix), size, 0.0)
    elif kind == "wrong fix":
        size = float(np.exp(rng.uniform(math.log(0.2), math.log(5.0))))
        out = np.where(inside, size, 0.0)
    elif kind in ("slow drift", "drift without velocity"):
        size = rng.uniform(0.001, 0.020)
        out = size * since
    elif kind == "spoofed ramp":
        size = float(np.exp(rng.uniform(math.log(0.05), math.log(1.0))))
        out = size * since
        vx, vy = vx + inside * size * math.cos(direction), vy + inside * size * math.sin(direction)
    elif kind == "float as fixed":
        size = 0.25
        into = np.clip(since / rng.uniform(0.1, 10.0), 0.0, 1.0)
        x = x + into * (_slow(rng, n, dt, size, 40.0) + rng.normal(0.0, 0.03, n))
        y = y + into * (_slow(rng, n, dt, size, 40.0) + rng.normal(0.0, 0.03, n))
    elif kind == "heading":
        size = (
            math.pi if rng.random() < 0.3 else math.radians(rng.uniform(0.3, 30.0)) * rng.choice([-1.0, 1.0])
        )
        heading = heading + np.where(inside, size, 0.0)
    elif kind == "stale corrections":
        size = rng.uniform(0.001, 0.005)
        out = size * since
        if rng.random() < 0.5:  # else the receiver goes on announcing fresh ones
            age = np.where(inside, since + age, age)
    x, y = x + out * math.cos(direction), y + out * math.sin(direction)
    heading = np.angle(np.exp(1j * heading))
    sigma = float(rng.choice([0.003, 0.010, 0.014]))
    doppler = bool(rng.random() < 0.75)
    if "drift" in kind:
        doppler = kind == "slow drift"
    stamp = t + rng.uniform(-EPOCH_AGE_S, EPOCH_AGE_S)
    return Epochs(stamp, arrival, x, y, vx, vy, heading, age, fixed, lost, sigma, doppler), size
