"""Announcements, releases, commands and what is reported."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from gate_world import NODE

from gatectl.core.gate import GateCore
from gatectl.model.messages import (
    Status,
    TransitChanged,
)

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


def test_a_site_that_runs_one_way_only_refuses_the_other(rig):
    one_way = msgspec.structs.replace(rig.core._site, route=rig.core._site.route[:1])
    node = msgspec.structs.replace(NODE, site=msgspec.structs.replace(NODE.site, config=one_way))
    rig.core = GateCore(node, rig.layout)
    rig.begin()
    message = rig.announce("T-EXP")
    rig.run(0.1)
    assert rig.receipt(message).reasons == ("the site has no route for export",)


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
