"""Two references without GNSS positions, and how far the filter has separated from them.

A wrong fix, a slow drift or a spoofed ramp that passes the gate epoch by epoch takes the filter with it.
So the filter's position is remembered (`Checkpoint`), and carried on from there without GNSS positions:
- by wheels and gyro alone, with the calibrations (bias, scale, slip, crab) the filter had then;
- by the receiver's velocity (Doppler), which neither ambiguities nor corrections spoil, but a spoofer can.
The distance between the filter and each is the separation; if the reference is free of the fault then
error <= separation + its own error (solution separation: M. Brenner, Integrated GPS/Inertial Fault
Detection Availability, Navigation 43(2), 1996; with the separation itself in place of its threshold).

Everything is kept as running sums, linear in the small differences of the calibrations, so that a
checkpoint costs nothing until it is compared, and one is compared every EVERY scans.
"""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct, field

from gatectl.core.motion import filter as ekf
from gatectl.core.motion.fixes import GnssFix, Lever
from gatectl.core.motion.history import Step, yaw_rate

CHECKPOINT_NS = 2_000_000_000
CHECKPOINTS = 9
NEWEST = 3
EVERY = 3
OLDEST_NS = 75_000_000_000
FIX_SLOW_M = 0.015  # correlated error of the fixes a checkpoint lives on, 1 sigma per axis
CALIBRATION = 1.3  # the filter's opinion of its calibrations, times this
DOPPLER_MPS = 0.03  # white, per axis and epoch
DOPPLER_SLOW = 2.0 * 0.003**2 * 5.0  # m2/s: 3 mm/s per axis that live for 5 s
DOPPLER_GAP_S = 1.2
DOPPLER_FROM_MPS = 0.5
VELOCITY_LATE_S = 0.02  # of the receiver's velocity against its position, 1 sigma
CREEP = 0.05  # of the distance, where Doppler is not used because it is too slow


class Sums(Struct):
    """Running sums since the start. psi rad: gyro less bias; dx, dy m: wheels (without scale) along psi;
    slip_x, slip_y: what a unit of slip moves; lag_x, lag_y: what a second of lag moves, if the yaw rate was
    none at the start; time_s: while rolling; time_x, time_y: of time_s times sideways step; bias_rad: of
    bias; bias_x, bias_y: of bias_rad times sideways step; turn_rad2: noise of the course; way_m2: noise of
    the distance; length_m. ahead_x, ahead_y m: what measurements moved the filter beyond its prediction;
    doppler_x, doppler_y m: by how much the receiver moved more than predicted; doppler_m2: noise of that.
    wheel m/s, rate rad/s: the newest."""

    psi: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    slip_x: float = 0.0
    slip_y: float = 0.0
    lag_x: float = 0.0
    lag_y: float = 0.0
    time_s: float = 0.0
    time_x: float = 0.0
    time_y: float = 0.0
    bias_rad: float = 0.0
    bias_x: float = 0.0
    bias_y: float = 0.0
    turn_rad2: float = 0.0
    way_m2: float = 0.0
    length_m: float = 0.0
    ahead_x: float = 0.0
    ahead_y: float = 0.0
    doppler_x: float = 0.0
    doppler_y: float = 0.0
    doppler_m2: float = 0.0
    wheel: float = 0.0
    rate: float = 0.0


class Reference(Struct):
    """One comparison. along, across m: how far the filter is ahead and left of the reference, along and
    across the heading; sigma_along, sigma_across m: of the reference. release_m: 0 normally; else the
    reference has spoken against the filter, and is believed until the separation is below this."""

    along: float = 0.0
    across: float = 0.0
    sigma_along: float = 0.0
    sigma_across: float = 0.0
    release_m: float = 0.0

    def apart_m(self) -> float:
        """The larger separation."""
        return max(abs(self.along), abs(self.across))


class Checkpoint(Struct):
    """The filter at stamp_mono_ns: x, p (covariance, see `_reduced`) and the sums then, and the newest
    comparisons. level_along, level_across m: what they ask for (`integrity`)."""

    stamp_mono_ns: int
    x: list[float]
    p: list[float]
    sums: Sums
    wheels: Reference = field(default_factory=Reference)
    doppler: Reference = field(default_factory=Reference)
    level_along: float = 0.0
    level_across: float = 0.0


class SeparationState(Struct):
    """stamp_mono_ns, wheel, gyro, gyro_ok: the newest motion taken; last_x, last_y m: the filter then;
    velocity_mono_ns, velocity_m: the newest Doppler epoch, the way then; turn: scans since the start;
    checkpoints: oldest first."""

    stamp_mono_ns: int = 0
    wheel: float = 0.0
    gyro: float = 0.0
    gyro_ok: bool = False
    last_x: float = 0.0
    last_y: float = 0.0
    velocity_mono_ns: int = 0
    velocity_m: float = 0.0
    turn: int = 0
    sums: Sums = field(default_factory=Sums)
    checkpoints: list[Checkpoint] = []


def advance(state: SeparationState, steps: list[Step], fix: GnssFix | None, arm: Lever) -> bool:
    """One scan: the odometry up to steps[-1], and the velocity of an epoch that has just come.

    Returns whether there was anything new of the odometry.
    """
    step = steps[-1]
    motion, x = step.motion, step.x
    if state.stamp_mono_ns == 0:
        state.stamp_mono_ns, state.wheel = motion.stamp_mono_ns, motion.wheel
        state.last_x, state.last_y = x[ekf.X], x[ekf.Y]
    dt = (motion.stamp_mono_ns - state.stamp_mono_ns) * 1e-9
    sums = state.sums
    moved_x, moved_y = x[ekf.X] - state.last_x, x[ekf.Y] - state.last_y
    if dt > 0.0 and not motion.standing:
        wheel, gyro = 0.5 * (motion.wheel + state.wheel), motion.gyro
        if motion.gyro_ok == state.gyro_ok:
            gyro = 0.5 * (gyro + state.gyro)
        rate = gyro - x[ekf.BIAS] if motion.gyro_ok else gyro
        _roll(sums, x[ekf.BIAS], wheel, motion.wheel - state.wheel, rate, dt, step.lateral, motion.gyro_ok)
        sums.way_m2 += motion.walk * motion.walk * dt
        course = x[ekf.YAW] - x[ekf.SLIP] * step.lateral + x[ekf.CRAB] - 0.5 * rate * dt
        way = wheel * x[ekf.SCALE] * dt
        moved_x -= way * math.cos(course)
        moved_y -= way * math.sin(course)
    if dt > 0.0:
        state.stamp_mono_ns, state.wheel = motion.stamp_mono_ns, 0.0 if motion.standing else motion.wheel
        state.gyro, state.gyro_ok = motion.gyro, motion.gyro_ok
        sums.wheel, sums.rate = state.wheel, yaw_rate(motion, x)
    state.last_x, state.last_y = x[ekf.X], x[ekf.Y]
    sums.ahead_x += moved_x
    sums.ahead_y += moved_y
    if fix is not None:
        _doppler(state, steps, fix, arm)
    return dt > 0.0


def _roll(
    sums: Sums, bias: float, wheel: float, change: float, rate: float, dt: float, lateral: float,
    gyro_ok: bool,
) -> None:  # fmt: skip
    middle = sums.psi + 0.5 * rate * dt
    way, c, s = wheel * dt, math.cos(middle), math.sin(middle)
    step_x, step_y = way * c, way * s
    sums.psi += rate * dt
    sums.dx += step_x
    sums.dy += step_y
    # Sideways of the step: what a radian more of course would add.
    sums.slip_x += lateral * step_y
    sums.slip_y -= lateral * step_x
    sums.lag_x += change * c - rate * step_y
    sums.lag_y += change * s + rate * step_x
    sums.time_x -= sums.time_s * step_y
    sums.time_y += sums.time_s * step_x
    sums.bias_x -= sums.bias_rad * step_y
    sums.bias_y += sums.bias_rad * step_x
    if gyro_ok:
        sums.time_s += dt
        sums.bias_rad += bias * dt
        turning = ekf.GYRO_SCALE * rate
        sums.turn_rad2 += (ekf.YAW_WALK + turning * turning) * dt
    else:
        turning = ekf.STEER_SCALE * rate
        sums.turn_rad2 += (ekf.STEER_WALK + turning * turning) * dt
    length = abs(way)
    sums.turn_rad2 += ekf.CRAB_WALK * length
    sums.way_m2 += (ekf.ALONG_NOISE * length) ** 2
    sums.length_m += length


def _doppler(state: SeparationState, steps: list[Step], fix: GnssFix, arm: Lever) -> None:
    """Add what the receiver moved beyond the prediction since the epoch before."""
    sums = state.sums
    span = (fix.stamp_mono_ns - state.velocity_mono_ns) * 1e-9
    if span <= 0.0 or fix.stamp_mono_ns < steps[0].motion.stamp_mono_ns:
        return
    at = len(steps) - 1
    while at > 0 and steps[at].motion.stamp_mono_ns > fix.stamp_mono_ns:
        at -= 1
    here = steps[at]
    speed = here.motion.wheel * here.x[ekf.SCALE]
    rolled = sums.length_m - state.velocity_m
    slow = here.motion.standing or abs(speed) < DOPPLER_FROM_MPS
    if slow or fix.velocity is None or span > DOPPLER_GAP_S:
        # Wheels alone over this span: the prediction was the reference.
        sums.doppler_m2 += (CREEP * rolled) ** 2 + here.motion.walk**2 * span
        if slow or fix.velocity is not None:
            state.velocity_mono_ns, state.velocity_m = fix.stamp_mono_ns, sums.length_m
        return
    rate = yaw_rate(here.motion, here.x)
    if at + 1 < len(steps) and steps[at + 1].motion.stamp_mono_ns > here.motion.stamp_mono_ns:
        after = steps[at + 1].motion
        share = (fix.stamp_mono_ns - here.motion.stamp_mono_ns) / (
            after.stamp_mono_ns - here.motion.stamp_mono_ns
        )
        speed += share * (after.wheel - here.motion.wheel) * here.x[ekf.SCALE]
        if after.gyro_ok == here.motion.gyro_ok:
            rate += share * (after.gyro - here.motion.gyro)
    course = here.x[ekf.YAW] - here.x[ekf.SLIP] * here.lateral + here.x[ekf.CRAB]
    course += rate * (fix.stamp_mono_ns - here.motion.stamp_mono_ns) * 1e-9
    dx, dy = arm.at(here.x[ekf.YAW])
    sums.doppler_x += span * (fix.velocity[0] - speed * math.cos(course) + rate * dy)
    sums.doppler_y += span * (fix.velocity[1] - speed * math.sin(course) - rate * dx)
    sums.doppler_m2 += (DOPPLER_MPS * span) ** 2 + DOPPLER_SLOW * span
    state.velocity_mono_ns, state.velocity_m = fix.stamp_mono_ns, sums.length_m


def remember(state: SeparationState, step: Step) -> None:
    """A new checkpoint when one is due; the older they are, the sparser they are kept."""
    kept, now = state.checkpoints, step.motion.stamp_mono_ns
    if kept and now - kept[-1].stamp_mono_ns < CHECKPOINT_NS:
        return
    copy = msgspec.structs.replace(state.sums)
    kept.append(Checkpoint(now, step.x, _reduced(step.p), copy))
    while len(kept) > 2 and now - kept[1].stamp_mono_ns > OLDEST_NS:
        del kept[0]
    if len(kept) > CHECKPOINTS:
        # Where a gap would be smallest for its age.
        gaps = [
            (kept[i + 1].stamp_mono_ns - kept[i - 1].stamp_mono_ns) / (now - kept[i].stamp_mono_ns + 1)
            for i in range(1, len(kept) - 1)
        ]
        del kept[1 + gaps.index(min(gaps))]


def compare(state: SeparationState, step: Step) -> Checkpoint | None:
    """Every EVERY scans: compare the filter with one of the checkpoints and return it. One of the newest,
    which see a quick fault, alternates with one of the others."""
    kept = state.checkpoints
    state.turn += 1
    if not kept or state.turn % EVERY:
        return None
    turn, older = state.turn // EVERY, len(kept) - NEWEST
    if turn % 2 or older <= 0:
        point = kept[-1 - turn // 2 % min(NEWEST, len(kept))] if older > 0 else kept[turn % len(kept)]
    else:
        point = kept[turn // 2 % older]
    _wheels(point, state.sums, step.x)
    _velocity(point, state.sums, step.x)
    return point


def _wheels(point: Checkpoint, now: Sums, x: list[float]) -> None:
    old, was, p = point.sums, point.x, point.p
    bias, scale = was[ekf.BIAS], was[ekf.SCALE]
    dx, dy = now.dx - old.dx, now.dy - old.dy
    # Sums over time and bias count from the checkpoint; (-dy, dx) is the sideways displacement.
    tx = now.time_x - old.time_x + old.time_s * dy
    ty = now.time_y - old.time_y - old.time_s * dx
    bx = now.bias_x - old.bias_x + old.bias_rad * dy
    by = now.bias_y - old.bias_y - old.bias_rad * dx
    sx, sy = now.slip_x - old.slip_x, now.slip_y - old.slip_y
    lx, ly = now.lag_x - old.lag_x + old.rate * dy, now.lag_y - old.lag_y - old.rate * dx
    ex = scale * (dx + bx - bias * tx + was[ekf.SLIP] * sx + was[ekf.LAG] * lx)
    ey = scale * (dy + by - bias * ty + was[ekf.SLIP] * sy + was[ekf.LAG] * ly)
    turn = was[ekf.YAW] - old.psi
    c, s = math.cos(turn + was[ekf.CRAB]), math.sin(turn + was[ekf.CRAB])
    gx, gy = c * ex - s * ey, s * ex + c * ey
    apart_x, apart_y = x[ekf.X] - was[ekf.X] - gx, x[ekf.Y] - was[ekf.Y] - gy
    c, s = scale * c, scale * s
    slope_b = (-(c * tx - s * ty), -(s * tx + c * ty))
    slope_k = (c * sx - s * sy, s * sx + c * sy)
    slope_l = (c * lx - s * ly, s * lx + c * ly)
    h, w = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
    noise = now.turn_rad2 - old.turn_rad2
    way = now.way_m2 - old.way_m2
    rolled = now.time_s - old.time_s
    walk_b, walk_s = ekf.BIAS_WALK * rolled, ekf.SCALE_WALK * rolled
    seen = point.wheels
    for axis, (ux, uy) in enumerate(((h, w), (-w, h))):
        ahead = ux * gx + uy * gy
        side = -ux * gy + uy * gx
        b = ux * slope_b[0] + uy * slope_b[1]
        k = ux * slope_k[0] + uy * slope_k[1]
        lag = ux * slope_l[0] + uy * slope_l[1]
        position, calibration = _variance(p, ux, uy, side, b, ahead / scale, k, lag)
        # Noise spread over the way counts at its middle, roughly: 0.4 is between straight (1/3) and turning.
        total = position + FIX_SLOW_M * FIX_SLOW_M + CALIBRATION * CALIBRATION * calibration
        total += 0.4 * (noise * side * side + walk_b * b * b + walk_s * ahead * ahead) + way
        apart = ux * apart_x + uy * apart_y
        if axis == 0:
            seen.along, seen.sigma_along = apart, math.sqrt(total)
        else:
            seen.across, seen.sigma_across = apart, math.sqrt(total)


def _reduced(p: list[float]) -> list[float]:
    """The filter's covariance with yaw and crab added up to the course: x, y, course, bias, scale, slip,
    lag; upper triangle, row by row, 28 floats."""
    (
        xx, xy, xt, xb, xs, xk, xc, xl, yy, yt, yb, ys, yk, yc, yl, tt, tb, ts, tk, tc, tl,
        bb, bs, bk, bc, bl, ss, sk, sc, sl, kk, kc, kl, cc, cl, ll,
    ) = p  # fmt: skip
    return [
        xx, xy, xt + xc, xb, xs, xk, xl, yy, yt + yc, yb, ys, yk, yl, tt + 2 * tc + cc, tb + bc, ts + sc,
        tk + kc, tl + cl, bb, bs, bk, bl, ss, sk, sl, kk, kl, ll,
    ]  # fmt: skip


def _variance(
    p: list[float], x: float, y: float, t: float, b: float, s: float, k: float, g: float
) -> tuple[float, float]:
    """h P h' of the position alone, and of all else with its correlation to the position."""
    (
        xx, xy, xt, xb, xs, xk, xg, yy, yt, yb, ys, yk, yg, tt, tb, ts, tk, tg, bb, bs, bk, bg, ss, sk, sg,
        kk, kg, gg,
    ) = p  # fmt: skip
    position = x * x * xx + 2 * x * y * xy + y * y * yy
    rest = x * (t * xt + b * xb + s * xs + k * xk + g * xg) + y * (t * yt + b * yb + s * ys + k * yk + g * yg)
    rest += t * (b * tb + s * ts + k * tk + g * tg) + b * (s * bs + k * bk + g * bg)
    rest += s * (k * sk + g * sg) + k * g * kg
    squares = t * t * tt + b * b * bb + s * s * ss + k * k * kk + g * g * gg
    return position, max(0.0, 2.0 * rest + squares)


def _velocity(point: Checkpoint, now: Sums, x: list[float]) -> None:
    old, p, seen = point.sums, point.p, point.doppler
    dx = now.ahead_x - old.ahead_x - (now.doppler_x - old.doppler_x)
    dy = now.ahead_y - old.ahead_y - (now.doppler_y - old.doppler_y)
    h, w = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
    noise = now.doppler_m2 - old.doppler_m2 + FIX_SLOW_M * FIX_SLOW_M
    # The same delay of velocity against position at both ends.
    turn = x[ekf.YAW] - point.x[ekf.YAW]
    late = VELOCITY_LATE_S * (now.wheel - old.wheel * math.cos(turn))
    aside = VELOCITY_LATE_S * old.wheel * math.sin(turn)
    xx, xy, yy = p[0], p[1], p[7]
    seen.along, seen.across = h * dx + w * dy, h * dy - w * dx
    seen.sigma_along = math.sqrt(h * h * xx + 2 * h * w * xy + w * w * yy + noise + late * late)
    seen.sigma_across = math.sqrt(w * w * xx - 2 * h * w * xy + h * h * yy + noise + aside * aside)
