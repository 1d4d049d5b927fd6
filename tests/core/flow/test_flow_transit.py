"""The transit table and its checks."""

from __future__ import annotations

import pytest

from gatectl.core.flow import (
    GUARDS,
    TRANSIT_STATES,
    TRANSIT_TABLE,
    Transit,
    View,
    Watch,
    reached,
    transit_step,
)
from gatectl.core.flow.transit import PATIENCE_NS
from gatectl.model import Cause, Quality, Sample
from gatectl.model.messages import ContainerRead, Reason, ScanVerdict
from gatectl.model.site import Limits

BOX = "CSQU3054383"
LIMITS = Limits()
S = 1_000_000_000
MISSING = (Reason(code="release_missing_cn", text="", remedy=""),)


def sample(value: float, quality: Quality = Quality.GOOD) -> Sample:
    return Sample(value, quality, Cause.NONE if quality is Quality.GOOD else Cause.LINK_DOWN, 0)


def scale(kg: float = 42_000.0, **changes: Sample) -> dict[str, Sample]:
    good = {"gross": sample(kg), "stable": sample(1), "overload": sample(0), "underload": sample(0)}
    return good | changes


def read(**changes) -> ContainerRead:
    fields = {
        "id": "k", "device": "cam", "lane": "east", "container": BOX, "confidence": 0.9,
        "check_digit_ok": True, "seal": "S1", "seal_state": "intact", "image_ref": "i", "read_utc_ns": 50 * S,
    }  # fmt: skip
    return ContainerRead(**(fields | changes))


def verdict(**changes) -> ScanVerdict:
    fields = {
        "id": "v", "device": "nii", "container": BOX, "verdict": "clear", "image_ref": "x", "operator": "li",
        "taken_utc_ns": 50 * S,
    }  # fmt: skip
    return ScanVerdict(**(fields | changes))


class Way:
    """A transit with what it sees; it stands on the check node and everything is well."""

    def __init__(self, state: str, **fields) -> None:
        self.transit = Transit(
            "T1", BOX, "import", 24_000.0, "S1", vehicle="A", state=state, arrived_utc_ns=40 * S
        )
        for name, value in fields.items():
            setattr(self.transit, name, value)
        self.watch, self.now = Watch(), 60 * S
        self.view = {
            "origin": (), "permit": (), "at_check": True, "scale": scale(), "tare_kg": 18_000.0,
            "read": read(), "verdict": verdict(),
        }  # fmt: skip
        self.notes: list = []

    def step(self, seconds: float = 0.05, **changes):
        self.view |= changes
        self.now += round(seconds * S)
        view = View(now_mono_ns=self.now, now_utc_ns=self.now, **self.view)
        step, notes = transit_step(self.transit, self.watch, view, LIMITS, GUARDS)
        self.notes += notes
        return step

    @property
    def codes(self) -> list[str]:
        return [r.code for r in self.watch.reasons]


def test_the_table_is_whole():
    states = [row.state for row in TRANSIT_TABLE]
    assert {row.guard for row in TRANSIT_TABLE} == set(GUARDS)
    assert {row.next for row in TRANSIT_TABLE} | {"PRE_ADVISED"} == set(states) | {"GROUNDED"}
    assert set(states) < set(TRANSIT_STATES)
    assert reached(Transit("T", BOX, "import", 1.0, "", state="SCANNED"), "SCANNED")
    assert not reached(Transit("T", BOX, "import", 1.0, "", state="SEAL_OK"), "SCANNED")


@pytest.mark.parametrize(
    ("state", "against", "good", "code"),
    [
        ("PRE_ADVISED", {"origin": MISSING}, {"origin": ()}, "release_missing_cn"),
        ("RISK_DECIDED", {"permit": MISSING}, {"permit": ()}, "release_missing_cn"),
        ("LINE_AUTHORISED", {}, {"in_border": True}, "before_border"),
        ("CROSSING", {}, {"left_border": True}, "in_border"),
    ],
)
def test_rows_that_wait_for_one_thing(state, against, good, code):
    way = Way(state)
    assert way.step(**against) is None
    assert code in way.codes
    assert not way.watch.failed
    assert way.step(**good) is not None
    assert way.codes == []


@pytest.mark.parametrize(
    ("state", "flag", "code"),
    [("ORIGIN_RELEASED", "loaded", "not_loaded"), ("CUSTODY_TRANSFERRED", "grounded", "not_grounded")],
)
def test_rows_that_wait_for_the_crane(state, flag, code):
    way = Way(state)
    assert way.step() is None
    assert way.codes == [code]
    setattr(way.transit, flag, True)
    assert way.step() is not None


def test_identity_good():
    way = Way("PICKED")
    step = way.step()
    assert (step.previous, step.state) == ("PICKED", "IDENTIFIED")
    assert way.transit.evidence["identity"] == f"announced {BOX}, read {BOX} (cam, confidence 0.90)"


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"container": "MSKU9070323"}, ["identity_mismatch"]),
        ({"container": "CSQU3054384"}, ["check_digit", "identity_mismatch"]),
        ({"check_digit_ok": False}, ["check_digit"]),
        ({"confidence": 0.79}, ["identity_unsure"]),
        ({"confidence": float("nan")}, ["identity_unsure"]),
    ],
)
def test_identity_wrong_holds_until_a_fresh_good_read(changes, codes):
    way = Way(
        "PICKED",
    )
    assert way.step(read=read(**changes)) is None
    assert way.codes == codes
    assert way.watch.failed
    assert [n.code for n in way.notes] == codes
    way.step()
    assert len(way.notes) == len(codes), "raised once"
    assert way.step(read=read(read_utc_ns=61 * S)).state == "IDENTIFIED"


@pytest.mark.parametrize("old", [None, read(read_utc_ns=39 * S)])
def test_a_read_from_before_the_vehicle_came_is_none(old):
    for state, code in (("PICKED", "no_read"), ("WEIGHED", "no_seal_read")):
        way = Way(state)
        assert way.step(read=old) is None
        assert (way.codes, way.watch.failed) == ([code], False)


def test_nothing_is_read_before_the_vehicle_came():
    way = Way("PICKED", arrived_utc_ns=0)
    assert way.step() is None
    assert way.codes == ["no_read"]


def test_a_person_rereads():
    way = Way("PICKED", operator_read=BOX)
    assert way.step(read=read(container="MSKU9070323")).state == "IDENTIFIED"
    assert "re-read by a person" in way.transit.evidence["identity"]
    way = Way("PICKED", operator_read="CSQU3054384")
    assert way.step() is None
    assert way.codes == ["check_digit", "identity_mismatch"]


def test_reidentify_asks_for_a_fresh_read():
    way = Way("PICKED", identity_after_utc_ns=60 * S)
    assert way.step() is None
    assert way.codes == ["no_read"]


def test_weight_must_be_stable_for_a_second():
    way = Way("IDENTIFIED")
    assert way.step() is None
    assert way.codes == ["weighing"]
    assert way.step(0.5) is None
    assert way.step(0.1, scale=scale(stable=sample(0))) is None
    assert way.codes == ["scale_unstable"]
    assert way.step(0.6, scale=scale()) is None
    assert way.step(0.9) is None
    step = way.step(0.1)
    assert step.state == "WEIGHED"
    assert way.transit.evidence["weight"] == "declared 24000 kg, weighed 24000 kg (+0.0%), allowed 5.0%"


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"gross": sample(1.0, Quality.BAD)}, ["scale_bad"]),
        ({"gross": sample(42_000.0, Quality.UNCERTAIN)}, ["scale_bad"]),
        ({"stable": sample(1.0, Quality.BAD), "overload": sample(1)}, ["scale_bad", "scale_overload"]),
        ({"underload": sample(1)}, ["scale_underload"]),
    ],
)
def test_a_scale_that_may_not_be_believed(changes, codes):
    way = Way("IDENTIFIED")
    for _ in range(3):
        assert way.step(1.0, scale=scale(**changes)) is None
    assert way.codes == codes


def test_the_vehicle_must_stand_on_the_scale():
    way = Way("IDENTIFIED")
    way.step()
    assert way.step(2.0, at_check=False) is None
    assert way.codes == ["not_on_scale"]
    assert way.step(0.1, at_check=True) is None, "the second begins again"


@pytest.mark.parametrize(
    ("gross", "declared", "codes"),
    [
        (42_000.0 + 0.08 * 24_000, 24_000.0, ["weight_off"]),
        (42_000.0 - 0.051 * 24_000, 24_000.0, ["weight_off"]),
        (18_000.0 + 35_100.0, 35_000.0, ["weight_over_limit"]),
        (18_000.0 + 40_000.0, 35_000.0, ["weight_off", "weight_over_limit"]),
        (0.0, 24_000.0, ["weight_off"]),
        (float("nan"), 24_000.0, ["weight_off"]),
    ],
)
def test_a_wrong_weight_holds_until_reweighed(gross, declared, codes):
    way = Way("IDENTIFIED", declared_gross_kg=declared)
    way.step(scale=scale(gross))
    assert way.step(1.0) is None
    assert way.codes == codes
    assert way.watch.failed
    assert way.step(5.0, scale=scale(18_000.0 + declared)) is None, "the weight taken stays"
    way.transit.gross_kg = 0.0
    assert way.step() is None, "a new second begins"
    assert way.step(1.0).state == "WEIGHED"


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"seal_state": "opened"}, ["seal_opened"]),
        ({"seal_state": "missing", "seal": ""}, ["seal_missing", "seal_mismatch"]),
        ({"seal": "S2"}, ["seal_mismatch"]),
    ],
)
def test_seals(changes, codes):
    way = Way("WEIGHED")
    assert way.step(read=read(**changes)) is None
    assert (way.codes, way.watch.failed) == (codes, True)
    assert way.step(read=read()).state == "SEAL_OK"


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"verdict": "suspicious"}, ["screening_suspicious"]),
        ({"verdict": "absent", "container": "X"}, ["verdict_other_box", "screening_absent"]),
    ],
)
def test_verdicts(changes, codes):
    way = Way("SEAL_OK")
    assert way.step(verdict=verdict(**changes)) is None
    assert (way.codes, way.watch.failed) == (codes, True)
    assert way.step(verdict=verdict()).state == "SCANNED"


def test_a_stale_verdict_and_one_of_another_passage():
    way = Way("SEAL_OK")
    assert way.step(700.0) is None
    assert way.codes == ["verdict_stale"]
    for old in (None, verdict(taken_utc_ns=39 * S)):
        assert way.step(verdict=old) is None
        assert (way.codes, way.watch.failed) == (["no_verdict"], False)
    way = Way("SEAL_OK", verdict_after_utc_ns=55 * S)
    assert way.step() is None
    way = Way("SEAL_OK", arrived_utc_ns=0)
    assert way.step() is None


def test_risk_is_decided_unless_customs_object():
    way = Way("SCANNED")
    hold = (Reason(code="release_hold_vn", text="", remedy=""), *MISSING)
    assert way.step(permit=hold) is None
    assert way.codes == ["release_hold_vn"]
    assert way.step(permit=MISSING).state == "RISK_DECIDED"


def test_the_permit_is_withdrawn_before_the_line_and_not_after():
    way = Way("LINE_AUTHORISED")
    step = way.step(permit=MISSING)
    assert (step.state, way.transit.evidence["permit"]) == ("RISK_DECIDED", "withdrawn")
    way = Way("LINE_AUTHORISED")
    assert way.step(permit=MISSING, in_border=True).state == "CROSSING"


def test_an_operators_hold_stops_all_that_is_not_done_yet():
    way = Way("PICKED", held_by="ann: look")
    assert way.step() is None
    assert way.codes == ["operator_hold"]
    way = Way("LINE_AUTHORISED", held_by="ann")
    assert way.step().state == "RISK_DECIDED"
    way = Way("CROSSING", held_by="ann")
    assert way.step(left_border=True).state == "CUSTODY_TRANSFERRED"


def test_evidence_that_does_not_come_is_an_incident_once_and_again_after_it_was_well():
    way = Way("IDENTIFIED")
    unstable = scale(stable=sample(0))
    way.step(scale=unstable)
    way.step(PATIENCE_NS / S)
    assert way.notes == []
    way.step(1.0)
    way.step(1.0)
    assert [n.code for n in way.notes] == ["scale_unstable"]
    way.step(scale=scale())
    way.step(0.1, scale=unstable)
    assert [n.code for n in way.notes] == ["scale_unstable", "weighing", "scale_unstable"]


def test_waiting_elsewhere_is_no_incident():
    way = Way("RISK_DECIDED")
    way.step(permit=MISSING, at_check=False)
    way.step(PATIENCE_NS / S + 1)
    way.step(at_check=True)
    way.step(PATIENCE_NS / S + 1)
    assert way.notes == []
