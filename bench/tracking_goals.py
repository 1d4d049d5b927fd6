"""The goals of path tracking, each with what was measured: every one has to hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.tracking_suite import GIVEN, OURS, Row, bound_m

MAX_M = {"ideal": 0.08, "fix": 0.08, "outage": 0.08, "5g": 0.10, "float": 0.15}
OVER_BOUND = {"straight": 1.15, "corridor": 1.15}
OVER_BOUND_ELSE = 1.4
COMPARABLE = 1.5  # a baseline whose error is at most this times ours
STEP_MEAN_US, STEP_SPREAD = 150.0, 3.0


@dataclass(frozen=True)
class Verdict:
    """One goal and what was measured."""

    goal: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Cell:
    """Runs of one controller in one cell, pooled over their seeds."""

    rms_m: float
    max_m: float
    travel_deg: float
    command_dps: float
    gnss_m: float
    failed: int
    runs: int


def pool(rows: Sequence[Row]) -> Cell | None:
    """None without runs."""
    if not rows:
        return None
    n = len(rows)
    return Cell(
        math.sqrt(sum(r.rms_m**2 for r in rows) / n),
        max(r.max_m for r in rows),
        sum(r.travel_deg for r in rows) / n,
        math.sqrt(sum(r.command_dps**2 for r in rows) / n),
        math.sqrt(sum(r.gnss_m**2 for r in rows) / n),
        sum(not r.ok for r in rows),
        n,
    )


def pick(
    rows: Iterable[Row], controller: str, route: str, noise: str, *, steering: str = "front",
    law: str = "common", load: str = "full",
) -> list[Row]:  # fmt: skip
    """The runs of one cell."""
    wanted = (controller, route, noise, steering, law, load)
    return [
        r for r in rows
        if (r.job.controller, r.job.route, r.job.noise, r.job.steering, r.job.law, r.job.load) == wanted
    ]  # fmt: skip


def cells(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    """(route, noise, steering) in which ours was driven with the common speed law and full load."""
    found: dict[tuple[str, str, str], None] = {}
    for r in rows:
        if r.job.controller == OURS and r.job.law == "common" and r.job.load == "full":
            found[r.job.route, r.job.noise, r.job.steering] = None
    return list(found)


def others(rows: Iterable[Row]) -> list[str]:
    """The baselines' names."""
    return sorted({r.job.controller for r in rows} - {OURS, GIVEN})


def judge(rows: Sequence[Row], times_us: Sequence[float]) -> list[Verdict]:
    """All goals."""
    verdicts = [_completes(rows), *_maxima(rows)]
    for route, noise, steering in cells(rows):
        # With an exact pose there is nothing to estimate: there the given pose is what compares.
        name = GIVEN if noise == "ideal" else OURS
        ours = pool(pick(rows, name, route, noise, steering=steering))
        if ours is None:
            continue
        label = f"{route}, {noise}" + ("" if steering == "front" else ", all-wheel")
        if noise in ("fix", "5g") and steering == "front":
            verdicts.append(_bound(ours, route, noise, label))
        verdicts += _baseline(rows, ours, route, noise, steering, label)
    verdicts += _estimator(rows)
    if times_us:
        verdicts += _timing(times_us)
    return verdicts


def _completes(rows: Sequence[Row]) -> Verdict:
    ours = [r for r in rows if r.job.controller in (OURS, GIVEN)]
    bad = [r for r in ours if not r.ok]
    text = f"{len(ours) - len(bad)} of {len(ours)}" + (f"; first: {bad[0].job}: {bad[0].why}" if bad else "")
    return Verdict("every run of ours completes", text, not bad)


def _maxima(rows: Sequence[Row]) -> list[Verdict]:
    verdicts = []
    for noise, limit in MAX_M.items():
        ours = [r for r in rows if r.job.controller in (OURS, GIVEN) and r.job.noise == noise]
        if not ours:
            continue
        worst = max(ours, key=lambda r: r.max_m)
        j = worst.job
        where = f"{j.route}, {j.load}, {j.steering}, {j.law} speed law, seed {j.seed}"
        text = f"{worst.max_m * 100:.1f} cm ({where})"
        goal = f"no run's largest lateral error above {limit * 100:.0f} cm, {noise}, {len(ours)} runs"
        verdicts.append(Verdict(goal, text, worst.max_m <= limit))
    return verdicts


def _bound(ours: Cell, route: str, noise: str, label: str) -> Verdict:
    bound = bound_m(route, "front", noise)
    factor = OVER_BOUND.get(route, OVER_BOUND_ELSE)
    text = f"{ours.rms_m * 100:.2f} cm of {bound * 100:.2f}: {ours.rms_m / bound:.2f}"
    text += f" (slow GNSS error of these {ours.runs} runs {ours.gnss_m * 100:.2f} cm)"
    return Verdict(f"RMS at most {factor} x the lower bound, {label}", text, ours.rms_m <= factor * bound)


def _baseline(
    rows: Sequence[Row], ours: Cell, route: str, noise: str, steering: str, label: str
) -> list[Verdict]:
    found = {name: pool(pick(rows, name, route, noise, steering=steering)) for name in others(rows)}
    sound = {name: cell for name, cell in found.items() if cell is not None and not cell.failed}
    if not sound:
        return []
    best = min(sound, key=lambda name: sound[name].rms_m)
    verdicts = [
        Verdict(
            f"RMS below the best tuned baseline, {label}",
            f"{ours.rms_m * 100:.2f} against {sound[best].rms_m * 100:.2f} cm ({best})",
            ours.rms_m < sound[best].rms_m,
        )
    ]
    peers = [c for n, c in sound.items() if c.rms_m <= COMPARABLE * ours.rms_m or n == best]
    travel, command = min(c.travel_deg for c in peers), min(c.command_dps for c in peers)
    text = f"travel {ours.travel_deg:.0f} against {travel:.0f} deg/100 m, "
    text += f"command rate {ours.command_dps:.2f} against {command:.2f} deg/s"
    smooth = ours.travel_deg <= travel and ours.command_dps <= command
    verdicts.append(Verdict(f"as smooth as the smoothest comparable baseline, {label}", text, smooth))
    return verdicts


def _estimator(rows: Sequence[Row]) -> list[Verdict]:
    verdicts = []
    for route, noise, steering in cells(rows):
        given = pick(rows, GIVEN, route, noise, steering=steering)
        seeds = {r.job.seed for r in given}
        ours = pool([r for r in pick(rows, OURS, route, noise, steering=steering) if r.job.seed in seeds])
        theirs = pool(given)
        if noise == "ideal" or ours is None or theirs is None:
            continue
        text = f"{ours.rms_m * 100:.2f} against {theirs.rms_m * 100:.2f} cm, {ours.runs} runs"
        goal = f"own estimator better than the benchmark's, {route}, {noise}"
        verdicts.append(Verdict(goal, text, ours.rms_m < theirs.rms_m))
    return verdicts


def _timing(times_us: Sequence[float]) -> list[Verdict]:
    ordered = sorted(times_us)
    mean, median = sum(ordered) / len(ordered), ordered[len(ordered) // 2]
    tail = ordered[min(len(ordered) - 1, int(0.999 * len(ordered)))]
    return [
        Verdict(f"mean step below {STEP_MEAN_US:.0f} us", f"{mean:.0f} us", mean < STEP_MEAN_US),
        Verdict(
            f"99.9 % of steps below {STEP_SPREAD:.0f} x the median",
            f"{tail:.0f} us, median {median:.0f} us",
            tail < STEP_SPREAD * median,
        ),
    ]
