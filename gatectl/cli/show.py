"""What people read: tables on a terminal, plain columns elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gatectl.cli.gnss_reasons import reasons
from gatectl.model import Kind, Layout, Snapshot
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
from gatectl.runtime.recover import RecoverReport
from gatectl.runtime.replay import ReplayReport


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns for people: styled on a terminal, plain elsewhere."""
    if sys.stdout.isatty():
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        Console(highlight=False, markup=False).print(table)
        return
    every = [columns, *rows]
    widths = [max(len(row[i]) for row in every) for i in range(len(columns))]
    for row in every:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def status(answer: dict[str, Any]) -> None:
    """A node's status, as `control.request` answers it."""
    print(f"{answer['node']} ({answer['role']}), gatectl {answer['version']}, pid {answer['pid']}, ", end="")
    print(f"up {answer['uptime_s']:.0f} s: {answer.get('summary', '')}\n")
    columns = ("process", "pid", "state", "restarts", "last exit")
    keys = ("name", "pid", "state", "restarts", "last_exit")
    table(columns, [[str(row.get(key, "") or "-") for key in keys] for row in answer["processes"]])
    print()
    table(("device", "state"), [[row["device"], row["state"]] for row in answer["devices"]])
    journal = answer["details"].get("north", {}).get("journal", "ok")
    if journal != "ok":
        print(f"\njournal: {journal}")
    for title in ("scan", "realtime"):
        facts = answer.get(title) or {}
        if facts:
            print(f"\n{title}: " + ", ".join(f"{k} {_short(v)}" for k, v in facts.items()))
    status_ = answer.get("status")
    if not status_:
        print("\nthe core has not reported yet")
        return
    print()
    table(
        ("subject", "state", "summary"),
        [[e["subject"], e["state"], e["summary"]] for e in status_["explanations"]],
    )
    age = answer.get("status_age_s")
    if age is not None and age > 3.0:
        print(f"\nthis is {age:.0f} s old: the scan process does not report")


def add_receiver_reasons(answer: dict[str, Any], directory: Path) -> None:
    """To what the core says about the position: why the receiver's tags are not good (read here, like
    the devices of `status`: the core only knows that they are not)."""
    about = [item for item in answer["explanations"] if item["subject"] == "position"]
    if about:
        layout = load_layout(directory / "layout.json")
        snapshot = Image.attach(directory / "image", layout).snapshot()
        about[0].setdefault("reasons", []).extend(reasons(layout, snapshot, time.monotonic_ns()))


def explanations(answer: dict[str, Any]) -> None:
    """The answer to `why`."""
    age = answer.get("age_s")
    if age is not None and age > 3.0:
        print(f"this is {age:.0f} s old: the scan process does not report\n")
    for i, item in enumerate(answer["explanations"]):
        print(("\n" if i else "") + f"{item['subject']}: {item['state']}")
        if item["summary"]:
            print(f"  {item['summary']}")
        for reason in item.get("reasons", ()):
            first = " (came first)" if reason.get("first_out") else ""
            print(f"  - {reason['text']}{first} [{reason['code']}]")
            if reason.get("remedy"):
                print(f"    {reason['remedy']}")


def tag_rows(layout: Layout, snapshot: Snapshot, now_mono_ns: int, prefix: str) -> list[dict[str, Any]]:
    """One row per tag whose full name begins with prefix. age_s: None if never written."""
    rows: list[dict[str, Any]] = []
    for i, (name, spec) in enumerate(zip(layout.names, layout.specs, strict=True)):
        if not name.startswith(prefix):
            continue
        sample = snapshot.sample(i, layout.stale_after_ns[i], now_mono_ns)
        age_s = round((now_mono_ns - sample.stamp_mono_ns) / 1e9, 3) if sample.stamp_mono_ns else None
        rows.append(
            {
                "tag": name,
                "value": _value(sample.value, spec.kind),
                "unit": spec.unit,
                "direction": spec.direction.value,
                "quality": sample.quality.name,
                "cause": sample.cause.name if sample.cause else "",
                "age_s": age_s,
            }
        )
    return rows


def device_rows(layout: Layout, snapshot: Snapshot, now_mono_ns: int) -> list[dict[str, str]]:
    """One row per device: `answers`, `does not answer`, `no link`, or why that is not known."""
    found: list[dict[str, str]] = []
    for row in tag_rows(layout, snapshot, now_mono_ns, ""):
        device, _, tag = row["tag"].partition(".")
        if tag == "alive":
            if row["quality"] == "GOOD":
                state = "answers" if row["value"] else "does not answer"
            else:
                state = "no link" if row["cause"] == "LINK_DOWN" else f"not known: {row['cause']}"
            found.append({"device": device, "state": state})
    return found


def tags(rows: list[dict[str, Any]]) -> None:
    """The rows of `tag_rows`."""
    table(
        ("tag", "value", "unit", "quality", "age"),
        [
            [
                row["tag"],
                _short(row["value"]),
                row["unit"],
                f"{row['quality']} {row['cause']}".rstrip(),
                "-" if row["age_s"] is None else f"{row['age_s']:.2f} s",
            ]
            for row in rows
        ],
    )


def replayed(report: ReplayReport) -> None:
    """The result of a replay."""
    print(f"{report.file}: node {report.node} ({report.role}), recorded with gatectl {report.software}")
    print(
        f"{report.scans} scans, {report.messages} messages and {report.keyframes} key frames compared; "
        f"{report.recorded_s:.1f} s in {report.took_s:.2f} s ({report.speed:.0f} x real time)"
    )
    if report.skipped:
        print(f"{report.skipped} scans skipped: no key frame before them")
    for gap in report.gaps:
        resumed = f"resumed at {gap.resumed_at}" if gap.resumed_at else "no key frame came after it"
        print(f"gap: scan {gap.after} is followed by {gap.before}; {resumed}")
    for damage in report.damage:
        print(f"damage: {damage}; `gatectl recover` makes a clean file of the rest")
    found = report.difference
    if found is None:
        print("identical")
    else:
        print(f"DIFFERENT at scan {found.scan_no}: {found.what}")
        print(f"  recorded: {found.recorded}\n  replayed: {found.replayed}")


def recovered(report: RecoverReport) -> None:
    """The result of a recovery."""
    saved = ", ".join(f"{count} {topic}" for topic, count in report.messages.items())
    print(f"saved to {report.target}: {saved}")
    if report.scans:
        print(f"scans {report.scans[0]} to {report.scans[1]}")
    for damage in report.damage:
        print(f"damage: {damage}")
    print(f"lost: {report.lost_bytes} bytes at the end" if report.lost_bytes else "nothing lost at the end")


def _value(value: float, kind: Kind) -> float | int | bool | None:
    if not math.isfinite(value):
        return None
    if kind is Kind.BOOL:
        return value != 0.0
    return int(value) if kind is Kind.INT else value


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.9g}" if isinstance(value, float) else "-" if value is None else str(value)
