"""Where the vehicle is and how far that may be trusted.

Wheel speed and gyro carry the filter from scan to scan; GNSS epochs and transponders correct it at their
own time: the steps of the last second are kept, the filter goes back to the epoch, takes it, and replays.
Every kind of measurement passes a chi-square gate (`fixes`). Epochs that keep being refused never move
the filter silently (`acquire`): taking one over is an event that the caller must show (and may owe a
reset for).
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct, field

from gatectl.core.motion import filter as ekf
from gatectl.core.motion.acquire import AcquireState, RefusedState, acquire, refuse, turned_away
from gatectl.core.motion.fixes import GnssFix, Lever, MarkerFix, missed, reliable
from gatectl.core.motion.history import History, Motion, Step, yaw_rate
from gatectl.core.motion.integrity import REFUSED_FROM, UNKNOWN_M, Evidence, Integrity, IntegrityState
from gatectl.model.node import AntennaConfig

WAIT_NS = 400_000_000  # an epoch newer than the odometry waits for it, at most so long
SPACING_MAX_S = 10.0
INERTIA = 0.1  # of the wheelbase: yaw inertia pushes the rear axle outwards (`filter.settle`)
START_SIGMAS = [0.02, 0.02, math.radians(0.2), math.radians(0.1), 0.005, 0.005, math.radians(0.3), 0.03]


class LocaliserState(Struct):
    """known: initialised. steps: the last second, oldest first. waiting, marker: epochs and crossings
    newer than the odometry. fix_mono_ns: the last accepted reliable epoch or crossing; travelled_m since
    then. epoch_mono_ns: the newest epoch of any kind."""

    known: bool = False
    steps: list[Step] = []
    waiting: list[GnssFix] = []
    marker: MarkerFix | None = None
    acquiring: AcquireState = field(default_factory=AcquireState)
    refused: RefusedState = field(default_factory=RefusedState)
    epoch_mono_ns: int = 0
    fix_mono_ns: int = 0
    travelled_m: float = 0.0
    correction_age: float = 0.0
    loaded: bool | None = None
    integrity: IntegrityState = field(default_factory=IntegrityState)


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
    """Constants of one vehicle; all that changes is in `LocaliserState`.

    wheelbase_m: between the axles; steering: which of them steer. reader: where the transponder reader is.
    risk_per_h, fault_rate_per_h: see `integrity.Integrity`.
    """

    def __init__(
        self,
        antenna: AntennaConfig,
        slip_coeff: float,
        wheelbase_m: float,
        steering: Literal["front", "all_wheel"] = "front",
        reader: tuple[float, float] = (0.0, 0.0),
        risk_per_h: float = 1e-4,
        fault_rate_per_h: float = 1e-2,
    ) -> None:
        self._antenna = Lever(antenna.forward_m, antenna.left_m)
        self._slip = slip_coeff
        self._wheelbase = wheelbase_m
        self._reach = INERTIA * wheelbase_m if steering == "front" else 0.0
        self._reader = Lever(*reader)
        self._history = History(self._antenna, self._reader, self._reach)
        self._integrity = Integrity(self._antenna, wheelbase_m, risk_per_h, fault_rate_per_h)

    def step(
        self,
        state: LocaliserState,
        now_mono_ns: int,
        motion: Motion,
        fix: GnssFix | None,
        marker: MarkerFix | None = None,
    ) -> Estimate:
        """One scan: advance, take the epoch if there is a new one, say where we are now."""
        jump = 0.0
        if not state.known:
            if fix is not None:
                self._acquire(state, motion, fix)
        else:
            self._advance(state, motion)
            if marker is not None:
                state.marker = marker
            if fix is not None:
                state.waiting.append(fix)
            if state.marker is not None and self._due(state, state.marker.stamp_mono_ns, now_mono_ns):
                self._cross(state, state.marker)
            if state.waiting:
                jump = self._take_waiting(state, now_mono_ns)
        return self._estimate(state, now_mono_ns, motion, fix, jump)

    def confirm(self, state: LocaliserState) -> None:
        """Somebody has looked where the vehicle stands: what was taken over no longer widens the level."""
        self._integrity.confirm(state.integrity)
        state.refused.marked_m = 0.0

    # ---- forward ------------------------------------------------------------------------------

    def _advance(self, state: LocaliserState, motion: Motion) -> None:
        last = state.steps[-1]
        span_ns = motion.stamp_mono_ns - last.motion.stamp_mono_ns
        if span_ns <= 0:
            return
        if motion.loaded is not None and motion.loaded != state.loaded:
            if state.loaded is not None:  # another mass: other tyre slip, other rolling radius
                last.p[ekf.DIAGONAL[ekf.SLIP]] += START_SIGMAS[ekf.SLIP] ** 2
                last.p[ekf.DIAGONAL[ekf.SCALE]] += 0.003**2
                last.p[ekf.DIAGONAL[ekf.CRAB]] += math.radians(0.1) ** 2
            state.loaded = motion.loaded
        self._history.advance(state.steps, motion)
        state.travelled_m += abs(motion.wheel) * span_ns * 1e-9

    # ---- GNSS ---------------------------------------------------------------------------------

    def _due(self, state: LocaliserState, stamp: int, now: int) -> bool:
        return stamp <= state.steps[-1].motion.stamp_mono_ns or now - stamp >= WAIT_NS

    def _cross(self, state: LocaliserState, marker: MarkerFix) -> None:
        """Take a transponder's place, or note by how much it contradicts: it is surveyed, GNSS is not."""
        state.marker = None
        at, _, taken = self._history.insert(state.steps, None, 0.0, marker)
        if taken:
            state.refused.marked_m = 0.0
            if marker.stamp_mono_ns > state.fix_mono_ns:
                state.fix_mono_ns, state.travelled_m = marker.stamp_mono_ns, 0.0
            # It needs no GNSS: nothing older can vouch for the position better, nor contradict it.
            self._integrity.restart(state.integrity)
            self._integrity.confirm(state.integrity)
        elif at >= 0:
            state.refused.marked_m = missed(state.steps[at].x, marker, self._reader)

    def _take_waiting(self, state: LocaliserState, now: int) -> float:
        """The epochs that the odometry has reached. Returns the jump of a re-acquisition or 0."""
        waiting, state.waiting = state.waiting, []
        for n, fix in enumerate(waiting):
            if not self._due(state, fix.stamp_mono_ns, now):
                state.waiting.append(fix)
                continue
            jump = self._correct(state, fix)
            if jump:
                state.waiting += waiting[n + 1 :]
                return jump
        return 0.0

    def _correct(self, state: LocaliserState, fix: GnssFix) -> float:
        spacing_s = min(SPACING_MAX_S, max(1e-3, abs(fix.stamp_mono_ns - state.epoch_mono_ns) * 1e-9))
        at, seen, taken = self._history.insert(state.steps, fix, spacing_s, None)
        if seen is None:
            return 0.0  # older than the history: too late to be of use
        state.epoch_mono_ns = max(state.epoch_mono_ns, fix.stamp_mono_ns)
        standing = state.steps[-1].motion.standing
        if not taken:
            yaw = state.steps[at].x[ekf.YAW]
            return self._start_over(state, fix) if refuse(state.refused, yaw, seen, fix, standing) else 0.0
        state.refused.refused = state.refused.in_row = 0
        if reliable(fix):
            state.fix_mono_ns, state.travelled_m = fix.stamp_mono_ns, 0.0
        state.correction_age = fix.correction_age
        return self._start_over(state, fix) if turned_away(state.refused, seen, fix, standing) else 0.0

    def _start_over(self, state: LocaliserState, fix: GnssFix) -> float:
        """Take position and heading from this epoch; returns how far that moves the vehicle, never 0."""
        old = state.steps[-1].x
        self._start(state, state.steps[-1].motion, fix, (fix.x, fix.y, fix.yaw or 0.0))
        new = state.steps[-1].x
        self._integrity.moved(state.integrity, old, new)
        return max(0.001, math.hypot(new[ekf.X] - old[ekf.X], new[ekf.Y] - old[ekf.Y]))

    # ---- acquisition --------------------------------------------------------------------------

    def _acquire(self, state: LocaliserState, motion: Motion, fix: GnssFix) -> None:
        place = acquire(state.acquiring, motion.wheel, fix)
        if place is not None:
            self._start(state, motion, fix, place)
            self._integrity.restart(state.integrity)

    def _start(
        self, state: LocaliserState, motion: Motion, fix: GnssFix, place: tuple[float, float, float]
    ) -> None:
        x, y, yaw = place
        dx, dy = self._antenna.at(yaw)
        learned = state.steps[-1].x[ekf.BIAS :] if state.steps else [0.0, 1.0, self._slip, 0.0, 0.0]
        state.steps = [Step(motion, [x - dx, y - dy, yaw, *learned], ekf.diagonal(START_SIGMAS))]
        state.known = True
        state.waiting, state.marker = [], None
        state.refused.refused = state.refused.turned = state.refused.in_row = 0
        state.epoch_mono_ns = state.fix_mono_ns = fix.stamp_mono_ns
        state.travelled_m = 0.0
        state.correction_age = fix.correction_age
        state.loaded = motion.loaded

    # ---- answer -------------------------------------------------------------------------------

    def _estimate(
        self, state: LocaliserState, now: int, motion: Motion, fix: GnssFix | None, jump: float
    ) -> Estimate:
        if not state.known:
            return Estimate(False, 0.0, 0.0, 0.0, motion.wheel, 0.0, self._slip, UNKNOWN_M)
        last = state.steps[-1]
        motion = last.motion
        rate = yaw_rate(motion, last.x)
        wheel = 0.0 if motion.standing else motion.wheel
        ahead = max(0.0, (now - motion.stamp_mono_ns) * 1e-9)
        x = ekf.move(last.x, wheel, rate, last.lateral, ahead)
        refused = state.refused
        seen = Evidence(
            silent_s=max(0.0, (now - state.fix_mono_ns) * 1e-9),
            travelled_m=state.travelled_m,
            correction_age_s=state.correction_age,
            refused=refused.in_row if not refused.marked_m else max(refused.in_row, REFUSED_FROM),
            refused_m=max(refused.apart_m if refused.in_row else 0.0, refused.marked_m),
            turned=refused.turned,
            turned_rad=refused.turned_rad,
        )
        along, across, taken_m = self._integrity.step(state.integrity, now, state.steps, fix, seen)
        return Estimate(
            True, x[ekf.X], x[ekf.Y], x[ekf.YAW], wheel * x[ekf.SCALE], rate, x[ekf.SLIP],
            max(along, across), max(jump, taken_m), x[ekf.CRAB], along, across,
        )  # fmt: skip
