"""Offset and drift from round trips with queueing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import ClockSync

WRAP = 1 << 32


def simulate(seconds: float, drift_ppm: float, offset_us: int, queue_ms: float, seed: int = 1) -> list[float]:
    """Errors (ms) of `to_mono_ns` for every telemetry of a link with asymmetric random queueing."""
    roll = random.Random(seed)
    sync = ClockSync()
    errors = []

    def mcu_us(host_ns: float) -> int:
        return int(host_ns / 1000 * (1 - drift_ppm * 1e-6)) + offset_us

    for step in range(int(seconds * 100)):
        sent_ns = 10**12 + step * 10_000_000
        arrived_ns = (
            sent_ns + 100_000 + roll.expovariate(1 / (queue_ms * 1e6)) if queue_ms else sent_ns + 100_000
        )
        answered_ns = arrived_ns + 3_000_000
        received_ns = answered_ns + 100_000 + (roll.expovariate(1 / (queue_ms * 1e6)) if queue_ms else 0)
        ticks = mcu_us(answered_ns) % WRAP
        sync.add(sent_ns, int(received_ns), ticks, mcu_us(answered_ns) - mcu_us(arrived_ns))
        errors.append((sync.to_mono_ns(ticks) - answered_ns) / 1e6)
    return errors


@pytest.mark.parametrize("drift_ppm", [0.0, 80.0, -80.0])
@pytest.mark.parametrize("offset_us", [0, -900_000_000, WRAP - 5_000_000])
def test_a_quiet_link(drift_ppm: float, offset_us: int) -> None:
    errors = simulate(15, drift_ppm, offset_us, queue_ms=0.0)
    assert max(abs(e) for e in errors) < 0.2


@pytest.mark.parametrize("drift_ppm", [0.0, 100.0])
def test_queueing_of_milliseconds_is_seen_through(drift_ppm: float) -> None:
    errors = simulate(30, drift_ppm, 12_345, queue_ms=3.0)
    assert max(abs(e) for e in errors[500:]) < 1.5


def test_the_drift_is_found() -> None:
    sync = ClockSync()
    for step in range(3000):
        host_ns = step * 10_000_000
        sync.add(host_ns, host_ns + 200_000, int((host_ns + 100_000) / 1000 * (1 - 50e-6)), 0)
    assert sync.ready
    assert sync.drift == pytest.approx(50e-6, rel=0.1)
    assert sync.round_trip_ns == 200_000


def test_impossible_round_trips_are_left_out() -> None:
    sync = ClockSync()
    sync.add(1_000_000, 2_000_000, 500, 5_000)
    assert not sync.ready
    assert sync.round_trip_ns == 0
    with pytest.raises(LookupError):
        sync.to_mono_ns(500)


@given(st.lists(st.integers(-(10**6), 10**9), max_size=30), st.integers(0, WRAP - 1))
def test_unwrapping_follows_any_walk(steps: list[int], start: int) -> None:
    sync = ClockSync()
    truth = newest = start
    assert sync.unwrap(start % WRAP) == start
    for step in steps:
        truth = max(newest + step, 0)
        assert sync.unwrap(truth % WRAP) == truth
        newest = max(newest, truth)
