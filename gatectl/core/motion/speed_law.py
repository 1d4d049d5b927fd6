"""How the speed is kept to its limits, and how the vehicle comes to stand on a point.

Commands act after a dead time and a lag, so the law works on the state that the commands already
given will have led to. An observer carries what the model does not know: drag, grade, drive gain;
it survives a stop, so that a vehicle which stopped on a grade starts on it with the force that holds
it. All places are metres of travel and all speeds along it: the law does not know whether the vehicle
goes backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from gatectl.core.motion.braking import (
    CHANGE_MPS3,
    FADE_MPS3,
    Limit,
    braking_curve,
    landing_distance,
)
from gatectl.core.motion.speed_limits import SpeedLimits
from gatectl.model.node import VehicleConfig

SPEED_GAIN = 2.0  # 1/s
CREEP_MPS = 0.04
LAND_MPS = 0.3  # only below it a stop ends by landing
LAND_M = 0.002  # short of the point is near enough
STOPPED_MPS = 0.005
START_M = 0.025  # a shorter way is not worth releasing the brake for
FOLLOW_M = 0.05  # nor, once arrived, is what the estimate wanders by
OBSERVER = 3.0  # rad/s
DRAG_MAX_MPS2 = 0.75  # 5 % of grade, rolling drag and a drive gain 8 % off
ROLLING_MPS2 = 0.08  # of the drag, what does not turn round with the direction of travel
ROLLS_MPS, PUSH_MPS2 = 0.1, 0.1
HARD = 1.6  # of the planned deceleration: how hard the law itself may brake


class SpeedState(Struct):
    """accel m/s2: modelled at the wheels; sent: the commands inside the dead time, oldest first;
    speed m/s, drag m/s2: of the observer; held: on the brake; arrived: because the end of authority
    was reached, so that the wandering of the estimate does not make the vehicle follow it; landing:
    the last centimetres, which nothing but standstill ends."""

    accel: float = 0.0
    sent: list[float] = []
    speed: float = 0.0
    drag: float = 0.0
    held: bool = True
    arrived: bool = False
    landing: bool = False


class SpeedCommand(NamedTuple):
    """accel m/s2 along the direction of travel; brake: hold; target m/s: what the law aims at now."""

    accel: float
    brake: bool
    target: float


class SpeedLaw:
    """One vehicle's longitudinal law. period_s: of the scan."""

    def __init__(self, vehicle: VehicleConfig, period_s: float) -> None:
        self._accel, self._decel = vehicle.accel_max_mps2, vehicle.decel_max_mps2
        self._brake, self._drive = vehicle.brake_mps2, vehicle.drive_accel_max_mps2
        self._dead = max(1, round(vehicle.drive_dead_s / period_s))
        self._tau = vehicle.drive_tau_s

    def hold(self, state: SpeedState, speed: float, arrived: bool = False) -> SpeedCommand:
        """Stop on the service brake and stay."""
        state.arrived = arrived or (state.arrived and state.held)
        state.sent = []
        state.accel = 0.0
        state.speed = speed
        state.held, state.landing = True, False
        return SpeedCommand(-self._brake if speed > 0.01 else 0.0, True, 0.0)

    def turn_round(self, state: SpeedState) -> None:
        """The direction of travel changes, at standstill: a grade now acts the other way."""
        state.drag = max(-DRAG_MAX_MPS2, min(DRAG_MAX_MPS2, 2 * ROLLING_MPS2 - state.drag))
        state.arrived = False

    def step(
        self,
        state: SpeedState,
        limits: SpeedLimits,
        s: float,
        *,
        end_s: float,
        cap: float,
        speed: float,
        dt: float,
        slower: Sequence[tuple[float, float]] = (),
        speed_age_s: float = 0.0,
    ) -> SpeedCommand:
        """One scan of driving towards end_s. s, end_s: m of travel, as `limits` counts them; speed
        m/s along it, speed_age_s old; cap m/s: extra limit here; slower: (from m of travel, m/s), limits to
        come."""
        if state.held:
            if end_s - s <= (FOLLOW_M if state.arrived else START_M):
                return self.hold(state, speed)
            state.held = state.arrived = False
            state.sent = [0.0] * self._dead
            state.accel, state.speed = 0.0, speed
        elif not state.sent:
            state.sent = [0.0] * self._dead
        self._observe(state, speed + state.accel * speed_age_s, dt)
        ahead, v, a = self._after_dead_time(state, dt)
        left = end_s - s - ahead
        limit = limits.at(s + ahead)
        if cap < limit.speed:
            limit = Limit(cap, min(0.0, limit.accel))
        change = self._change(state, limit, s + ahead, left, v, a, slower, dt)
        if change is None or end_s - s <= 0.0:
            return self.hold(state, speed, arrived=True)
        # Invert the drive's lag for the change of acceleration that is wanted.
        command = a + change * (dt + self._tau) + state.drag
        command = max(-self._brake, min(self._drive, command))
        state.sent.append(command - state.drag)
        target = min(limits.at(s).speed, cap, braking_curve(end_s - s, self._decel, FADE_MPS3).speed)
        return SpeedCommand(command, False, target)

    def _change(
        self,
        state: SpeedState,
        limit: Limit,
        place: float,
        left: float,
        v: float,
        a: float,
        slower: Sequence[tuple[float, float]],
        dt: float,
    ) -> float | None:
        """Jerk (m/s3) to command at this place, speed and acceleration; None = set the brake."""
        if v < LAND_MPS and (state.landing or left <= LAND_M + landing_distance(v, min(a, 0.0), CHANGE_MPS3)):
            state.landing = True
            return None if v <= STOPPED_MPS else -CHANGE_MPS3
        state.landing = False
        wanted = min(self._accel, self._to_stop(left, v), limit.accel + SPEED_GAIN * (limit.speed - v))
        for begin, slow in slower:
            wanted = min(wanted, self._to_slower(begin - place, slow, v))
        wanted = max(-HARD * self._decel, wanted)
        return max(-CHANGE_MPS3, min(CHANGE_MPS3, (wanted - a) / (2 * dt)))

    # Each of these gives the acceleration (m/s2) that leads to a limit and stays with it. What the
    # gain makes of the difference also limits the jerk with which the limit is met.

    def _to_stop(self, left: float, v: float) -> float:
        """Along the braking curve, `left` m before its end."""
        curve = braking_curve(left, self._decel, FADE_MPS3)
        # What is slower than creeping must not wait for the curve to come down to it.
        fall = curve.accel if v > CREEP_MPS else 0.0
        return fall + SPEED_GAIN * (max(curve.speed, CREEP_MPS) - v)

    def _to_slower(self, ahead: float, slow: float, v: float) -> float:
        """Down to `slow` m/s in `ahead` m."""
        ahead -= 0.5 * slow * self._decel / CHANGE_MPS3  # where the deceleration has to fade out
        if ahead <= 0.0:
            return SPEED_GAIN * (slow - v)
        return SPEED_GAIN * (math.sqrt(slow * slow + 2 * self._decel * ahead) - v) - self._decel

    # ---- what the commands do -----------------------------------------------------------------

    def _observe(self, state: SpeedState, speed: float, dt: float) -> None:
        """Follow the measured speed; what the modelled acceleration does not explain is drag."""
        due = state.sent.pop(0) if len(state.sent) >= self._dead else 0.0
        state.accel += (due - state.accel) * min(1.0, dt / self._tau)
        error = speed - state.speed
        state.speed += dt * (state.accel + 2 * OBSERVER * error)
        # A vehicle that is pushed and does not move stands before a grade; one that brakes at walking pace
        # shows nothing.
        if speed > ROLLS_MPS or state.accel > PUSH_MPS2:
            drag = state.drag - dt * OBSERVER * OBSERVER * error
            state.drag = max(-DRAG_MAX_MPS2, min(DRAG_MAX_MPS2, drag))

    def _after_dead_time(self, state: SpeedState, dt: float) -> tuple[float, float, float]:
        """Distance m, speed m/s and acceleration m/s2 once the commands already sent have acted."""
        v, a, distance = max(0.0, state.speed), state.accel, 0.0
        k = min(1.0, dt / self._tau)
        for command in state.sent:
            a += (command - a) * k
            distance += dt * (v + 0.5 * dt * a)
            v = max(0.0, v + dt * a)
        return distance, v, a
