"""One run of `bench.integrity`: the deployed localiser over it, judged scan by scan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.integrity_world import FORWARD_M, LEFT_M, NOMINAL_SLIP, WHEELBASE_M, Run, make
from gatectl.core.motion import GnssFix, Localiser, LocaliserState, Motion
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Limits

BINS = 100
BIN_M = 0.01
COUNTS = (
    "runs", "scans", "known", "available", "hazardous", "free_scans", "free_misled", "misled",
    "misled_hazardously", "moving", "moving_available",
)  # fmt: skip


@dataclass
class Score:
    """Of one kind. scans; of these known, available, hazardous; misleading (2,) along, across; free_scans:
    without a fault yet. misled, free_misled, misled_hazardously: runs with any. worst: largest error over
    level while available. alerts s: from the start of each fault that ended availability until it did.
    levels m: median and 95 % of each run. plot (2, BINS, BINS): scans by error and level, along, across."""

    runs: int = 0
    scans: int = 0
    known: int = 0
    available: int = 0
    misleading: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    hazardous: int = 0
    free_scans: int = 0
    free_misled: int = 0
    misled: int = 0
    misled_hazardously: int = 0
    worst: float = 0.0
    moving: int = 0
    moving_available: int = 0
    alerts: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    plot: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, BINS, BINS), np.int64))

    def add(self, other: Score) -> None:
        """Merge."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.misleading += other.misleading
        self.plot += other.plot
        self.worst = max(self.worst, other.worst)
        self.levels += other.levels
        self.alerts += other.alerts
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
    free = known & (run.truth.t < (run.fault[0] if kind != "none" else math.inf))
    out.free_scans, out.free_misled = int(free.sum()), int((wrong.any(axis=1) & free).any())
    alerted = np.flatnonzero(known & ~good & (run.truth.t >= run.fault[0]) & (run.truth.t < run.fault[1]))
    if len(alerted) and kind != "none":
        out.alerts = [float(run.truth.t[alerted[0]] - run.fault[0])]
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
