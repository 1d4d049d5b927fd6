from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from gatectl.core.motion import GnssFix, Localiser, LocaliserState, Motion
from gatectl.core.motion import filter as ekf
from gatectl.core.motion.fixes import Lever
from gatectl.core.motion.integrity import Integrity
from gatectl.model.node import AntennaConfig

DT_S = 0.02
START_NS = 10**9


class Drive:
    """An exact vehicle on a circle (or straight) whose GNSS can be told to lie; slow start and stop."""

    def __init__(self, speed: float = 4.0, curvature: float = 0.0, velocity: bool = True) -> None:
        self.target, self.curvature, self.velocity = speed, curvature, velocity
        self.t = self.x = self.y = self.yaw = self.speed = 0.0
        self.still_s = 1.0
        self.lie = (0.0, 0.0)
        self.lie_speed = (0.0, 0.0)
        self.silent = False
        self.wheel_factor = 1.0
        self.late, self.rolled = 0, [(0.0, 0.0)]  # odometry: scans older than its stamp; the newest
        self.unit = Localiser(AntennaConfig(forward_m=3.0), 0.0, 8.0)
        self.state = LocaliserState()
        self.n = 0
        self.jumps: list[float] = []

    def run(self, seconds: float) -> Any:
        for _ in range(round(seconds / DT_S)):
            estimate = self.scan()
        return estimate

    def scan(self) -> Any:
        before = self.speed
        self.speed += max(-0.5 * DT_S, min(0.5 * DT_S, self.target - self.speed))
        mean = 0.5 * (before + self.speed)
        turn = mean * self.curvature * DT_S
        self.x += mean * DT_S * math.cos(self.yaw + 0.5 * turn)
        self.y += mean * DT_S * math.sin(self.yaw + 0.5 * turn)
        self.yaw += turn
        self.t += DT_S
        self.n += 1
        self.still_s = self.still_s + DT_S if self.speed == 0.0 else 0.0
        now = START_NS + round(self.t * 1e9)
        self.lie = (self.lie[0] + self.lie_speed[0] * DT_S, self.lie[1] + self.lie_speed[1] * DT_S)
        rate = self.speed * self.curvature
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        fix = None
        if self.n % 5 == 0 and not self.silent:
            velocity = (self.speed * c - 3.0 * rate * s, self.speed * s + 3.0 * rate * c)
            fix = GnssFix(
                now,
                self.x + 3.0 * c + self.lie[0],
                self.y + 3.0 * s + self.lie[1],
                0.01,
                0.01,
                True,
                math.remainder(self.yaw, math.tau),
                0.5,
                velocity=velocity if self.velocity else None,
            )
        self.rolled = [*self.rolled[-self.late :], (self.speed, rate)] if self.late else [(self.speed, rate)]
        wheel, rate = self.rolled[0]
        motion = Motion(now, wheel * self.wheel_factor, rate, True, self.still_s >= 0.3, True)
        estimate = self.unit.step(self.state, now, motion, fix)
        if estimate.jump_m:
            self.jumps.append(estimate.jump_m)
        return estimate

    def errors(self, estimate: Any) -> tuple[float, float]:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        ex, ey = estimate.x - self.x, estimate.y - self.y
        return abs(c * ex + s * ey), abs(c * ey - s * ex)

    def bounded(self, seconds: float) -> Any:
        """Every scan's errors are within its levels."""
        for _ in range(round(seconds / DT_S)):
            estimate = self.scan()
            along, across = self.errors(estimate)
            assert along <= estimate.level_along, (self.t, along)
            assert across <= estimate.level_across, (self.t, across)
        return estimate


def calibrated(**kind: Any) -> Drive:
    drive = Drive(**kind)
    drive.target, speed = 0.0, drive.target
    drive.run(3.0)
    drive.target = speed
    drive.run(45.0)
    assert drive.state.known
    return drive


def test_a_good_fix_keeps_the_level_small_driving_and_smaller_standing() -> None:
    drive = calibrated()
    assert drive.bounded(10.0).level < 0.30
    drive.target = 0.0
    drive.run(10.0)
    assert drive.bounded(80.0).level < 0.15
    assert not drive.state.integrity.held


@pytest.mark.parametrize("curvature", [0.0, 1 / 40.0])
@pytest.mark.parametrize("velocity", [True, False])
def test_references_follow_an_exact_vehicle(curvature: float, velocity: bool) -> None:
    drive = calibrated(curvature=curvature, velocity=velocity)
    drive.run(30.0)
    points = drive.state.integrity.separation.checkpoints
    assert len(points) > 5
    old = [p for p in points if START_NS + drive.t * 1e9 - p.stamp_mono_ns > 8e9]
    for point in old:
        assert point.wheels.apart_m() < 2.0 * point.wheels.sigma_across + 0.02
        assert point.doppler.apart_m() < 2.0 * point.doppler.sigma_across + 0.02


@pytest.mark.parametrize("direction", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("mps", [0.05, 0.2, 1.0])
def test_a_spoofed_ramp_is_bounded_until_the_vehicle_is_not_trusted(mps: float, direction: float) -> None:
    drive = calibrated(velocity=False)
    drive.lie_speed = (mps * math.cos(direction), mps * math.sin(direction))
    estimate = drive.bounded(25.0)
    assert estimate.level > 0.5


def test_a_slow_drift_is_bounded_by_the_receivers_velocity() -> None:
    drive = calibrated()
    drive.lie_speed = (0.0, 0.02)
    assert drive.bounded(40.0).level > 0.5


def test_a_wrong_fix_is_not_forgotten_when_the_gate_opens_for_it() -> None:
    drive = calibrated(velocity=False)
    drive.lie = (0.0, 0.35)
    drive.bounded(120.0)


def test_an_outlier_burst_is_forgotten() -> None:
    drive = calibrated()
    drive.lie = (1.0, 1.0)
    drive.run(1.0)
    assert drive.state.integrity.held
    drive.lie = (0.0, 0.0)
    estimate = drive.bounded(6.0)
    assert not drive.state.integrity.held
    assert estimate.level < 0.30


def spoofed_to_a_stop() -> Drive:
    drive = calibrated(velocity=False)
    drive.lie_speed = (0.1, 0.0)
    drive.run(15.0)
    drive.lie_speed = (0.0, 0.0)
    drive.target = 0.0
    return drive


def test_what_the_filter_followed_is_taken_over_standing_in_the_open_and_counts_until_confirmed() -> None:
    drive = spoofed_to_a_stop()
    estimate = drive.bounded(30.0)
    assert drive.jumps
    assert max(drive.jumps) > 1.0
    assert estimate.level > 1.0
    drive.unit.confirm(drive.state)
    assert drive.scan().level < 0.25


def test_a_jump_back_needs_nobody() -> None:
    drive = calibrated()
    drive.target = 0.0
    drive.run(20.0)
    drive.lie = (2.0, 0.0)
    estimate = drive.bounded(8.0)
    assert drive.jumps
    assert estimate.level > 2.0
    drive.lie = (0.0, 0.0)
    estimate = drive.bounded(8.0)
    assert len(drive.jumps) == 2
    assert estimate.level < 0.3


def test_wheels_that_slip_widen_the_level_though_gnss_is_right() -> None:
    drive = calibrated(velocity=False)
    drive.wheel_factor = 1.5
    estimate = drive.run(0.4)  # no two of the refused epochs agree with each other
    for _ in range(80):
        assert drive.state.integrity.held
        assert estimate.level > max(0.5, drive.errors(estimate)[0])
        estimate = drive.scan()


def test_a_new_fix_after_an_outage_has_to_prove_itself() -> None:
    drive = calibrated(velocity=False)
    drive.silent = True
    drive.bounded(6.0)
    drive.silent, drive.lie = False, (0.25, 0.0)
    assert drive.bounded(2.0).level > 0.4
    drive.lie = (0.0, 0.0)
    assert drive.bounded(30.0).level < 0.3


def test_the_receivers_own_level_counts_while_it_is_fresh() -> None:
    drive = Drive(0.0)
    drive.run(3.0)
    now = START_NS + round(drive.t * 1e9) + 20_000_000
    fix = GnssFix(now, 3.0, 0.0, 0.01, 0.01, True, 0.0, 0.5, receiver_level=0.9)
    estimate = drive.unit.step(drive.state, now, Motion(now, 0.0, 0.0, True, True, True), fix)
    assert estimate.level_along == estimate.level_across == 0.9
    drive.t += 0.02
    assert drive.run(3.0).level < 0.25


def test_the_configured_risk_sets_the_factors() -> None:
    usual = Integrity(Lever(0.0, 0.0), 8.0)
    assert usual.k_free == pytest.approx(5.39, abs=0.02)
    assert usual.k_fault == pytest.approx(3.02, abs=0.02)
    safer = Integrity(Lever(0.0, 0.0), 8.0, 1e-6, 1e-2)
    assert safer.k_free > usual.k_free
    assert safer.k_fault > usual.k_fault
    assert Integrity(Lever(0.0, 0.0), 8.0, 1e-1, 1e-6).k_fault == pytest.approx(1.96, abs=0.01)


def test_the_state_survives_a_key_frame_bit_for_bit() -> None:
    drive = calibrated(curvature=0.02)
    data = msgspec.msgpack.encode(drive.state)
    other = msgspec.msgpack.decode(data, type=LocaliserState)
    assert msgspec.msgpack.encode(other) == data
    now = START_NS + round(drive.t * 1e9) + 20_000_000
    motion = Motion(now, 4.0, 0.08, True, False, True)
    assert drive.unit.step(other, now, motion, None) == drive.unit.step(drive.state, now, motion, None)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_an_acceleration_with_late_odometry_is_no_wheel_scale(late: int) -> None:
    """From standstill at 0.5 m/s2, wheels up to 40 ms older than stamped: once that taught 1 % of scale."""
    drive = Drive(speed=6.0)
    drive.late = late
    drive.target, speed = 0.0, drive.target
    drive.run(2.0)
    drive.target = speed
    for _ in range(round(40.0 / DT_S)):
        estimate = drive.scan()
        x = drive.state.steps[-1].x
        assert x[ekf.SCALE] == pytest.approx(1.0, abs=2e-3)
        assert not drive.state.integrity.held
        assert max(drive.errors(estimate)) < estimate.level < 0.35
    assert x[ekf.LAG] == pytest.approx(late * DT_S, abs=3e-3)
