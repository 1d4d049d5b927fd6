"""Every refusal ends safe, is explained, and the way goes on when its cause is gone."""

from __future__ import annotations

import pytest

from gatectl.model import Cause
from gatectl.model.messages import (
    Incident,
    LeaseIssued,
    OrderIssued,
)


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
