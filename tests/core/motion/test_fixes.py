from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from gatectl.core.motion import GnssFix, MarkerFix
from gatectl.core.motion import filter as ekf
from gatectl.core.motion.fixes import Lever, missed, take, take_marker

ARM = Lever(4.0, -0.6)
X = [10.0, -5.0, 0.4, 0.0, 1.0, 0.017, 0.0, 0.0]
SIGMAS = [0.02, 0.02, 0.004, 0.001, 0.004, 0.004, 0.004, 0.02]


def fix(**change: Any) -> GnssFix:
    """What a receiver shows without error at X."""
    dx, dy = ARM.at(X[ekf.YAW])
    exact = GnssFix(10**9, X[ekf.X] + dx, X[ekf.Y] + dy, 0.01, 0.01, True, X[ekf.YAW], 1.0)
    return msgspec.structs.replace(exact, **change)


def taken(
    seen: GnssFix, spacing_s: float = 0.1, wheel: float = 0.0, rate: float = 0.0, lateral: float = 0.0
) -> Any:
    return take(X, ekf.diagonal(SIGMAS), seen, spacing_s, ARM, wheel, rate, lateral)


def sigma(p: list[float], state: int) -> float:
    return math.sqrt(p[ekf.DIAGONAL[state]])


def test_an_exact_epoch_moves_nothing_and_makes_surer() -> None:
    x, p, seen = taken(fix())
    assert x == pytest.approx(X, abs=1e-9)
    assert sigma(p, ekf.X) < 0.02
    assert seen.taken
    assert seen.turn_taken
    assert (seen.along, seen.across, seen.turn) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)


def test_the_innovation_is_along_and_left_of_the_heading() -> None:
    c, s = math.cos(0.4), math.sin(0.4)
    exact = fix()
    seen = taken(fix(x=exact.x + 0.03 * c - 0.01 * s, y=exact.y + 0.03 * s + 0.01 * c))[2]
    assert (seen.along, seen.across) == pytest.approx((0.03, 0.01), abs=1e-9)


def test_a_receiver_that_claims_three_millimetres_is_not_believed_them() -> None:
    exact = fix()
    modest, bold = (taken(fix(x=exact.x + 0.03, sigma_x=s, sigma_y=s))[0][ekf.X] for s in (0.02, 0.003))
    assert bold == pytest.approx(modest)


def test_heading_counts_as_the_receiver_says_but_never_as_exact() -> None:
    turned = {s: taken(fix(yaw=0.402, sigma_yaw=math.radians(s)))[0][ekf.YAW] - 0.4 for s in (0.0, 0.05, 1.0)}
    assert turned[0.05] == pytest.approx(turned[0.0])
    assert turned[1.0] < 0.2 * turned[0.05]


def test_a_minute_of_float_counts_the_same_at_every_rate() -> None:
    """The error of a float solution lives that long: 20 epochs a second are no more news than one."""
    pulled = []
    for rate_hz in (1, 5, 20):
        x, p = list(X), ekf.diagonal(SIGMAS)
        off = fix(fixed=False, y=fix().y + 0.2, yaw=None)
        for _ in range(60 * rate_hz):
            x, p, _ = take(x, p, off, 1.0 / rate_hz, ARM, 0.0, 0.0, 0.0)
        pulled.append(x[ekf.Y] - X[ekf.Y])
    assert pulled == pytest.approx([pulled[0]] * 3, rel=0.05)
    assert 0.0 < pulled[0] < 0.005


def test_velocity_shows_scale_and_course() -> None:
    """The antenna of a vehicle whose wheels read 1 % too little, travelling 0.3 deg to the left."""
    x, p = list(X), ekf.diagonal(SIGMAS)
    crab, v, rate = math.radians(0.3), 5.05, 0.05
    for _ in range(3000):
        course = x[ekf.YAW] + crab
        swing_x, swing_y = -rate * ARM.left, rate * ARM.forward
        c, s = math.cos(x[ekf.YAW]), math.sin(x[ekf.YAW])
        velocity = (
            v * math.cos(course) + c * swing_x - s * swing_y,
            v * math.sin(course) + s * swing_x + c * swing_y,
        )
        dx, dy = ARM.at(x[ekf.YAW])
        epoch = fix(x=x[ekf.X] + dx, y=x[ekf.Y] + dy, yaw=0.4, velocity=velocity)
        x, p, _ = take(x, p, epoch, 0.1, ARM, 5.0, rate, 0.0)
    assert x[ekf.SCALE] == pytest.approx(1.01, abs=1e-3)
    assert x[ekf.YAW] + x[ekf.CRAB] == pytest.approx(0.4 + crab, abs=4e-4)


@pytest.mark.parametrize(
    "velocity", [(0.0, 0.0), (-4.6, -1.9), (9.0, 4.0)], ids=["none", "backwards", "twice"]
)
def test_an_impossible_velocity_is_refused_and_the_position_taken(velocity: tuple[float, float]) -> None:
    with_it, _, seen = taken(fix(velocity=velocity), wheel=5.0)
    without = taken(fix(), wheel=5.0)[0]
    assert with_it == without
    assert seen.taken


def test_an_outlier_changes_nothing() -> None:
    x, p, seen = taken(fix(x=fix().x + 0.5))
    assert x == X
    assert p == ekf.diagonal(SIGMAS)
    assert not seen.taken


READER = Lever(6.0, 0.3)


def crossing(lateral: float, **change: Any) -> MarkerFix:
    """A transponder where the reader at X sees it, `lateral` to its left."""
    dx, dy = Lever(READER.forward, READER.left + lateral).at(X[ekf.YAW])
    exact = MarkerFix(10**9, X[ekf.X] + dx, X[ekf.Y] + dy, 0.02, 0.01, lateral)
    return msgspec.structs.replace(exact, **change)


@pytest.mark.parametrize("lateral", [-0.25, 0.0, 0.25])
def test_a_crossing_places_the_vehicle_wherever_the_reader_saw_it(lateral: float) -> None:
    seen = crossing(lateral)
    x, p, ok = take_marker(X, ekf.diagonal(SIGMAS), seen, READER)
    assert ok
    assert x == pytest.approx(X, abs=1e-9)
    assert missed(X, seen, READER) == pytest.approx(0.0, abs=1e-9)
    shifted = msgspec.structs.replace(seen, x=seen.x + 0.02, y=seen.y - 0.03)
    x, p, ok = take_marker(X, ekf.diagonal(SIGMAS), shifted, READER)
    assert ok
    assert 0.0 < x[ekf.X] - X[ekf.X] < 0.02
    assert -0.03 < x[ekf.Y] - X[ekf.Y] < 0.0
    h = np.array([p[ekf.COLUMN[i][i]] for i in range(2)])
    assert (h < 0.02**2).all()
    assert missed(X, shifted, READER) == pytest.approx(math.hypot(0.02, 0.03))


def test_a_crossing_that_cannot_be_is_refused() -> None:
    x, p, ok = take_marker(X, ekf.diagonal(SIGMAS), crossing(0.0, x=crossing(0.0).x + 0.4), READER)
    assert not ok
    assert x == X
    assert p == ekf.diagonal(SIGMAS)
