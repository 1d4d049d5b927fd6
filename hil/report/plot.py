"""Pictures of a run."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from shapely import Point

from hil.timeline import Timeline
from hil.truth import Truth

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#7d3c98")
BORDER_COLOUR = "#f5b041"
LABEL_CHARS = 34
Spans = list[tuple[str, float, float]]


def plot_run(truth: Truth, timeline: Timeline, border: Spans, file: Path) -> None:
    """Driven path against route, lateral error, speed, and what happened when, as one PNG.

    border: (lane, from_m, to_m) of the single-vehicle stretch.
    """
    figure, (plan, error, speed, events) = plt.subplots(
        4, 1, figsize=(11, 15), height_ratios=(2.6, 1, 1, 2.2), constrained_layout=True
    )
    colours = dict(zip(truth.tracks, COLOURS, strict=False))
    _plan(plan, truth, border, colours)
    for serial, track in truth.tracks.items():
        line = truth.line(track.lane)
        points = [Point(r[1], r[2]) for r in track.rows if r[4] > 0.05]
        along = [line.project(p) for p in points]
        error.plot(along, [100 * line.distance(p) for p in points], color=colours[serial], lw=1, label=serial)
        times = [r[0] for r in track.rows]
        speed.plot(times, [r[4] for r in track.rows], color=colours[serial], lw=1.2, label=serial)
    _decorate(error, "along the lane, m", "lateral error, cm")
    _decorate(speed, "time, s", "speed, m/s")
    _events(events, timeline, colours)
    end_s = max((e.t_s for e in timeline.events), default=1.0)
    for axes in (speed, events):
        axes.set_xlim(0.0, end_s + 5.0)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _decorate(axes: Any, x_label: str, y_label: str) -> None:
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_ylim(bottom=0.0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper right")


def _plan(axes: Any, truth: Truth, border: Spans, colours: dict[str, str]) -> None:
    for lane in truth.lanes:
        axes.plot(*zip(*lane.points, strict=True), color="0.8", lw=7, solid_capstyle="butt", zorder=1)
    for number, (lane_id, from_m, to_m) in enumerate(border):
        line = truth.line(lane_id)
        points = [line.interpolate(from_m + (to_m - from_m) * i / 60) for i in range(61)]
        label = None if number else "single-vehicle border stretch"
        x, y = [p.x for p in points], [p.y for p in points]
        axes.plot(x, y, color=BORDER_COLOUR, lw=7, solid_capstyle="butt", zorder=2, label=label)
    for serial, track in truth.tracks.items():
        x, y = [r[1] for r in track.rows], [r[2] for r in track.rows]
        axes.plot(x, y, color=colours[serial], lw=1.4, zorder=3, label=f"{serial}, driven")
    axes.set_aspect("equal")
    axes.set_xlabel("east, m")
    axes.set_ylabel("north, m")
    axes.set_title("Driven path (truth) against route (grey)")
    axes.legend(loc="upper right", fontsize=8)


def _events(axes: Any, timeline: Timeline, colours: dict[str, str]) -> None:
    """One row per transit, one for the border's holder, one for everything else."""
    marks = timeline.marks()
    transits = list(dict.fromkeys(e.who for e in marks if e.who.startswith("T-")))
    rows = [*transits, "border", "else"]
    held = timeline.of("block border")
    for event, after in zip_longest(held, held[1:]):
        if event.what != "free":
            end_s = after.t_s if after else max(e.t_s for e in timeline.events)
            colour = colours.get(event.what, "0.5")
            axes.barh(rows.index("border"), end_s - event.t_s, left=event.t_s, color=colour, height=0.3)
    for event in marks:
        own = event.who in transits
        row = rows.index(event.who if own else "else")
        text = event.what if own else event.label.removeprefix("refusal ").split(": ")[0]
        axes.plot(event.t_s, row, "o", color="0.2", ms=3)
        axes.text(event.t_s, row - 0.12, text[:LABEL_CHARS], rotation=60, fontsize=5.5, va="bottom")
    axes.set_yticks(range(len(rows)), [*transits, "border held by", "disturbances"])
    axes.set_ylim(len(rows) - 0.6, -1.0)
    axes.set_xlabel("time, s")
    axes.grid(axis="x", alpha=0.3)
