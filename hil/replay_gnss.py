"""`gatectl-hil replay-gnss`: a recorded car drive through a pty into the real gnss driver and localiser,
compared with survey-grade truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gatectl.model import UsageError
from hil.replay_feed import Burst, bursts, play
from hil.replay_localise import epochs, localise
from hil.replay_truth import Figures, compare, read_truth
from hil.report.gnss_plot import plot_replay

DRIVE = "google_F9K_drive.nmea"
TRUTH = "google_F9K_drive.SPAN-truth.gga"
SPEED_MAX = 1000.0
TRUSTED_M = 0.5  # the demo's alert limit: beyond it no vehicle would move


class Result(NamedTuple):
    """Errors are horizontal, 50 % / 95 % / max. arm_m: forward, left of the antenna from the truth's point.

    before, after: fixed epochs of the driver without and with the lever arm taken off. float_after,
    localised_fixed, localised_all with it. trusted: the localiser's epochs whose protection level is
    within TRUSTED_M; outside: how many of those have a larger error than their level.
    """

    before: Figures
    after: Figures
    float_after: Figures
    arm_m: tuple[float, float]
    localised_fixed: Figures
    localised_all: Figures
    trusted: Figures
    outside: int
    restarts: int
    refused: int
    without_truth: int
    received: Counter[str]
    rejected: Counter[str]
    plot: Path

    def text(self) -> str:
        """For people; several lines."""
        forward, left = self.arm_m
        return "\n".join(
            (
                "horizontal error against the survey truth, 50 % / 95 % / max",
                f"  driver, fixed epochs, as received      {self.before.text()}",
                f"  driver, fixed epochs, lever arm off    {self.after.text()}",
                f"  driver, float epochs, lever arm off    {self.float_after.text()}",
                f"  localiser at fixed epochs              {self.localised_fixed.text()}",
                f"  localiser at all epochs                {self.localised_all.text()}",
                f"  localiser, level within {TRUSTED_M:g} m          {self.trusted.text()}; "
                f"{self.outside} of them outside their protection level",
                f"the antenna is {_side(forward, 'before', 'behind')} and {_side(left, 'left', 'right')} "
                "of the truth's point (estimated, constant)",
                "the recording has no wheels and no gyro: the localiser dead-reckons on the receiver's 1 Hz",
                "  speed and course, which miss what happens between epochs, and counts them as a guess; it",
                f"  refused {self.refused} epochs and began anew after {self.restarts} gaps in the recording",
                f"{self.without_truth} usable epochs have no truth at their second and are not compared",
                f"sentences: {_counts(self.received)}; not used: {_counts(self.rejected) or 'none'}",
                f"picture: {self.plot}",
            )
        )


def run(
    data_dir: Path,
    speed: float,
    out_dir: Path,
    *,
    part_s: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Play the drive at `speed` times real time and compare; writes gnss_replay.png into out_dir.

    part_s > 0: only its first seconds. Raises UsageError if the data is not there or speed makes no sense.
    """
    if not 0.0 < speed <= SPEED_MAX:
        raise UsageError(
            f"speed {speed:g} makes no sense", f"use more than 0, at most {SPEED_MAX:g}; e.g. 20"
        )
    for name in (DRIVE, TRUTH):
        if not (data_dir / name).is_file():
            raise UsageError(
                f"there is no {name}", "give the folder that holds the recorded drive", where=str(data_dir)
            )
    truth = read_truth(data_dir / TRUTH)
    recording = _part(list(bursts((data_dir / DRIVE).read_bytes())), part_s)
    feed = asyncio.run(play(recording, speed, rate_hz=1.0, progress=progress))

    track = epochs(feed.commits, truth.frame)
    xy = np.array([(e.x, e.y) for e in track]).reshape(-1, 2)
    fix = np.array([float(e.fix) for e in track])
    utc_s = np.array([e.utc_s for e in track])
    driver = compare(truth, utc_s, xy)
    fixed = fix[driver.index] == 4
    if not fixed.any():
        raise UsageError(
            "no fixed epoch has a truth to compare with", "play a longer part of the drive", where=DRIVE
        )
    arm = driver.lever_arm(fixed)

    located = localise(track)
    there = compare(truth, located.time_s, located.xy)
    was_fixed = np.isin(there.time_s, utc_s[fix == 4])
    level = located.level_m[there.index]
    trusted = level <= TRUSTED_M
    error = np.hypot(*(there.body - arm).T)

    out_dir.mkdir(parents=True, exist_ok=True)
    plot = out_dir / "gnss_replay.png"
    plot_replay(plot, truth, xy=xy, fix=fix, driver=driver, localiser=there, arm=arm)
    return Result(
        before=driver.figures(fixed),
        after=driver.figures(fixed, arm),
        float_after=driver.figures(fix[driver.index] == 5, arm),
        arm_m=(float(arm[0]), float(arm[1])),
        localised_fixed=there.figures(was_fixed, arm),
        localised_all=there.figures(np.ones(len(error), dtype=bool), arm),
        trusted=there.figures(trusted, arm),
        outside=int(np.sum(error[trusted] > level[trusted])),
        restarts=located.restarts,
        refused=located.refused,
        without_truth=len(track) - len(driver.index),
        received=feed.received,
        rejected=feed.rejected,
        plot=plot,
    )


def _part(recording: list[Burst], part_s: float) -> list[Burst]:
    if part_s <= 0.0 or not recording:
        return recording
    end_s = recording[0].utc_s + part_s
    return [burst for burst in recording if burst.utc_s <= end_s]


def _side(metres: float, positive: str, negative: str) -> str:
    return f"{abs(metres):.3f} m {positive if metres >= 0 else negative}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))
