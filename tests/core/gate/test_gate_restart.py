"""Restarts, repeats and replays: nothing twice, nothing lost, every bit the same."""

from __future__ import annotations

import msgspec
import pytest

from gatectl.core.gate_state import APPLIED_MAX, FINISHED_KEPT, GateState
from gatectl.model import JournalError
from gatectl.model.messages import (
    Checkpoint,
    LeaseIssued,
    OrderIssued,
    Receipt,
    Status,
    TransitChanged,
    VehicleConnection,
)
from gatectl.model.scan import Recovered

WAY = [
    "PRE_ADVISED", "ORIGIN_RELEASED", "PICKED", "IDENTIFIED", "WEIGHED", "SEAL_OK", "SCANNED", "RISK_DECIDED",
    "LINE_AUTHORISED", "CROSSING", "CUSTODY_TRANSFERRED", "GROUNDED",
]  # fmt: skip


@pytest.mark.parametrize("state", ["ORIGIN_RELEASED", "PICKED", "WEIGHED", "CROSSING", "CUSTODY_TRANSFERRED"])
@pytest.mark.parametrize("later_s", [0.0, 2.3])
def test_a_restart_anywhere_loses_nothing_and_grants_nothing_twice(rig, state, later_s):
    rig.begin("T-IMP", "T-EXP")
    assert rig.run(120, f"T-IMP={state}")
    rig.run(later_s)
    holders = dict(rig.state.traffic.occupancy.holders)
    rig.restart()
    assert rig.state.traffic.occupancy.holders == holders
    sent = len(rig.sent)
    rig.run(6)
    fresh = rig.sent[sent:]
    assert not [m for m in fresh if isinstance(m, OrderIssued | LeaseIssued)], "no authority before the reset"
    assert not any(rig.commands[f"{c}.enable"] for c in rig.plcs)
    assert rig.reasons("gate") == {"reset_owed"}
    assert not any(v.speed for v in rig.fleet.values())
    rig.command("reset")
    assert rig.run(150, "T-IMP=GROUNDED")
    assert rig.run(150, "T-EXP=GROUNDED")
    assert rig.states("T-IMP") == WAY
    assert rig.states("T-EXP") == WAY
    updates = [
        (m.serial, m.order.order_id, m.order.order_update_id) for m in rig.sent if isinstance(m, OrderIssued)
    ]
    assert len(updates) == len(set(updates))


def test_after_a_restart_a_finished_transit_binds_no_vehicle(rig):
    rig.begin("T-IMP", "T-EXP")
    assert rig.run(150, "T-IMP=GROUNDED")
    rig.restart()
    assert list(rig.state.orders) == ["AGV02"]
    assert rig.state.transits["T-IMP"].state == "GROUNDED"


def test_lease_epochs_rise_with_every_start(rig):
    rig.begin("T-IMP")
    rig.restart()
    rig.run(4)
    rig.command("reset")
    rig.run(2)
    leases = [m.lease for m in rig.sent if isinstance(m, LeaseIssued) and m.lease.serial == "AGV01"]
    keys = [(lease.epoch, lease.sequence) for lease in leases]
    assert keys == sorted(set(keys))
    assert {epoch for epoch, _ in keys} == {1, 2}


def test_a_start_with_a_vehicle_that_does_not_report_keeps_its_blocks(rig):
    rig.begin("T-IMP", "T-EXP")
    rig.run(100, "T-IMP=CROSSING")
    rig.fleet["AGV01"].muted = True
    rig.restart()
    rig.run(10)
    rig.command("reset")
    rig.run(30)
    assert rig.state.traffic.occupancy.holders["border"] == "AGV01"
    assert rig.reasons("gate") == {"not_reconciled"}


def test_messages_that_come_again_are_applied_once(rig):
    rig.begin(releases=False)
    messages = [rig.announce("T-IMP"), rig.release("T-IMP", "cn"), rig.command("hold", "T-IMP")]
    rig.run(0.1)
    rig.command("resume", "T-IMP")
    rig.run(0.1)
    receipts = len([m for m in rig.sent if isinstance(m, Receipt)])
    rig.inbox += messages * 3
    rig.run(1)
    assert len([m for m in rig.sent if isinstance(m, Receipt)]) == receipts
    assert rig.state.transits["T-IMP"].held_by == ""
    assert rig.states("T-IMP") == ["PRE_ADVISED", "ORIGIN_RELEASED"]


def test_the_memory_of_applied_ids_is_bounded(rig):
    for i in range(APPLIED_MAX + 40):
        rig.command("hold", f"nobody {i}")
    rig.run(0.1)
    assert len(rig.state.applied) == APPLIED_MAX


def test_two_runs_are_equal_byte_by_byte_and_so_is_one_from_a_key_frame(make_rig):
    first, second = make_rig(), make_rig()
    for rig in (first, second):
        rig.begin("T-IMP", "T-EXP")
        rig.run(40)
    assert [out for _, out in first.history] == [out for _, out in second.history]
    assert msgspec.msgpack.encode(first.state) == msgspec.msgpack.encode(second.state)
    frame, at = msgspec.msgpack.encode(second.state), len(second.history)
    second.run(60, "T-IMP=GROUNDED")
    state = msgspec.msgpack.decode(frame, type=GateState)
    assert state == first.state
    for inputs, expected in second.history[at:]:
        state, outputs = second.core.scan(state, inputs, 50_000_000)
        assert msgspec.msgpack.encode(outputs) == expected
    assert msgspec.msgpack.encode(state) == msgspec.msgpack.encode(second.state)


def test_ids_are_of_the_agreed_form_and_unique(rig):
    rig.begin("T-IMP")
    rig.restart()
    rig.run(2)
    ids = [m.id for m in rig.sent]
    assert len(ids) == len(set(ids))
    assert ids[0] == "gate-1-1-1"
    assert ids[-1].startswith("gate-1-2-")


def test_a_connection_that_broke_is_silence_at_once(rig):
    rig.begin()
    rig.fleet["AGV01"].muted = True
    broken = VehicleConnection(id="x", serial="AGV01", connection_state="CONNECTIONBROKEN")
    other = VehicleConnection(id="z", serial="AGV99", connection_state="OFFLINE")
    rig.inbox += [broken, other, VehicleConnection(id="y", serial="AGV02", connection_state="ONLINE")]
    rig.run(0.3)
    assert rig.why("vehicle AGV01").state == "silent"
    assert rig.why("vehicle AGV02").state == "stands"


def test_reports_of_strangers_and_old_ones_say_nothing(rig):
    old = rig.fleet["AGV01"].report(rig.utc - 4 * 10**9, 1)
    strange = msgspec.structs.replace(rig.fleet["AGV01"].report(rig.utc, 2), serial="AGV99")
    rig.fleet["AGV01"].muted = True
    rig.inbox += [old, strange]
    rig.run(1)
    assert rig.reasons("gate") == {"reset_owed", "not_reconciled"}


def test_a_vehicle_off_its_lane_frees_nothing(rig):
    rig.begin("T-IMP", "T-EXP")
    rig.run(60, "T-IMP=PICKED")
    points = rig.fleet["AGV01"].line._points
    rig.fleet["AGV01"].line._points = [(x + 30.0, y + 30.0) for x, y in points]
    rig.run(8)
    assert rig.state.traffic.occupancy.holders["cn_crane"] == "AGV01"


def test_what_a_vehicle_says_is_shown(rig):
    rig.fleet["AGV01"].errors = True
    rig.begin()
    rig.run(1)
    assert rig.reasons("vehicle AGV01") == {"vehicle_disabled", "vehicle_says"}
    assert any("AGV01 says: fatal: drive" in r.text for r in rig.why("vehicle AGV01").reasons)
    detail = [m for m in rig.sent if isinstance(m, Status)][-1].detail
    assert detail["block cn_crane"] == "AGV01"
    assert detail["vehicle AGV01"] == "21.00 m along, +0.00 m across"


def test_a_checkpoint_that_cannot_be_read_is_an_error_with_a_remedy(rig):
    for key, body in (("occupancy", b"\xff"), ("nothing/x", b"\x80")):
        recovered = Recovered(boot_no=2, cold=False, checkpoints=[Checkpoint(id="c", key=key, body=body)])
        with pytest.raises(JournalError) as caught:
            rig.core.start(recovered)
        assert key in caught.value.cause
        assert caught.value.remedy


def test_a_shutdown_commands_nothing_and_steps_no_counter_back(rig):
    rig.begin("T-IMP")
    rig.run(2)
    assert rig.commands["crane_cn.enable"] == 1.0
    names = [rig.layout.names[i] for i in rig.layout.commands()]
    safe = dict(zip(names, rig.core.shutdown(rig.state), strict=True))
    assert {k: v for k, v in safe.items() if v} == {"crane_cn.reset_count": 1.0, "crane_vn.reset_count": 1.0}


def test_two_resets_in_a_row_are_two_edges(rig):
    rig.run(3)
    rig.command("reset")
    rig.step()
    rig.command("reset", "crane_cn")
    rig.run(0.2)
    assert rig.commands["crane_cn.reset_count"] == 2.0
    assert rig.commands["crane_vn.reset_count"] == 1.0


def test_finished_transits_are_forgotten_in_the_end(rig):
    rig.begin("T-IMP", "T-EXP")
    rig.run(150, "T-IMP=GROUNDED")
    done = rig.state.transits["T-IMP"]
    for i in range(FINISHED_KEPT + 3):
        rig.state.transits[f"old{i}"] = msgspec.structs.replace(done, transit_id=f"old{i}")
        rig.state.watches[f"old{i}"] = rig.state.watches["T-IMP"]
    rig.run(0.1)
    finished = [t for t in rig.state.transits.values() if t.state == "GROUNDED"]
    assert len(finished) == FINISHED_KEPT
    assert [m for m in rig.sent if isinstance(m, TransitChanged)]
