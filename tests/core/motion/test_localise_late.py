"""What comes late, out of order, or not at all."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from test_localise import Track, error, localiser, started

from gatectl.core.motion import GnssFix, LocaliserState, MarkerFix, Motion
from gatectl.core.motion import filter as ekf


def pose(state: LocaliserState) -> list[float]:
    return state.steps[-1].x


def noisy(fix: GnssFix, rng: np.random.Generator, sigma: float = 0.01) -> GnssFix:
    ex, ey = rng.normal(0, sigma, 2).tolist()
    return msgspec.structs.replace(fix, x=fix.x + ex, y=fix.y + ey)


def run(order: Any) -> LocaliserState:
    """Three seconds with noisy epochs; order(pairs): when (scan) which epoch comes."""
    track, rng = Track(4.0, 0.05), np.random.default_rng(7)
    state, unit = started(track), localiser()
    motions, fixes = [], []
    for i in range(150):
        motions.append(track.step())
        if i % 5 == 0 and i < 120:
            fixes.append((i, noisy(track.fix(), rng)))
    coming = order(fixes)
    for i, motion in enumerate(motions):
        due = [fix for at, fix in coming if at == i]
        unit.step(state, motion.stamp_mono_ns, motion, due[0] if due else None)
        for fix in due[1:]:
            unit.step(state, motion.stamp_mono_ns, motion, fix)
    return state


def test_epochs_out_of_order_end_where_epochs_in_order_do() -> None:
    prompt = run(lambda fixes: fixes)
    swapped = run(lambda fixes: [(i + (15 if n % 2 else 2), fix) for n, (i, fix) in enumerate(fixes)])
    bunched = run(lambda fixes: [(149 if i >= 110 else i, fix) for i, fix in fixes])
    assert pose(swapped) == pytest.approx(pose(prompt), abs=2e-4)
    assert pose(bunched) == pytest.approx(pose(prompt), abs=1e-9)
    assert prompt.refused.total == swapped.refused.total == 0


def test_late_odometry_is_not_lost_to_an_epoch_that_was_quicker() -> None:
    """The link holds odometry back for 300 ms, GNSS comes at once: its epochs wait for the wheels."""
    track = Track(5.0, 0.0)
    state, unit = started(track), localiser()
    unit_late, late = localiser(), msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=LocaliserState)
    held: list[Motion] = []
    for i in range(200):
        track.rate = 0.2 * math.sin(i / 15)
        motion = track.step()
        fix = track.fix() if i % 5 == 0 else None
        unit.step(state, track.now, motion, fix)
        held.append(motion)
        known = late.steps[-1].motion
        if i % 15 == 14 or (fix is not None and i < 15):
            for old in held:
                unit_late.step(late, track.now, old, None)
            held = []
            known = late.steps[-1].motion
        unit_late.step(late, track.now, known, fix)
    for old in held:
        unit_late.step(late, track.now, old, None)
    assert late.waiting == []
    assert pose(late) == pytest.approx(pose(state), abs=1e-6)


def test_an_epoch_is_not_kept_waiting_for_ever() -> None:
    track = Track(0.0, 0.0)
    state, unit = started(track), localiser()
    motion = track.step()
    fix = track.fix(stamp_mono_ns=track.now + 100_000_000)
    unit.step(state, track.now, motion, fix)
    assert state.waiting == [fix]
    unit.step(state, track.now + 490_000_000, motion, None)
    assert state.waiting == [fix]
    unit.step(state, track.now + 510_000_000, motion, None)
    assert state.waiting == []
    assert state.fix_mono_ns == fix.stamp_mono_ns


def test_an_old_motion_and_the_same_one_again_change_no_pose() -> None:
    track = Track(5.0, 0.1)
    state, unit = started(track), localiser()
    motions = [track.step() for _ in range(20)]
    for motion in motions:
        unit.step(state, motion.stamp_mono_ns, motion, None)
    before = list(pose(state))
    for motion in (motions[-1], motions[3]):
        unit.step(state, track.now, motion, None)
    assert pose(state) == before


def test_what_is_asked_for_later_than_the_odometry_is_carried_on() -> None:
    track = Track(5.0, 0.1)
    state, unit = started(track), localiser()
    for i in range(600):
        motion = track.step()
        unit.step(state, track.now, motion, track.fix() if i % 5 == 0 else None)
    for _ in range(5):
        track.step()
    ahead = unit.step(state, track.now, motion, None)
    assert error(track, ahead) < 0.005
    assert ahead.yaw == pytest.approx(track.yaw, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_twenty_seconds_of_float_20_cm_off_do_not_pull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    track = Track(5.5, 0.0)
    state, unit = started(track), localiser()
    turn = rng.uniform(0, math.tau)
    step = 0.2 * np.array([math.cos(turn), math.sin(turn)])
    worst = 0.0
    for i in range(50 * 60):
        motion = track.step()
        motion = msgspec.structs.replace(motion, gyro=motion.gyro + rng.normal(0, math.radians(0.05)))
        fix = None
        if i % 5 == 0:
            fix = noisy(track.fix(yaw=track.yaw + rng.normal(0, math.radians(0.15))), rng)
            if 50 * 30 <= i < 50 * 50:
                x, y = fix.x + step[0], fix.y + step[1]
                fix = msgspec.structs.replace(fix, x=x, y=y, fixed=False, sigma_x=0.15, sigma_y=0.15)
        estimate = unit.step(state, track.now, motion, fix)
        worst = max(worst, error(track, estimate)) if i > 500 else 0.0
    assert worst < 0.10
    assert state.refused.total == 0


def test_ten_seconds_without_gnss_are_carried_by_gyro_and_wheels() -> None:
    rng = np.random.default_rng(2)
    track = Track(5.0, 0.0, bias=0.001)
    state, unit = started(track), localiser()
    for i in range(50 * 50):
        track.rate = 0.08 * math.sin(i / 200)
        motion = track.step()
        motion = msgspec.structs.replace(motion, gyro=motion.gyro + rng.normal(0, math.radians(0.05)))
        seen = noisy(track.fix(), rng) if i % 5 == 0 and i < 50 * 40 else None
        estimate = unit.step(state, track.now, motion, seen)
    assert error(track, estimate) < 0.15  # of 50 m


def test_crossfall_is_learned_as_crab() -> None:
    rng = np.random.default_rng(4)
    track = Track(5.0, 0.0)
    state, unit = started(track), localiser()
    crab = math.radians(0.3)
    for i in range(50 * 30):
        motion = track.step()
        track.x += 5.0 * 0.02 * (math.cos(track.yaw + crab) - math.cos(track.yaw))
        track.y += 5.0 * 0.02 * (math.sin(track.yaw + crab) - math.sin(track.yaw))
        estimate = unit.step(state, track.now, motion, noisy(track.fix(), rng) if i % 5 == 0 else None)
    assert estimate.crab == pytest.approx(crab, abs=math.radians(0.06))
    assert estimate.yaw == pytest.approx(track.yaw, abs=math.radians(0.06))
    assert error(track, estimate) < 0.015


def test_a_transponder_is_taken_where_it_was_crossed_and_one_that_contradicts_is_shown() -> None:
    track = Track(5.0, 0.0)
    state, unit = started(track), localiser()
    for i in range(100):
        motion = track.step()
        estimate = unit.step(state, track.now, motion, track.fix() if i % 5 == 0 else None)
    for _ in range(50 * 8):
        motion = track.step()
        estimate = unit.step(state, track.now, motion, None)
    sigma = math.sqrt(state.steps[-1].p[ekf.DIAGONAL[ekf.X]])
    assert sigma > 0.03  # dead reckoning has become doubtful by so much
    off = 1.5 * sigma  # and the transponder shows by how much it is wrong
    crossed = MarkerFix(track.now, estimate.x + off, estimate.y, 0.005, 0.005)
    for _ in range(5):
        motion = track.step()
        free = unit.step(state, track.now, motion, None)
    marked = unit.step(state, track.now, motion, None, crossed)
    assert marked.x - free.x == pytest.approx(off, rel=0.2)
    assert math.sqrt(state.steps[-1].p[ekf.DIAGONAL[ekf.X]]) < 0.5 * sigma
    assert state.refused.marked_m == 0.0
    wrong = unit.step(
        state, track.now, motion, None, MarkerFix(track.now, marked.x + 1.0, marked.y, 0.02, 0.01)
    )
    assert (wrong.x, wrong.y) == (marked.x, marked.y)
    assert state.refused.marked_m == pytest.approx(1.0, abs=0.1)
    assert wrong.level > 1.0
    unit.confirm(state)
    assert state.refused.marked_m == 0.0
