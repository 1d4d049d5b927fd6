"""Orders, leases and what a report says."""

from __future__ import annotations

import math

import pytest

from gatectl.core.traffic import Dispatch, LaneLine, LeaseState, OrderState, VehicleTrack, observe
from gatectl.model import vda5050
from gatectl.model.site import Limits, NodeConfigPoint, RouteConfig

LINE = LaneLine([(0.0, 0.0), (100.0, 0.0)])
NODES = tuple(
    NodeConfigPoint(id=f"n{i}", lane="east", at_m=20.0 * i, side="cn", kind="crane" if i in (0, 3) else "way")
    for i in range(4)
)
ROUTE = RouteConfig(direction="import", lane="east", nodes=("n0", "n1", "n2", "n3"))
DISPATCH = Dispatch((ROUTE,), NODES, {"east": LINE}, "map", Limits())


def order(bases: list[int]) -> OrderState:
    return OrderState("O1", "T1", "BOX", "import", bases)


def test_a_new_order_is_whole_with_its_base_and_horizon():
    built = DISPATCH.order(order([0]))
    assert [n.node_id for n in built.nodes] == ["n0", "n1", "n2", "n3"]
    assert [n.released for n in built.nodes] == [True, False, False, False]
    assert [n.sequence_id for n in built.nodes] == [0, 2, 4, 6]
    assert [(e.edge_id, e.sequence_id, e.released) for e in built.edges] == [
        ("n0-n1", 1, False),
        ("n1-n2", 3, False),
        ("n2-n3", 5, False),
    ]
    first, last = built.nodes[0].actions[0], built.nodes[-1].actions[0]
    assert (first.action_type, first.action_id, first.blocking_type) == ("pick", "O1-pick", "HARD")
    assert (last.action_type, last.action_id) == ("drop", "O1-drop")
    assert first.action_parameters == (vda5050.ActionParameter(key="loadId", value="BOX"),)
    assert built.nodes[1].node_position is not None
    assert (built.nodes[1].node_position.x, built.nodes[1].node_position.theta) == (20.0, 0.0)


def test_an_update_begins_with_the_last_base_node_unchanged():
    first, update = DISPATCH.order(order([0, 1]), 0), DISPATCH.order(order([0, 1, 3]), 1)
    assert (first.order_update_id, update.order_update_id) == (1, 2)
    assert update.nodes[0] == first.nodes[1]
    assert [n.released for n in update.nodes] == [True, True, True]
    assert [e.released for e in update.edges] == [True, True]


def test_a_vehicle_that_missed_updates_gets_the_newest_from_where_it_is():
    late = DISPATCH.order(order([0, 1, 2]), 0)
    assert late.order_update_id == 2
    assert [n.node_id for n in late.nodes if n.released] == ["n0", "n1", "n2"]


def test_leases_rise_and_come_each_second_or_on_a_change():
    state = LeaseState(epoch=7)
    held = order([0])

    def at(ms: int, blocks: tuple[str, ...], given: OrderState | None = held):
        return DISPATCH.lease(state, "A", blocks, given, (ms * 1_000_000, ms))

    lease = at(0, ("b1",))
    assert lease is not None
    assert (lease.epoch, lease.sequence, lease.valid_for_ms, lease.order_id) == (7, 1, 3000, "O1")
    assert at(999, ("b1",)) is None
    assert at(1000, ("b1",)).sequence == 2
    assert at(1001, ("b1", "b2")).sequence == 3
    held.bases.append(1)
    assert at(1002, ("b1", "b2")).order_update_id == 1
    assert at(1003, ("b1", "b2"), None).order_id == ""


def report(**changes) -> vda5050.State:
    position = vda5050.AgvPosition(
        x=30.0, y=0.5, theta=0.0, map_id="map", position_initialized=True, deviation_range=0.2
    )
    fields = {
        "order_id": "O1", "order_update_id": 2, "last_node_id": "n1", "last_node_sequence_id": 2,
        "node_states": (), "edge_states": (), "driving": False, "action_states": (),
        "battery_state": vda5050.BatteryState(battery_charge=50.0, charging=False),
        "operating_mode": "AUTOMATIC", "errors": (), "agv_position": position,
        "safety_state": vda5050.SafetyState(e_stop="NONE", field_violation=False),
    }  # fmt: skip
    return vda5050.State(**(fields | changes))


def seen(**changes) -> VehicleTrack:
    track = VehicleTrack("A")
    observe(track, report(**changes), LINE, "map", 5)
    return track


def test_a_report_is_put_on_the_lane():
    track = seen(action_states=(vda5050.ActionState(action_id="O1-pick", action_status="RUNNING"),))
    assert (track.s_m, track.lateral_m, track.deviation_m) == (30.0, 0.5, 0.2)
    assert (track.localised, track.stopped, track.loaded) == (True, True, False)
    assert (track.order_id, track.order_update_id, track.last_node) == ("O1", 2, "n1")
    assert track.actions == {"O1-pick": "RUNNING"}


@pytest.mark.parametrize(
    "changes",
    [{"map_id": "other"}, {"position_initialized": False}, {"x": math.nan}, {"y": math.inf}],
)
def test_a_position_that_says_nothing_is_none(changes):
    fields = {"x": 30.0, "y": 0.0, "theta": 0.0, "map_id": "map", "position_initialized": True} | changes
    track = seen(agv_position=vda5050.AgvPosition(**fields))
    assert not track.localised
    assert not seen(agv_position=None).localised


def test_standing_needs_both_words():
    assert not seen(driving=True).stopped
    assert not seen(velocity=vda5050.Velocity(vx=-0.3)).stopped
    assert seen(velocity=vda5050.Velocity(vx=0.001)).stopped


def test_trouble_is_kept_in_the_vehicles_words():
    track = seen(
        errors=(vda5050.Error(error_type="noLease", error_level="WARNING"),),
        safety_state=vda5050.SafetyState(e_stop="MANUAL", field_violation=False),
        operating_mode="MANUAL",
        paused=True,
        loads=(vda5050.Load(load_id="BOX"),),
    )
    assert track.trouble == ["warning: noLease", "emergency stop (MANUAL)", "operating mode MANUAL", "paused"]
    assert track.loaded
    assert track.disabled


@pytest.mark.parametrize(
    ("changes", "disabled"),
    [
        ({}, False),
        ({"errors": (vda5050.Error(error_type="noLease", error_level="WARNING"),)}, False),
        ({"errors": (vda5050.Error(error_type="drive", error_level="FATAL"),)}, True),
        ({"operating_mode": "MANUAL"}, True),
        ({"safety_state": vda5050.SafetyState(e_stop="AUTOACK", field_violation=False)}, True),
    ],
)
def test_what_keeps_a_vehicle_from_driving(changes, disabled):
    assert seen(**changes).disabled is disabled


def test_silence():
    track = VehicleTrack("A")
    assert track.silent(0, 3.0)
    track.seen_mono_ns = 1_000_000_000
    assert not track.silent(4_000_000_000, 3.0)
    assert track.silent(4_000_000_001, 3.0)
