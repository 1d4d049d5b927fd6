"""The test signal of commissioning: small steering steps on top of ordinary driving.

A pattern of one cycle is (+, -, -, +) with equal holds: heading and lateral displacement come back to
nothing by themselves, and every step shows the actuator's dead time and lag. It is added only on straight
road, on the route, at a speed at which the yaw rate shows the wheels' angle; everything else (lease,
interlocks, protection level) is as in any drive. Source of the pattern: L. Ljung, System Identification,
ch. 13 (binary excitation with zero mean and zero first moment).
"""

from __future__ import annotations

import math

from msgspec import Struct

from gatectl.core.motion.localise import Estimate
from gatectl.core.motion.route import Route
from gatectl.model.node import VehicleConfig

CYCLES = 3
SIGNS = (1.0, -1.0, -1.0, 1.0)
HOLD_S = 0.6
AMPLITUDE_RAD = math.radians(0.8)
LATERAL_ACCEL_MPS2 = 0.05  # at high speed the amplitude shrinks to this: a few centimetres off the lane
SPEED_MIN_MPS = 1.2
LATERAL_MAX_M = 0.10  # no cycle begins farther off the lane
ABORT_M = 0.25
STRAIGHT_PER_M = 1 / 500


class ExcitationState(Struct):
    """wanted: commissioning was asked for; cycles: done; elapsed_s: in the cycle, < 0 between cycles;
    turn: 1 or -1, the first sign of this cycle; amplitude rad: of this cycle; angle rad: added now."""

    wanted: bool = False
    cycles: int = 0
    elapsed_s: float = -1.0
    turn: float = 1.0
    amplitude: float = 0.0
    angle: float = 0.0

    @property
    def left(self) -> int:
        """Cycles still to drive; 0 when none was asked for or all are done."""
        return CYCLES - self.cycles if self.wanted else 0


def begin(state: ExcitationState) -> None:
    """Ask for a test: it starts over."""
    state.wanted, state.cycles, state.elapsed_s, state.turn = True, 0, -1.0, 1.0


def step(
    state: ExcitationState,
    route: Route,
    pose: Estimate,
    *,
    near_s: float,
    end_s: float | None,
    vehicle: VehicleConfig,
    dt: float,
) -> float:
    """The angle (rad) to add to this scan's steering command; 0 outside a cycle. Kept in `state.angle`.

    near_s: m, the vehicle's place on the route; end_s: end of authority, None without any.
    """
    state.angle = 0.0
    if not state.left:
        return 0.0
    s, lateral = route.project(pose.x, pose.y, near_s)
    speed, wheelbase_m = pose.speed, vehicle.effective_wheelbase_m
    if state.elapsed_s < 0.0:
        length_s = HOLD_S * len(SIGNS)
        ready = (
            speed >= SPEED_MIN_MPS
            and abs(lateral) <= LATERAL_MAX_M
            and end_s is not None
            and end_s - s > speed * (length_s + 1.0)
            and _straight(route, s, s + speed * (length_s + 0.5))
        )
        if not ready:
            return 0.0
        state.elapsed_s = 0.0
        state.amplitude = min(AMPLITUDE_RAD, math.atan(LATERAL_ACCEL_MPS2 * wheelbase_m / (speed * speed)))
    elif abs(lateral) > ABORT_M or speed < 0.5 * SPEED_MIN_MPS:
        state.elapsed_s = -1.0  # the cycle does not count
        return 0.0
    place = int(state.elapsed_s / HOLD_S)
    if place >= len(SIGNS):
        state.elapsed_s = -1.0
        state.cycles += 1
        state.turn = -state.turn
        return 0.0
    state.elapsed_s += dt
    state.angle = state.turn * SIGNS[place] * state.amplitude
    return state.angle


def _straight(route: Route, begin_s: float, end_s: float) -> bool:
    if end_s > route.length:
        return False
    s = begin_s
    while s < end_s:
        if abs(route.at(s).curvature) > STRAIGHT_PER_M:
            return False
        s += 2.0
    return True
