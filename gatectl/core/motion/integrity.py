"""The protection levels: how far the true position may be from the estimate, along and across.

A bound for a configured risk (`limits.integrity_risk_per_h`) under stated assumptions (docs/integrity.md):
- without a fault: K times the filter's standard deviation, which never counts as less than the correlated
  part of RTK error that no filter can see (FLOOR_M), and what heading does at the far axle; K from half
  of the risk, as a Gaussian tail over both axes and INDEPENDENT_PER_H independent positions an hour;
- with a fault of the GNSS positions (`limits.gnss_fault_rate_per_h` of them) that the filter follows: the
  separation from references without GNSS positions (`separation`) plus K of the other half of the risk
  times their standard deviation, the largest of all; where that is not sharp, in proportion. A separation
  beyond ALARM_SIGMAS, or epochs that are refused, hold these references until they agree again; what stays is
  only accepted standing, in the open, and goes on counting until somebody confirms the position;
- along, the way driven in EPOCH_AGE_S (without a fault);
- the age of the corrections, whose error grows with it;
- without GNSS nothing checks wheels and gyro, so a fault of theirs that the covariance does not know
  (a slipping wheel, a bias step) is allowed for by distance and by time;
- position fixes and headings that go on disagreeing with the filter count in full: one of the two is
  wrong;
- the receiver's own protection level where it gives one.
With the demo's 0.5 m alert limit: 3 s without GNSS at 7 m/s stay inside, 60 s never do.
"""

from __future__ import annotations

import math

from msgspec import Struct, field
from scipy.special import ndtri

from gatectl.core.motion import filter as ekf
from gatectl.core.motion import separation
from gatectl.core.motion.fixes import GnssFix, Lever
from gatectl.core.motion.history import Step
from gatectl.core.motion.separation import Checkpoint, Reference, SeparationState

UNKNOWN_M = 1000.0
INDEPENDENT_PER_H = 360.0  # errors of a fix live for some ten seconds and more
FLOOR_M = 0.012
EPOCH_AGE_S = 0.02  # an epoch's age is not known better; in full, because it stays
AGE_FREE_S = 2.0
AGE_MPS = 0.004
SILENT_FREE_S = 0.3
SILENT_PER_M = 0.004
SILENT_MPS = 0.008
RETURN_AFTER_S = 4.0  # an outage so long lets the receiver fix anew,
RETURN_NS = 20_000_000_000  # and so long the new fix has to prove itself against dead reckoning,
PROVEN_NS = 5_000_000_000  # or so long standing
REMEMBER_S = 2.0  # a position without epochs for so long vouches for nothing that older ones do not
SHARP_M = 0.15  # a reference counts in full while K sigma of it is below this
DOPPLER_SHARP_M = 0.28
DULL = 0.9  # of that is what another asks for, up to one sigma apart,
DULL_PER_SIGMA = 0.77  # and so much more per sigma until it is in proportion
ALARM_SIGMAS = 4.0
ALARM_SIGMAS_DOPPLER = 3.5  # its sigma is generous: receivers are 1.5 times better
SUSPECT_SIGMAS = 2.5
SUSPECT_M = 0.06
CALM_NS = 2_000_000_000
STAND_NS = 5_000_000_000
TURNED_FROM = 10  # headings are noisier
REFUSED_FROM = 3  # single outliers are what the gate is for
RECEIVER_NS = 2_000_000_000


class Evidence(Struct, frozen=True):
    """What the localiser knows beside its filter. silent_s, travelled_m: since the last accepted reliable
    epoch; refused epochs in a row by refused_m, turned headings by turned_rad."""

    silent_s: float
    travelled_m: float
    correction_age_s: float
    refused: int
    refused_m: float
    turned: int
    turned_rad: float


class IntegrityState(Struct):
    """held: references have been stopped because something disagrees; calm_mono_ns, stand_mono_ns: since
    when it agrees again, the vehicle stands. away_x, away_y m: where the position would be if what was
    taken over standing were wrong, away_m: how well that is known. silent: in an outage; return_mono_ns: its
    end, while the new fix has to prove itself by references from before proven_by_ns.
    receiver_m, receiver_mono_ns: the receiver's own level and when it came."""

    separation: SeparationState = field(default_factory=SeparationState)
    held: bool = False
    calm_mono_ns: int = 0
    stand_mono_ns: int = 0
    away_x: float = 0.0
    away_y: float = 0.0
    away_m: float = 0.0
    silent: bool = False
    return_mono_ns: int = 0
    proven_by_ns: int = 0
    receiver_m: float = 0.0
    receiver_mono_ns: int = 0


class Integrity:
    """The constants of a vehicle. risk_per_h: of an error beyond the level; fault_rate_per_h: how often
    the GNSS positions get a fault that the receiver does not tell; reach_m: lever of the heading."""

    def __init__(
        self, antenna: Lever, reach_m: float, risk_per_h: float = 1e-4, fault_rate_per_h: float = 1e-2
    ) -> None:
        self._antenna, self._reach = antenna, reach_m
        # Two halves of the risk, two axes, two sides.
        self.k_free = -float(ndtri(risk_per_h / 2 / INDEPENDENT_PER_H / 2 / 2))
        self.k_fault = -float(ndtri(min(0.05, risk_per_h / 2 / fault_rate_per_h / 2) / 2))

    def restart(self, state: IntegrityState) -> None:
        """A new position that has nothing to do with the one before."""
        state.separation = SeparationState()
        state.held = False
        state.calm_mono_ns = state.stand_mono_ns = 0

    def moved(self, state: IntegrityState, old: list[float], new: list[float]) -> None:
        """The position was taken over, filter states before and after: which of the two was right?"""
        self._keep_apart(state, old[ekf.YAW])
        state.away_x -= new[ekf.X] - old[ekf.X]
        state.away_y -= new[ekf.Y] - old[ekf.Y]
        if math.hypot(state.away_x, state.away_y) < SUSPECT_M:
            state.away_x = state.away_y = state.away_m = 0.0  # back where it was

    def _keep_apart(self, state: IntegrityState, yaw: float) -> float:
        """Start the references anew, remembering how far those held were apart; m, with their doubt."""
        held = _held(state)
        self.restart(state)
        if not held:
            return 0.0
        worst = max(held, key=Reference.apart_m)
        c, s = math.cos(yaw), math.sin(yaw)
        state.away_x -= c * worst.along - s * worst.across
        state.away_y -= s * worst.along + c * worst.across
        state.away_m = max(state.away_m, self.k_fault * max(worst.sigma_along, worst.sigma_across))
        return worst.apart_m() + state.away_m

    def confirm(self, state: IntegrityState) -> None:
        """Somebody, or a transponder, has vouched for the position."""
        self.restart(state)
        state.away_x = state.away_y = state.away_m = 0.0

    def step(
        self, state: IntegrityState, now_mono_ns: int, steps: list[Step], fix: GnssFix | None, seen: Evidence
    ) -> tuple[float, float, float]:
        """One scan. Levels along and across, m; and > 0 when a disagreement was taken over: its size, m."""
        last = steps[-1]
        news = separation.advance(state.separation, steps, fix, self._antenna)
        if not state.held and seen.refused < REFUSED_FROM and seen.silent_s < REMEMBER_S:
            separation.remember(state.separation, last)
        compared = separation.compare(state.separation, last) if news else None
        if compared is not None:
            self._judge(state, compared.wheels, ALARM_SIGMAS)
            self._judge(state, compared.doppler, ALARM_SIGMAS_DOPPLER)
            self._ask(state, compared)
        if seen.refused >= REFUSED_FROM and not state.held:
            self._hold_newest(state)
        if fix is not None and fix.receiver_level > 0.0:
            state.receiver_m, state.receiver_mono_ns = fix.receiver_level, now_mono_ns
        self._watch_silence(state, now_mono_ns, last, seen.silent_s)
        taken = self._settle(state, now_mono_ns, last, seen) if state.held else 0.0
        along, across = self._levels(state, now_mono_ns, last, seen)
        return along, across, taken

    def _watch_silence(self, state: IntegrityState, now: int, last: Step, silent_s: float) -> None:
        if silent_s > RETURN_AFTER_S:
            if not state.silent:
                state.silent, state.proven_by_ns = True, last.motion.stamp_mono_ns
            state.return_mono_ns = 0
        elif state.silent:
            state.silent, state.return_mono_ns = False, now
        if state.return_mono_ns:
            standing = last.motion.standing and now - state.return_mono_ns > PROVEN_NS
            if standing or now - state.return_mono_ns > RETURN_NS:
                state.return_mono_ns = 0

    # ---- disagreement -------------------------------------------------------------------------

    def _judge(self, state: IntegrityState, reference: Reference, sigmas: float) -> None:
        if reference.release_m > 0.0:
            return
        limit_along, limit_across = sigmas * reference.sigma_along, sigmas * reference.sigma_across
        if abs(reference.along) > limit_along or abs(reference.across) > limit_across:
            reference.release_m = 0.5 * min(limit_along, limit_across)
            state.held, state.calm_mono_ns = True, 0

    def _hold_newest(self, state: IntegrityState) -> None:
        """Epochs are being refused: what was before them must not be forgotten if the gate opens."""
        if not state.separation.checkpoints:
            return
        for reference in (
            state.separation.checkpoints[-1].wheels,
            state.separation.checkpoints[-1].doppler,
        ):
            sigma = max(reference.sigma_along, reference.sigma_across)
            reference.release_m = max(SUSPECT_M, SUSPECT_SIGMAS * sigma)
        self._ask(state, state.separation.checkpoints[-1])
        state.held, state.calm_mono_ns = True, 0

    def _settle(self, state: IntegrityState, now: int, last: Step, seen: Evidence) -> float:
        """While held: let go when all agree again; take what stays over, standing with good fixes."""
        held = _held(state)
        good = seen.refused == 0 and seen.silent_s < 1.0
        if good and all(r.apart_m() < r.release_m for r in held):
            state.calm_mono_ns = state.calm_mono_ns or now
            if now - state.calm_mono_ns >= CALM_NS:
                state.held = False
                for reference in held:
                    reference.release_m = 0.0
                return 0.0
        else:
            state.calm_mono_ns = 0
        if not good or not last.motion.standing:
            state.stand_mono_ns = 0
            return 0.0
        state.stand_mono_ns = state.stand_mono_ns or now
        if now - state.stand_mono_ns < STAND_NS or state.calm_mono_ns:
            return 0.0
        return self._keep_apart(state, last.x[ekf.YAW])

    def _ask(self, state: IntegrityState, point: Checkpoint) -> None:
        """What this checkpoint asks for: the separation and K sigma of its references."""
        k, kept = self.k_fault, state.separation.checkpoints
        # After an outage the newest from before it counts in full.
        proving = state.return_mono_ns > 0 and point.stamp_mono_ns < state.proven_by_ns
        proving = proving and all(
            p.stamp_mono_ns <= point.stamp_mono_ns or p.stamp_mono_ns >= state.proven_by_ns for p in kept
        )
        point.level_along = point.level_across = 0.0
        for by, sharp in ((point.wheels, SHARP_M), (point.doppler, DOPPLER_SHARP_M)):
            full = by.release_m > 0.0 or (proving and by is point.wheels)
            for axis, apart, sigma in ((0, by.along, by.sigma_along), (1, by.across, by.sigma_across)):
                wide = k * sigma
                bound = abs(apart) + wide
                if wide > sharp and not full:
                    # What is old, or not yet calibrated (after a start, another load), says little: in
                    # full it would keep every vehicle from driving. Apart by some sigmas it still speaks.
                    sigmas = abs(apart) / sigma
                    bound = min(
                        bound * sharp / wide, sharp * (DULL + DULL_PER_SIGMA * max(0.0, sigmas - 1.0))
                    )
                if axis == 0:
                    point.level_along = max(point.level_along, bound)
                else:
                    point.level_across = max(point.level_across, bound)

    # ---- levels -------------------------------------------------------------------------------

    def _levels(self, state: IntegrityState, now: int, last: Step, seen: Evidence) -> tuple[float, float]:
        p, yaw = last.p, last.x[ekf.YAW]
        c, s = math.cos(yaw), math.sin(yaw)
        xx, xy, yy = p[ekf.DIAGONAL[ekf.X]], p[ekf.COLUMN[ekf.Y][ekf.X]], p[ekf.DIAGONAL[ekf.Y]]
        floor = FLOOR_M * FLOOR_M
        heading = self._reach * self._reach * p[ekf.DIAGONAL[ekf.YAW]]
        along = self.k_free * math.sqrt(max(0.0, c * c * xx + 2 * c * s * xy + s * s * yy) + floor)
        along += EPOCH_AGE_S * abs(state.separation.wheel)
        across = self.k_free * math.sqrt(
            max(0.0, s * s * xx - 2 * c * s * xy + c * c * yy) + floor + max(0.0, heading)
        )
        if seen.silent_s > SILENT_FREE_S:  # wheels or gyro at fault, but then not GNSS as well
            doubt = SILENT_PER_M * seen.travelled_m + SILENT_MPS * seen.silent_s
            along, across = along + doubt, across + doubt
        for point in state.separation.checkpoints:
            along, across = max(along, point.level_along), max(across, point.level_across)
        both = AGE_MPS * max(0.0, seen.correction_age_s - AGE_FREE_S)
        if seen.refused >= REFUSED_FROM:
            both += seen.refused_m
        if state.away_x or state.away_y:
            along += abs(c * state.away_x + s * state.away_y) + state.away_m
            across += abs(c * state.away_y - s * state.away_x) + state.away_m
        along, across = along + both, across + both
        if seen.turned >= TURNED_FROM:
            across += self._reach * min(1.0, seen.turned_rad)
        if now - state.receiver_mono_ns < RECEIVER_NS:
            along, across = max(along, state.receiver_m), max(across, state.receiver_m)
        return along, across


def _held(state: IntegrityState) -> list[Reference]:
    """The references that have spoken against the filter."""
    return [r for c in state.separation.checkpoints for r in (c.wheels, c.doppler) if r.release_m > 0.0]
