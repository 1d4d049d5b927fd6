"""Path tracking against the shared benchmark's controllers.

`python -m bench.tracking [--quick | --full] [--jobs 2] [--seeds N] [--out DIR]` drives gatectl's own route,
estimator, lateral and speed law beside the benchmark's tuned baselines: routes x noise x seeds, loads,
both steering types, the common and the own speed law. Writes report.md, results.jsonl and plots into the run
folder. Exit code 0 only if every goal holds, 1 if not, 2 if the benchmark is not there.

`Tracker` and `TrackerGivenPose` are factories of the benchmark's protocol, so that its own commands can
drive them too (TRACKBENCH_EXTRA=gatectl=bench.tracking:Tracker).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import trackbench
from bench.tracking_adapter import Controller as Tracker
from bench.tracking_adapter import ControllerGivenPose as TrackerGivenPose
from bench.tracking_goals import judge
from bench.tracking_report import markdown, plots
from bench.tracking_suite import Plan, jobs, run_all, step_times_us

__all__ = ["Tracker", "TrackerGivenPose"]

QUICK = Plan(
    3, 1, 2, 6, routes=("straight", "r15", "lanechange", "slalom", "docking"), noises=("ideal", "fix", "5g")
)
DEFAULT = Plan(12, 3, 3, 30)
FULL = Plan(60, 20, 12, 120)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="few seeds, no corridor (about a minute)")
    size.add_argument("--full", action="store_true", help="many seeds, slow baselines too (over an hour)")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument(
        "--seeds", type=int, default=0, help="seeds of the judged cells, instead of the plan's"
    )
    parser.add_argument("--out", type=Path, default=Path("runs") / "tracking", help="run folder")
    given = parser.parse_args(argv)
    if not trackbench.available():
        print(f"{trackbench.FOLDER} is missing: put the shared tracking benchmark there", file=sys.stderr)
        return 2
    plan = QUICK if given.quick else FULL if given.full else DEFAULT
    if given.seeds > 0:
        plan = Plan(given.seeds, max(1, given.seeds // 3), plan.more, plan.stops, plan.routes, plan.noises)
    given.out.mkdir(parents=True, exist_ok=True)
    times = step_times_us()  # first, and alone
    rows = run_all(jobs(plan, given.full), given.jobs, given.out, lambda text: print(text, file=sys.stderr))
    verdicts = judge(rows, times)
    report = markdown(rows, verdicts)
    (given.out / "report.md").write_text(report, encoding="utf-8")
    print(report)
    for path in plots(rows, given.out):
        print(path)
    return 0 if all(v.ok for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
