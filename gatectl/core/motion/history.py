"""The last second of the filter, so that what comes late is taken at its own time."""

from __future__ import annotations

import bisect

from msgspec import Struct

from gatectl.core.motion import filter as ekf
from gatectl.core.motion.fixes import GnssFix, Innovation, Lever, MarkerFix, take, take_marker

HISTORY_NS = 1_000_000_000
ACCEL_TAU_S = 0.2
STAND_BIAS_VARIANCE = (1.7e-3) ** 2


class Motion(Struct, frozen=True):
    """Odometry as sampled at stamp_mono_ns: wheel m/s (negative backwards); gyro rad/s (gyro_ok) or the
    steering's yaw rate; standing: the wheels are known not to turn; loaded: None while not known. walk
    m/s^0.5: how fast the place gets lost because the wheel speed is a guess, 0 = it is measured."""

    stamp_mono_ns: int
    wheel: float
    gyro: float
    gyro_ok: bool
    standing: bool
    loaded: bool | None
    walk: float = 0.0


class Step(Struct):
    """The filter after one step, with the inputs that led to it, so that it can be replayed.

    lateral m/s2: `filter.settle`; accel m/s2: of the wheels, smoothed. spacing_s: time since the epoch
    before fix came.
    """

    motion: Motion
    x: list[float]
    p: list[float]
    lateral: float = 0.0
    fix: GnssFix | None = None
    spacing_s: float = 0.1
    marker: MarkerFix | None = None
    accel: float = 0.0


class History:
    """How steps follow from each other for one vehicle. reach_m: see `filter.settle`."""

    def __init__(self, antenna: Lever, reader: Lever, reach_m: float) -> None:
        self._antenna, self._reader, self._reach = antenna, reader, reach_m

    def advance(self, steps: list[Step], motion: Motion) -> None:
        """One odometry sample more; forgets what is too old."""
        here = Step(motion, [], [])
        self._carry(steps[-1], here)
        steps.append(here)
        while motion.stamp_mono_ns - steps[0].motion.stamp_mono_ns > HISTORY_NS:
            del steps[0]

    def insert(
        self, steps: list[Step], fix: GnssFix | None, spacing_s: float, marker: MarkerFix | None
    ) -> tuple[int, Innovation | None, bool]:
        """Take a fix or a marker at its own time and replay what followed.

        Returns its place in steps, the innovation (of a fix), and whether it passed the gate: if not,
        nothing has changed but a step without it. Place -1: older than the history.
        """
        stamp = fix.stamp_mono_ns if fix is not None else marker.stamp_mono_ns if marker is not None else 0
        at = bisect.bisect_right(steps, stamp, key=_stamp) - 1
        if at < 0:
            return -1, None, False
        following = steps[at + 1].motion if at + 1 < len(steps) else None
        base = steps[at]
        here = Step(_between(base.motion, following, stamp), base.x, base.p)
        self._carry(base, here)
        seen, taken = self._measure(here, fix, spacing_s, marker)
        if not taken:
            return at, seen, False
        here.fix, here.spacing_s, here.marker = fix, spacing_s, marker
        at += 1
        steps.insert(at, here)
        before = here
        for step in steps[at + 1 :]:
            self._carry(before, step)
            if step.fix is not None or step.marker is not None:
                self._measure(step, step.fix, step.spacing_s, step.marker)
            before = step
        return at, seen, True

    def _measure(
        self, step: Step, fix: GnssFix | None, spacing_s: float, marker: MarkerFix | None
    ) -> tuple[Innovation | None, bool]:
        if fix is not None:
            rate = yaw_rate(step.motion, step.x)
            step.x, step.p, seen = take(
                step.x,
                step.p,
                fix,
                spacing_s,
                self._antenna,
                step.motion.wheel,
                rate,
                step.lateral,
                step.accel,
            )
            return seen, seen.taken
        assert marker is not None
        step.x, step.p, taken = take_marker(step.x, step.p, marker, self._reader)
        return None, taken

    def _carry(self, before: Step, here: Step) -> None:
        """From one step to the time of the next, with the mean of both ends of the odometry."""
        start, motion, x, p = before.motion, here.motion, before.x, before.p
        dt = (motion.stamp_mono_ns - start.stamp_mono_ns) * 1e-9
        if motion.standing:
            # A standing vehicle does not turn, so its gyro shows its bias.
            x, p = ekf.predict(x, p, dt, wheel=0.0, gyro=0.0, gyro_ok=False, lateral=0.0)
            if motion.gyro_ok and dt > 0.0:
                x, p = ekf.update(x, p, motion.gyro - x[ekf.BIAS], STAND_BIAS_VARIANCE, ((ekf.BIAS, 1.0),))
            here.x, here.p, here.lateral, here.accel = x, p, 0.0, 0.0
            return
        wheel, change = 0.5 * (start.wheel + motion.wheel), motion.wheel - start.wheel
        ok = motion.gyro_ok
        gyro, swing = motion.gyro, 0.0
        if start.gyro_ok == ok:
            gyro, swing = 0.5 * (start.gyro + motion.gyro), motion.gyro - start.gyro
        lateral = ekf.settle(before.lateral, x, wheel, gyro - x[ekf.BIAS] if ok else gyro, dt, self._reach)
        here.x, here.p = ekf.predict(
            x, p, dt, wheel=wheel, gyro=gyro, gyro_ok=ok, lateral=lateral, change=change, swing=swing,
            walk=motion.walk,
        )  # fmt: skip
        here.lateral = lateral
        here.accel = before.accel + (change - before.accel * dt) / (ACCEL_TAU_S + dt)


def yaw_rate(motion: Motion, x: list[float]) -> float:
    """rad/s, without bias."""
    if motion.standing:
        return 0.0
    return motion.gyro - x[ekf.BIAS] if motion.gyro_ok else motion.gyro


def _stamp(step: Step) -> int:
    return step.motion.stamp_mono_ns


def _between(before: Motion, after: Motion | None, stamp: int) -> Motion:
    """The odometry at `stamp`: between two samples, or as the last one was."""
    if after is None or after.stamp_mono_ns == before.stamp_mono_ns:
        return Motion(stamp, before.wheel, before.gyro, before.gyro_ok, before.standing, None, before.walk)
    share = (stamp - before.stamp_mono_ns) / (after.stamp_mono_ns - before.stamp_mono_ns)
    wheel = before.wheel + share * (after.wheel - before.wheel)
    gyro = after.gyro
    if before.gyro_ok == after.gyro_ok:
        gyro = before.gyro + share * (after.gyro - before.gyro)
    return Motion(stamp, wheel, gyro, after.gyro_ok, after.standing, None, after.walk)
