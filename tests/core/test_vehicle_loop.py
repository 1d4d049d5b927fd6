"""The vehicle's core driving the demo lane in closed loop with the plant."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from gatectl.core.vehicle_state import VehicleState
from gatectl.model.messages import Checkpoint, Incident, Receipt

ALL = ("cn_crane", "e_cn_check", "e_cn_queue", "border", "e_vn_entry", "e_vn_yard", "vn_crane")
NODES = ["e_cn_crane", "e_cn_check", "e_line", "e_vn_entry", "e_vn_yard", "e_vn_crane"]


def under_way(make: Any, speed: float = 5.0, **kwargs: Any) -> Any:
    """On the way from the first to the last node, at `speed`."""
    loop = make(**kwargs)
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, NODES)
    assert loop.run(60, lambda x: x.plant.speed > speed)
    return loop


@pytest.mark.parametrize(("load_kg", "seed"), [(0.0, 1), (25_000.0, 2)])
def test_drives_the_lane_block_by_block(vehicle_loop: Any, load_kg: float, seed: int) -> None:
    loop = vehicle_loop(seed=seed, load_kg=load_kg)
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


def test_an_early_release_of_the_base_is_driven_through_without_braking(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
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


def test_a_late_release_is_taken_up_while_braking(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES[:3])
    assert loop.run(40, lambda x: x.s_true > 58.0)
    braking = loop.plant.speed
    loop.order(1, 2, NODES[1:3], first=1)
    assert loop.run(10, lambda x: x.plant.speed > braking + 0.5)
    assert loop.run(40, loop.standing_at("e_line"))


def test_three_seconds_without_gnss_are_driven_through(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop, speed=6.0)
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
    assert loop.core_tag("protection_level") < 0.15


def test_a_minute_without_gnss_stops_and_its_return_releases(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop, speed=6.0)
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


def test_a_standing_minute_without_gnss_is_not_trusted_either(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
    loop.ready()
    assert loop.core_tag("protection_level") < 0.15
    loop.gnss.silent = True
    loop.run(61.0)
    assert loop.core_tag("protection_level") > 0.5


def test_a_lease_that_runs_out_stops_and_its_renewal_releases(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.leased = ()
    assert loop.run(12, lambda x: x.plant.speed == 0.0)
    assert "lease_valid" in loop.status["drive"][1]
    assert not loop.core_tag("lease_valid")
    loop.leased = ALL
    assert loop.run(30, lambda x: x.plant.speed > 2.0)


def test_never_goes_where_its_lease_does_not_reach(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
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


def test_without_reset_nothing_moves_and_an_old_reset_does_not_count(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
    loop.leased = ALL
    old = loop.command("reset")
    loop.inbox = [msgspec.structs.replace(loop.inbox[0], issued_utc_ns=loop.utc - 10**9)]
    loop.order(0, 2, NODES)
    loop.run(4.0)
    answer = next(m for m in loop.sent if isinstance(m, Receipt) and m.correlation == old)
    assert not answer.accepted
    assert loop.core_tag("reset_owed")
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[4] == 0.0
    assert "no_reset_owed" in loop.status["drive"][1]
    fresh = loop.command("reset")
    assert loop.run(20, lambda x: x.plant.speed > 1.0)
    assert next(m for m in loop.sent if isinstance(m, Receipt) and m.correlation == fresh).accepted


def test_an_emergency_stop_trips_and_only_a_reset_after_it_clears(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.estop = True
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[0] == 0.0
    assert loop.status["drive"][0] == "tripped"
    refused = loop.command("reset")
    loop.run(1.0)
    answer = next(m for m in loop.sent if isinstance(m, Receipt) and m.correlation == refused)
    assert not answer.accepted
    assert any("emergency stop" in r for r in answer.reasons)
    loop.estop = False
    loop.run(5.0)
    assert loop.plant.speed == 0.0
    loop.command("reset")
    assert loop.run(20, lambda x: x.plant.speed > 1.0)


def test_a_controller_that_disarms_itself_is_not_driven_on_by_old_commands(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.armed = False
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[3] == 1.0
    assert "mcu_armed" in loop.status["drive"][1]
    count = loop.outputs.commands[4]
    loop.command("reset")
    loop.run(0.1)
    assert loop.outputs.commands[4] == count + 1
    assert loop.run(20, lambda x: x.plant.speed > 1.0)


def test_pause_stops_gently_and_stop_pause_goes_on(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
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


def test_cancel_stops_ends_the_order_and_takes_no_update(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.instant("cancelOrder", "cancel-1")
    assert loop.run(30, lambda x: x.plant.speed == 0.0 and not x.state.order.nodes)
    loop.run(1.5)
    assert {a.action_id: a.action_status for a in loop.vda.action_states}["cancel-1"] == "FINISHED"
    loop.order(5, 2, NODES[4:], first=10)
    loop.run(1.5)
    assert loop.vda.node_states == ()
    assert any("cancelled" in e.error_description for e in loop.vda.errors)


def test_pick_holds_the_vehicle_until_the_load_is_there_for_a_second(vehicle_loop: Any) -> None:
    loop = vehicle_loop()
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


def test_a_new_process_takes_the_order_over_and_waits_for_its_reset(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.restart()
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.state.localiser.known
    assert loop.core_tag("reset_owed")
    assert [n.node_id for n in loop.state.order.nodes][-1] == "e_vn_crane"
    loop.command("reset")
    assert loop.run(100, loop.standing_at("e_vn_crane")), loop.status
    ids = [m.id for m in loop.sent]
    assert len(ids) == len(set(ids))
    assert sum(isinstance(m, Checkpoint) for m in loop.sent) < 40


def test_a_wrong_fix_never_moves_the_estimate_silently(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.gnss.jump = (1.5, -1.0)
    assert loop.run(20, lambda x: x.plant.speed == 0.0)
    error = np.hypot(loop.core_tag("x") - loop.plant.x, loop.core_tag("y") - loop.plant.y)
    assert error < 0.3
    assert loop.core_tag("protection_level") > 1.5
    # Standing, it takes the other position over in the open, and a person has to look.
    assert loop.run(10, lambda x: x.core_tag("reset_owed") == 1.0)
    assert [m.code for m in loop.sent if isinstance(m, Incident)] == ["position_taken_over"]
    assert "no_reset_owed" in loop.status["drive"][1]


def test_single_outliers_are_ignored(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    for i in range(1000):
        loop.gnss.jump = (0.8, 0.8) if i % 50 < 5 else (0.0, 0.0)
        loop.step()
    assert max(map(abs, loop.laterals)) < 0.06
    assert loop.state.localiser.refused_total >= 15
    assert loop.core_tag("driving")


def test_two_runs_are_identical_and_a_stored_state_goes_on_identically(vehicle_loop: Any) -> None:
    def trace(reload_at: int) -> list[bytes]:
        loop = vehicle_loop(seed=5)
        loop.leased = ALL
        loop.ready()
        loop.order(0, 3, NODES)
        out = []
        for i in range(700):
            if i == reload_at:
                packed = msgspec.msgpack.encode(loop.state)
                loop.state = msgspec.msgpack.decode(packed, type=VehicleState)
                assert msgspec.msgpack.encode(loop.state) == packed
            out.append(msgspec.msgpack.encode(loop.step()))
        return [*out, msgspec.msgpack.encode(loop.state)]

    first = trace(-1)
    assert trace(-1) == first
    assert trace(333) == first


def test_shutdown_writes_safe_values(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop, speed=1.0)
    assert loop.core.shutdown(loop.state) == [0.0, 0.0, 0.0, 1.0, 0.0]


def test_losing_the_drive_controllers_answers_trips(vehicle_loop: Any) -> None:
    loop = under_way(vehicle_loop)
    loop.mcu_silent = True
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[0] == 0.0
    loop.mcu_silent = False
    loop.run(2.0)
    assert loop.status["drive"][0] == "tripped"
    assert {"mcu_alive"} <= loop.status["drive"][1]
