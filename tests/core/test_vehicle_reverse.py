"""Driving backwards, from a standstill to a standstill."""

from __future__ import annotations

import math

import pytest
from vehicle_loop import VehicleLoop
from vehicle_world import ALL, NODES

BACK = {"orientation": math.pi}


def at_check(**kwargs: object) -> VehicleLoop:
    """Standing at e_cn_check, the order done."""
    loop = VehicleLoop(reverse_speed_max_mps=1.5, **kwargs)
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES[:2])
    assert loop.run(60, loop.standing_at("e_cn_check")), loop.status
    loop.run(1.0)
    return loop


def backwards(loop: VehicleLoop, update: int = 1) -> None:
    """From e_cn_check back to e_cn_crane."""
    loop.order(update, 2, ["e_cn_check", "e_cn_crane"], first=1, edge=BACK)


@pytest.mark.parametrize(
    ("load_kg", "grade", "seed"), [(0.0, 0.0, 1), (25_000.0, 0.05, 2), (25_000.0, -0.05, 3)]
)
def test_an_edge_turned_round_is_driven_backwards_to_the_node_behind(
    load_kg: float, grade: float, seed: int
) -> None:
    loop = at_check(load_kg=load_kg, seed=seed)
    loop.plant.grade = grade
    start, furthest, fastest, laterals = loop.s_true, loop.s_true, 0.0, []
    backwards(loop)
    for _ in range(4000):
        loop.step()
        furthest, fastest = max(furthest, loop.s_true), min(fastest, loop.plant.speed)
        laterals.append(abs(loop.laterals[-1]))
        if loop.state.order.last_sequence_id == 4 and loop.plant.speed == 0.0:
            break
    assert loop.state.order.last_node_id == "e_cn_crane", loop.status
    assert abs(loop.stop_error("e_cn_crane")) < 0.04
    assert -1.55 < fastest < -1.3
    # A grade that it did not know of when it stood: what it rolls until the observer knows.
    assert furthest - start < (0.01 if grade <= 0.0 else 0.06)
    assert max(laterals) < 0.08
    assert loop.turned_moving == 0
    loop.run(1.5)
    assert loop.vda.node_states == ()


def test_forwards_again_after_it_and_the_direction_changes_only_at_standstill() -> None:
    loop = at_check()
    backwards(loop)
    loop.order(2, 3, ["e_cn_crane", "e_cn_check", "e_line"], first=2)
    turns = []
    for _ in range(6000):
        before = loop.state.reverse
        loop.step()
        if loop.state.reverse != before:
            turns.append((loop.plant.speed, loop.state.order.last_node_id))
    assert turns == [(0.0, "e_cn_check"), (0.0, "e_cn_crane")]
    assert loop.turned_moving == 0
    assert abs(loop.stop_error("e_line")) < 0.04
    assert loop.state.order.last_node_id == "e_line"


def test_backwards_never_goes_where_its_lease_does_not_reach() -> None:
    loop = at_check()
    loop.leased = ("e_cn_check", "e_cn_queue")  # from 40 m on
    loop.run(1.1)
    backwards(loop)
    loop.run(30.0)
    assert loop.plant.speed == 0.0
    assert loop.s_true - 2.5 > 40.0
    assert loop.s_true < 55.0
    assert "lease_end" in loop.status["drive"][1]
    loop.leased = ALL
    assert loop.run(60, lambda x: x.state.order.last_sequence_id == 4)


def test_a_lease_that_runs_out_stops_a_vehicle_that_drives_backwards() -> None:
    loop = at_check()
    backwards(loop)
    assert loop.run(20, lambda x: x.plant.speed < -1.2)
    loop.leased = ()
    assert loop.run(6, lambda x: x.plant.speed == 0.0)
    assert not loop.core_tag("lease_valid")


def test_a_pause_stops_it_behind_and_not_before() -> None:
    loop = at_check()
    backwards(loop)
    assert loop.run(20, lambda x: x.plant.speed < -1.2)
    asked = loop.s_true
    loop.instant("startPause")
    assert loop.run(10, lambda x: x.plant.speed == 0.0)
    assert asked - 5.0 < loop.s_true < asked
    loop.instant("stopPause")
    assert loop.run(60, lambda x: x.state.order.last_sequence_id == 4)


def test_an_engaged_direction_that_is_not_known_keeps_it_standing() -> None:
    loop = at_check()
    loop.withheld.add("mcu.reversing")
    loop.run(0.5)
    loop.order(1, 2, NODES[1:3], first=1)
    loop.run(5.0)
    assert loop.plant.speed == 0.0
    loop.withheld.clear()
    assert loop.run(5.0, lambda x: x.plant.speed > 1.0)


@pytest.mark.parametrize(
    ("edge", "names", "why"),
    [
        (BACK, ["e_cn_check", "e_line"], "behind on the same lane only"),
        ({}, ["e_cn_check", "e_cn_crane"], "has the orientation pi"),
        ({"orientation": 1.0}, ["e_cn_check", "e_cn_crane"], "not at an angle"),
        ({"orientation": 0.0, "orientation_type": "GLOBAL"}, ["e_cn_check", "e_line"], "TANGENTIAL"),
    ],
)
def test_orders_that_it_cannot_drive_are_refused(edge: dict[str, object], names: list[str], why: str) -> None:
    loop = at_check()
    loop.order(1, 2, names, first=1, edge=edge)
    loop.run(1.5)
    assert loop.plant.speed == 0.0
    assert any(e.error_type == "orderUpdateError" and why in e.error_description for e in loop.vda.errors)


def test_a_vehicle_that_may_not_drive_backwards_says_so() -> None:
    loop = VehicleLoop()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, ["e_cn_check", "e_cn_crane"], edge=BACK)
    loop.run(1.5)
    assert any(
        e.error_type == "orderError" and "may not drive backwards" in e.error_description
        for e in loop.vda.errors
    )
