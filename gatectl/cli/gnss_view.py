"""What `gatectl gnss` shows: sky or scatter, position, heading, ages, rates, faults; 80 x 24."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gatectl.cli import gnss_plots as plots
from gatectl.cli.gnss_history import History, good
from gatectl.cli.gnss_source import Look
from gatectl.model import Quality, Sample

WIDTH = 80
LEFT = 37
HEIGHT = 15
FIX = {
    0: "no fix",
    1: "single",
    2: "differential",
    3: "PPS",
    4: "RTK fixed",
    5: "RTK float",
    6: "dead reckoning",
}
_FIX_STYLE = {4: "bold green", 5: "bold yellow"}


def render(look: Look, history: History, where: str, note: str = "") -> RenderableType:
    """The whole view. note: told instead of data while there is none."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=LEFT, no_wrap=True)
    grid.add_column(width=WIDTH - LEFT - 2, no_wrap=True)
    grid.add_row(_left(look, history), _right(look, history))
    parts: list[RenderableType] = [_head(look, where), grid]
    satellites = look.view.satellites if look.view else ()
    if any(s.cn0_dbhz for s in satellites):
        parts.append(plots.bars(satellites, WIDTH, 2))
    rates = history.message_rates()
    if rates:
        shown = "  ".join(f"{name} {rate:.1f}" for name, rate in sorted(rates.items(), key=_often))
        parts.append(_cut(f"messages/s  {shown}", "dim"))
    if look.view and look.view.rejected:
        rejected = ", ".join(f"{name} {count}" for name, count in sorted(look.view.rejected.items()))
        parts.append(_cut(f"not used    {rejected}", "dim"))
    for text, remedy in look.view.faults if look.view else ():
        parts.append(_cut(f"! {text} - {remedy}", "bold red", lines=2))
    if note:
        parts.append(_cut(note, "bold yellow", lines=2))
    return Group(*parts)


def as_json(look: Look, history: History, where: str) -> dict[str, Any]:
    """The same for programs."""
    found = history.scatter()
    satellites = look.view.satellites if look.view else ()
    return {
        "source": where,
        "tags": {
            name: {
                "value": sample.value if math.isfinite(sample.value) else None,
                "quality": sample.quality.name,
                "cause": sample.cause.name if sample.cause else "",
                "age_s": round((look.mono_ns - sample.stamp_mono_ns) * 1e-9, 3)
                if sample.stamp_mono_ns
                else None,
            }
            for name, sample in look.tags.items()
        },
        "epoch_rate_hz": _rounded(history.epoch_rate_hz, 2),
        "message_rates_hz": {name: round(rate, 2) for name, rate in history.message_rates().items()},
        "scatter": None
        if found is None
        else {
            "epochs": len(found.points),
            "half_m": round(found.half_m, 4),
            "p95_m": round(found.p95_m, 4),
        },
        "rejected": dict(look.view.rejected) if look.view else {},
        "faults": [{"text": t, "remedy": r} for t, r in look.view.faults] if look.view else [],
        "satellites": [
            {f: getattr(s, f) for f in ("name", "elevation_deg", "azimuth_deg", "cn0_dbhz", "used")}
            for s in satellites
        ],
    }


def _head(look: Look, where: str) -> Text:
    fix = look.tags.get("fix")
    value = good(fix)
    text = Text(no_wrap=True)
    text.append(f"{where[: WIDTH - 47]}  ")
    utc = good(look.tags["epoch_utc"])
    if utc is not None:
        text.append(datetime.fromtimestamp(utc, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-5] + " UTC  ", "bold")
    name = "no data" if value is None else FIX.get(int(value), f"quality {value:.0f}")
    text.append(name, "bold red" if value is None else _FIX_STYLE.get(int(value), "bold red"))
    return text


def _left(look: Look, history: History) -> RenderableType:
    satellites = look.view.satellites if look.view else ()
    if any(s.elevation_deg is not None for s in satellites):
        return plots.sky(satellites, LEFT, HEIGHT)
    found = history.scatter()
    if found is not None:
        return plots.scatter(found, LEFT, HEIGHT)
    return Text("\n" * (HEIGHT // 2) + "no satellites and no positions yet".center(LEFT), "dim")


def _right(look: Look, history: History) -> RenderableType:
    tags = look.tags
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)

    def row(name: str, tag: str, text: str, extra: str = "") -> None:
        table.add_row(name, _value(tags.get(tag), text, extra))

    row("latitude", "latitude", "{:.9f}°")
    row("longitude", "longitude", "{:.9f}°")
    row("height", "height", "{:.3f} m")
    north, east = good(tags.get("sigma_north")), good(tags.get("sigma_east"))
    both = "" if north is None or east is None else f"N {plots.length(north)}, E {plots.length(east)}"
    table.add_row("sigma", _value(tags.get("sigma_north"), both))
    row("speed", "speed", "{:.2f} m/s")
    table.add_row("course", _angle(tags.get("course")))
    table.add_row("heading", _heading(tags))
    row("baseline", "baseline", "{:.3f} m")
    row("corrections", "correction_age", "{:.1f} s old")
    in_view = len(look.view.satellites) if look.view else 0
    row("satellites", "satellites", "{:.0f} used", f" of {in_view} in view" if in_view else "")
    if "receiver_level" in tags and good(tags["receiver_level"]) is not None:
        row("own level", "receiver_level", "{:.2f} m")
    row("epoch age", "epoch_age", "{:.3f} s")
    rate = history.epoch_rate_hz
    table.add_row("epochs", Text("-" if rate is None else f"{rate:.1f} a second"))
    found = history.scatter()
    if found is not None:
        half, p95 = plots.length(found.half_m), plots.length(found.p95_m)
        table.add_row("scatter", Text(f"50% {half}, 95% {p95} of {len(found.points)}"))
    return table


def _heading(tags: dict[str, Sample]) -> Text:
    text = _angle(tags.get("heading"))
    sigma = good(tags.get("sigma_heading"))
    if sigma is not None and good(tags.get("heading")) is not None:
        text.append(f" ± {math.degrees(sigma):.2f}°")
    return text


def _angle(sample: Sample | None) -> Text:
    degrees = math.degrees(sample.value) if sample is not None else 0.0
    return _value(sample, f"{degrees:.2f}°")


def _value(sample: Sample | None, text: str, extra: str = "") -> Text:
    """The value by its quality; never a BAD one as if it were a value."""
    if sample is None:
        return Text("not offered", "dim")
    if sample.quality is Quality.BAD:
        return Text(sample.cause.name, "dim" if sample.cause.name == "NOT_CONFIGURED" else "red")
    shown = text.format(sample.value) + extra
    if sample.quality is Quality.UNCERTAIN:
        return Text(f"{shown} {sample.cause.name}", "yellow")
    return Text(shown)


def _cut(text: str, style: str, lines: int = 1) -> Text:
    limit = WIDTH * lines
    return Text(text if len(text) <= limit else text[: limit - 1] + "…", style)


def _often(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
