"""The crane cycle signal by signal."""

from __future__ import annotations

import pytest

from gatectl.core.flow import (
    CRANE_TABLE,
    STEP_NUMBERS,
    CraneState,
    CraneView,
    Cycle,
    crane_commands,
    crane_step,
)
from gatectl.core.flow.crane import BETWEEN_TIMEOUT_NS, JOB_TIMEOUT_NS
from gatectl.model import Cause, Quality, Sample
from gatectl.model.messages import Reason
from gatectl.model.site import CraneConfig

CONFIG = CraneConfig(id="c1", device="c1", side="cn", slots={"yard": 14.0, "east": 6.0, "west": 0.0})
MS = 1_000_000


class Panel:
    """Every signal by hand; the crane is high, empty and unlocked."""

    def __init__(self, step: str = "clear") -> None:
        self.state = CraneState(Cycle("T1", "A", "east", "load", 24_000.0, step))
        self.now = 1_000 * MS
        self.bad: set[str] = set()
        self.signals = {
            "hoist_height": 8.0, "trolley_position": 14.0, "locked": 0.0, "unlocked": 1.0, "landed": 0.0,
            "load": 0.0, "job_echo": 7.0, "job_state": 0.0, "job_refusal": 0.0,
        }  # fmt: skip

    def read(self, tag: str) -> Sample:
        quality = (Quality.BAD, Cause.STALE) if tag in self.bad else (Quality.GOOD, Cause.NONE)
        return Sample(self.signals[tag], *quality, self.now)

    def scan(self, ms: int = 50, reset: bool = False, against: tuple[Reason, ...] = (), **signals: float):
        self.now += ms * MS
        self.signals |= signals
        finished, notes = crane_step(self.state, CONFIG, CraneView(self.now, self.read, against), reset)
        assert not finished
        return [n.code for n in notes]

    @property
    def commands(self) -> dict[str, float]:
        return crane_commands(self.state, CONFIG)

    @property
    def codes(self) -> list[str]:
        return [r.code for r in self.state.job.reasons]


def test_idle_commands_nothing_and_counts_resets():
    state = CraneState()
    view = CraneView(1, lambda _: Sample(0.0, Quality.BAD, Cause.NONE, 0), ())
    assert crane_step(state, CONFIG, view, True) == (False, [])
    nothing = {"job": 0.0, "job_seq": 0.0, "target": 0.0, "enable": 0.0, "reset_count": 1.0}
    assert crane_commands(state, CONFIG) == nothing


@pytest.mark.parametrize(("echo", "seq"), [(7.0, 8.0), (65534.0, 65535.0), (65535.0, 1.0), (0.0, 1.0)])
def test_the_next_number_follows_the_echo(echo, seq):
    panel = Panel()
    panel.scan(job_echo=echo)
    assert panel.commands == {"job": 2.0, "job_seq": seq, "target": 8.0, "enable": 1.0, "reset_count": 0.0}


@pytest.mark.parametrize(
    ("step", "signals", "codes"),
    [
        ("clear", {"unlocked": 0.0, "locked": 1.0}, ["unlocked"]),
        ("to_source", {"hoist_height": 5.0}, ["high"]),
        ("lower_source", {"trolley_position": 13.9}, ["at_place"]),
        ("lock", {}, ["landed"]),
        ("lift", {}, ["locked"]),
        ("to_dest", {"hoist_height": 5.0}, ["locked", "high"]),
        ("lower_dest", {"unlocked": 0.0, "locked": 1.0}, ["at_place"]),
        ("unlock", {"unlocked": 0.0, "locked": 1.0}, ["landed"]),
    ],
)
def test_nothing_is_ordered_before_its_conditions_hold(step, signals, codes):
    panel = Panel(step)
    panel.scan(**signals)
    assert panel.codes == codes
    assert panel.commands["job_seq"] == 0.0


def test_targets():
    seen = {}
    for row in CRANE_TABLE:
        for kind in ("load", "unload"):
            state = CraneState(Cycle("T1", "A", "east", kind, 24_000.0, row.step))
            state.job.enabled, state.job.seq = True, 3
            seen[row.step, kind] = crane_commands(state, CONFIG)["target"]
    assert seen["to_source", "load"] == seen["to_dest", "unload"] == 14.0
    assert seen["to_dest", "load"] == seen["to_source", "unload"] == 6.0
    assert seen["lower_source", "load"] == seen["lower_dest", "unload"] == 2.6
    assert seen["lower_dest", "load"] == seen["lower_source", "unload"] == 4.1
    assert seen["lock", "load"] == 0.0
    assert list(STEP_NUMBERS.values()) == list(range(1, 10))


def test_done_for_another_number_or_without_the_signals_is_not_done():
    panel = Panel("lower_source")
    panel.scan()
    panel.scan(job_state=2.0, landed=1.0)
    assert panel.state.cycle.step == "lower_source"
    panel.scan(job_echo=8.0, landed=0.0)
    assert panel.codes == ["job_running", "landed"]
    panel.scan(landed=1.0)
    assert panel.state.cycle.step == "lock"


def test_a_condition_on_a_bad_sample_does_not_hold():
    panel = Panel("to_source")
    panel.bad = {"hoist_height"}
    panel.scan()
    assert panel.codes == ["high"]
    assert "(BAD, STALE)" in panel.state.job.reasons[0].text
    panel.bad = {"job_echo"}
    panel.scan()
    assert panel.codes == ["plc_unclear"]


def test_a_late_job_is_a_fault():
    panel = Panel("lower_source")
    panel.scan()
    panel.scan(job_echo=8.0, job_state=1.0)
    assert panel.codes == ["job_running"]
    assert panel.scan(JOB_TIMEOUT_NS // MS + 1) == ["job_late"]
    assert "not landed" in panel.state.job.fault.text
    assert panel.scan() == []
    assert panel.codes == ["job_late"]
    panel = Panel("to_source")
    panel.scan()
    assert panel.scan(JOB_TIMEOUT_NS // MS + 1) == ["job_late"]
    assert "the PLC does not say done" in panel.state.job.fault.text


def test_a_job_that_the_plc_dropped_is_ordered_again():
    panel = Panel()
    panel.scan()
    panel.scan(job_echo=8.0, job_state=0.0)
    assert panel.commands["job_seq"] == 8.0
    panel.scan(600)
    panel.scan()
    assert panel.commands["job_seq"] == 9.0


def test_twistlocks_that_disagree_stop_at_once():
    panel = Panel()
    assert panel.scan(locked=1.0) == ["twistlocks_conflict"]
    assert panel.commands["enable"] == 0.0
    assert panel.scan(reset=True) == ["twistlocks_conflict"], "a reset does not help while it lasts"
    assert panel.scan(BETWEEN_TIMEOUT_NS // MS + 50) == [], "one fault at a time"
    assert panel.scan(locked=0.0) == []
    assert panel.codes == ["twistlocks_conflict"]
    panel.scan(reset=True)
    assert panel.commands["job_seq"] == 0.0, "it settles first"
    panel.scan(600)
    assert panel.commands["job_seq"] == 8.0


def test_twistlocks_between_for_too_long():
    panel = Panel("lock")
    assert panel.scan(unlocked=0.0, landed=1.0) == []
    assert panel.scan(BETWEEN_TIMEOUT_NS // MS) == []
    assert panel.scan(1) == ["twistlocks_between"]
    panel = Panel("lock")
    panel.bad = {"locked"}
    panel.scan(unlocked=0.0)
    assert panel.scan(BETWEEN_TIMEOUT_NS // MS + 1) == [], "what is not known is no agreement and no conflict"
