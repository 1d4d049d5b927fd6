"""The goals of path tracking, each with what was measured: every one has to hold.

Controllers are compared over the same seeds. A goal about an average that is missed or held by less than
the standard error of the mean over the runs is a tie: not held, but not refuted either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench import trackbench
from bench.tracking_suite import GIVEN, LOADS, OURS, ROUTES, Row, bound_m

MAX_M = {"ideal": 0.08, "fix": 0.08, "outage": 0.08, "5g": 0.10, "float": 0.15}
OVER_BOUND = {"straight": 1.15, "corridor": 1.15}
OVER_BOUND_ELSE = 1.4
COMPARABLE = 1.5  # a baseline whose error is at most this times ours
STEP_MEAN_US, STEP_SPREAD = 150.0, 3.0
STOP_M, STOP_SHARE, CREEP_S = 0.025, 0.95, 5.0
TIME_RATIO = 1.05


@dataclass(frozen=True)
class Verdict:
    """One goal and what was measured. tie: luck decides, so it does not hold."""

    goal: str
    measured: str
    ok: bool
    tie: bool = False

    @property
    def word(self) -> str:
        """For a table."""
        return "yes" if self.ok else "tie" if self.tie else "**no**"


def ranked(goal: str, measured: str, margin: float, error: float) -> Verdict:
    """A verdict on an average: margin > 0 holds, if it is more than its standard error."""
    return Verdict(goal, measured, margin > 0.0 and margin >= error, abs(margin) < error)


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
    verdicts = [_completes(rows), *_maxima(rows), *_stop(rows), *_driving_time(rows)]
    for route, noise, steering in cells(rows):
        # With an exact pose there is nothing to estimate: there the given pose is what compares.
        name = GIVEN if noise == "ideal" else OURS
        ours = pick(rows, name, route, noise, steering=steering)
        if not ours:
            continue
        label = f"{route}, {noise}" + ("" if steering == "front" else ", all-wheel")
        if noise in ("fix", "5g") and steering == "front":
            verdicts.append(_bound(ours, route, noise, label))
        verdicts += _baseline(ours, rows, route, noise, steering, label)
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


def _stop(rows: Sequence[Row]) -> list[Verdict]:
    """Under the crane: docking with fixes and the own speed law, all loads."""
    by_load = {load: pick(rows, OURS, "docking", "fix", law="own", load=load) for load in LOADS}
    runs = [r for found in by_load.values() for r in found if r.ok]
    if not all(by_load.values()) or not runs:
        return []
    n, verdicts = len(runs), []
    along = {load: [abs(r.along_m) <= STOP_M for r in found] for load, found in by_load.items()}
    across = {load: [abs(r.across_m) <= STOP_M for r in found] for load, found in by_load.items()}
    both = sum(abs(r.along_m) <= STOP_M and abs(r.across_m) <= STOP_M for r in runs) / n
    for name, inside in (("along", along), ("across", across)):
        share = sum(map(sum, inside.values())) / n
        text = f"{share:.1%} of {n} stops ("
        text += ", ".join(f"{load} {sum(hits) / len(hits):.0%}" for load, hits in inside.items())
        text += f"; along and across at once {both:.1%})"
        goal = f"stop under the crane: {STOP_SHARE:.0%} within {STOP_M * 100:.1f} cm {name}, fix, all loads"
        verdicts.append(ranked(goal, text, share - STOP_SHARE + 1e-9, math.sqrt(share * (1 - share) / n)))
    creep = max(r.creep_s for r in runs)
    verdicts.append(Verdict(f"creeps at most {CREEP_S:.0f} s", f"{creep:.1f} s", creep <= CREEP_S))
    return verdicts


def _driving_time(rows: Sequence[Row]) -> list[Verdict]:
    runs = [r for r in rows if r.job.controller == OURS and r.job.law == "own"]
    if not runs:
        return []
    worst = max(runs, key=lambda r: r.time_ratio)
    text = f"at most {worst.time_ratio:.3f} ({worst.job.route}, {worst.job.noise}, {worst.job.load})"
    goal = f"driving time at most {TIME_RATIO} x the time-optimal bound, own speed law, {len(runs)} runs"
    return [Verdict(goal, text, worst.time_ratio <= TIME_RATIO)]


def _bound(runs: Sequence[Row], route: str, noise: str, label: str) -> Verdict:
    """The bound is an expectation; the runs are a draw of GNSS's slow error, so both are told."""
    ours, bound = pool(runs), bound_m(route, "front", noise)
    assert ours is not None
    factor = OVER_BOUND.get(route, OVER_BOUND_ELSE)
    ratio = ours.rms_m / bound
    error = _standard_error([r.rms_m**2 for r in runs]) / (2 * ours.rms_m) / bound
    usual = trackbench.module("sensing").NOISES[noise].gm
    typical = math.sqrt(max(0.0, ours.rms_m**2 - ours.gnss_m**2 + usual**2)) / bound
    text = (
        f"{ours.rms_m * 100:.2f} cm of {bound * 100:.2f}: {ratio:.2f} +- {error:.2f}; GNSS's slow error in "
    )
    text += (
        f"these {len(runs)} runs {ours.gnss_m * 100:.2f} cm, with its usual {usual * 100:.2f}: {typical:.2f}"
    )
    return ranked(f"RMS at most {factor} x the lower bound, {label}", text, factor - ratio, error)


def _standard_error(values: Sequence[float]) -> float:
    """Of the mean; 0 for a single value."""
    n = len(values)
    if n < 2:
        return 0.0
    mean = sum(values) / n
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def paired(ours: Sequence[Row], theirs: Sequence[Row]) -> tuple[Cell, Cell, float] | None:
    """Both over the seeds they share, and the standard error of the difference of their RMS, m."""
    other = {_key(r): r for r in theirs}
    both = [(r, other[_key(r)]) for r in ours if _key(r) in other]
    a, b = pool([r for r, _ in both]), pool([r for _, r in both])
    if a is None or b is None:
        return None
    error = _standard_error([x.rms_m**2 - y.rms_m**2 for x, y in both])
    return a, b, error / max(1e-9, a.rms_m + b.rms_m)


def _key(row: Row) -> tuple[str, int]:
    return row.job.route, row.job.seed


def _baseline(
    runs: Sequence[Row], rows: Sequence[Row], route: str, noise: str, steering: str, label: str
) -> list[Verdict]:
    found = {name: paired(runs, pick(rows, name, route, noise, steering=steering)) for name in others(rows)}
    sound = {name: pair for name, pair in found.items() if pair is not None and not pair[1].failed}
    if not sound:
        return []
    # The best is the one nearest to ours (or farthest ahead) on the seeds it shares with us.
    best = min(sound, key=lambda name: sound[name][1].rms_m / sound[name][0].rms_m)
    ours, theirs, error = sound[best]
    text = f"{ours.rms_m * 100:.2f} against {theirs.rms_m * 100:.2f} cm ({best}), "
    text += f"difference +- {error * 100:.2f}"
    goal = f"RMS below the best tuned baseline, {label}, {ours.runs} runs"
    verdicts = [ranked(goal, text, theirs.rms_m - ours.rms_m, error)]
    smooth, texts = True, []
    for name, (mine, their, _) in sound.items():
        if name != best and their.rms_m > COMPARABLE * mine.rms_m:
            continue
        smooth &= mine.travel_deg <= their.travel_deg and mine.command_dps <= their.command_dps
        texts.append(
            f"{name}: travel {mine.travel_deg:.0f} against {their.travel_deg:.0f} deg/100 m, "
            f"command rate {mine.command_dps:.2f} against {their.command_dps:.2f} deg/s"
        )
    verdicts.append(Verdict(f"as smooth as every comparable baseline, {label}", "; ".join(texts), smooth))
    return verdicts


def _estimator(rows: Sequence[Row]) -> list[Verdict]:
    """Per noise, over the runs of all routes: between two good estimators a single cell is luck."""
    verdicts = []
    for noise in ("fix", "5g", "float", "outage"):
        pairs = {
            route: paired(pick(rows, OURS, route, noise), pick(rows, GIVEN, route, noise)) for route in ROUTES
        }
        every = paired(
            [r for route in ROUTES for r in pick(rows, OURS, route, noise)],
            [r for route in ROUTES for r in pick(rows, GIVEN, route, noise)],
        )
        if every is None:
            continue
        ours, theirs, error = every
        text = (
            f"{ours.rms_m * 100:.2f} against {theirs.rms_m * 100:.2f} cm, difference +- {error * 100:.2f} ("
        )
        text += ", ".join(
            f"{route} {p[0].rms_m * 100:.2f}/{p[1].rms_m * 100:.2f}" for route, p in pairs.items() if p
        )
        goal = f"own estimator better than the benchmark's, {noise}, {ours.runs} runs"
        verdicts.append(ranked(goal, text + ")", theirs.rms_m - ours.rms_m, error))
    return verdicts


def _timing(times_us: Sequence[float]) -> list[Verdict]:
    ordered = sorted(times_us)
    mean, median = sum(ordered) / len(ordered), ordered[len(ordered) // 2]
    tail = ordered[min(len(ordered) - 1, int(0.999 * len(ordered)))]
    return [
        Verdict(f"mean step below {STEP_MEAN_US:.0f} us of CPU time", f"{mean:.0f} us", mean < STEP_MEAN_US),
        Verdict(
            f"99.9 % of steps below {STEP_SPREAD:.0f} x the median",
            f"{tail:.0f} us, median {median:.0f} us",
            tail < STEP_SPREAD * median,
        ),
    ]
