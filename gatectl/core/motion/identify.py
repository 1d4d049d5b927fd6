"""What a commissioning drive tells about the vehicle: steering dead time, lag and offset; drive dead
time, lag, gain and drag.

Output-error fits: the actuator models that the tracker and the speed law themselves use (dead time and lag;
the steering of second order and with its rate limit) are run over the recorded commands, and their
parameters are moved until they show what the sensors showed. Source: L. Ljung, System Identification,
2nd ed., ch. 7 (prediction and output error), ch. 9 (covariance of the estimate). The offset is a plain
regression: the angle that the yaw rate shows, against the angle that the sensor shows.

Works once, after the drive, on arrays; nothing here runs in a scan.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from gatectl.core.motion.actuator import DAMPING

Floats = NDArray[np.float64]
STEP_S = 0.005
DEAD_MAX_S = 0.6
TAU_MAX_S = 1.5
MOVING_MPS = 1.0
STEADY_RADPS = math.radians(2.0)  # the wheels turn no faster: their angle and the yaw rate belong together
SAMPLES_MIN = 100
SEGMENT_S = 8.0
SHORT_S = 3.0
RELEASE_S = 1.5
CREEP_MPS = 0.1  # below, drag and the sensor's own threshold are not linear
# Without this much excitation the fit would only describe its own noise.
STEER_STEP_MIN_RAD = math.radians(0.15)
ACCEL_STEP_MIN_MPS2 = 0.1


class Drive(NamedTuple):
    """One recorded drive, N scans each. t_s (s, increasing): of the scan, with its commands steer (rad),
    accel (m/s2) and brake. t_mcu_s: when the controller's samples were taken, with angle (rad),
    speed (m/s) and yaw_rate (rad/s) as measured then. NaN: not known."""

    t_s: Floats
    steer: Floats
    accel: Floats
    brake: NDArray[np.bool_]
    t_mcu_s: Floats
    angle: Floats
    speed: Floats
    yaw_rate: Floats


class Value(NamedTuple):
    """An estimate and its standard error, in the same unit."""

    value: float
    sigma: float


class Identified(NamedTuple):
    """Steering: dead s, tau s, offset rad (wheels beyond sensor), rms rad of what the fit leaves.
    Drive: dead s, tau s, gain (achieved per commanded), drag m/s2, rms m/s. gyro_bias rad/s."""

    steer_dead: Value
    steer_tau: Value
    steer_offset: Value
    steer_rms: float
    drive_dead: Value
    drive_tau: Value
    drive_gain: Value
    drive_drag: Value
    drive_rms: float
    gyro_bias: float


class Unfit(ValueError):
    """The drive does not show what was asked for; the text says what is missing."""


def identify(drive: Drive, wheelbase_m: float, rate_max_radps: float) -> Identified:
    """All parameters of one drive. Raises Unfit where the drive does not excite one."""
    bias = gyro_bias(drive)
    dead, tau, steer_rms = steering(drive, rate_max_radps)
    offset = steering_offset(drive, wheelbase_m, bias)
    drive_dead, drive_tau, gain, drag, drive_rms = traction(drive)
    return Identified(
        dead, tau, offset, steer_rms, drive_dead, drive_tau, gain, drag, drive_rms, bias
    )  # fmt: skip


def modelled_angle(drive: Drive, found: Identified, rate_max_radps: float) -> tuple[Floats, Floats]:
    """(s, rad): the steering angle that the identified actuator makes of the commands."""
    grid = np.arange(drive.t_s[0], drive.t_s[-1], STEP_S)
    wanted = _delayed(grid, drive.t_s, drive.steer, found.steer_dead.value)
    return grid, _steered(wanted, wanted[0], found.steer_tau.value, rate_max_radps)


def modelled_accel(drive: Drive, found: Identified) -> tuple[Floats, Floats]:
    """(s, m/s2): the acceleration that the identified drive makes of the commands, brake apart."""
    grid = np.arange(drive.t_s[0], drive.t_s[-1], STEP_S)
    wanted = found.drive_gain.value * _delayed(grid, drive.t_s, drive.accel, found.drive_dead.value)
    return grid, _lagged(wanted, 0.0, found.drive_tau.value) - found.drive_drag.value


def gyro_bias(drive: Drive) -> float:
    """Mean yaw rate (rad/s) while the wheels stand; 0 if they never do."""
    still = (np.abs(drive.speed) < 0.005) & np.isfinite(drive.yaw_rate)
    return float(np.mean(drive.yaw_rate[still])) if still.sum() >= 20 else 0.0


def steering(drive: Drive, rate_max_radps: float) -> tuple[Value, Value, float]:
    """Dead time, lag (s) and rms (rad) of the steering actuator."""
    use = np.isfinite(drive.angle)
    if use.sum() < SAMPLES_MIN or np.std(drive.steer[use]) < STEER_STEP_MIN_RAD:
        raise Unfit("the steering was hardly moved: the test signal did not run")
    t, angle = drive.t_mcu_s[use], drive.angle[use]
    grid = np.arange(drive.t_s[0], drive.t_s[-1], STEP_S)

    def residual(p: Floats) -> Floats:
        wanted = _delayed(grid, drive.t_s, drive.steer, p[0])
        got = _steered(wanted, angle[0], p[1], rate_max_radps)
        return np.asarray(np.interp(t, grid, got) - angle)

    fit, sigma, rms = _fit(residual, [0.15, 0.2], [0.0, 0.02], [DEAD_MAX_S, TAU_MAX_S])
    return Value(float(fit[0]), sigma[0]), Value(float(fit[1]), sigma[1]), rms


def steering_offset(drive: Drive, wheelbase_m: float, bias_radps: float) -> Value:
    """Angle (rad) of the wheels beyond what their sensor shows.

    The mean, while the wheels hardly turn; tyre slip adds nothing to it for a neutral vehicle.
    """
    known = np.isfinite(drive.angle) & np.isfinite(drive.yaw_rate) & (drive.speed > MOVING_MPS)
    dt = np.maximum(np.gradient(drive.t_mcu_s), 1e-3)
    known &= np.abs(np.gradient(drive.angle) / dt) < STEADY_RADPS
    if known.sum() < SAMPLES_MIN:
        raise Unfit("too little driving above 1 m/s to see the steering's offset")
    shown = np.arctan(wheelbase_m * (drive.yaw_rate[known] - bias_radps) / drive.speed[known])
    error = shown - drive.angle[known]
    # Neighbouring samples share their noise: count one per half second.
    count = max(2.0, known.sum() * float(np.median(np.diff(drive.t_s))) / 0.5)
    return Value(float(np.median(error)), float(1.25 * np.std(error) / math.sqrt(count)))


def traction(drive: Drive) -> tuple[Value, Value, Value, Value, float]:
    """Dead time s, lag s, gain, drag m/s2 and rms m/s of the drive, over the stretches without brake."""
    segments = _segments(drive)
    if not segments:
        raise Unfit("no stretch of driving without the brake is long enough")
    if max(np.ptp(drive.accel[s]) for s in segments) < ACCEL_STEP_MIN_MPS2:
        raise Unfit("the vehicle hardly accelerated: the drive's lag does not show")

    def residual(p: Floats) -> Floats:
        errors = [_speed_error(drive, s, p, p[4 + 2 * i], p[5 + 2 * i]) for i, s in enumerate(segments)]
        return np.concatenate(errors)

    start, low, high = [0.1, 0.3, 1.0, 0.05], [0.0, 0.02, 0.5, -0.5], [DEAD_MAX_S, TAU_MAX_S, 1.5, 0.8]
    for segment in segments:  # each begins with a speed and an acceleration of its own
        start += [float(drive.speed[segment][0]), float(drive.accel[segment][0])]
        low, high = [*low, -0.5, -2.0], [*high, 10.0, 2.0]
    fit, sigma, rms = _fit(residual, start, low, high)
    dead, tau, gain, drag = (Value(float(fit[i]), sigma[i]) for i in range(4))
    return dead, tau, gain, drag, rms


def _segments(drive: Drive) -> list[slice]:
    """Stretches under drive command, each at most SEGMENT_S long. They begin RELEASE_S after the brake was
    let go: how long a brake drags is not the drive's doing."""
    free = ~drive.brake & np.isfinite(drive.speed)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(int)))
    found = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        begin_s = drive.t_s[a] + RELEASE_S
        while begin_s + SHORT_S < drive.t_s[b - 1]:
            begin, end = np.searchsorted(drive.t_s, (begin_s, min(begin_s + SEGMENT_S, drive.t_s[b - 1])))
            if drive.speed[begin:end].min() > CREEP_MPS:
                found.append(slice(int(begin), int(end)))
            begin_s += SEGMENT_S
    return found


def _speed_error(drive: Drive, part: slice, p: Floats, begin_mps: float, begin_mps2: float) -> Floats:
    t = drive.t_s[part]
    grid = np.arange(t[0], t[-1] + STEP_S, STEP_S)
    accel = _lagged(p[2] * _delayed(grid, drive.t_s, drive.accel, p[0]), begin_mps2, p[1])
    speed = begin_mps + STEP_S * np.cumsum(accel - p[3])
    return np.asarray(np.interp(drive.t_mcu_s[part], grid, speed) - drive.speed[part])


def _delayed(grid: Floats, t: Floats, command: Floats, dead_s: float) -> Floats:
    """Commands held until the next one, `dead_s` late. Smooth in dead_s: the edges are interpolated
    over one grid step, or the fit would see stairs."""
    at = np.searchsorted(t, grid - dead_s, side="right") - 1
    held = command[np.clip(at, 0, len(command) - 1)]
    earlier = command[
        np.clip(np.searchsorted(t, grid - dead_s - STEP_S, side="right") - 1, 0, len(command) - 1)
    ]
    edge = t[np.clip(at, 0, len(t) - 1)]
    share = np.clip((grid - dead_s - edge) / STEP_S, 0.0, 1.0)
    return np.asarray(earlier + (held - earlier) * np.where(at >= 0, share, 0.0))


def _steered(wanted: Floats, begin: float, tau_s: float, rate_max_radps: float) -> Floats:
    """The actuator of `gatectl.core.motion.actuator`: second order, its lag as first-order equivalent."""
    wn = 2 * DAMPING / tau_s
    pull, damp = STEP_S * wn * wn, 1.0 + STEP_S * 2 * DAMPING * wn
    out = np.empty(len(wanted))
    y, rate = begin, 0.0
    for i, w in enumerate(wanted.tolist()):
        rate = max(-rate_max_radps, min(rate_max_radps, (rate + pull * (w - y)) / damp))
        y += STEP_S * rate
        out[i] = y
    return out


def _lagged(wanted: Floats, begin: float, tau_s: float) -> Floats:
    """A first-order lag, exact for held inputs."""
    share = 1.0 - math.exp(-STEP_S / tau_s)
    out = np.empty(len(wanted))
    y = begin
    for i, w in enumerate(wanted.tolist()):
        y += share * (w - y)
        out[i] = y
    return out


def _fit(
    residual: object, start: list[float], low: list[float], high: list[float]
) -> tuple[Floats, list[float], float]:
    result = least_squares(residual, start, bounds=(low, high), x_scale="jac", diff_step=1e-3, loss="soft_l1",
                           f_scale=0.01)  # fmt: skip
    left = result.fun
    rms = float(np.sqrt(np.mean(left**2)))
    # Residuals are correlated (the model is simpler than the machine): a tenth of them counts.
    free = max(1.0, len(left) / 10.0 - len(start))
    spread = np.linalg.pinv(result.jac.T @ result.jac) * float(left @ left) / free / 10.0
    return result.x, [float(math.sqrt(max(0.0, v))) for v in np.diag(spread)], rms
