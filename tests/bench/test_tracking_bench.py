"""The tracking benchmark's own judgement, and one short run of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import trackbench, tracking
from bench.tracking_goals import judge, pool
from bench.tracking_report import markdown
from bench.tracking_suite import GIVEN, OURS, Job, Row, run

needs_bench = pytest.mark.skipif(
    not trackbench.available(), reason="the shared tracking benchmark is not beside the repository"
)


def row(controller: str, rms_cm: float, *, seed: int = 1, **job: str) -> Row:
    given = Job(controller, job.pop("route", "slalom"), job.pop("noise", "outage"), seed, **job)
    return Row(given, True, "", rms_cm / 100, 3 * rms_cm / 100, 40.0, 3.0, 0.0, 0.0, 1.0, 0.01)


def failed(rows: list[Row], times: list[float]) -> list[str]:
    return [v.goal for v in judge(rows, times) if not v.ok]


def test_every_goal_can_hold_and_can_fail() -> None:
    good, steady = [row(OURS, 1.0), row("ref", 2.0)], [100.0] * 1000
    assert failed(good, steady) == []
    assert len(failed([row(OURS, 1.0), row("ref", 0.9)], steady)) == 1
    assert len(failed([replace(good[0], ok=False, why="timeout"), good[1]], steady)) == 1
    assert len(failed([replace(good[0], max_m=0.081), good[1]], steady)) == 1
    assert len(failed([replace(good[0], travel_deg=41.0), good[1]], steady)) == 1
    assert len(failed([replace(good[0], command_dps=3.1), good[1]], steady)) == 1
    assert len(failed(good, [100.0] * 990 + [400.0] * 10)) == 1
    assert len(failed(good, [160.0] * 1000)) == 1


def test_a_baseline_that_fails_is_no_yardstick() -> None:
    rows = [row(OURS, 1.0), replace(row("ref", 0.5), ok=False), row("rpp", 3.0)]
    assert failed(rows, []) == []
    assert pool([]) is None


def test_what_luck_decides_is_a_tie() -> None:
    seeds = range(1, 5)
    ours = [row(OURS, 1.0 + 0.3 * (k % 2), seed=k) for k in seeds]
    near = [row("ref", 1.3 - 0.29 * (k % 2), seed=k) for k in seeds]
    found = [v for v in judge([*ours, *near], []) if v.goal.startswith("RMS below")]
    assert [v.word for v in found] == ["tie"]
    far = [row("ref", 1.5 + 0.3 * (k % 2), seed=k) for k in seeds]
    found = [v for v in judge([*ours, *far], []) if v.goal.startswith("RMS below")]
    assert [v.word for v in found] == ["yes"]
    found = [
        v for v in judge([*far, *(row(OURS, 1.9, seed=k) for k in seeds)], []) if v.goal.startswith("RMS")
    ]
    assert [v.word for v in found] == ["**no**"]


def test_the_stop_under_the_crane_counts_every_load() -> None:
    rows = [
        replace(row(OURS, 1.0, route="docking", noise="fix", load=load, law="own", seed=k), creep_s=1.0)
        for load in ("empty", "half", "full")
        for k in range(1, 21)
    ]

    def stops(rows: list[Row]) -> list[str]:
        return [v.word for v in judge(rows, []) if v.goal.startswith(("stop", "creeps"))]

    assert stops(rows) == ["yes", "yes", "yes"]
    assert stops([replace(r, along_m=0.03) if r.job.load == "full" else r for r in rows]) == [
        "**no**",
        "yes",
        "yes",
    ]
    assert stops([replace(r, across_m=-0.03) if r.job.seed < 2 else r for r in rows]) == ["yes", "tie", "yes"]
    assert stops([replace(rows[0], creep_s=6.0), *rows[1:]]) == ["yes", "yes", "**no**"]
    assert stops([r for r in rows if r.job.load != "empty"]) == []


def test_own_estimator_is_held_against_the_given_pose_of_the_same_seeds() -> None:
    rows = [row(OURS, 1.0), row(GIVEN, 0.9), row("ref", 2.0)]
    assert failed(rows, []) == ["own estimator better than the benchmark's, outage, 1 runs"]


@needs_bench
def test_with_an_exact_pose_it_beats_the_benchmarks_own_yardstick() -> None:
    ours, theirs = (run(Job(name, "lanechange", "ideal", 1)) for name in (GIVEN, "ref"))
    assert ours.ok
    assert ours.rms_m < 0.7 * theirs.rms_m
    assert ours.travel_deg < theirs.travel_deg
    report = markdown([ours, theirs, replace(ours, job=replace(ours.job, controller=OURS))], [])
    assert "| gatectl, given pose |" in report


def test_without_the_benchmark_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trackbench, "available", lambda: False)
    assert tracking.main(["--quick"]) == 2
    assert "put the shared tracking benchmark there" in capsys.readouterr().err
