"""The weighbridge: it swings in, rounds to its increment, and says when it moves."""

from __future__ import annotations

import pytest

from hil.plant.scale import ScalePlant


class Load:
    kg = 0.0

    def __call__(self) -> float:
        return self.kg


def run(plant: ScalePlant, seconds: float) -> list[float]:
    readings = []
    for _ in range(round(seconds * 10)):
        plant.step(0.1)
        readings.append(plant.reading_kg)
    return readings


@pytest.mark.parametrize("increment_kg", [10.0, 20.0])
def test_settles_on_the_weight_rounded_to_the_increment(increment_kg: float) -> None:
    load = Load()
    plant = ScalePlant(weight_kg=load, increment_kg=increment_kg)
    run(plant, 2.0)
    assert not plant.motion
    load.kg = 43_217.0
    moving = run(plant, 1.0)
    assert plant.motion
    assert max(moving) > 43_217.0  # it overshoots
    settled = run(plant, 6.0)
    assert not plant.motion
    assert settled[-1] == pytest.approx(43_217.0, abs=increment_kg)
    assert all(kg % increment_kg == 0.0 for kg in settled)


def test_a_swinging_weight_is_in_motion() -> None:
    plant = ScalePlant(weight_kg=lambda: 20_000.0, swing_kg=200.0)
    run(plant, 8.0)
    states = []
    for _ in range(30):
        plant.step(0.1)
        states.append(plant.motion)
    assert all(states)


def test_the_same_seed_gives_the_same_readings() -> None:
    one, two = (ScalePlant(weight_kg=lambda: 5_000.0, seed=7) for _ in range(2))
    assert run(one, 3.0) == run(two, 3.0)


def test_before_the_first_reading_it_claims_nothing() -> None:
    plant = ScalePlant(weight_kg=lambda: 5_000.0)
    assert plant.motion
    assert plant.reading_kg == 0.0
