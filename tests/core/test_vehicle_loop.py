"""The vehicle's core driving the demo lane in closed loop with the plant."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from vehicle_loop import VehicleLoop, under_way
from vehicle_world import ALL, NODES

from gatectl.model.messages import Incident, Receipt, VehicleStateReport


@pytest.mark.parametrize(("load_kg", "seed"), [(0.0, 1), (25_000.0, 2)])
def test_drives_the_lane_block_by_block(load_kg: float, seed: int) -> None:
    loop = VehicleLoop(seed=seed, load_kg=load_kg)
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES)
    errors = []
    for k, node in enumerate(NODES[1:], start=1):
        assert loop.run(60, loop.standing_at(node)), loop.status
        errors.append(loop.stop_error(node))
        assert abs(loop.vda.agv_position.x - loop.plant.x) < 0.1
        if k < 5:
            loop.order(k, 2, NODES[k:], first=k)
    loop.run(2.0)
    assert max(map(abs, errors)) < 0.05
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.03
    assert max(map(abs, loop.laterals)) < 0.06
    assert loop.vda.node_states == ()
    assert loop.vda.last_node_id == "e_vn_crane"
    assert not loop.vda.driving
    assert loop.status["drive"][0] == "idle"


def test_an_early_release_of_the_base_is_driven_through_without_braking() -> None:
    loop = VehicleLoop()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES[:3])
    loop.run(4.0)
    loop.order(1, 2, NODES[1:3], first=1)
    slowest, seen = 9.0, 0.0
    while loop.s_true < 70.0:
        loop.step()
        seen = max(seen, loop.plant.speed)
        if loop.s_true > 45.0:
            slowest = min(slowest, loop.plant.speed)
        assert loop.scan_no < 3000
    assert slowest > 4.0
    assert seen > 5.8
    assert loop.state.order.last_node_id == "e_cn_check"


def test_a_late_release_is_taken_up_while_braking() -> None:
    loop = VehicleLoop()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES[:3])
    assert loop.run(40, lambda x: x.s_true > 58.0)
    braking = loop.plant.speed
    loop.order(1, 2, NODES[1:3], first=1)
    assert loop.run(10, lambda x: x.plant.speed > braking + 0.5)
    assert loop.run(40, loop.standing_at("e_line"))


def test_three_seconds_without_gnss_are_driven_through() -> None:
    loop = under_way(speed=6.0)
    loop.gnss.silent = True
    worst = 0.0
    for _ in range(150):
        loop.step()
        worst = max(worst, loop.core_tag("protection_level"))
        assert loop.core_tag("driving")
        assert loop.outputs.commands[3] == 0.0
    loop.gnss.silent = False
    assert 0.1 < worst < 0.45
    loop.run(3.0)
    assert loop.plant.speed > 3.0
    assert loop.core_tag("protection_level") < 0.35  # dead reckoning goes on vouching for the new fixes


def test_a_minute_without_gnss_stops_and_its_return_releases() -> None:
    loop = under_way(speed=6.0)
    loop.gnss.silent = True
    assert loop.run(30, lambda x: x.plant.speed == 0.0)
    assert loop.status["drive"][0] in ("stopped", "waiting")
    assert "position_trusted" in loop.status["drive"][1]
    # The bound held while it was trusted, and still does.
    error = np.hypot(loop.core_tag("x") - loop.plant.x, loop.core_tag("y") - loop.plant.y)
    assert error < loop.core_tag("protection_level")
    loop.run(35.0)
    assert loop.plant.speed == 0.0
    loop.gnss.silent = False
    assert loop.run(100, loop.standing_at("e_vn_crane")), loop.status
    assert max(map(abs, loop.laterals)) < 0.15


def test_a_standing_minute_without_gnss_is_not_trusted_either() -> None:
    loop = VehicleLoop()
    loop.ready()
    assert loop.core_tag("protection_level") < 0.15
    loop.gnss.silent = True
    loop.run(61.0)
    assert loop.core_tag("protection_level") > 0.5


def test_a_lease_that_runs_out_stops_and_its_renewal_releases() -> None:
    loop = under_way()
    loop.leased = ()
    assert loop.run(12, lambda x: x.plant.speed == 0.0)
    assert "lease_valid" in loop.status["drive"][1]
    assert not loop.core_tag("lease_valid")
    loop.leased = ALL
    assert loop.run(30, lambda x: x.plant.speed > 2.0)


def test_never_goes_where_its_lease_does_not_reach() -> None:
    loop = VehicleLoop()
    loop.leased = ALL[:2]  # to 80 m
    loop.ready()
    loop.order(0, 6, NODES)
    loop.run(40.0)
    assert loop.plant.speed == 0.0
    assert loop.s_true + 10.5 < 80.0
    assert loop.s_true > 65.0
    assert "lease_end" in loop.status["drive"][1]
    loop.leased = ALL
    assert loop.run(60, lambda x: x.s_true > 90.0)


def test_pause_stops_gently_and_stop_pause_goes_on() -> None:
    loop = under_way()
    loop.instant("startPause")
    hardest = 0.0
    for _ in range(900):
        loop.step()
        hardest = min(hardest, loop.plant.accel)
    assert loop.plant.speed == 0.0
    # The holding brake sets at walking pace's end; until then it is the usual deceleration.
    assert loop.vda.paused
    assert loop.status["drive"][0] == "waiting"
    loop.instant("stopPause")
    assert loop.run(20, lambda x: x.plant.speed > 1.0)


def test_cancel_stops_ends_the_order_and_takes_no_update() -> None:
    loop = under_way()
    loop.instant("cancelOrder", "cancel-1")
    assert loop.run(30, lambda x: x.plant.speed == 0.0 and not x.state.order.nodes)
    loop.run(1.5)
    assert {a.action_id: a.action_status for a in loop.vda.action_states}["cancel-1"] == "FINISHED"
    loop.order(5, 2, NODES[4:], first=10)
    loop.run(1.5)
    assert loop.vda.node_states == ()
    assert any("cancelled" in e.error_description for e in loop.vda.errors)


def test_pick_holds_the_vehicle_until_the_load_is_there_for_a_second() -> None:
    loop = VehicleLoop()
    loop.leased = ALL
    loop.loaded = 0.0
    loop.ready()
    loop.order(0, 2, NODES[:3], e_cn_crane="pick")
    loop.run(5.0)
    assert loop.plant.speed == 0.0
    assert loop.vda.action_states[0].action_status == "RUNNING"
    loop.loaded = 1.0
    loop.run(0.6)
    loop.loaded = 0.0
    loop.run(0.6)
    assert loop.vda.action_states[0].action_status == "RUNNING"
    loop.loaded = 1.0
    loop.plant.load_kg = 25_000.0
    loop.run(1.3)
    assert loop.vda.action_states[0].action_status == "FINISHED"
    assert loop.vda.loads[0].load_id == "CSQU3054383"
    assert loop.run(60, loop.standing_at("e_cn_check"))


def test_a_wrong_fix_never_moves_the_estimate_silently() -> None:
    loop = under_way()
    loop.gnss.jump = (1.5, -1.0)
    assert loop.run(20, lambda x: x.plant.speed == 0.0)
    assert [m.code for m in loop.sent if isinstance(m, Incident)] == ["position_trusted"]
    error = np.hypot(loop.core_tag("x") - loop.plant.x, loop.core_tag("y") - loop.plant.y)
    assert error < 0.3
    assert loop.core_tag("protection_level") > 1.5
    # Standing, it takes the other position over in the open, and a person has to look.
    assert loop.run(10, lambda x: x.core_tag("reset_owed") == 1.0)
    assert [m.code for m in loop.sent if isinstance(m, Incident)][-1] == "position_taken_over"
    assert "no_reset_owed" in loop.status["drive"][1]


def test_single_outliers_are_ignored() -> None:
    loop = under_way()
    for i in range(1000):
        loop.gnss.jump = (0.8, 0.8) if i % 50 < 5 else (0.0, 0.0)
        loop.step()
    assert max(map(abs, loop.laterals)) < 0.06
    assert loop.state.localiser.refused.total >= 15
    assert loop.core_tag("driving")


def test_the_other_lane_is_driven_as_well_and_only_commands_for_it_are_obeyed() -> None:
    loop = VehicleLoop(lane="west", vehicle="2", load_kg=25_000.0)
    loop.leased = ("vn_crane", "w_vn_check", "w_vn_queue")
    loop.run(1.5)
    loop.command("reset")
    loop.inbox = [msgspec.structs.replace(loop.inbox[0], subject="AGV01")]
    loop.run(0.5)
    assert loop.core_tag("reset_owed")
    loop.command("reset")
    loop.order(0, 3, ["w_vn_crane", "w_vn_check", "w_line", "w_cn_entry"])
    assert loop.run(60, loop.standing_at("w_line")), loop.status
    assert abs(loop.stop_error("w_line")) < 0.05
    assert loop.vda.agv_position.map_id == "demo-lane"


def beside_the_lane(lateral: float) -> VehicleLoop:
    loop = VehicleLoop()
    start = loop.route.at(21.0)
    loop.plant.x -= lateral * math.sin(start.yaw)
    loop.plant.y += lateral * math.cos(start.yaw)
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, [NODES[0], *NODES[1:]])
    return loop


def test_a_start_beside_the_lane_is_steered_out_without_overshoot() -> None:
    loop = beside_the_lane(0.28)
    assert loop.run(30, lambda x: x.s_true > 55.0), loop.status
    assert min(loop.laterals) > -0.06
    assert abs(loop.laterals[-1]) < 0.05


def test_off_its_path_it_trips_and_no_reset_helps() -> None:
    loop = beside_the_lane(0.9)
    answer = [m for m in loop.sent if isinstance(m, Receipt)][-1]
    assert not answer.accepted
    loop.run(5.0)
    assert loop.plant.speed == 0.0
    assert loop.status["drive"][0] == "tripped"
    assert "on_path" in loop.status["drive"][1]
    assert loop.outputs is not None
    assert loop.outputs.commands[0] == 0.0


def test_reports_come_often_enough_and_never_too_often() -> None:
    loop = under_way()
    times = []
    for i in range(1000):
        if i == 500:
            loop.instant("stateRequest")
        times += [loop.now for m in loop.step().messages if isinstance(m, VehicleStateReport)]
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) <= 520_000_000
    assert min(gaps) >= 100_000_000
    assert loop.vda.action_states[-1].action_type == "stateRequest"
