"""What a run leaves to read: summary on the terminal, report.json, timeline.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from hil.checks import Checks
from hil.timeline import Timeline


def print_timeline(console: Console, timeline: Timeline, columns: list[str]) -> None:
    """Both transits side by side, with everything marked that happened to others."""
    table = Table(title="Timeline", title_justify="left")
    table.add_column("t, s", justify="right")
    for name in [*columns, "else"]:
        table.add_column(name)
    for event in timeline.marks():
        cells = ["" for _ in range(len(columns) + 1)]
        index = columns.index(event.who) if event.who in columns else len(columns)
        cells[index] = event.what if index < len(columns) else event.label
        table.add_row(f"{event.t_s:.1f}", *cells)
    console.print(table)


def print_checks(console: Console, checks: Checks) -> None:
    """Every check with its measured value and limit."""
    table = Table(title="Shown", title_justify="left")
    table.add_column("")
    table.add_column("check")
    table.add_column("measured", overflow="fold")
    table.add_column("limit")
    for item in checks.items:
        mark = "[green]ok[/]" if item.ok else "[bold red]FAILED[/]"
        table.add_row(mark, item.name, item.measured.replace("[", "\\["), item.limit)
    console.print(table)


def print_lateness(console: Console, scans: dict[str, dict[str, Any]]) -> None:
    """Wake-up lateness of every node's scan. scans: the `scan` part of each node's status."""
    table = Table(title="Scan", title_justify="left")
    for name in ("node", "scans", "late p50, us", "p99, us", "max, us", "overruns"):
        table.add_column(name, justify="right" if name != "node" else "left")
    for node, scan in scans.items():
        late = [f"{scan.get(f'wake_late_{k}_us', float('nan')):.0f}" for k in ("p50", "p99", "max")]
        table.add_row(node, str(scan.get("scan_no", "")), *late, str(scan.get("overruns", "")))
    console.print(table)


def write_report(run_dir: Path, checks: Checks, timeline: Timeline, scans: dict[str, dict[str, Any]]) -> None:
    """report.json (all of it, for programs) and timeline.txt (for people)."""
    report = {"passed": checks.passed, "checks": checks.items, "scans": scans, "timeline": timeline.events}
    (run_dir / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    lines = [f"{e.t_s:8.1f}  {e.who:<16} {e.what}" for e in timeline.events]
    (run_dir / "timeline.txt").write_text("\n".join(lines) + "\n", "utf-8")
