"""What a vehicle's core owes after trips, losses and restarts; replays are identical."""

from __future__ import annotations

import msgspec
import pytest
from vehicle_loop import VehicleLoop, under_way
from vehicle_world import ALL, NODES

from gatectl.core import build
from gatectl.core.vehicle_state import VehicleState
from gatectl.model import ConfigError, Layout
from gatectl.model.messages import Checkpoint, Incident, Receipt
from gatectl.model.scan import Recovered


def test_without_reset_nothing_moves_and_an_old_reset_does_not_count() -> None:
    loop = VehicleLoop()
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


def test_an_emergency_stop_trips_and_only_a_reset_after_it_clears() -> None:
    loop = under_way()
    loop.estop = True
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[0] == 0.0
    assert loop.status["drive"][0] == "tripped"
    alarms = [m for m in loop.sent if isinstance(m, Incident)]
    assert [(m.severity, m.code) for m in alarms] == [("alarm", "estop_clear")]
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


def test_a_controller_that_disarms_itself_is_not_driven_on_by_old_commands() -> None:
    loop = under_way()
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


def test_a_new_process_takes_the_order_over_and_waits_for_its_reset() -> None:
    loop = under_way()
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


def test_two_runs_are_identical_and_a_stored_state_goes_on_identically() -> None:
    def trace(reload_at: int) -> list[bytes]:
        loop = VehicleLoop(seed=5)
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


def test_shutdown_writes_safe_values() -> None:
    loop = under_way(speed=1.0)
    assert loop.core.shutdown(loop.state) == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def test_losing_the_drive_controllers_answers_trips() -> None:
    loop = under_way()
    loop.mcu_silent = True
    loop.run(8.0)
    assert loop.plant.speed == 0.0
    assert loop.outputs.commands[0] == 0.0
    loop.mcu_silent = False
    loop.run(2.0)
    assert loop.status["drive"][0] == "tripped"
    assert {"mcu_alive"} <= loop.status["drive"][1]


def test_a_checkpoint_of_another_version_is_reported_and_not_guessed() -> None:
    loop = VehicleLoop()
    broken = Checkpoint(id="x", key="vehicle", body=b"\x81\xa5order\x01")
    loop.state = loop.core.start(Recovered(boot_no=2, cold=False, checkpoints=[broken]))
    loop.run(1.0)
    assert loop.vda.errors[0].error_type == "checkpointError"
    assert loop.vda.order_id == ""


def test_without_its_devices_or_its_site_entry_it_is_refused_with_the_reason() -> None:
    loop = VehicleLoop()
    blocks = tuple(b for b in loop.layout.blocks if b.name != "gnss")
    with pytest.raises(ConfigError, match=r"vehicle\.gnss: device 'gnss' has no tag 'latitude'"):
        build(loop.node, Layout(blocks))
    stranger = msgspec.structs.replace(loop.node.config.vehicle, serial="AGV99")
    config = msgspec.structs.replace(loop.node.config, vehicle=stranger)
    with pytest.raises(ConfigError, match="'AGV99' is not in site"):
        build(msgspec.structs.replace(loop.node, config=config), loop.layout)
