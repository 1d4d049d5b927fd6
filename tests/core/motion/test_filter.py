from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.motion import filter as ekf

SIGMAS = [0.1, 0.2, 0.01, 0.002, 0.003, 0.004, 0.005, 0.02]


def full(p: list[float]) -> np.ndarray:
    return np.array([[p[ekf.COLUMN[i][j]] for i in range(ekf.SIZE)] for j in range(ekf.SIZE)])


def correlated(seed: int) -> list[float]:
    """Some covariance with everything correlated."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(0, 1, (ekf.SIZE, ekf.SIZE)) * np.array(SIGMAS)[:, None]
    p = mix @ mix.T
    return [float(p[i, j]) for i in range(ekf.SIZE) for j in range(i, ekf.SIZE)]


def test_predict_agrees_with_numerical_differentiation() -> None:
    x = [1.0, 2.0, 0.7, 0.003, 1.01, 0.016, 0.004, 0.02]
    p = correlated(1)

    # In a steady bend the lateral acceleration follows speed and bias.
    def carry(x: list[float]) -> list[float]:
        rate = 0.1 - x[ekf.BIAS]
        lateral = 5.0 * x[ekf.SCALE] * rate
        at = ekf.move(x, 5.0, rate, lateral, 0.02)
        # Speed and yaw rate have changed by 0.3 m/s and 0.04 rad/s over the step.
        course = x[ekf.YAW] + 0.01 * rate - x[ekf.SLIP] * lateral + x[ekf.CRAB]
        at[ekf.X] += x[ekf.LAG] * 0.3 * x[ekf.SCALE] * math.cos(course)
        at[ekf.Y] += x[ekf.LAG] * 0.3 * x[ekf.SCALE] * math.sin(course)
        at[ekf.YAW] += x[ekf.LAG] * 0.04
        return at

    lateral = 5.0 * 1.01 * 0.097
    at, after = ekf.predict(
        x, p, 0.02, wheel=5.0, gyro=0.1, gyro_ok=True, lateral=lateral, change=0.3, swing=0.04
    )
    jacobian = np.zeros((8, 8))
    for j in range(ekf.SIZE):
        h = 1e-6
        up = carry([v + h * (i == j) for i, v in enumerate(x)])
        down = carry([v - h * (i == j) for i, v in enumerate(x)])
        jacobian[:, j] = (np.array(up) - np.array(down)) / (2 * h)
    expected = jacobian @ full(p) @ jacobian.T
    noise = full(after) - expected
    assert np.abs(noise - np.diag(np.diag(noise))).max() < 2e-7  # the rest is process noise
    assert np.diag(noise).min() >= -1e-12
    assert carry(x) == pytest.approx(at)


@given(
    seed=st.integers(0, 99),
    error=st.floats(-1, 1),
    weights=st.lists(
        st.tuples(st.integers(0, 7), st.floats(-5, 5)), min_size=1, max_size=3, unique_by=lambda w: w[0]
    ),
)
def test_update_agrees_with_the_matrix_form(
    seed: int, error: float, weights: list[tuple[int, float]]
) -> None:
    x, p = [1.0, 2.0, 0.7, 0.003, 1.01, 0.016, 0.004, 0.02], correlated(seed)
    h = np.zeros(ekf.SIZE)
    for state, weight in weights:
        h[state] = weight
    before = full(p)
    total = h @ before @ h + 1e-3
    gain = before @ h / total
    at, after = ekf.update(x, p, error, 1e-3, tuple(weights))
    assert at == pytest.approx((np.array(x) + gain * error).tolist(), abs=1e-12)
    assert full(after) == pytest.approx(before - np.outer(gain, h @ before), abs=1e-12)
    assert ekf.variance_of(p, tuple(weights)) == pytest.approx(h @ before @ h, abs=1e-12)


def test_the_tyres_answer_after_the_time_that_the_single_track_model_needs() -> None:
    """slip * v + reach / v: 0.017 * 5 + 0.8 / 5 = 0.245 s to 63 % of 5 m/s * 0.1 rad/s."""
    x = [0.0, 0.0, 0.0, 0.0, 1.0, 0.017, 0.0, 0.0]
    lateral = 0.0
    for _ in range(245):
        lateral = ekf.settle(lateral, x, 5.0, 0.1, 0.001, 0.8)
    assert lateral == pytest.approx(0.5 * (1 - math.exp(-1)), rel=0.01)
    for _ in range(5000):
        lateral = ekf.settle(lateral, x, 5.0, 0.1, 0.001, 0.8)
    assert lateral == pytest.approx(0.5)


def test_no_time_and_no_lag_are_no_division_by_zero() -> None:
    x = [0.0, 0.0, 0.0, 0.0, 1.0, 0.017, 0.0, 0.0]
    assert ekf.settle(0.3, x, 0.0, 0.1, 0.0, 0.0) == 0.3
    assert ekf.settle(0.3, x, 0.0, 0.1, 0.02, 0.0) == 0.0


def test_the_tyres_slip_to_the_outside_of_the_bend_backwards_too() -> None:
    """Yaw rate > 0: forwards the bend is on the left, backwards on the right."""
    x = [0.0, 0.0, 0.0, 0.0, 1.0, 0.017, 0.0, 0.0]
    ahead = ekf.move(x, 2.0, 0.1, 0.2, 0.02)
    back = ekf.move(x, -2.0, 0.1, ekf.settle(0.2, x, -2.0, 0.1, 0.02, 0.0), 0.02)
    assert back[ekf.X] == pytest.approx(-ahead[ekf.X], rel=1e-3)
    assert ahead[ekf.Y] < 0.0 < back[ekf.Y]


def test_a_guessed_speed_loses_the_place_and_nothing_else() -> None:
    x, p = [0.0, 0.0, 0.3, 0.0, 1.0, 0.017, 0.0, 0.0], ekf.diagonal(SIGMAS)
    args = {"wheel": 2.0, "gyro": 0.0, "gyro_ok": True, "lateral": 0.0}
    _, sure = ekf.predict(x, p, 1.0, **args)
    _, guess = ekf.predict(x, p, 1.0, walk=0.3, **args)
    grown = full(guess) - full(sure)
    assert grown == pytest.approx(np.diag([0.09, 0.09, 0, 0, 0, 0, 0, 0]), abs=1e-12)


def test_spread_and_major_sigma_agree_with_numpy() -> None:
    p = correlated(5)
    arm = np.array([[1, 0, -0.6, 0, 0, 0, 0, 0], [0, 1, 4.0, 0, 0, 0, 0, 0]])
    xx, xy, yy = ekf.spread(p, -0.6, 4.0)
    expected = arm @ full(p) @ arm.T
    assert [xx, xy, xy, yy] == pytest.approx(expected.ravel().tolist())
    assert ekf.major_sigma(xx, xy, yy) == pytest.approx(math.sqrt(np.linalg.eigvalsh(expected).max()))
