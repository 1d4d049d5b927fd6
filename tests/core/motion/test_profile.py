from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatectl.core.motion import (
    Route,
    SpeedLaw,
    SpeedLimits,
    SpeedState,
    braking_curve,
    braking_distance,
    stopping_point,
)
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Limits

VEHICLE = VehicleConfig(serial="V", manufacturer="m")
STRAIGHT = Route("straight", [(float(i), 0.0) for i in range(400)])
BENDY = Route("bendy", [(0.5 * i, 6.0 * math.sin(0.5 * i / 14.0)) for i in range(500)])
LIMITS = Limits()
OPEN = SpeedLimits(STRAIGHT, LIMITS, VEHICLE)


@given(speed=st.floats(0.0, 15.0), decel=st.floats(0.1, 2.0), jerk=st.floats(0.1, 2.0))
def test_braking_curve_and_distance_are_inverse(speed: float, decel: float, jerk: float) -> None:
    distance = braking_distance(speed, decel, jerk)
    assert braking_curve(distance, decel, jerk).speed == pytest.approx(speed, abs=1e-6)
    assert distance >= speed * speed / (2 * decel) - 1e-9


@given(distance=st.floats(0.001, 200.0), decel=st.floats(0.1, 2.0), jerk=st.floats(0.1, 2.0))
def test_braking_curve_is_consistent(distance: float, decel: float, jerk: float) -> None:
    """Its acceleration is the one that keeps on it: a = -v dv/dd, never harder than asked."""
    h = 1e-5 * distance
    here, less = braking_curve(distance, decel, jerk), braking_curve(distance - h, decel, jerk)
    assert -decel - 1e-12 <= here.accel <= 0.0
    assert -(here.speed - less.speed) / h * here.speed == pytest.approx(here.accel, rel=0.02, abs=1e-6)


def test_limits_slow_down_in_time_for_bends() -> None:
    table = SpeedLimits(BENDY, LIMITS, VEHICLE)
    for i, (speed, k) in enumerate(zip(table.speed, BENDY.curvature, strict=True)):
        assert speed <= LIMITS.speed_mps
        assert speed * speed * abs(k) <= LIMITS.lateral_accel_mps2 + 1e-9
        if i:
            fall = (table.speed[i - 1] ** 2 - speed**2) / (2 * BENDY.spacing)
            assert fall <= VEHICLE.decel_max_mps2 + 1e-9


class Drive:
    """An ideal-lag drive with gain error and drag."""

    def __init__(self, gain: float, drag: float) -> None:
        self.gain, self.drag = gain, drag
        self.s = self.v = self.a = 0.0
        self.brake = 0.0
        self.queue = [0.0] * 5

    def step(self, accel: float, brake: bool, dt: float) -> None:
        self.queue.append(accel)
        due = self.queue.pop(0)
        self.a += (self.gain * due - self.a) * dt / 0.33
        self.brake += ((1.2 if brake else 0.0) - self.brake) * dt / 0.15
        net = (min(self.a, -self.brake) if self.brake > 0.01 else self.a) - self.drag
        self.v = max(0.0, self.v + dt * net)
        self.s += dt * self.v


def run(law: SpeedLaw, drive: Drive, end: float, table: SpeedLimits, seconds: float = 150.0) -> float:
    state, top = SpeedState(), 0.0
    for _ in range(round(seconds / 0.02)):
        command = law.step(state, table, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=0.02)
        drive.step(command.accel, command.brake, 0.02)
        top = max(top, drive.v)
        if command.brake and drive.v == 0.0:
            break
    return top


@settings(max_examples=15, deadline=None)
@given(end=st.floats(0.2, 150.0), gain=st.floats(0.92, 1.08), drag=st.floats(0.0, 0.12), bends=st.booleans())
def test_stops_at_the_point_from_any_distance(end: float, gain: float, drag: float, bends: bool) -> None:
    table = SpeedLimits(BENDY if bends else STRAIGHT, LIMITS, VEHICLE)
    drive = Drive(gain, drag)
    top = run(SpeedLaw(VEHICLE, 0.02), drive, end, table)
    assert drive.v == 0.0
    assert abs(drive.s - end) < 0.02
    assert top <= LIMITS.speed_mps + 0.1


@settings(max_examples=15, deadline=None)
@given(first=st.floats(20.0, 60.0), at=st.floats(2.0, 12.0), second=st.floats(0.0, 60.0))
def test_an_extended_authority_is_never_overrun(first: float, at: float, second: float) -> None:
    law, drive, state = SpeedLaw(VEHICLE, 0.02), Drive(1.0, 0.05), SpeedState()
    end, before, jolt = first, 0.0, 0.0
    for i in range(4000):
        if i == round(at / 0.02):
            end = first + second
        command = law.step(state, OPEN, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=0.02)
        drive.step(command.accel, command.brake, 0.02)
        assert drive.s <= end + 0.02
        if drive.v > 0.3:
            jolt = max(jolt, abs(drive.a - before))
        before = drive.a
    assert abs(drive.s - end) < 0.02 + 0.05
    assert jolt < 0.06  # m/s2 within one scan


def test_the_speed_cap_is_kept() -> None:
    law, drive, state = SpeedLaw(VEHICLE, 0.02), Drive(1.0, 0.08), SpeedState()
    for _ in range(1000):
        command = law.step(state, OPEN, drive.s, end_s=300.0, cap=2.0, speed=drive.v, dt=0.02)
        drive.step(command.accel, command.brake, 0.02)
        assert drive.v < 2.1
    assert drive.v > 1.9


@settings(max_examples=10, deadline=None)
@given(after=st.floats(2.0, 18.0))
def test_a_stop_asked_for_at_any_speed_is_as_gentle_as_ever(after: float) -> None:
    law, drive, state, end = SpeedLaw(VEHICLE, 0.02), Drive(1.0, 0.08), SpeedState(), 390.0
    hardest = 0.0
    for i in range(3000):
        if i == round(after / 0.02):
            end = stopping_point(VEHICLE, drive.s, drive.v)
        command = law.step(state, OPEN, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=0.02)
        drive.step(command.accel, command.brake, 0.02)
        if drive.v > 0.2:
            hardest = min(hardest, drive.a)
    assert drive.v == 0.0
    assert abs(drive.s - end) < 0.05  # it may still accelerate when asked
    assert hardest > -1.3 * VEHICLE.decel_max_mps2


def test_holding_brakes_and_forgets_commands() -> None:
    law, state = SpeedLaw(VEHICLE, 0.02), SpeedState(sent=[0.5, 0.5], accel=0.4, held=False)
    command = law.hold(state, 3.0)
    assert command.brake
    assert command.accel < 0.0
    assert state.sent == []
