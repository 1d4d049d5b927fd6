"""Runs a scenario on the demo site and reports: what `gatectl-hil demo` and the whole-gate tests do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console

from gatectl.model import GatectlError
from hil.checks import Checks
from hil.progress import show_progress
from hil.replays import check_replays
from hil.report.plot import plot_run
from hil.report.summary import print_checks, print_lateness, print_timeline, write_report
from hil.rig import Rig
from hil.stage import Stage

LOG_WIDTH = 150
Scenario = Callable[[Stage], Awaitable[None]]


async def run_scenario(
    scenario: Scenario,
    run_dir: Path,
    console: Console,
    *,
    broker: Literal["amqtt", "mosquitto"] = "amqtt",
    progress: bool = True,
) -> Checks:
    """Run, tear down, replay the recordings, write the report. A failed run is a failed check."""
    checks = Checks()
    rig = Rig(run_dir, broker=broker)
    scans: dict[str, dict[str, Any]] = {}

    def say(text: str) -> None:
        console.print(f"{rig.clock_s():6.1f} s  {text}", highlight=False, markup=False, soft_wrap=True)

    console.print(f"run folder: {run_dir}", highlight=False, soft_wrap=True)
    try:
        async with rig:
            stage = Stage(rig, checks, say)
            watcher = asyncio.create_task(show_progress(console, stage)) if progress else None
            try:
                await scenario(stage)
            except (GatectlError, ExceptionGroup) as error:
                checks.add("the scenario ran to its end", False, "; ".join(_causes(error)))
            finally:
                if watcher is not None:
                    watcher.cancel()
            scans = {n: (d.last or {}).get("scan", {}) for n, d in rig.daemons.items()}
            codes = await rig.stop_nodes()
            checks.add(
                "every node stopped in order", all(c == 0 for c in codes.values()),
                ", ".join(f"{n}: {c}" for n, c in codes.items()), "exit code 0",
            )  # fmt: skip
    except GatectlError as error:
        checks.add("the rig came up", False, error.text())
    if not hasattr(rig, "world"):
        return checks
    left = rig.leftovers()
    checks.add(
        "nothing is left behind", not left, "; ".join(left) or "no process, terminal or socket", "nothing"
    )
    _judge_scans(checks, scans)
    console.print("replaying the black boxes ...", highlight=False)
    await check_replays(run_dir, list(rig.daemons), checks)
    site = next(iter(rig.nodes.values())).site.config
    border = [(s.lane, s.from_m, s.to_m) for b in site.block if b.kind == "border" for s in b.spans]
    plot_run(rig.world.truth, rig.timeline, border, run_dir / "paths.png")
    (run_dir / "truth.json").write_bytes(msgspec.json.encode(rig.world.truth))
    write_report(run_dir, checks, rig.timeline, scans)
    print_timeline(console, rig.timeline, list(rig.monitor.transits))
    print_lateness(console, scans)
    print_checks(console, checks)
    return checks


def _causes(error: Exception) -> list[str]:
    """The texts of an error, or of all in a group; a bug among them is raised, not reported."""
    if isinstance(error, ExceptionGroup):
        return [text for inner in error.exceptions for text in _causes(inner)]
    if isinstance(error, GatectlError):
        return [error.text()]
    raise error


def _judge_scans(checks: Checks, scans: dict[str, dict[str, Any]]) -> None:
    for node, scan in scans.items():
        if "wake_late_p99_us" not in scan:
            checks.add(f"{node} tells its scan's lateness", False, "no answer at the end of the run")
            continue
        late = " / ".join(f"{scan[f'wake_late_{p}_us']:.0f}" for p in ("p50", "p99", "max"))
        period_us = 1000.0 * float(scan["period_ms"])
        checks.add(
            f"{node} scan wake-up lateness p50 / p99 / max, overruns",
            scan["wake_late_p99_us"] <= period_us,
            f"{late} us, {scan['overruns']} of {scan['scan_no']}",
            f"p99 <= one period ({period_us / 1000:g} ms)",
        )


def run(
    scenario: Scenario,
    run_dir: Path,
    *,
    broker: Literal["amqtt", "mosquitto"] = "amqtt",
    progress: bool = True,
) -> Checks:
    """`run_scenario` from outside an event loop; Ctrl-C tears everything down first."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    with contextlib.suppress(asyncio.CancelledError):
        return asyncio.run(run_scenario(scenario, run_dir, console, broker=broker, progress=progress))
    raise KeyboardInterrupt
