"""Blocks: never two holders, first come first served, freed only by a tail that has passed."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatectl.core.traffic import BlockMap, Traffic, TrafficState
from gatectl.model.messages import Reason
from gatectl.model.site import BlockConfig, SpanConfig


def span(lane: str, start: float, end: float) -> SpanConfig:
    return SpanConfig(lane=lane, from_m=start, to_m=end)


BLOCKS = (
    BlockConfig(id="yard", kind="crane", crane="c1", spans=(span("east", 0, 40), span("west", 160, 200))),
    BlockConfig(id="e1", spans=(span("east", 40, 80),)),
    BlockConfig(id="border", kind="border", spans=(span("east", 80, 120), span("west", 80, 120))),
    BlockConfig(id="e2", spans=(span("east", 120, 160),)),
    BlockConfig(id="far", kind="crane", crane="c2", spans=(span("east", 160, 200), span("west", 0, 40))),
    BlockConfig(id="w1", spans=(span("west", 40, 80),)),
    BlockConfig(id="w2", spans=(span("west", 120, 160),)),
)
MAP = BlockMap(BLOCKS)
TRAFFIC = Traffic(MAP)
NOBODY = {"": (), "A": (), "B": ()}


def test_the_map():
    assert MAP.between("east", 75, 125) == ("e1", "border", "e2")
    assert MAP.between("east", 40, 80) == ("e1",)
    assert MAP.between("nowhere", 0, 1) == ()
    assert MAP.span("border", "west") == (80, 120)
    assert MAP.span("e1", "west") is None
    assert MAP.border == {"border"}
    assert MAP.crane_block == {"c1": "yard", "c2": "far"}


def test_a_stretch_is_granted_as_a_whole_or_not_at_all():
    state = TrafficState()
    TRAFFIC.seen(state, "A", "east", 50, 60)
    TRAFFIC.seen(state, "B", "east", 130, 140)
    TRAFFIC.request(state, "A", ("e1", "border", "e2"), "n1")
    assert TRAFFIC.resolve(state, NOBODY) == ({}, [])
    (reason,) = TRAFFIC.why_not(state, "A", NOBODY)
    assert reason.text == "block e2 is not free: B holds it"
    assert TRAFFIC.waiting_for(state, "border") == ("A",)
    assert TRAFFIC.waiting_for(state, "e1") == ()
    TRAFFIC.seen(state, "B", "east", 170, 180)
    assert [c.block for c in TRAFFIC.free_passed(state, "B", "east", 160.5)] == ["e2"]
    granted, changes = TRAFFIC.resolve(state, NOBODY)
    assert granted == {"A": "n1"}
    assert [(c.block, c.holder, c.previous) for c in changes] == [("border", "A", ""), ("e2", "A", "")]
    assert TRAFFIC.held(state, "A") == ("e1", "border", "e2")


def test_first_come_first_served_and_asking_again_keeps_the_place():
    state = TrafficState()
    TRAFFIC.request(state, "B", ("border", "w2"), "nB")
    TRAFFIC.request(state, "A", ("border", "e2"), "nA")
    TRAFFIC.request(state, "B", ("border", "w2"), "nB")
    assert TRAFFIC.waiting_for(state, "border") == ("B", "A")
    granted, _ = TRAFFIC.resolve(state, NOBODY)
    assert granted == {"B": "nB"}
    assert TRAFFIC.waiting_for(state, "border") == ("A",)
    TRAFFIC.withdraw(state, "A")
    TRAFFIC.withdraw(state, "A")
    assert TRAFFIC.waiting_for(state, "border") == ()


def test_a_new_target_goes_to_the_end_of_the_queue():
    state = TrafficState()
    TRAFFIC.request(state, "A", ("e2",), "n1")
    TRAFFIC.request(state, "B", ("border",), "n2")
    TRAFFIC.request(state, "A", ("border",), "n3")
    assert TRAFFIC.waiting_for(state, "border") == ("B", "A")


def test_all_reasons_are_collected():
    state = TrafficState()
    TRAFFIC.seen(state, "A", "east", 50, 60)
    TRAFFIC.seen(state, "B", "east", 55, 90)
    assert state.conflicts == {"B": "e1"}
    TRAFFIC.request(state, "A", ("border",), "n")
    unfit = {"": (Reason(code="x", text=""),), "A": (Reason(code="y", text=""),)}
    assert [r.code for r in TRAFFIC.why_not(state, "A", unfit)] == [
        "x",
        "y",
        "block_conflict",
        "block_occupied",
    ]
    TRAFFIC.seen(state, "B", "east", 85, 100)
    assert state.conflicts == {}


def test_the_envelope_is_lent_and_returned():
    state = TrafficState()
    TRAFFIC.seen(state, "A", "east", 10, 20)
    assert TRAFFIC.lend(state, "c2", "A") == []
    (change,) = TRAFFIC.lend(state, "c1", "A")
    assert (change.block, change.holder, change.previous) == ("yard", "c1", "A")
    assert TRAFFIC.seen(state, "A", "east", 10, 20) == []
    assert state.conflicts == {}
    TRAFFIC.request(state, "B", ("yard",), "n")
    (reason,) = TRAFFIC.why_not(state, "B", NOBODY)
    assert reason.text == "block yard is not free: c1 holds it over A"
    assert TRAFFIC.free_passed(state, "A", "east", 99.0) == []
    (change,) = TRAFFIC.give_back(state, "c1")
    assert (change.holder, change.previous) == ("A", "c1")
    assert TRAFFIC.give_back(state, "c1") == []


def test_a_block_that_is_not_on_the_vehicles_lane_is_not_passed():
    state = TrafficState()
    TRAFFIC.seen(state, "A", "west", 45, 50)
    assert TRAFFIC.free_passed(state, "A", "east", 500.0) == []


class Lane(RuleBasedStateMachine):
    """Two vehicles and two cranes do whatever they like, within what they were granted."""

    @initialize()
    def begin(self) -> None:
        self.state = TrafficState()
        self.at = {"A": 10.0, "B": 10.0}
        self.lane = {"A": "east", "B": "west"}
        self.silent: set[str] = set()
        for serial in self.at:
            self.report(serial)

    def body(self, serial: str) -> tuple[float, float]:
        return self.at[serial] - 5.0, self.at[serial] + 5.0

    def report(self, serial: str) -> None:
        if serial not in self.silent:
            TRAFFIC.seen(self.state, serial, self.lane[serial], *self.body(serial))
            TRAFFIC.free_passed(self.state, serial, self.lane[serial], self.body(serial)[0])

    @rule(serial=st.sampled_from("AB"), way=st.floats(1.0, 60.0))
    def ask(self, serial: str, way: float) -> None:
        start, end = self.body(serial)
        blocks = MAP.between(self.lane[serial], start, min(end + way, 200.0))
        TRAFFIC.request(self.state, serial, blocks, f"{way}")

    @rule()
    def serve(self) -> None:
        unfit = {"": (), "A": (), "B": ()} | {s: (Reason(code="silent", text=""),) for s in self.silent}
        before = dict(self.state.occupancy.holders)
        _, changes = TRAFFIC.resolve(self.state, unfit)
        for change in changes:
            assert before.get(change.block, "") == "" == change.previous
            assert change.holder not in self.silent

    @rule(serial=st.sampled_from("AB"), way=st.floats(0.5, 30.0))
    def drive(self, serial: str, way: float) -> None:
        """A vehicle moves only in blocks that it holds itself."""
        start, end = self.body(serial)
        held = TRAFFIC.held(self.state, serial)
        new = min(end + way, 200.0)
        if all(b in held for b in MAP.between(self.lane[serial], start, new)):
            self.at[serial] = new - 5.0
        self.report(serial)

    @rule(serial=st.sampled_from("AB"))
    def fall_silent_or_come_back(self, serial: str) -> None:
        self.silent ^= {serial}
        self.report(serial)

    @rule(crane=st.sampled_from(["c1", "c2"]), serial=st.sampled_from("AB"))
    def lend(self, crane: str, serial: str) -> None:
        start, end = self.body(serial)
        if MAP.between(self.lane[serial], start, end) == (MAP.crane_block[crane],):
            TRAFFIC.lend(self.state, crane, serial)

    @rule(crane=st.sampled_from(["c1", "c2"]))
    def give_back(self, crane: str) -> None:
        TRAFFIC.give_back(self.state, crane)

    @invariant()
    def every_body_is_in_blocks_of_its_own_or_lent(self) -> None:
        for serial in self.at:
            for block in MAP.between(self.lane[serial], *self.body(serial)):
                holder = TRAFFIC.holder(self.state, block)
                assert serial in (holder, self.state.occupancy.lent.get(block))

    @invariant()
    def nobody_is_in_conflict(self) -> None:
        assert self.state.conflicts == {}


TestLane = Lane.TestCase
TestLane.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
