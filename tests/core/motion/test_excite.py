"""The test signal of commissioning: when it runs, when it does not, and that it leads nowhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.motion import Estimate, ExcitationState, Route, excite
from gatectl.model.node import VehicleConfig

VEHICLE = VehicleConfig(serial="AGV01", manufacturer="gatectl")
STRAIGHT = Route("a", [(float(x), 0.0) for x in range(0, 301, 5)])
BEND = Route("b", [(60 * math.sin(a / 100), 60 * (1 - math.cos(a / 100))) for a in range(0, 300)])
DT = 0.02


def pose(x: float, y: float = 0.0, yaw: float = 0.0, speed: float = 3.0) -> Estimate:
    return Estimate(True, x, y, yaw, speed, 0.0, 0.017, 0.08)


def wanted() -> ExcitationState:
    state = ExcitationState()
    excite.begin(state)
    return state


def step(state: ExcitationState, at: Estimate, route: Route = STRAIGHT, end_s: float | None = 290.0) -> float:
    return excite.step(state, route, at, near_s=at.x, end_s=end_s, vehicle=VEHICLE, dt=DT)


def test_nothing_is_added_unless_it_was_asked_for():
    state = ExcitationState()
    assert step(state, pose(50)) == 0.0
    assert state.left == 0


@given(speed=st.floats(1.3, 6.9))
def test_a_cycle_leads_neither_aside_nor_astray(speed):
    state, x, y, yaw, angles = wanted(), 20.0, 0.0, 0.0, []
    begun = False
    while not begun or state.elapsed_s >= 0.0:
        angle = step(state, pose(x, y, yaw, speed))
        begun = True
        angles.append(angle)
        yaw += speed * math.tan(angle) / VEHICLE.wheelbase_m * DT
        x += speed * DT * math.cos(yaw)
        y += speed * DT * math.sin(yaw)
        assert abs(y) < 0.06
    assert state.cycles == 1
    assert abs(yaw) < 1e-4
    assert abs(y) < 0.003
    assert math.radians(0.2) < max(angles) <= excite.AMPLITUDE_RAD


def test_it_ends_after_its_cycles_and_turns_each_one_round():
    state, x, firsts = wanted(), 5.0, []
    while state.left:
        before = state.elapsed_s
        angle = step(state, pose(x, speed=2.0))
        if before < 0 <= state.elapsed_s:
            firsts.append(math.copysign(1.0, angle))
        x += 2.0 * DT
    assert firsts == [1.0, -1.0, 1.0]
    assert step(state, pose(x)) == 0.0


@pytest.mark.parametrize(
    ("at", "route", "end_s"),
    [
        (pose(50, speed=1.0), STRAIGHT, 290.0),  # too slow
        (pose(50, y=0.2), STRAIGHT, 290.0),  # not on the lane
        (pose(50), STRAIGHT, 55.0),  # the authority ends in the cycle
        (pose(50), STRAIGHT, None),  # no authority
        (pose(295, speed=3.0), STRAIGHT, 400.0),  # the lane ends in the cycle
        (pose(0.1), BEND, 290.0),  # a bend
    ],
)
def test_no_cycle_begins_where_it_does_not_belong(at, route, end_s):
    state = wanted()
    assert step(state, at, route, end_s) == 0.0
    assert state.elapsed_s < 0.0
    assert state.left == excite.CYCLES


@pytest.mark.parametrize("at", [pose(52, y=0.3), pose(52, speed=0.3)])
def test_a_cycle_that_goes_wrong_is_broken_off_and_does_not_count(at):
    state = wanted()
    assert step(state, pose(50)) != 0.0
    assert step(state, at) == 0.0
    assert state.cycles == 0
