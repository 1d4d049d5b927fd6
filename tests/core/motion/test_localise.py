from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatectl.core.motion import GnssFix, Localiser, LocaliserState, Motion
from gatectl.core.motion import filter as ekf
from gatectl.core.motion.integrity import UNKNOWN_M
from gatectl.model.node import AntennaConfig

DT_NS = 20_000_000
FORWARD, LEFT = 4.0, -0.6


class Track:
    """A vehicle that drives a known curve exactly; sensors are as asked for."""

    def __init__(
        self, speed: float, rate: float, yaw: float = 0.4, slip: float = 0.0, bias: float = 0.0
    ) -> None:
        self.speed, self.rate, self.slip, self.bias = speed, rate, slip, bias
        self.x, self.y, self.yaw, self.now = 10.0, -5.0, yaw, 10**9
        self.moving, self.last = False, (0.0, 0.0)

    def step(self) -> Motion:
        self.now += DT_NS
        v, r, dt = (self.speed, self.rate, 0.02) if self.moving else (0.0, 0.0, 0.02)
        # Speed and rate change evenly from one sample to the next.
        mean_v, mean_r = 0.5 * (self.last[0] + v), 0.5 * (self.last[1] + r)
        self.last = (v, r)
        course = self.yaw - self.slip * mean_v * mean_r + 0.5 * mean_r * dt
        self.x += mean_v * dt * math.cos(course)
        self.y += mean_v * dt * math.sin(course)
        self.yaw += mean_r * dt
        return Motion(self.now, v, r + self.bias, True, not self.moving, False)

    def fix(self, **change: Any) -> GnssFix:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        fix = GnssFix(
            self.now,
            self.x + FORWARD * c - LEFT * s,
            self.y + FORWARD * s + LEFT * c,
            0.01,
            0.01,
            True,
            math.remainder(self.yaw, math.tau),
            1.0,
        )
        return msgspec.structs.replace(fix, **change)


def localiser() -> Localiser:
    return Localiser(AntennaConfig(forward_m=FORWARD, left_m=LEFT), 0.015, 8.0)


def drive(track: Track, state: LocaliserState, seconds: float, every: int = 5, late: int = 0) -> Any:
    """Steps with a fix every `every` scans (0 = none), delivered `late` scans later."""
    unit, waiting, estimate = localiser(), [], None
    for i in range(round(seconds / 0.02)):
        motion = track.step()
        if every and i % every == 0:
            waiting.append((i + late, track.fix()))
        fix = waiting.pop(0)[1] if waiting and waiting[0][0] <= i else None
        estimate = unit.step(state, track.now, motion, fix)
    return estimate


def started(track: Track) -> LocaliserState:
    state = LocaliserState()
    drive(track, state, 1.0)
    assert state.known
    track.moving = True
    return state


def error(track: Track, estimate: Any) -> float:
    return math.hypot(estimate.x - track.x, estimate.y - track.y)


@settings(max_examples=20, deadline=None)
@given(
    speed=st.floats(0.5, 7.0),
    rate=st.floats(-0.1, 0.1),
    yaw=st.floats(-4.0, 4.0),
    slip=st.floats(0.012, 0.019),
    late=st.integers(0, 20),
)
def test_late_fixes_are_taken_at_their_own_time(
    speed: float, rate: float, yaw: float, slip: float, late: int
) -> None:
    track = Track(speed, rate, yaw, slip)
    state = started(track)
    estimate = drive(track, state, 8.0, late=late)
    assert error(track, estimate) < 0.03
    assert abs(math.remainder(estimate.yaw - track.yaw, math.tau)) < 0.004
    assert estimate.level < 0.35  # just started: wheels and gyro as references are not calibrated yet
    assert state.refused.total == 0


def test_a_fix_older_than_the_history_changes_nothing() -> None:
    track = Track(3.0, 0.0)
    state = started(track)
    drive(track, state, 2.0)
    before = msgspec.msgpack.encode(state)
    motion = Motion(track.now, 3.0, 0.0, True, False, False)
    old = track.fix(stamp_mono_ns=track.now - 2_000_000_000, x=0.0)
    localiser().step(state, track.now, motion, old)
    assert msgspec.msgpack.encode(state) == before


@pytest.mark.parametrize(
    "change",
    [{"fixed": False}, {"yaw": None}, {"correction_age": 60.0}],
    ids=["float", "no heading", "stale corrections"],
)
def test_is_never_initialised_from_less_than_a_fix_with_heading(change: dict[str, Any]) -> None:
    track, state, unit = Track(0.0, 0.0), LocaliserState(), localiser()
    for _ in range(200):
        estimate = unit.step(state, track.now, track.step(), track.fix(**change))
    assert not estimate.known
    assert estimate.level == UNKNOWN_M


def test_is_not_initialised_while_moving_or_from_epochs_that_disagree() -> None:
    track, state, unit = Track(2.0, 0.0), LocaliserState(), localiser()
    track.moving = True
    for _ in range(100):
        unit.step(state, track.now, track.step(), track.fix())
    assert not state.known
    track.moving = False
    for i in range(100):
        motion, fix = track.step(), track.fix()
        unit.step(state, track.now, motion, msgspec.structs.replace(fix, x=fix.x + 0.3 * (i % 2)))
    assert not state.known


def test_learns_gyro_bias_wheel_scale_and_slip() -> None:
    rng = np.random.default_rng(3)
    track = Track(5.0, 0.12, slip=0.019, bias=0.002)
    unit, state = localiser(), LocaliserState()
    for i in range(50 * 70):
        track.moving = i > 50 * 5
        track.rate = 0.12 if i % 800 < 400 else -0.12  # in a lasting bend slip and crossfall look the same
        motion = track.step()
        motion = msgspec.structs.replace(motion, wheel=motion.wheel * 1.004)
        fix = None
        if i % 5 == 0:
            exact = track.fix()
            ex, ey = rng.normal(0, 0.01, 2).tolist()
            fix = msgspec.structs.replace(exact, x=exact.x + ex, y=exact.y + ey)
        unit.step(state, track.now, motion, fix)
    x = state.steps[-1].x
    assert x[ekf.BIAS] == pytest.approx(0.002, abs=3e-4)
    assert x[ekf.SCALE] == pytest.approx(1 / 1.004, abs=8e-4)
    assert x[ekf.SLIP] == pytest.approx(0.019, abs=2.5e-3)


def test_covariance_stays_symmetric_positive() -> None:
    track = Track(6.0, 0.08, slip=0.015)
    state = started(track)
    drive(track, state, 20.0)
    p = state.steps[-1].p
    full = np.array([[p[ekf.COLUMN[i][j]] for i in range(ekf.SIZE)] for j in range(ekf.SIZE)])
    assert np.linalg.eigvalsh(full).min() > 0.0


def test_without_gyro_the_steering_carries_on_with_more_doubt() -> None:
    track = Track(5.0, 0.05)
    state, unit = started(track), localiser()
    drive(track, state, 3.0)
    with_gyro = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=LocaliserState)
    for _ in range(50):
        motion = track.step()
        a = unit.step(with_gyro, track.now, motion, None)
        b = unit.step(state, track.now, msgspec.structs.replace(motion, gyro_ok=False), None)
    assert error(track, b) < 0.1
    assert b.level > a.level


def test_one_wrong_heading_does_not_turn_the_vehicle() -> None:
    track = Track(5.0, 0.0)
    state, unit = started(track), localiser()
    drive(track, state, 3.0)
    motion = track.step()
    estimate = unit.step(state, track.now, motion, track.fix(yaw=track.yaw + math.pi))
    assert abs(math.remainder(estimate.yaw - track.yaw, math.tau)) < 0.01
    assert state.refused.total == 0


def test_a_float_solution_20_cm_off_hardly_moves_the_estimate() -> None:
    track = Track(5.0, 0.02)
    state, unit = started(track), localiser()
    drive(track, state, 5.0)
    for i in range(250):
        motion, fix = track.step(), None
        if i % 5 == 0:
            exact = track.fix()
            fix = msgspec.structs.replace(exact, y=exact.y + 0.2, fixed=False, sigma_x=0.15, sigma_y=0.15)
        estimate = unit.step(state, track.now, motion, fix)
    assert error(track, estimate) < 0.10
    assert error(track, estimate) < estimate.level


def test_a_load_reopens_what_depends_on_mass() -> None:
    track = Track(5.0, 0.05)
    state, unit = started(track), localiser()
    drive(track, state, 20.0)
    sure = state.steps[-1].p[ekf.DIAGONAL[ekf.SLIP]]
    unit.step(state, track.now, msgspec.structs.replace(track.step(), loaded=True), None)
    assert state.steps[-1].p[ekf.DIAGONAL[ekf.SLIP]] > 2 * sure


def test_a_heading_that_stays_wrong_is_shown_and_only_believed_standing() -> None:
    track = Track(3.0, 0.0)
    state, unit = started(track), localiser()
    drive(track, state, 5.0)
    fine = state.steps[-1].x[ekf.YAW]

    def off_by(turn: float, scans: int) -> Any:
        for i in range(scans):
            motion, exact = track.step(), track.fix()
            c, s = math.cos(turn), math.sin(turn)
            ax, ay = exact.x - track.x, exact.y - track.y
            # The antennas are turned about the control point: position and heading agree.
            x, y = track.x + c * ax - s * ay, track.y + s * ax + c * ay
            bad = msgspec.structs.replace(exact, x=x, y=y, yaw=track.yaw + turn) if i % 5 == 0 else None
            estimate = unit.step(state, track.now, motion, bad)
            if estimate.jump_m:
                return estimate
        return estimate

    estimate = off_by(math.radians(8.0), 300)
    assert estimate.jump_m == 0.0
    assert abs(estimate.yaw - fine) < 0.02
    assert estimate.level > 0.4
    track.moving = False
    estimate = off_by(math.radians(8.0), 300)
    assert estimate.jump_m > 0.0
    assert estimate.yaw == pytest.approx(track.yaw + math.radians(8.0), abs=0.01)


def test_a_heading_alone_that_stays_wrong_widens_the_level() -> None:
    track = Track(3.0, 0.0)
    state, unit = started(track), localiser()
    drive(track, state, 5.0)
    for i in range(100):
        motion = track.step()
        fix = track.fix(yaw=track.yaw + math.radians(8.0)) if i % 5 == 0 else None
        estimate = unit.step(state, track.now, motion, fix)
    assert state.refused.total == 0
    assert estimate.level > 1.0
    assert error(track, estimate) < 0.05
