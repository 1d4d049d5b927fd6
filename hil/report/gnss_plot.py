"""The picture of a GNSS replay: the drive, and its errors over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from hil.replay_truth import Errors, Floats, Truth

COLOURS = {4: ("#1e8449", "fixed"), 5: ("#d68910", "float")}


def plot_replay(
    file: Path, truth: Truth, *, xy: Floats, fix: Floats, driver: Errors, localiser: Errors, arm: Floats
) -> None:
    """Write a PNG. xy (M, 2) m and fix (M,): the driver's epochs; arm (2,) m: the lever arm taken off."""
    figure, (plan, error) = plt.subplots(
        2, 1, figsize=(11, 11), height_ratios=(2, 1), constrained_layout=True
    )
    plan.plot(truth.xy[:, 0], truth.xy[:, 1], color="0.8", linewidth=5, label="survey truth", zorder=1)
    for quality, (colour, name) in COLOURS.items():
        _dots(plan, xy[fix == quality, 0], xy[fix == quality, 1], colour, f"driver, {name}")
        which = fix[driver.index] == quality
        _dots(error, *_over_time(driver, which, arm), colour, f"driver, {name}")
    every = np.ones(len(localiser.index), dtype=bool)
    error.plot(
        *_over_time(localiser, every, arm), color="#2471a3", linewidth=0.6, label="localiser", zorder=2
    )
    plan.set(title="Recorded drive through driver and localiser", xlabel="east, m", ylabel="north, m")
    plan.set_aspect("equal")
    error.set(xlabel="UTC of the day, s", ylabel="horizontal error, m", yscale="log", ylim=(1e-3, 10.0))
    for axes in (plan, error):
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _dots(axes: Any, x: Floats, y: Floats, colour: str, label: str) -> None:
    axes.plot(x, y, ".", color=colour, markersize=3, label=label, zorder=3)


def _over_time(errors: Errors, which: Any, arm: Floats) -> tuple[Floats, Floats]:
    rest = errors.body[which] - arm
    return np.mod(errors.time_s[which], 86_400.0), np.hypot(rest[:, 0], rest[:, 1])
