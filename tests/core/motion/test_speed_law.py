from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longitudinal import DT_S, Drive, drive_to

from gatectl.core.motion import Route, SpeedLaw, SpeedLimits, SpeedState, stopping_distance
from gatectl.model.node import VehicleConfig
from gatectl.model.site import Limits

VEHICLE = VehicleConfig(serial="V", manufacturer="m")
STRAIGHT = Route("straight", [(float(i), 0.0) for i in range(400)])
BENDY = Route("bendy", [(0.5 * i, 6.0 * math.sin(0.5 * i / 14.0)) for i in range(500)])
LIMITS = Limits()
OPEN = SpeedLimits(STRAIGHT, LIMITS, VEHICLE)
CURVED = SpeedLimits(BENDY, LIMITS, VEHICLE)


@settings(max_examples=25, deadline=None)
@given(end=st.floats(0.2, 150.0), gain=st.floats(0.92, 1.08), drag=st.floats(0.0, 0.12), bends=st.booleans())
def test_stops_at_the_point_from_any_distance(end: float, gain: float, drag: float, bends: bool) -> None:
    table, drive = CURVED if bends else OPEN, Drive(gain, drag)
    seen = drive_to(end, SpeedLaw(VEHICLE, DT_S), drive, table)
    assert drive.v == 0.0
    assert abs(drive.s - end) < 0.012
    assert max(s for s, _, _ in seen) < end + 0.012
    for s, v, _ in seen:
        assert v <= table.at(s).speed + 0.08
    # No creeping for long: what is slower than 10 cm/s near the end.
    assert sum(DT_S for s, v, _ in seen if v < 0.1 and s > 0.5 * end) < 5.0


@settings(max_examples=15, deadline=None)
@given(
    grade=st.floats(-0.05, 0.05),
    at=st.floats(30.0, 90.0),
    end=st.floats(60.0, 150.0),
    gain=st.floats(0.92, 1.08),
)
def test_a_grade_on_the_way_moves_neither_speed_nor_stop(
    grade: float, at: float, end: float, gain: float
) -> None:
    """Vertical transition over 30 m, as a road has it."""
    drive = Drive(gain, 0.08, lambda s: 9.81 * grade * min(1.0, max(0.0, (s - at) / 30.0)))
    seen = drive_to(end, SpeedLaw(VEHICLE, DT_S), drive, OPEN)
    assert drive.v == 0.0
    assert abs(drive.s - end) < 0.02
    assert max(v for _, v, _ in seen) < LIMITS.speed_mps + 0.1


@pytest.mark.parametrize("grade", [-0.05, -0.02, 0.03, 0.05])
@pytest.mark.parametrize("gain", [0.93, 1.08])
def test_stops_and_starts_again_on_a_grade_without_rolling_back(grade: float, gain: float) -> None:
    law, state = SpeedLaw(VEHICLE, DT_S), SpeedState()
    drive = Drive(gain, 0.08, lambda s: 9.81 * grade * min(1.0, max(0.0, (s - 20.0) / 30.0)))
    end, stood, lowest = 80.0, 0.0, math.inf
    for i in range(6000):
        if i == 2500:
            assert drive.v == 0.0
            assert abs(drive.s - 80.0) < 0.02
            stood = drive.s
            end = 120.0
        command = law.step(state, OPEN, drive.s, end_s=end, cap=math.inf, speed=max(0.0, drive.v), dt=DT_S)
        drive.step(command.accel, command.brake)
        if i >= 2500:
            lowest = min(lowest, drive.s - stood)
    assert lowest > -0.01
    assert abs(drive.s - 120.0) < 0.02


@pytest.mark.parametrize("grade", [-0.05, 0.05])
def test_starts_on_a_grade_that_it_does_not_know_of(grade: float) -> None:
    """As after a restart: it takes a moment, and rolls back by centimetres at most."""
    drive = Drive(0.94, 0.08, lambda s: 9.81 * grade)
    seen = drive_to(30.0, SpeedLaw(VEHICLE, DT_S), drive, OPEN, seconds=40.0)
    assert abs(drive.s - 30.0) < 0.02
    assert min(s for s, _, _ in seen) > -0.06
    assert len(seen) * DT_S < 25.0


@settings(max_examples=15, deadline=None)
@given(first=st.floats(20.0, 60.0), at=st.floats(2.0, 12.0), second=st.floats(0.0, 60.0))
def test_an_extended_authority_is_never_overrun(first: float, at: float, second: float) -> None:
    law, drive, state = SpeedLaw(VEHICLE, DT_S), Drive(1.0, 0.05), SpeedState()
    end, before, jolt = first, 0.0, 0.0
    for i in range(4000):
        if i == round(at / DT_S):
            end = first + second
        command = law.step(state, OPEN, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=DT_S)
        drive.step(command.accel, command.brake)
        assert drive.s <= end + 0.02
        if drive.v > 0.3:
            jolt = max(jolt, abs(drive.a - before))
        before = drive.a
    assert abs(drive.s - end) < 0.02 + 0.05
    assert jolt < 0.06  # m/s2 within one scan


@settings(max_examples=15, deadline=None)
@given(slow=st.floats(0.5, 5.0), at=st.floats(30.0, 200.0), cap=st.floats(2.0, 9.0))
def test_the_speed_cap_and_slower_stretches_to_come_are_kept(slow: float, at: float, cap: float) -> None:
    law, drive, state = SpeedLaw(VEHICLE, DT_S), Drive(1.05, 0.08), SpeedState()
    over = 0.0
    for _ in range(2500):
        # From its start on a slower stretch is the cap; before, something to come.
        inside = drive.s >= at
        command = law.step(
            state,
            OPEN,
            drive.s,
            end_s=390.0,
            cap=min(cap, slow) if inside else cap,
            speed=drive.v,
            dt=DT_S,
            slower=() if inside else ((at, slow),),
        )
        drive.step(command.accel, command.brake)
        over = max(over, drive.v - (min(cap, slow) if inside else cap))
    assert over < 0.05
    assert drive.s > 10.0


@settings(max_examples=10, deadline=None)
@given(after=st.floats(2.0, 18.0))
def test_a_stop_asked_for_at_any_speed_is_as_gentle_as_ever(after: float) -> None:
    law, drive, state, end = SpeedLaw(VEHICLE, DT_S), Drive(1.0, 0.08), SpeedState(), 390.0
    hardest = 0.0
    for i in range(3000):
        if i == round(after / DT_S):
            end = drive.s + stopping_distance(VEHICLE, drive.v)
        command = law.step(state, OPEN, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=DT_S)
        drive.step(command.accel, command.brake)
        if drive.v > 0.2:
            hardest = min(hardest, drive.a)
    assert drive.v == 0.0
    assert abs(drive.s - end) < 0.05  # it may still accelerate when asked
    assert hardest > -1.3 * VEHICLE.decel_max_mps2


@settings(max_examples=30, deadline=None)
@given(
    s=st.floats(-10.0, 500.0),
    end=st.floats(-10.0, 500.0),
    speed=st.floats(-0.5, 9.0),
    cap=st.floats(0.1, 20.0),
    drag=st.floats(-0.7, 0.7),
    held=st.booleans(),
)
def test_no_command_leaves_what_the_controller_takes(
    s: float, end: float, speed: float, cap: float, drag: float, held: bool
) -> None:
    law, state = SpeedLaw(VEHICLE, DT_S), SpeedState(speed=speed, drag=drag, held=held)
    for _ in range(60):
        command = law.step(state, CURVED, s, end_s=end, cap=cap, speed=speed, dt=DT_S)
        assert -VEHICLE.brake_mps2 <= command.accel <= VEHICLE.drive_accel_max_mps2
        assert 0.0 <= command.target <= cap
        assert command.brake or end > s


def test_holding_brakes_forgets_commands_and_keeps_what_the_grade_needs() -> None:
    law, state = SpeedLaw(VEHICLE, DT_S), SpeedState(sent=[0.5, 0.5], accel=0.4, held=False, drag=0.55)
    command = law.hold(state, 3.0)
    assert command.brake
    assert command.accel < 0.0
    assert state.sent == []
    assert state.drag == 0.55


def test_turning_round_turns_the_grade_but_not_the_rolling_drag() -> None:
    law, state = SpeedLaw(VEHICLE, DT_S), SpeedState(drag=0.08 + 0.49, arrived=True)
    law.turn_round(state)
    assert state.drag == pytest.approx(0.08 - 0.49)
    assert not state.arrived


def creep_s(age_told_s: float) -> float:
    """Seconds below 10 cm/s at the end of a stop, with a speed that is four scans old."""
    law, state, drive, old = SpeedLaw(VEHICLE, DT_S), SpeedState(), Drive(1.0, 0.08), [0.0] * 5
    creep = 0.0
    for _ in range(6000):
        old = [*old[1:], max(0.0, drive.v)]
        command = law.step(
            state, OPEN, drive.s, end_s=60.0, cap=math.inf, speed=old[0], dt=DT_S, speed_age_s=age_told_s
        )
        drive.step(command.accel, command.brake)
        creep += DT_S if drive.s > 30.0 and 0.0 < drive.v < 0.1 else 0.0
    assert drive.v == 0.0
    assert abs(drive.s - 60.0) < 0.03
    return creep


def test_an_old_speed_does_not_make_it_creep_if_its_age_is_told() -> None:
    told, untold = creep_s(4 * DT_S), creep_s(0.0)
    assert told < 1.0
    assert untold > 2 * told
