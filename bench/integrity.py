"""Do the protection levels hold? `python -m bench.integrity [--seconds 200000] [--jobs 2] [--quick]`.

The deployed localiser with its monitors drives a closed world (`integrity_world`) at 25 Hz (`--rate 50`
for the gate's own rate; the figures are the same), a run of 160 s after the other, a fault in each but
those of kind `none`. Per axis and scan, while the level is within the alert limit (available):

- misleading: the error is larger than the level;
- hazardous: the position error is larger than the alert limit.

What counts for the claim is how often a fault leads to at least one misleading scan, with the 95 % upper
bound of C. J. Clopper and E. S. Pearson (Biometrika 26, 1934), times how often such a fault is assumed
to happen. Exits 0 only if that is within the claim. Writes a Stanford-style plot and a table.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from bench.integrity_world import FORWARD_M, KINDS, LEFT_M, NOMINAL_SLIP, RUN_S, WHEELBASE_M, Run, make
from gatectl.core.motion import GnssFix, Localiser, LocaliserState, Motion
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Limits

BINS = 100
BIN_M = 0.01
CLAIMED = tuple(k for k in KINDS if k != "none")


@dataclass
class Score:
    """Of one kind. scans, per axis (2,): available, misleading scans; runs with any; plot (2, BINS, BINS):
    scans by error and level, along and across; alert_s: from a fault that became larger than the alert
    limit to unavailable; worst: largest error over level while available."""

    runs: int = 0
    scans: int = 0
    known: int = 0
    available: int = 0
    misleading: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    hazardous: int = 0
    misled: int = 0
    misled_hazardously: int = 0
    worst: float = 0.0
    moving: int = 0
    moving_available: int = 0
    levels: list[float] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    plot: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, BINS, BINS), np.int64))

    def add(self, other: Score) -> None:
        """Merge."""
        for name in ("runs", "scans", "known", "available", "hazardous", "misled", "misled_hazardously",
                     "moving", "moving_available"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.misleading += other.misleading
        self.plot += other.plot
        self.worst = max(self.worst, other.worst)
        self.levels += other.levels
        self.cases += other.cases


def drive(run: Run) -> NDArray[np.float64]:
    """The localiser over one run: (scans, 5) errors along, across (m), levels along, across, known."""
    antenna = AntennaConfig(forward_m=FORWARD_M, left_m=LEFT_M)
    unit, state = Localiser(antenna, NOMINAL_SLIP, WHEELBASE_M), LocaliserState()
    epochs = [e for e in _fixes(run) if e is not None]
    truth, at = run.truth, 0
    rows = np.zeros((len(truth.t), 5))
    columns = zip(
        truth.t.tolist(), truth.x.tolist(), truth.y.tolist(), truth.yaw.tolist(), run.wheel.tolist(),
        run.gyro.tolist(), run.standing.tolist(), strict=True,
    )  # fmt: skip
    for i, (t, x, y, yaw, wheel, gyro, standing) in enumerate(columns):
        now, fix = _ns(t), None
        if at < len(epochs) and epochs[at][0] <= t:
            fix, at = epochs[at][1], at + 1
        estimate = unit.step(state, now, Motion(now, wheel, gyro, True, standing, True), fix)
        c, s = math.cos(yaw), math.sin(yaw)
        ex, ey = estimate.x - x, estimate.y - y
        rows[i] = (
            c * ex + s * ey, c * ey - s * ex, estimate.level_along, estimate.level_across, estimate.known,
        )  # fmt: skip
    return rows


def _ns(t: float) -> int:
    return 1_000_000_000 + round(t * 1e9)


def _fixes(run: Run) -> list[tuple[float, GnssFix] | None]:
    e = run.epochs
    rows = zip(e.t, e.arrival, e.x, e.y, e.vx, e.vy, e.yaw, e.age, e.fixed, e.lost, strict=True)
    return [
        None
        if lost
        else (
            float(arrival),
            GnssFix(
                _ns(float(t)),
                float(x),
                float(y),
                e.sigma_m if fixed else 0.3,
                e.sigma_m if fixed else 0.3,
                bool(fixed),
                None if math.isnan(yaw) else float(yaw),
                float(age),
                velocity=(float(vx), float(vy)) if e.doppler else None,
            ),
        )
        for t, arrival, x, y, vx, vy, yaw, age, fixed, lost in rows
    ]


def score(task: tuple[str, int], rate_hz: float) -> tuple[str, Score]:
    """One run, judged."""
    kind, seed = task
    run = make(kind, seed, rate_hz)
    rows = drive(run)
    error, level, known = np.abs(rows[:, :2]), rows[:, 2:4], rows[:, 4] > 0
    limit = Limits().alert_limit_m
    good = known & (level.max(axis=1) <= limit)
    wrong = good[:, None] & (error > level)
    hazard = good & (np.hypot(error[:, 0], error[:, 1]) > limit)
    out = Score(runs=1, scans=len(rows), known=int(known.sum()), available=int(good.sum()))
    out.misleading = wrong.sum(axis=0)
    out.hazardous = int(hazard.sum())
    out.misled, out.misled_hazardously = int(wrong.any()), int(hazard.any())
    moving = known & (run.truth.speed > 0.3)
    out.moving, out.moving_available = int(moving.sum()), int((moving & good).sum())
    if good.any():
        out.worst = float((error / level)[good].max())
        out.levels = np.quantile(level.max(axis=1)[good], [0.5, 0.95]).tolist()
    for axis in range(2):
        e = np.minimum(error[known, axis] / BIN_M, BINS - 1).astype(int)
        v = np.minimum(level[known, axis] / BIN_M, BINS - 1).astype(int)
        np.add.at(out.plot[axis], (e, v), 1)
    if wrong.any():
        first = int(np.argmax(wrong.any(axis=1)))
        begin, end, size = run.fault
        out.cases = [
            f"{kind} seed {seed}: fault {begin:.0f}-{end:.0f} s of {size:.3f}, "
            f"doppler {run.epochs.doppler}; misleading from {run.truth.t[first]:.1f} s for "
            f"{wrong.any(axis=1).sum() / rate_hz:.1f} s, worst {out.worst:.2f} of the level, "
            f"largest error {error[good].max():.2f} m"
        ]
    return kind, out


def upper(events: int, trials: int) -> float:
    """95 % upper bound of a probability, Clopper-Pearson."""
    return 1.0 if events >= trials else float(beta.ppf(0.95, events + 1, trials - events))


def main() -> None:
    """Run, print, plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=200_000.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rate", type=float, default=25.0, choices=(25.0, 50.0))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--quick", action="store_true", help="4,000 vehicle-seconds: a look, not a proof")
    parser.add_argument("--cases", action="store_true", help="print every misleading run")
    parser.add_argument("--out", type=Path, default=Path("runs/integrity"))
    given = parser.parse_args()
    kinds = given.kinds.split(",")
    if unknown := [k for k in kinds if k not in KINDS]:
        sys.exit(f"there is no kind {unknown[0]!r}; use some of: {', '.join(KINDS)}")
    count = math.ceil((4_000.0 if given.quick else given.seconds) / RUN_S)
    tasks = [(kinds[i % len(kinds)], given.seed * 1_000_000 + i) for i in range(count)]
    scores = {kind: Score() for kind in kinds}
    begin = time.perf_counter()
    with multiprocessing.Pool(given.jobs) as pool:
        for n, (kind, one) in enumerate(pool.imap_unordered(partial(score, rate_hz=given.rate), tasks, 4)):
            scores[kind].add(one)
            if n % 50 == 49:
                print(
                    f"{n + 1} of {count} runs, {time.perf_counter() - begin:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    from bench.integrity_report import report  # noqa: PLC0415 - the plot's library only once it is needed

    holds = report(scores, given.rate, given.out, cases=given.cases)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
