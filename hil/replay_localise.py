"""Runs the real localiser on a recorded drive that has GNSS only.

A vehicle has wheels and a gyro; the recording has not. The receiver's own speed and course, straight
lines between its epochs, stand in for them: much coarser (1 Hz), and said to be so (`Motion.walk`). So
the localiser has little to average with and follows the fixed epochs; it bridges float ones. Heading is
the course of the antenna while it moves. It is the localiser that is exercised (late epochs, gates,
floors, protection level), not its accuracy on a vehicle.
Where the recording has no epochs for seconds, dead reckoning has nothing to live on: it starts anew.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gatectl.core.motion import Estimate, GnssFix, Localiser, LocaliserState, Motion, SiteFrame
from gatectl.model.node import AntennaConfig
from hil.replay_feed import Commit
from hil.replay_truth import Floats

STEPS = 10  # scans between two epochs
COURSE_FROM_MPS = 0.5
STAND_MPS = 0.1
GAP_NS = 2_500_000_000
REACH_M = 3.0
VELOCITY_SIGMA_MPS = 0.05  # of the receiver's speed and course
WALK = 0.2  # m/s^0.5: what straight lines between epochs of 1 Hz miss of a car's motion


class Epoch(NamedTuple):
    """A usable commit: when it was (utc_s; mono_ns in the driver's clock), antenna x, y m, speed m/s,
    yaw rad ccw from east, GGA fix, correction age s."""

    utc_s: float
    mono_ns: int
    x: float
    y: float
    speed: float
    yaw: float | None
    fix: int
    correction_age: float


class Track(NamedTuple):
    """time_s (N,) UTC, xy (N, 2) m, level_m (N,); restarts for want of data; epochs refused."""

    time_s: Floats
    xy: Floats
    level_m: Floats
    restarts: int
    refused: int


def epochs(commits: list[Commit], frame: SiteFrame) -> list[Epoch]:
    """The driver's commits that have a position, a speed and a date, as the localiser needs them."""
    found = []
    for commit in commits:
        needed = ("latitude", "longitude", "height", "fix", "speed", "epoch_utc", "epoch_age")
        if not all(commit[tag].usable for tag in needed):
            continue
        latitude, longitude, height, fix, speed, utc_s, age_s = (commit[tag].value for tag in needed)
        at = frame.to_site(latitude, longitude, height)
        course, corrections = commit["course"], commit["correction_age"]
        yaw = 0.5 * math.pi + at.convergence - course.value if course.usable else None
        found.append(
            Epoch(
                utc_s,
                commit["epoch_utc"].stamp_mono_ns - round(age_s * 1e9),
                at.x,
                at.y,
                speed,
                yaw,
                int(fix),
                corrections.value if corrections.usable else math.inf,
            )
        )
    return found


def localise(track: list[Epoch]) -> Track:
    """The localiser's position right after each epoch, where it knows one."""
    localiser = Localiser(AntennaConfig(), slip_coeff=0.0, wheelbase_m=REACH_M)
    state = LocaliserState()
    restarts = refused = 0
    rows: list[tuple[float, float, float, float]] = []
    before: Epoch | None = None
    for epoch in track:
        if before is not None and epoch.mono_ns - before.mono_ns > GAP_NS:
            refused += state.refused.total
            restarts += 1
            state, before = LocaliserState(), None
        estimate = _advance(localiser, state, before, epoch)
        if estimate.known:
            rows.append((epoch.utc_s, estimate.x, estimate.y, estimate.level))
        before = epoch
    table = np.array(rows).reshape(-1, 4)
    return Track(table[:, 0], table[:, 1:3], table[:, 3], restarts, refused + state.refused.total)


def _advance(localiser: Localiser, state: LocaliserState, before: Epoch | None, now: Epoch) -> Estimate:
    """Scans from the last epoch to this one, the last of which takes it."""
    fix = GnssFix(
        now.mono_ns,
        now.x,
        now.y,
        0.0,  # the receiver sends no GST: the localiser's floors apply
        0.0,
        now.fix == 4,
        now.yaw if now.speed > COURSE_FROM_MPS or not state.known else None,
        now.correction_age,
        VELOCITY_SIGMA_MPS / max(now.speed, COURSE_FROM_MPS),
    )
    if before is None:
        motion = Motion(now.mono_ns, now.speed, 0.0, False, now.speed < STAND_MPS, None, WALK)
        return localiser.step(state, now.mono_ns, motion, fix)
    span_ns = now.mono_ns - before.mono_ns
    turn = 0.0
    if now.yaw is not None and before.yaw is not None and min(now.speed, before.speed) > COURSE_FROM_MPS:
        turn = math.remainder(now.yaw - before.yaw, math.tau) / (span_ns * 1e-9)
    standing = max(now.speed, before.speed) < STAND_MPS
    for step in range(1, STEPS + 1):
        stamp = before.mono_ns + span_ns * step // STEPS
        speed = before.speed + (now.speed - before.speed) * step / STEPS
        motion = Motion(stamp, speed, turn, False, standing, None, WALK)
        estimate = localiser.step(state, stamp, motion, fix if step == STEPS else None)
    return estimate
