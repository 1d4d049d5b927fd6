"""Every refusal ends safe, is explained, and the way goes on when its cause is gone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gatectl.model import Cause
from gatectl.model.messages import BlockChanged, Incident, LeaseIssued, OrderIssued, Status, TransitChanged


def last_base(rig, serial: str) -> str:
    orders = [m.order for m in rig.sent if isinstance(m, OrderIssued) and m.serial == serial]
    return [n.node_id for n in orders[-1].nodes if n.released][-1]


# ---- releases ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        (None, "release_missing_vn", "has not come"),
        ({"verified": False, "refusal": "bad signature"}, "release_refused_vn", "bad signature"),
        ({"container": "MSKU9070323"}, "release_refused_vn", "is for container MSKU9070323"),
        ({"expires_utc_ns": 1}, "release_refused_vn", "had expired when it arrived"),
        ({"decision": "hold"}, "release_hold_vn", "decided hold"),
    ],
)
def test_no_line_without_both_releases(rig, changes, code, word):
    rig.begin("T-IMP", releases=False)
    rig.release("T-IMP", "cn")
    message = None if changes is None else rig.release("T-IMP", "vn", **changes)
    held_earlier = changes is not None and changes.get("decision") == "hold"
    wanted = "SCANNED" if held_earlier else "RISK_DECIDED"
    assert rig.run(60, f"T-IMP={wanted}")
    rig.run(20)
    assert rig.states("T-IMP")[-1] == wanted
    assert last_base(rig, "AGV01") == ("e_cn_check" if held_earlier else "e_line")
    assert rig.fleet["AGV01"].s <= 100.0
    assert code in rig.reasons("transit T-IMP")
    assert any(word in r.text for r in rig.why("transit T-IMP").reasons)
    if message is not None and not held_earlier:
        receipt = rig.receipt(message)
        assert (receipt.accepted, receipt.to) == (False, "vn")
        assert "release_refused" in rig.codes()
    rig.release("T-IMP", "vn")
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


def test_a_release_that_expires_before_the_line(rig):
    rig.begin("T-IMP", releases=False)
    rig.release("T-IMP", "cn")
    rig.release("T-IMP", "vn", expires_utc_ns=rig.utc + 5 * 10**9)
    rig.run(60, "T-IMP=RISK_DECIDED")
    rig.run(10)
    assert rig.reasons("transit T-IMP") == {"release_expired_vn"}


def test_a_permit_is_withdrawn_before_the_line_and_the_vehicle_stops_there(rig):
    rig.begin("T-IMP")
    assert rig.run(60, "T-IMP=LINE_AUTHORISED")
    rig.run(0.5)
    rig.release("T-IMP", "vn", decision="revoke")
    rig.run(20)
    assert rig.states("T-IMP")[-1] == "RISK_DECIDED"
    assert rig.fleet["AGV01"].s + 10.5 <= 113.01, "not over the line"
    assert rig.reasons("transit T-IMP") == {"release_revoke_vn"}
    leases = [m.lease for m in rig.sent if isinstance(m, LeaseIssued) and m.lease.serial == "AGV01"]
    assert "border" not in leases[-1].blocks
    rig.release("T-IMP", "vn")
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


def test_an_operators_hold_stops_a_transit_before_the_line(rig):
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=PICKED")
    hold = rig.command("hold", "T-IMP", reason="look inside")
    rig.run(20)
    assert rig.receipt(hold).accepted
    assert rig.why("transit T-IMP").state == "PICKED, HOLD"
    assert "held by ann: look inside" in rig.why("transit T-IMP").summary
    rig.command("resume", "T-IMP")
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


# ---- checks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "verdict", "state", "codes"),
    [
        ({"container": "CSQU3054384"}, {}, "PICKED", {"check_digit", "identity_mismatch"}),
        ({"container": "MSKU9070323"}, {}, "PICKED", {"identity_mismatch"}),
        ({"seal_state": "opened"}, {}, "WEIGHED", {"seal_opened"}),
        ({}, {"verdict": "suspicious"}, "SEAL_OK", {"screening_suspicious"}),
        ({}, {"container": "MSKU9070323"}, "SEAL_OK", {"verdict_other_box"}),
    ],
)
def test_a_failed_check_holds_and_a_fresh_good_one_ends_it(rig, read, verdict, state, codes):
    rig.read, rig.verdict = read, verdict
    rig.begin("T-IMP")
    rig.run(60, f"T-IMP={state}")
    rig.run(10)
    assert rig.states("T-IMP")[-1] == state
    assert rig.why("transit T-IMP").state == f"{state}, HOLD"
    assert rig.reasons("transit T-IMP") == codes
    assert codes <= set(rig.codes())
    assert all(m.remedy for m in rig.sent if isinstance(m, Incident))
    assert last_base(rig, "AGV01") == "e_cn_check"
    rig.read, rig.verdict = {}, {}
    rig.command("reidentify", "T-IMP")
    rig.command("rescan", "T-IMP")
    rig.run(1)
    rig.look_again("AGV01")
    assert rig.run(120, "T-IMP=CUSTODY_TRANSFERRED")


def test_a_person_rereads_the_code(rig):
    rig.read = {"confidence": 0.3}
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=PICKED")
    rig.run(10)
    assert rig.reasons("transit T-IMP") == {"identity_unsure"}
    rig.command("reidentify", "T-IMP", value=" csqu3054383 ")
    assert rig.run(5, "T-IMP=SCANNED")
    assert "re-read by a person" in rig.state.transits["T-IMP"].evidence["identity"]


def test_a_weight_8_percent_off(rig):
    rig.plcs["crane_cn"].box_kg["CSQU3054383"] = 24_000.0 * 1.08
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=IDENTIFIED")
    rig.run(10)
    assert rig.reasons("transit T-IMP") == {"weight_off"}
    assert "weighed 25920 kg (+8.0%)" in rig.why("transit T-IMP").summary
    rig.command("reweigh", "T-IMP")
    rig.run(3)
    assert rig.codes().count("weight_off") == 2
    rig.fleet["AGV01"].load_kg = 24_000.0
    rig.command("reweigh", "T-IMP")
    assert rig.run(5, "T-IMP=SCANNED")


def test_an_unstable_scale_and_one_that_is_gone(rig):
    rig.stable = False
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=IDENTIFIED")
    rig.run(25)
    assert rig.reasons("transit T-IMP") == {"scale_unstable"}
    assert "scale_unstable" in rig.codes()
    rig.bad["scale_cn"] = Cause.LINK_DOWN
    rig.run(2)
    assert rig.reasons("transit T-IMP") == {"scale_bad"}
    rig.bad.clear()
    rig.stable = True
    assert rig.run(5, "T-IMP=WEIGHED")


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


# ---- announcements and commands -----------------------------------------------------------------


def test_pre_advices_are_refused_with_all_their_reasons(rig):
    rig.begin("T-IMP")
    twice = rig.announce("T-IMP")
    wrong = rig.announce(
        "T-EXP", transit_id="", container="CSQU3054384", declared_gross_kg=0.0, vehicle="AGV99"
    )
    same_box = rig.announce("T-EXP", container="CSQU3054383")
    rig.run(0.1)
    assert len(rig.receipt(twice).reasons) == 1
    assert len(rig.receipt(wrong).reasons) == 4
    assert "already under way as T-IMP" in rig.receipt(same_box).reasons[0]
    assert rig.codes().count("pre_advice_refused") == 3
    assert list(rig.state.transits) == ["T-IMP"]


def test_a_named_vehicle_is_waited_for(rig):
    rig.run(3)
    rig.command("reset")
    rig.announce("T-IMP", vehicle="AGV02")
    rig.release("T-IMP", "cn")
    rig.run(2)
    assert "no_vehicle_AGV02" in rig.reasons("transit T-IMP")
    rig.fleet["AGV02"].s += 2.0
    rig.run(1)
    second = rig.announce("T-EXP", transit_id="T-2", vehicle="AGV02")
    rig.release("T-2", "vn", container=second.container)
    rig.run(1)
    assert "does not stand at w_vn_crane" in rig.why("transit T-2").summary
    rig.fleet["AGV02"].s -= 2.0
    assert rig.run(30, "T-2=PICKED")


def test_commands_that_cannot_be_carried_out(rig):
    rig.begin("T-IMP")
    for command, subject, word in (
        ("bypass", "crane_cn", "cannot be bypassed"),
        ("reset", "T-IMP", "nothing that can be reset"),
        ("hold", "T-9", "no transit is called"),
        ("resume", "T-IMP", "is not held"),
    ):
        message = rig.command(command, subject)
        rig.run(0.05)
        assert word in rig.receipt(message).reasons[0]
    message = rig.command("reset", "AGV01")
    sent = len(rig.sent)
    rig.run(0.05)
    assert message.id not in [getattr(m, "correlation", "") for m in rig.sent[sent:]], "the vehicle answers"


def test_a_release_for_a_transit_that_is_not_announced_yet_is_kept(rig):
    rig.run(1)
    message = rig.release("T-IMP", "cn")
    rig.run(0.1)
    assert rig.receipt(message).accepted
    assert "no transit T-IMP is announced yet" in rig.receipt(message).reasons[0]
    rig.announce("T-IMP")
    rig.run(0.2)
    assert rig.states("T-IMP") == ["PRE_ADVISED", "ORIGIN_RELEASED"]


def test_transitions_carry_their_evidence(rig):
    rig.begin("T-IMP")
    rig.run(60, "T-IMP=RISK_DECIDED")
    changes = {m.state: m for m in rig.sent if isinstance(m, TransitChanged)}
    assert "weight" not in changes["IDENTIFIED"].evidence
    assert changes["WEIGHED"].evidence["weight"].startswith("declared 24000 kg, weighed 24000 kg")
    assert changes["WEIGHED"].previous == "IDENTIFIED"
    assert changes["PICKED"].vehicle == "AGV01"


def test_a_status_comes_on_a_change_and_each_second(rig):
    rig.run(10)
    stamps = [m.scan_no for m in rig.sent if isinstance(m, Status)]
    gaps = [b - a for a, b in pairwise(stamps)]
    assert max(gaps) == 20
    subjects = {e.subject for m in rig.sent if isinstance(m, Status) for e in m.explanations}
    assert {"gate", "crane crane_cn", "crane crane_vn", "vehicle AGV01", "vehicle AGV02"} == subjects
