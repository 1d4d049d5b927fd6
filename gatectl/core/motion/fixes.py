"""What places the vehicle absolutely, and how much of it the filter takes.

GNSS epochs (position, heading, velocity: each with its own gate and floor) and transponders in the
lane. Errors of a receiver live for a while: `spacing_s` since the epoch before says how many epochs
count as one. A float solution's error lives for a minute and is metres rather than what is announced,
so it can steady a vehicle without anything better but cannot pull it within seconds.
"""

from __future__ import annotations

import math

from msgspec import Struct

from gatectl.core.motion import filter as ekf

FIX_FLOOR_M = 0.02  # receivers claim 3 mm; trusting that locks the filter out
FLOAT_FLOOR_M = 0.30
FIX_TAU_S = 0.1  # epochs closer together than this are not news
FLOAT_TAU_S = 60.0
HEADING_FLOOR_RAD = math.radians(0.2)
VELOCITY_SIGMA_MPS = 0.05
VELOCITY_FROM_MPS = 0.5
GATE_POSITION = 13.8  # chi-square, 2 degrees of freedom, 99.9 %
GATE_HEADING = 10.8  # 1 degree of freedom, 99.9 %
STALE_CORRECTION_S = 20.0


class GnssFix(Struct, frozen=True):
    """One epoch. x, y m: the antenna in the site frame; sigma_x, sigma_y m as the receiver claims;
    fixed: integer ambiguities (else float); yaw rad ccw from east of the vehicle, None without valid
    heading; correction_age s; stamp_mono_ns: when the epoch was, not when it came. sigma_yaw rad, 0 =
    not given. velocity (east, north of the site frame) m/s of the antenna, None = not given.
    receiver_level m: the receiver's own horizontal protection level, 0 = not given."""

    stamp_mono_ns: int
    x: float
    y: float
    sigma_x: float
    sigma_y: float
    fixed: bool
    yaw: float | None
    correction_age: float
    sigma_yaw: float = 0.0
    velocity: tuple[float, float] | None = None
    receiver_level: float = 0.0


class MarkerFix(Struct, frozen=True):
    """The reader under the vehicle crossed a surveyed transponder. x, y m: of the transponder; lateral m:
    how far left of the reader it was; sigma_along, sigma_across m: of the reader against the vehicle."""

    stamp_mono_ns: int
    x: float
    y: float
    sigma_along: float
    sigma_across: float
    lateral: float = 0.0


class Innovation(Struct, frozen=True):
    """What one epoch said against what was expected, before it was taken. stamp_mono_ns: its time.

    along, across m: position error along and left of the heading; var_along, var_across m2: expected
    variances of these, without what is inflated for correlation. taken: the position passed its gate.
    turn rad: heading error, None = no heading; var_turn rad2; turn_taken: it passed its gate.
    """

    stamp_mono_ns: int
    fixed: bool
    along: float
    across: float
    var_along: float
    var_across: float
    taken: bool
    turn: float | None
    var_turn: float
    turn_taken: bool
    receiver_level: float


def complete(fix: GnssFix) -> bool:
    """Good enough to start from: fixed, with heading and fresh corrections."""
    return fix.yaw is not None and reliable(fix)


def reliable(fix: GnssFix) -> bool:
    """Integer ambiguities and fresh corrections."""
    return fix.fixed and fix.correction_age <= STALE_CORRECTION_S


class Lever:
    """Where a sensor is on the vehicle: m forward and left of the control point."""

    def __init__(self, forward_m: float, left_m: float) -> None:
        self.forward, self.left = forward_m, left_m

    def at(self, yaw: float) -> tuple[float, float]:
        """The arm in the site frame, m."""
        c, s = math.cos(yaw), math.sin(yaw)
        return c * self.forward - s * self.left, s * self.forward + c * self.left


def take(
    x: list[float], p: list[float], fix: GnssFix, spacing_s: float, arm: Lever, wheel: float, rate: float,
    lateral: float, accel: float = 0.0,
) -> tuple[list[float], list[float], Innovation]:  # fmt: skip
    """The filter with this epoch, as far as it passes the gates.

    wheel m/s and accel m/s2 as measured, rate rad/s without bias, lateral m/s2 (`filter.settle`): at the
    epoch.
    """
    dx, dy = arm.at(x[ekf.YAW])
    ex, ey = fix.x - x[ekf.X] - dx, fix.y - x[ekf.Y] - dy
    vx, vy, inflation = _variances(fix, spacing_s)
    xx, xy, yy = ekf.spread(p, -dy, dx)
    c, s = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
    xx, yy = xx + vx, yy + vy
    taken = ex * ex * yy - 2 * ex * ey * xy + ey * ey * xx <= GATE_POSITION * (xx * yy - xy * xy)
    turn, var_turn, turn_taken = None, 0.0, False
    if fix.yaw is not None:
        noise = max(fix.sigma_yaw, HEADING_FLOOR_RAD) ** 2
        turn = math.remainder(fix.yaw - x[ekf.YAW], math.tau)
        var_turn = p[ekf.DIAGONAL[ekf.YAW]] + noise
        # A refused heading alone does not spoil the position: the gyro carries on.
        turn_taken = turn * turn <= GATE_HEADING * var_turn
    seen = Innovation(
        fix.stamp_mono_ns, fix.fixed, c * ex + s * ey, c * ey - s * ex,
        c * c * xx + 2 * c * s * xy + s * s * yy, s * s * xx - 2 * c * s * xy + c * c * yy,
        taken, turn, var_turn, turn_taken, fix.receiver_level,
    )  # fmt: skip
    if not taken:
        return x, p, seen
    x, p = ekf.update(x, p, ex, inflation * vx, ((ekf.X, 1.0), (ekf.YAW, -dy)))
    dx, dy = arm.at(x[ekf.YAW])
    x, p = ekf.update(x, p, fix.y - x[ekf.Y] - dy, inflation * vy, ((ekf.Y, 1.0), (ekf.YAW, dx)))
    if fix.yaw is not None and turn_taken:
        turn = math.remainder(fix.yaw - x[ekf.YAW], math.tau)
        noise *= max(1.0, FIX_TAU_S / spacing_s)
        x, p = ekf.update(x, p, turn, noise, ((ekf.YAW, 1.0),))
    if fix.velocity is not None and abs(wheel) > VELOCITY_FROM_MPS:
        x, p = _take_velocity(x, p, fix.velocity, spacing_s, arm, wheel, rate, lateral, accel)
    return x, p, seen


def _take_velocity(
    x: list[float], p: list[float], velocity: tuple[float, float], spacing_s: float, arm: Lever,
    wheel: float, rate: float, lateral: float, accel: float,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """Speed and course of the antenna, which swings about the control point."""
    v = (wheel + x[ekf.LAG] * accel) * x[ekf.SCALE]
    drift = x[ekf.CRAB] - x[ekf.SLIP] * lateral
    course = x[ekf.YAW] + drift
    c, s = math.cos(course), math.sin(course)
    # Along and across the control point's course; the swing is along and across the body, nearly the same.
    along = c * velocity[0] + s * velocity[1] - v + rate * (arm.left + arm.forward * drift)
    across = c * velocity[1] - s * velocity[0] - rate * (arm.forward - arm.left * drift)
    noise = VELOCITY_SIGMA_MPS**2
    to_along = ((ekf.SCALE, wheel), (ekf.BIAS, arm.left), (ekf.LAG, accel))
    to_across = ((ekf.YAW, v), (ekf.CRAB, v), (ekf.SLIP, -v * lateral), (ekf.BIAS, -arm.forward))
    chi2 = along * along / (ekf.variance_of(p, to_along) + noise)
    chi2 += across * across / (ekf.variance_of(p, to_across) + noise)
    if chi2 > GATE_POSITION:
        return x, p
    noise *= max(1.0, FIX_TAU_S / spacing_s)
    x, p = ekf.update(x, p, along, noise, to_along)
    return ekf.update(x, p, across, noise, to_across)


def take_marker(
    x: list[float], p: list[float], marker: MarkerFix, reader: Lever
) -> tuple[list[float], list[float], bool]:
    """The filter with this crossing, and whether it passed the gate."""
    seen = Lever(reader.forward, reader.left + marker.lateral)
    dx, dy = seen.at(x[ekf.YAW])
    c, s = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
    ex, ey = marker.x - x[ekf.X] - dx, marker.y - x[ekf.Y] - dy
    along = ((ekf.X, c), (ekf.Y, s), (ekf.YAW, -seen.left))
    across = ((ekf.X, -s), (ekf.Y, c), (ekf.YAW, seen.forward))
    e_along, e_across = c * ex + s * ey, c * ey - s * ex
    v_along, v_across = marker.sigma_along**2, marker.sigma_across**2
    chi2 = e_along * e_along / (ekf.variance_of(p, along) + v_along)
    chi2 += e_across * e_across / (ekf.variance_of(p, across) + v_across)
    if chi2 > GATE_POSITION:
        return x, p, False
    before = x
    x, p = ekf.update(x, p, e_along, v_along, along)
    moved = -s * (x[ekf.X] - before[ekf.X]) + c * (x[ekf.Y] - before[ekf.Y])
    moved += seen.forward * (x[ekf.YAW] - before[ekf.YAW])
    x, p = ekf.update(x, p, e_across - moved, v_across, across)
    return x, p, True


def missed(x: list[float], marker: MarkerFix, reader: Lever) -> float:
    """How far (m) the transponder lies from where this state expects it."""
    dx, dy = Lever(reader.forward, reader.left + marker.lateral).at(x[ekf.YAW])
    return math.hypot(marker.x - x[ekf.X] - dx, marker.y - x[ekf.Y] - dy)


def _variances(fix: GnssFix, spacing_s: float) -> tuple[float, float, float]:
    """Of the position, m2 per axis with floors, and by how much correlation makes it count less."""
    if reliable(fix):
        floor, tau = FIX_FLOOR_M, FIX_TAU_S
    else:
        floor, tau = FLOAT_FLOOR_M, FLOAT_TAU_S
    inflation = max(1.0, tau / spacing_s)
    return max(fix.sigma_x, floor) ** 2, max(fix.sigma_y, floor) ** 2, inflation
