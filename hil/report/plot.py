"""Pictures of a run."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from shapely import Point

from hil.timeline import Timeline
from hil.truth import Truth

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#7d3c98")


def plot_run(
    truth: Truth, timeline: Timeline, blocks: dict[str, list[tuple[str, float, float]]], file: Path
) -> None:
    """Driven path against route, lateral error along it, and speed over time, as one PNG.

    blocks: block id -> (lane, from_m, to_m) spans; the border stretch is shaded.
    """
    figure, (plan, error, speed) = plt.subplots(
        3, 1, figsize=(11, 12), height_ratios=(2.2, 1, 1.2), constrained_layout=True
    )
    for lane in truth.lanes:
        plan.plot(*zip(*lane.points, strict=True), color="0.75", linewidth=6, solid_capstyle="butt", zorder=1)
    for spans in [spans for name, spans in blocks.items() if name == "border"]:
        for lane_id, from_m, to_m in spans:
            line = truth.line(lane_id)
            points = [line.interpolate(from_m + (to_m - from_m) * i / 60) for i in range(61)]
            plan.plot(
                [p.x for p in points],
                [p.y for p in points],
                color="#f5b041",
                linewidth=6,
                zorder=2,
                solid_capstyle="butt",
                label="single-vehicle stretch" if lane_id == "east" else None,
            )
    for colour, track in zip(COLOURS, truth.tracks.values(), strict=False):
        rows = [r for r in track.rows if r[4] > 0.05] or track.rows
        plan.plot(
            [r[1] for r in track.rows],
            [r[2] for r in track.rows],
            color=colour,
            linewidth=1.4,
            zorder=3,
            label=f"{track.serial} (driven)",
        )
        line = truth.line(track.lane)
        along = [line.project(Point(r[1], r[2])) for r in rows]
        side = [100 * line.distance(Point(r[1], r[2])) for r in rows]
        error.plot(along, side, color=colour, linewidth=1, label=track.serial)
        speed.plot(
            [r[0] for r in track.rows],
            [r[4] for r in track.rows],
            color=colour,
            linewidth=1.2,
            label=track.serial,
        )
    for event in timeline.marks():
        speed.axvline(event.t_s, color="0.8", linewidth=0.6, zorder=0)
        speed.text(
            event.t_s,
            1.0,
            event.label,
            rotation=90,
            fontsize=6,
            va="top",
            ha="right",
            color="0.35",
            transform=speed.get_xaxis_transform(),
        )
    plan.set_aspect("equal")
    plan.set_xlabel("east, m")
    plan.set_ylabel("north, m")
    plan.set_title("Driven path (truth) against route")
    plan.legend(loc="best", fontsize=8)
    error.set_xlabel("along the lane, m")
    error.set_ylabel("lateral error, cm")
    error.grid(alpha=0.3)
    error.legend(fontsize=8)
    speed.set_xlabel("time, s")
    speed.set_ylabel("speed, m/s")
    speed.grid(alpha=0.3)
    speed.legend(fontsize=8, loc="lower right")
    figure.savefig(file, dpi=110)
    plt.close(figure)
