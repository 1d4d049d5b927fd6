"""The crane's mechanics: landing, twistlocks, what hangs and what stands."""

from __future__ import annotations

import pytest
from crane_yard import SLOTS, Box, Ground

from hil.plant.crane import CranePlant


def crane(**fields: float) -> tuple[CranePlant, Ground]:
    ground = Ground()
    return CranePlant(site=ground, slots=SLOTS, **fields), ground  # type: ignore[arg-type]


def run(plant: CranePlant, seconds: float, hoist: float = 0.0, trolley: float = 0.0) -> None:
    plant.hoist_set_mps, plant.trolley_set_mps = hoist, trolley
    for _ in range(round(seconds * 100)):
        plant.step(0.01)


def test_speed_and_acceleration_are_limited() -> None:
    plant, _ = crane(height_m=1.0)
    run(plant, 1.0, hoist=99.0, trolley=-99.0)
    assert plant.hoist_mps == pytest.approx(0.5)
    assert plant.trolley_mps == pytest.approx(-0.4)
    run(plant, 4.0, hoist=99.0, trolley=-99.0)
    assert plant.hoist_mps == pytest.approx(70.0 / 60.0)
    assert plant.trolley_mps == pytest.approx(-1.5)


def test_an_empty_spreader_lands_on_a_container_and_lifts_it_only_when_locked() -> None:
    plant, ground = crane(height_m=3.0)
    ground.boxes["yard"] = Box(10_000.0)
    run(plant, 8.0, hoist=-0.2)
    assert plant.height_m == 2.6
    assert plant.landed
    assert plant.slack_rope  # the hoist ran on
    run(plant, 12.0, hoist=0.2)
    assert plant.carried is None
    run(plant, 12.0, hoist=-0.2)
    plant.lock_set = True
    run(plant, 1.0)
    assert not plant.locked
    assert not plant.unlocked
    run(plant, 0.6)
    assert plant.locked
    run(plant, 12.0, hoist=0.2)
    assert plant.load_kg == 10_000.0
    assert ground.boxes == {}


def carrying(slot: str = "east", mass_kg: float = 10_000.0) -> tuple[CranePlant, Ground]:
    plant, ground = crane(height_m=2.6)
    ground.boxes["yard"] = Box(mass_kg)
    plant.lock_set = True
    run(plant, 2.0)
    run(plant, 15.0, hoist=0.5)
    plant.trolley_m = SLOTS[slot]
    run(plant, 3.0)
    assert plant.carried is not None
    return plant, ground


def test_a_container_is_set_down_on_a_vehicle_and_stays() -> None:
    plant, ground = carrying()
    run(plant, 20.0, hoist=-0.5)
    assert plant.height_m == 4.1
    assert plant.landed
    assert plant.load_kg == 0.0
    assert ground.boxes == {"east": Box(10_000.0)}
    plant.lock_set = False
    run(plant, 2.0)
    plant.slack_m = 0.0
    run(plant, 5.0, hoist=0.5)
    assert plant.unlocked
    assert ground.boxes == {"east": Box(10_000.0)}


def test_twistlocks_do_not_turn_under_a_hanging_load() -> None:
    plant, _ = carrying()
    plant.lock_set = False
    run(plant, 5.0)
    assert plant.locked
    assert plant.carried is not None


def test_misaligned_is_contact_but_not_landed() -> None:
    plant, ground = carrying()
    ground.aligned = False
    run(plant, 20.0, hoist=-0.5)
    assert plant.touching
    assert not plant.landed
    assert plant.carried is not None
    assert ground.boxes == {}


def test_no_vehicle_means_the_ground_and_never_landed() -> None:
    plant, ground = carrying()
    ground.lanes = {"yard"}
    run(plant, 30.0, hoist=-0.5)
    assert plant.height_m == 2.6
    assert not plant.landed
    assert plant.carried is not None


def test_a_container_stands_on_another_but_is_not_put_there() -> None:
    plant, ground = carrying("yard")
    ground.boxes["yard"] = Box(5_000.0)
    run(plant, 30.0, hoist=-0.5)
    assert plant.height_m == 5.2
    assert ground.boxes == {"yard": Box(5_000.0)}


def test_estop_stops_all_motion_and_the_twistlocks() -> None:
    plant, ground = crane(height_m=2.6)
    ground.boxes["yard"] = Box()
    plant.estop = plant.lock_set = True
    run(plant, 3.0, hoist=1.0, trolley=1.0)
    assert (plant.hoist_mps, plant.trolley_mps, plant.twist) == (0.0, 0.0, 0.0)


def test_too_heavy_is_overload_once_it_hangs() -> None:
    plant, _ = carrying(mass_kg=45_000.0)
    assert plant.overload
