"""Where one lane goes over into another, and the route across.

Two lanes join where one begins on the other, or one ends on the other, within centimetres and
hundredths of a radian. Across the joint the vehicle follows a route of its own: the first lane as it
is, then the second one, onto which what is between them is faded out (quintic: position and direction
continuous). On the first lane its places are the first lane's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gatectl.core.motion.route import Route

JOIN_M = 0.10
JOIN_RAD = 0.05
FADE_M = 20.0
STEP_M = 0.5
CLEAR_M = 0.2  # points of the second lane nearer to the joint would only repeat it


class Joint(NamedTuple):
    """The first lane is left at leave_s (m), the second one goes on; shift m: what a place of the second
    lane is more on the route across. Beyond over_s (on that route) it is the second lane itself."""

    first: str
    second: str
    leave_s: float
    shift: float
    over_s: float
    route: Route


def join(a: Route, b: Route) -> Joint | None:
    """The joint from lane a to lane b in driving direction; None if they do not join."""
    places = _begins_on(a, b) or _ends_on(a, b)
    if places is None:
        return None
    leave, enter = places
    here, there = a.at(leave), b.at(enter)
    across = (here.y - there.y) * math.cos(there.yaw) - (here.x - there.x) * math.sin(there.yaw)
    turn = math.remainder(here.yaw - there.yaw, math.tau)
    fade = min(FADE_M, 0.8 * (b.length - enter))
    points = [a.at(min(k * STEP_M, leave)) for k in range(math.ceil(leave / STEP_M) + 1)]
    line = [(p.x, p.y) for p in points]
    count = max(1, math.ceil((b.length - enter - CLEAR_M) / STEP_M))
    for k in range(count + 1):
        d = CLEAR_M + (b.length - enter - CLEAR_M) * k / count
        p, h = b.at(enter + d), _faded(d / fade, across, turn * fade)
        line.append((p.x - h * math.sin(p.yaw), p.y + h * math.cos(p.yaw)))
    route = Route(f"{a.lane}>{b.lane}", line)
    over = b.at(enter + fade)
    shift = route.locate(over.x, over.y).s - enter - fade
    return Joint(a.lane, b.lane, leave, shift, enter + fade + shift, route)


def _begins_on(a: Route, b: Route) -> tuple[float, float] | None:
    near = a.locate(b.x[0], b.y[0])
    if not 1.0 < near.s < a.length + JOIN_M or not _fits(near.lateral, a.at(near.s).yaw - b.yaw[0]):
        return None
    return min(near.s, a.length), 0.0


def _ends_on(a: Route, b: Route) -> tuple[float, float] | None:
    near = b.locate(a.x[-1], a.y[-1])
    if not -JOIN_M < near.s < b.length - FADE_M or not _fits(near.lateral, a.yaw[-1] - b.at(near.s).yaw):
        return None
    return a.length, max(near.s, 0.0)


def _fits(lateral: float, turn: float) -> bool:
    return abs(lateral) <= JOIN_M and abs(math.remainder(turn, math.tau)) <= JOIN_RAD


def _faded(u: float, offset: float, slope: float) -> float:
    """From `offset` and `slope` (per unit) at u = 0 to nothing at u = 1; curvature 0 at both."""
    if u >= 1.0:
        return 0.0
    u3 = u * u * u
    return offset * (1 - u3 * (10 - u * (15 - 6 * u))) + slope * (u - u3 * (6 - u * (8 - 3 * u)))
