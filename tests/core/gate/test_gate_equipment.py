"""Cranes, vehicles and links that fail: everything ends safe, is explained, and goes on afterwards."""

from __future__ import annotations

import msgspec
import pytest

from gatectl.model import Cause
from gatectl.model.messages import (
    BlockChanged,
    BrokerLink,
    LeaseIssued,
    OrderIssued,
)

# ---- equipment and vehicles ---------------------------------------------------------------------


def test_a_plc_that_does_not_answer_trips_and_goes_on_after_a_reset(rig):
    rig.begin("T-IMP")
    rig.run(2)
    assert rig.state.cranes["crane_cn"].cycle is not None
    rig.bad["crane_cn"] = Cause.FROZEN
    rig.run(5)
    assert rig.commands["crane_cn.enable"] == 0.0
    assert rig.why("crane crane_cn").state == "tripped"
    assert {"plc_alive"} <= rig.reasons("crane crane_cn") <= rig.reasons("transit T-IMP") | {"plc_alive"}
    rig.command("reset", "crane_cn")
    rig.run(1)
    assert "a reset was refused" in rig.why("crane crane_cn").reasons[0].text
    rig.bad.clear()
    rig.run(5)
    assert rig.commands["crane_cn.enable"] == 0.0, "not by itself"
    assert rig.why("crane crane_cn").state == "tripped"
    step = rig.state.cranes["crane_cn"].cycle.step
    rig.command("reset", "crane_cn")
    rig.run(0.1)
    assert rig.state.cranes["crane_cn"].cycle.step == step
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


def test_wind_stops_the_crane_and_releases_by_itself(rig):
    rig.begin("T-IMP")
    rig.run(2)
    rig.plcs["crane_cn"].wind = 25.0
    rig.run(3)
    assert rig.commands["crane_cn.enable"] == 0.0
    assert rig.why("crane crane_cn").state == "stopped"
    assert rig.reasons("crane crane_cn") == {"wind_ok"}
    rig.plcs["crane_cn"].wind = 5.0
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


@pytest.mark.parametrize(("flag", "code"), [("conflict", "twistlocks_conflict"), ("refuse", "job_refused")])
def test_a_crane_fault_waits_for_a_reset(rig, flag, code):
    rig.begin("T-IMP")
    rig.run(1)
    setattr(rig.plcs["crane_cn"], flag, True)
    rig.run(8)
    assert code in rig.codes()
    assert rig.why("crane crane_cn").state == "tripped"
    assert code in rig.reasons("transit T-IMP")
    setattr(rig.plcs["crane_cn"], flag, False)
    rig.run(2)
    assert rig.commands["crane_cn.enable"] == 0.0
    rig.command("reset")
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


def test_the_crane_waits_for_an_aligned_vehicle_that_knows_its_place(rig):
    rig.fleet["AGV01"].s += 0.25
    rig.begin("T-IMP")
    rig.run(3)
    assert rig.reasons("crane crane_cn") == {"vehicle_not_aligned", "vehicle_action", "envelope_held"}
    assert rig.why("crane crane_cn").state == "waiting"
    rig.fleet["AGV01"].s -= 0.25
    rig.fleet["AGV01"].deviation = 0.8
    rig.run(3)
    assert rig.reasons("crane crane_cn") == {"vehicle_uncertain", "envelope_held"}
    rig.fleet["AGV01"].deviation = 0.1
    assert rig.run(20, "T-IMP=PICKED")


def test_no_crane_begins_for_a_transit_on_hold(rig):
    rig.fleet["AGV01"].s += 0.25
    rig.begin("T-IMP")
    rig.command("hold", "T-IMP")
    rig.fleet["AGV01"].s -= 0.25
    rig.run(3)
    assert "operator_hold" in rig.reasons("crane crane_cn")
    rig.command("resume", "T-IMP")
    assert rig.run(20, "T-IMP=PICKED")


def test_no_crane_begins_without_the_vehicles_envelope(rig):
    rig.fleet["AGV01"].s += 0.25
    rig.begin("T-IMP")
    rig.state.traffic.occupancy.holders["cn_crane"] = "AGV99"
    rig.fleet["AGV01"].s -= 0.25
    rig.run(3)
    assert "envelope_not_vehicles" in rig.reasons("crane crane_cn")
    assert rig.state.cranes["crane_cn"].cycle is None


def test_evidence_that_comes_late_does_not_replace_newer(rig):
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=RISK_DECIDED")
    before = msgspec.msgpack.encode(rig.state.evidence)
    read = next(iter(rig.state.evidence.reads.values()))
    verdict = next(iter(rig.state.evidence.verdicts.values()))
    rig.inbox.append(msgspec.structs.replace(read, id="x", read_utc_ns=read.read_utc_ns - 1))
    rig.inbox.append(msgspec.structs.replace(verdict, id="y", taken_utc_ns=verdict.taken_utc_ns - 1))
    rig.inbox.append(BrokerLink(id="z", connected=True))
    rig.run(0.1)
    assert msgspec.msgpack.encode(rig.state.evidence) == before


def test_a_silent_vehicle_keeps_its_blocks_and_gets_nothing(rig):
    rig.begin("T-IMP", "T-EXP")
    assert rig.run(100, "T-IMP=CROSSING")
    rig.run(1)
    rig.fleet["AGV01"].muted = True
    sent = len(rig.sent)
    rig.run(60)
    fresh = rig.sent[sent:]
    late = [m for m in fresh if isinstance(m, LeaseIssued) and m.lease.serial == "AGV01"]
    assert len(late) <= 3, "leases end with the reports"
    assert rig.state.traffic.occupancy.holders["border"] == "AGV01"
    assert not [m for m in fresh if isinstance(m, BlockChanged) and m.holder == "AGV01"]
    assert rig.fleet["AGV02"].s == pytest.approx(110.24), "the other one waits at its line"
    assert rig.why("vehicle AGV01").state == "silent"
    assert "AGV01" in rig.why("block border").summary
    assert "block_occupied" in rig.reasons("transit T-EXP")
    assert rig.codes().count("vehicle_silent") == 1
    rig.fleet["AGV01"].muted = False
    assert rig.run(100, "T-IMP=GROUNDED")
    assert rig.run(100, "T-EXP=GROUNDED")


def test_a_vehicle_that_cannot_drive_is_granted_nothing_and_keeps_its_lease(rig):
    rig.begin("T-IMP", "T-EXP", releases=False)
    for side in ("cn", "vn"):
        rig.release("T-IMP", side)
    rig.release("T-EXP", "vn")
    rig.run(60, "T-IMP=RISK_DECIDED")
    rig.fleet["AGV01"].errors = True
    rig.run(30)
    assert rig.state.traffic.occupancy.holders.get("border", "") == ""
    assert "vehicle_disabled" in rig.reasons("transit T-IMP")
    assert "AGV01 cannot drive: fatal: drive" in rig.why("vehicle AGV01").summary
    last = [m for m in rig.sent if isinstance(m, LeaseIssued) and m.lease.serial == "AGV01"][-1]
    assert rig.utc - last.lease.issued_utc_ns <= 10**9
    rig.release("T-EXP", "cn")
    assert rig.run(60, "T-EXP=CROSSING"), "the other one need not wait for it"
    rig.fleet["AGV01"].errors = False
    assert rig.run(200, "T-IMP=GROUNDED")


def test_nothing_is_granted_before_every_vehicle_has_reported_and_a_reset_was_given(rig):
    rig.fleet["AGV02"].muted = True
    rig.announce("T-IMP")
    for side in ("cn", "vn"):
        rig.release("T-IMP", side)
    rig.run(5)
    assert rig.reasons("gate") == {"reset_owed", "not_reconciled"}
    assert {"reset_owed", "not_reconciled"} <= rig.reasons("transit T-IMP")
    rig.command("reset")
    rig.run(5)
    assert rig.reasons("gate") == {"not_reconciled"}
    assert not [m for m in rig.sent if isinstance(m, OrderIssued | LeaseIssued)]
    rig.fleet["AGV02"].muted = False
    assert rig.run(20, "T-IMP=PICKED")


def test_a_vehicle_in_anothers_block_stops_all_grants_and_both_leases(rig):
    rig.begin("T-IMP", "T-EXP")
    rig.run(100, "T-IMP=CROSSING")
    rig.run(3)
    rig.fleet["AGV02"].s = 120.0
    sent = len(rig.sent)
    for _ in range(80):
        rig.fleet["AGV02"].leased = ()
        rig.fleet["AGV01"].leased = ()
        rig.step()
    assert "block_conflict" in rig.codes()
    assert not [m for m in rig.sent[sent + 20 :] if isinstance(m, LeaseIssued)]
    rig.fleet["AGV02"].s = 110.24
    assert rig.run(200, "T-EXP=GROUNDED")


def test_a_crossing_without_a_permit_is_one_alarm(rig):
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=LINE_AUTHORISED")
    rig.run(0.5)
    rig.release("T-IMP", "vn", decision="revoke")
    rig.run(0.2)
    rig.fleet["AGV01"].s = 120.0
    rig.run(30)
    assert rig.codes().count("crossing_without_permit") == 1
    assert rig.states("T-IMP")[-1] == "RISK_DECIDED"


def test_a_crane_stops_for_a_vehicle_that_drives_into_its_envelope(rig):
    rig.begin("T-IMP")
    rig.run(2)
    lane = rig.state.tracks["AGV02"]
    rig.fleet["AGV02"].s = 300.0
    rig.run(1)
    assert lane.s_m == pytest.approx(300.0)
    assert rig.reasons("crane crane_cn") == {"envelope_entered"}
    assert rig.commands["crane_cn.enable"] == 0.0


def test_an_order_that_was_lost_is_sent_again(rig):
    rig.fleet["AGV01"].deaf = True
    rig.begin("T-IMP")
    rig.run(5)
    rig.fleet["AGV01"].deaf = False
    assert rig.run(30, "T-IMP=PICKED")
    orders = [m.order.order_update_id for m in rig.sent if isinstance(m, OrderIssued) and m.serial == "AGV01"]
    assert orders[:2] == [0, 0]
