"""The picture of a commissioning drive: what was commanded, measured, and what the found values predict."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gatectl.core.motion.identify import Drive, Identified, modelled_accel, modelled_angle

MOVED_MPS = 0.1


def plot(file: Path, drive: Drive, found: Identified, rate_max_radps: float) -> None:
    """Write a PNG with three panels over time (s): steering angle, its closest look, and speed."""
    figure = Figure(figsize=(11, 9), constrained_layout=True)
    FigureCanvasAgg(figure)
    steer, close, speed = figure.subplots(3, 1)
    grid, angle = modelled_angle(drive, found, rate_max_radps)
    steps = np.abs(np.diff(drive.steer, prepend=drive.steer[0]))
    centre = float(drive.t_s[int(np.argmax(steps))])
    for axes in (steer, close):
        axes.plot(
            drive.t_s, np.degrees(drive.steer), color="0.6", lw=1, label="commanded", drawstyle="steps-post"
        )
        axes.plot(drive.t_mcu_s, np.degrees(drive.angle), ".", ms=3, label="measured")
        axes.plot(grid, np.degrees(angle), lw=1, label="model with the values found")
        axes.set_ylabel("steering angle, deg")
        axes.grid(alpha=0.3)
    moved_s = float(drive.t_mcu_s[int(np.argmax(np.abs(drive.speed) > MOVED_MPS))])
    for axes in (steer, speed):
        axes.set_xlim(max(float(drive.t_s[0]), moved_s - 3.0), float(drive.t_s[-1]))
    close.set_xlim(centre - 1.5, centre + 3.0)
    near = np.abs(drive.t_s - centre) < 3.0
    span = np.degrees(np.nanmax(np.abs(drive.steer[near]))) + 0.3
    close.set_ylim(-span, span)
    steer.legend(loc="lower right")
    steer.set_title(
        f"steering: dead time {found.steer_dead.value:.3f} s, lag {found.steer_tau.value:.3f} s, offset "
        f"{math.degrees(found.steer_offset.value):+.2f} deg"
        f", fit leaves {math.degrees(found.steer_rms):.3f} deg rms"
    )
    speed.plot(drive.t_mcu_s, drive.speed, ".", ms=2, label="speed measured, m/s")
    speed.plot(drive.t_s, drive.accel, color="0.6", lw=1, label="acceleration commanded, m/s2")
    speed.plot(*modelled_accel(drive, found), lw=1, label="acceleration, model, m/s2")
    speed.set_title(
        f"drive: dead time {found.drive_dead.value:.3f} s, lag {found.drive_tau.value:.3f} s, gain "
        f"{found.drive_gain.value:.2f}, drag {found.drive_drag.value:.2f} m/s2"
        f", fit leaves {found.drive_rms:.3f} m/s rms"
    )
    speed.set_xlabel("s")
    speed.legend(loc="upper left")
    speed.grid(alpha=0.3)
    figure.savefig(file, dpi=110)
