"""Both transits through the gate core, in closed loop with a fake fleet and fake cranes."""

from __future__ import annotations

WAY = [
    "PRE_ADVISED", "ORIGIN_RELEASED", "PICKED", "IDENTIFIED", "WEIGHED", "SEAL_OK", "SCANNED", "RISK_DECIDED",
    "LINE_AUTHORISED", "CROSSING", "CUSTODY_TRANSFERRED", "GROUNDED",
]  # fmt: skip


def test_import_and_export_pass_in_order_and_one_waits(rig):
    rig.begin("T-IMP", "T-EXP")
    assert rig.run(200, "T-IMP=GROUNDED")
    assert rig.run(200, "T-EXP=GROUNDED")
    assert rig.states("T-IMP") == WAY
    assert rig.states("T-EXP") == WAY
