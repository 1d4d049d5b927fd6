"""How the localiser starts, and when it must start over.

It starts only from fixed epochs with heading that agree, and not while the vehicle moves. Epochs that
keep being refused never move the filter silently: they widen the protection level, and only a standing
vehicle that sees the same refused position (or heading) for seconds takes it over.
"""

from __future__ import annotations

import math

from msgspec import Struct

from gatectl.core.motion.fixes import GnssFix, Innovation, complete

ACQUIRE_EPOCHS = 5
ACQUIRE_SPREAD_M = 0.08
ACQUIRE_TURN_RAD = math.radians(2.0)
ACQUIRE_SPEED_MPS = 0.3
REACQUIRE_EPOCHS = 30
REACQUIRE_SPREAD_M = 0.10


class AcquireState(Struct):
    """candidates: epochs in a row that agree, candidate: the first of them (x, y m, yaw rad); sums of
    their differences from it."""

    candidates: int = 0
    candidate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)


class RefusedState(Struct):
    """refused: epochs refused in a row that agree with each other; offset: by how much (m, site frame).
    in_row: epochs refused in a row, agreeing or not; apart_m: by how much the last. turned, turned_rad: the
    same for headings, rad. total: epochs ever refused. marked_m: how far the last transponder crossed
    contradicts, 0 = it does not."""

    refused: int = 0
    total: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    turned: int = 0
    turned_rad: float = 0.0
    marked_m: float = 0.0
    in_row: int = 0
    apart_m: float = 0.0


def acquire(state: AcquireState, wheel: float, fix: GnssFix) -> tuple[float, float, float] | None:
    """One epoch while not localised. Antenna position (x, y m) and yaw (rad) to start from, once sure.

    wheel: m/s.
    """
    if not complete(fix) or abs(wheel) > ACQUIRE_SPEED_MPS:
        state.candidates = 0
        return None
    yaw = fix.yaw or 0.0
    x, y, turn = state.candidate
    dx, dy, turned = fix.x - x, fix.y - y, math.remainder(yaw - turn, math.tau)
    if not state.candidates or math.hypot(dx, dy) > ACQUIRE_SPREAD_M or abs(turned) > ACQUIRE_TURN_RAD:
        state.candidates, state.candidate, state.sums = 1, (fix.x, fix.y, yaw), (0.0, 0.0, 0.0)
        return None
    state.candidates += 1
    sx, sy, st = state.sums
    state.sums = (sx + dx, sy + dy, st + turned)
    if state.candidates < ACQUIRE_EPOCHS:
        return None
    x, y, turn = state.candidate
    sx, sy, st = state.sums
    n = state.candidates
    state.candidates = 0
    return x + sx / n, y + sy / n, math.remainder(turn + st / n, math.tau)


def refuse(state: RefusedState, yaw: float, seen: Innovation, fix: GnssFix, standing: bool) -> bool:
    """Count an epoch whose position was refused; True when it must be believed. yaw rad: the filter's."""
    state.total += 1
    state.in_row, state.apart_m = state.in_row + 1, math.hypot(seen.along, seen.across)
    c, s = math.cos(yaw), math.sin(yaw)
    ex, ey = c * seen.along - s * seen.across, s * seen.along + c * seen.across
    if state.refused and math.hypot(ex - state.offset[0], ey - state.offset[1]) > REACQUIRE_SPREAD_M:
        state.refused = 0
    if state.refused == 0:
        state.offset = (ex, ey)
    state.refused += 1
    return state.refused >= REACQUIRE_EPOCHS and standing and complete(fix)


def turned_away(state: RefusedState, seen: Innovation, fix: GnssFix, standing: bool) -> bool:
    """Count headings that the gate refused in a row; True when they must be believed."""
    if seen.turn is None:
        return False
    if seen.turn_taken:
        state.turned = 0
        return False
    state.turned, state.turned_rad = state.turned + 1, abs(seen.turn)
    return state.turned >= REACQUIRE_EPOCHS and standing and complete(fix)
