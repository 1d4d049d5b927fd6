"""Where the vehicle is and how far that may be trusted.

Wheel speed and gyro carry the filter from scan to scan; GNSS epochs correct it at their own time:
the steps of the last second are kept, the filter goes back to the epoch, takes it, and replays.
Every epoch passes a chi-square gate. Epochs that keep being refused never move the filter silently:
they widen the protection level, and only a standing vehicle that sees the same refused position for
seconds takes it over, as an event that the caller must show (and may owe a reset for).
"""

from __future__ import annotations

import math

from msgspec import Struct

from gatectl.core.motion import filter as ekf
from gatectl.core.motion.integrity import UNKNOWN_M, protection_level
from gatectl.model.node import AntennaConfig

HISTORY_NS = 1_000_000_000
FIX_FLOOR_M = 0.02  # receivers claim 3 mm; trusting that locks the filter out
FLOAT_FLOOR_M = 0.30
FLOAT_EPOCHS = 50.0  # a float error lives for seconds: this many epochs count as one
HEADING_SIGMA_RAD = math.radians(0.2)
GATE_POSITION = 13.8  # chi-square, 2 degrees of freedom, 99.9 %
GATE_HEADING = 10.8  # 1 degree of freedom, 99.9 %
STALE_CORRECTION_S = 20.0
ACQUIRE_EPOCHS = 5
ACQUIRE_SPREAD_M = 0.08
ACQUIRE_SPEED_MPS = 0.3
REACQUIRE_EPOCHS = 30
REACQUIRE_SPREAD_M = 0.10
START_SIGMAS = [0.03, 0.03, math.radians(0.3), math.radians(0.1), 0.01, 0.006]
STAND_BIAS_VARIANCE = math.radians(0.1) ** 2


class GnssFix(Struct, frozen=True):
    """One epoch. x, y m: the antenna in the site frame; sigma_x, sigma_y m as the receiver claims;
    fixed: integer ambiguities (else float); yaw rad ccw from east of the vehicle, None without valid
    heading; correction_age s; stamp_mono_ns: when the epoch was, not when it came."""

    stamp_mono_ns: int
    x: float
    y: float
    sigma_x: float
    sigma_y: float
    fixed: bool
    yaw: float | None
    correction_age: float


class Motion(Struct, frozen=True):
    """Dead reckoning since the motion before, mean values: wheel m/s; gyro rad/s (gyro_ok) or the
    steering's yaw rate; standing: the wheels are known not to turn; loaded: None while not known."""

    stamp_mono_ns: int
    wheel: float
    gyro: float
    gyro_ok: bool
    standing: bool
    loaded: bool | None


class Step(Struct):
    """The filter after one step, with the inputs that led to it, so that it can be replayed."""

    motion: Motion
    x: list[float]
    p: list[float]
    fix: GnssFix | None = None


class LocaliserState(Struct):
    """known: initialised. steps: the last second, oldest first. candidates: epochs that agree while
    acquiring. fix_mono_ns: the last accepted fixed epoch; travelled_m since then. refused: epochs
    refused in a row that agree with each other; offset: by how much (m, site frame).
    turned, turned_rad: the same for headings, rad."""

    known: bool = False
    steps: list[Step] = []
    candidates: int = 0
    candidate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fix_mono_ns: int = 0
    travelled_m: float = 0.0
    correction_age: float = 0.0
    refused: int = 0
    refused_total: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    turned: int = 0
    turned_rad: float = 0.0
    loaded: bool | None = None


class Estimate(Struct, frozen=True):
    """The pose now. x, y m, yaw rad, speed m/s, yaw_rate rad/s; slip rad/(m/s2); level m: the
    protection level; jump_m > 0: the position was taken over anew, this far from the old one.
    crab rad: what the course deviates from the heading beyond slip (crossfall, antenna offset), so that
    course = yaw - slip * speed * yaw_rate + crab. level_along, level_across m: the protection levels
    along and across the heading."""

    known: bool
    x: float
    y: float
    yaw: float
    speed: float
    yaw_rate: float
    slip: float
    level: float
    jump_m: float = 0.0
    crab: float = 0.0
    level_along: float = UNKNOWN_M
    level_across: float = UNKNOWN_M


class Localiser:
    """Constants of one vehicle; all that changes is in `LocaliserState`."""

    def __init__(self, antenna: AntennaConfig, slip_coeff: float, wheelbase_m: float) -> None:
        self._forward, self._left = antenna.forward_m, antenna.left_m
        self._slip = slip_coeff
        self._wheelbase = wheelbase_m

    def step(self, state: LocaliserState, now_mono_ns: int, motion: Motion, fix: GnssFix | None) -> Estimate:
        """One scan: advance, take the epoch if there is a new one, say where we are now."""
        jump = 0.0
        if not state.known:
            if fix is not None:
                self._acquire(state, motion, fix)
        else:
            self._advance(state, motion)
            if fix is not None:
                jump = self._correct(state, fix)
        return self._estimate(state, now_mono_ns, motion, jump)

    # ---- forward ------------------------------------------------------------------------------

    def _advance(self, state: LocaliserState, motion: Motion) -> None:
        last = state.steps[-1]
        if motion.stamp_mono_ns <= last.motion.stamp_mono_ns:
            return
        if motion.loaded is not None and motion.loaded != state.loaded:
            if state.loaded is not None:  # another mass: other tyre slip, other rolling radius
                last.p[ekf.DIAGONAL[ekf.SLIP]] += START_SIGMAS[ekf.SLIP] ** 2
                last.p[ekf.DIAGONAL[ekf.SCALE]] += 0.003**2
            state.loaded = motion.loaded
        x, p = _carry(last.x, last.p, motion, motion.stamp_mono_ns - last.motion.stamp_mono_ns)
        state.travelled_m += abs(motion.wheel) * (motion.stamp_mono_ns - last.motion.stamp_mono_ns) * 1e-9
        state.steps.append(Step(motion, x, p))
        while motion.stamp_mono_ns - state.steps[0].motion.stamp_mono_ns > HISTORY_NS:
            del state.steps[0]

    # ---- GNSS ---------------------------------------------------------------------------------

    def _correct(self, state: LocaliserState, fix: GnssFix) -> float:
        """Go back to the epoch, take it there, replay. Returns the jump of a re-acquisition or 0."""
        steps = state.steps
        at = len(steps) - 1
        while at >= 0 and steps[at].motion.stamp_mono_ns > fix.stamp_mono_ns:
            at -= 1
        if at < 0:
            return 0.0  # older than the history: too late to be of use
        base = steps[at]
        following = steps[at + 1].motion if at + 1 < len(steps) else base.motion
        gap = fix.stamp_mono_ns - base.motion.stamp_mono_ns
        x, p = (base.x, base.p) if gap == 0 else _carry(base.x, base.p, following, gap)
        taken = self._take(x, p, fix)
        if taken is None:
            return self._refuse(state, x, fix)
        x, p = taken
        state.refused = 0
        if fix.fixed and fix.correction_age <= STALE_CORRECTION_S:
            state.fix_mono_ns, state.travelled_m = fix.stamp_mono_ns, 0.0
        state.correction_age = fix.correction_age
        if self._turned_away(state, x, p, fix):
            return self._start_over(state, fix)
        moment = Motion(
            fix.stamp_mono_ns, following.wheel, following.gyro, following.gyro_ok, following.standing, None
        )
        here = Step(moment if gap else base.motion, x, p, fix)
        if gap == 0:
            steps[at] = here
        else:
            at += 1
            steps.insert(at, here)
        before = here
        for step in steps[at + 1 :]:
            span = step.motion.stamp_mono_ns - before.motion.stamp_mono_ns
            step.x, step.p = _carry(before.x, before.p, step.motion, span)
            if step.fix is not None:
                again = self._take(step.x, step.p, step.fix)
                if again is not None:
                    step.x, step.p = again
            before = step
        return 0.0

    def _take(self, x: list[float], p: list[float], fix: GnssFix) -> tuple[list[float], list[float]] | None:
        """The filter with this epoch, or None if its position does not pass the gate."""
        ex, ey, arm_x, arm_y = self._innovation(x, fix)
        vx, vy = _variances(fix)
        xx, xy, yy = ekf.spread(p, arm_x, arm_y)
        xx, yy = xx + vx, yy + vy
        if ex * ex * yy - 2 * ex * ey * xy + ey * ey * xx > GATE_POSITION * (xx * yy - xy * xy):
            return None
        x, p = ekf.update(x, p, ekf.X, ex, vx, arm=arm_x)
        _, ey, _, arm_y = self._innovation(x, fix)
        x, p = ekf.update(x, p, ekf.Y, ey, vy, arm=arm_y)
        if fix.yaw is not None:
            turn = math.remainder(fix.yaw - x[ekf.YAW], math.tau)
            variance = HEADING_SIGMA_RAD**2
            # A refused heading alone does not spoil the position: the gyro carries on.
            if turn * turn <= GATE_HEADING * (p[ekf.DIAGONAL[ekf.YAW]] + variance):
                x, p = ekf.update(x, p, ekf.YAW, turn, variance)
        return x, p

    def _innovation(self, x: list[float], fix: GnssFix) -> tuple[float, float, float, float]:
        """Error of the antenna's position (m) and what it moves per rad of yaw."""
        c, s = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
        dx, dy = c * self._forward - s * self._left, s * self._forward + c * self._left
        return fix.x - x[ekf.X] - dx, fix.y - x[ekf.Y] - dy, -dy, dx

    def _refuse(self, state: LocaliserState, x: list[float], fix: GnssFix) -> float:
        state.refused_total += 1
        ex, ey, _, _ = self._innovation(x, fix)
        if state.refused and math.hypot(ex - state.offset[0], ey - state.offset[1]) > REACQUIRE_SPREAD_M:
            state.refused = 0
        if state.refused == 0:
            state.offset = (ex, ey)
        state.refused += 1
        standing = state.steps[-1].motion.standing
        if state.refused < REACQUIRE_EPOCHS or not standing or not _complete(fix):
            return 0.0
        return self._start_over(state, fix)

    def _turned_away(self, state: LocaliserState, x: list[float], p: list[float], fix: GnssFix) -> bool:
        """Count headings that the gate refused in a row; True when, standing, they must be believed."""
        if fix.yaw is None:
            return False
        turn = abs(math.remainder(fix.yaw - x[ekf.YAW], math.tau))
        if turn * turn <= GATE_HEADING * (p[ekf.DIAGONAL[ekf.YAW]] + HEADING_SIGMA_RAD**2):
            state.turned = 0
            return False
        state.turned, state.turned_rad = state.turned + 1, turn
        return state.turned >= REACQUIRE_EPOCHS and state.steps[-1].motion.standing and _complete(fix)

    def _start_over(self, state: LocaliserState, fix: GnssFix) -> float:
        """Take position and heading from this epoch; returns how far that moves the vehicle, never 0."""
        old = state.steps[-1].x
        self._start(state, state.steps[-1].motion, fix)
        new = state.steps[-1].x
        return max(0.001, math.hypot(new[ekf.X] - old[ekf.X], new[ekf.Y] - old[ekf.Y]))

    # ---- acquisition --------------------------------------------------------------------------

    def _acquire(self, state: LocaliserState, motion: Motion, fix: GnssFix) -> None:
        """Only from fixed epochs with heading that agree, and not while the vehicle moves."""
        if not _complete(fix) or abs(motion.wheel) > ACQUIRE_SPEED_MPS:
            state.candidates = 0
            return
        x, y, yaw = state.candidate
        near = math.hypot(fix.x - x, fix.y - y) <= ACQUIRE_SPREAD_M
        turned = abs(math.remainder((fix.yaw or 0.0) - yaw, math.tau)) > math.radians(2.0)
        state.candidates = state.candidates + 1 if near and not turned and state.candidates else 1
        state.candidate = (fix.x, fix.y, fix.yaw or 0.0)
        if state.candidates >= ACQUIRE_EPOCHS:
            self._start(state, motion, fix)

    def _start(self, state: LocaliserState, motion: Motion, fix: GnssFix) -> None:
        yaw = fix.yaw or 0.0
        c, s = math.cos(yaw), math.sin(yaw)
        x = [
            fix.x - c * self._forward + s * self._left,
            fix.y - s * self._forward - c * self._left,
            yaw,
            state.steps[-1].x[ekf.BIAS] if state.steps else 0.0,
            state.steps[-1].x[ekf.SCALE] if state.steps else 1.0,
            state.steps[-1].x[ekf.SLIP] if state.steps else self._slip,
        ]
        state.steps = [Step(motion, x, ekf.diagonal(START_SIGMAS))]
        state.known = True
        state.candidates = state.refused = state.turned = 0
        state.fix_mono_ns, state.travelled_m = fix.stamp_mono_ns, 0.0
        state.correction_age = fix.correction_age
        state.loaded = motion.loaded

    # ---- answer -------------------------------------------------------------------------------

    def _estimate(self, state: LocaliserState, now: int, motion: Motion, jump: float) -> Estimate:
        if not state.known:
            return Estimate(False, 0.0, 0.0, 0.0, motion.wheel, 0.0, self._slip, UNKNOWN_M)
        last = state.steps[-1]
        rate = 0.0 if motion.standing else motion.gyro - (last.x[ekf.BIAS] if motion.gyro_ok else 0.0)
        ahead = max(0.0, (now - last.motion.stamp_mono_ns) * 1e-9)
        x = ekf.move(last.x, motion.wheel, rate, ahead)
        level = protection_level(
            last.p,
            silent_s=max(0.0, (now - state.fix_mono_ns) * 1e-9),
            travelled_m=state.travelled_m,
            correction_age_s=state.correction_age,
            refused=state.refused,
            refused_m=math.hypot(*state.offset),
            turned=state.turned,
            turned_rad=state.turned_rad,
            reach_m=self._wheelbase,
        )
        speed = 0.0 if motion.standing else motion.wheel * x[ekf.SCALE]
        return Estimate(True, x[ekf.X], x[ekf.Y], x[ekf.YAW], speed, rate, x[ekf.SLIP], level, jump)


def _complete(fix: GnssFix) -> bool:
    return fix.fixed and fix.yaw is not None and fix.correction_age <= STALE_CORRECTION_S


def _variances(fix: GnssFix) -> tuple[float, float]:
    """Of the position, with floors; float and stale corrections are not independent from epoch to epoch."""
    if fix.fixed and fix.correction_age <= STALE_CORRECTION_S:
        return max(fix.sigma_x, FIX_FLOOR_M) ** 2, max(fix.sigma_y, FIX_FLOOR_M) ** 2
    return (
        FLOAT_EPOCHS * max(fix.sigma_x, FLOAT_FLOOR_M) ** 2,
        FLOAT_EPOCHS * max(fix.sigma_y, FLOAT_FLOOR_M) ** 2,
    )


def _carry(x: list[float], p: list[float], motion: Motion, span_ns: int) -> tuple[list[float], list[float]]:
    """Predict by span_ns; a standing vehicle does not turn, so its gyro shows its bias."""
    dt = span_ns * 1e-9
    if not motion.standing:
        return ekf.predict(x, p, dt, wheel=motion.wheel, gyro=motion.gyro, gyro_ok=motion.gyro_ok)
    x, p = ekf.predict(x, p, dt, wheel=0.0, gyro=0.0, gyro_ok=False)
    if motion.gyro_ok:
        x, p = ekf.update(x, p, ekf.BIAS, motion.gyro - x[ekf.BIAS], STAND_BIAS_VARIANCE)
    return x, p
