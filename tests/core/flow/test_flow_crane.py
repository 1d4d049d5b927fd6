"""The crane cycle: with the rig's PLC program and crane mechanics, and signal by signal."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from drivers.crane.tags import Refusal
from gatectl.core.flow import (
    CRANE_TABLE,
    STEP_NUMBERS,
    CraneState,
    CraneView,
    Cycle,
    Stand,
    crane_commands,
    crane_step,
    stand_problems,
)
from gatectl.core.flow.crane import BETWEEN_TIMEOUT_NS, JOB_TIMEOUT_NS
from gatectl.model import Cause, Quality, Sample
from gatectl.model.messages import Reason
from gatectl.model.site import CraneConfig, Limits
from hil.devices.crane_plc import Plc
from hil.plant.crane import CranePlant, Spot

CONFIG = CraneConfig(id="c1", device="c1", side="cn", slots={"yard": 14.0, "east": 6.0, "west": 0.0})
MS = 1_000_000
STOPPED = (Reason(code="wind_ok", text="too much wind"),)


@dataclass
class Box:
    mass_kg: float = 24_000.0


class Ground:
    """A yard place and a vehicle in the east lane."""

    def __init__(self, **cargo: Box | None) -> None:
        self.cargo = {"yard": None, "east": None} | cargo

    def look(self, slot: str) -> Spot | None:
        if slot not in self.cargo:
            return None
        return Spot(2.6 if slot == "yard" else 4.1, self.cargo[slot])

    def take(self, slot: str) -> None:
        self.cargo[slot] = None

    def put(self, slot: str, cargo) -> None:
        self.cargo[slot] = cargo


class Yard:
    """The cycle against the rig's PLC and mechanics, 50 ms a scan, with the driver's rules between."""

    def __init__(self, kind: str, ground: Ground, state: CraneState | None = None) -> None:
        self.ground = ground
        self.plant = CranePlant(site=ground, slots=CONFIG.slots)
        self.plc = Plc(self.plant)
        self.state = state or CraneState(Cycle("T1", "A", "east", kind, 24_000.0))
        self.now, self.steps, self.notes, self.beat = 0, [], [], 0
        self.plc.write(crane_commands(CraneState(), CONFIG) | {"heartbeat": 0.0}, 0.0)

    def scan(self, against: tuple[Reason, ...] = (), reset: bool = False) -> bool:
        for _ in range(5):
            self.now += 10 * MS
            self.plc.cycle(self.now / 1e9)
            self.plant.step(0.01)
        signals = self.plc.values()
        view = CraneView(
            self.now, lambda t: Sample(float(signals[t]), Quality.GOOD, Cause.NONE, self.now), against
        )
        finished, notes = crane_step(self.state, CONFIG, view, reset)
        self.notes += [n.code for n in notes]
        step = self.state.cycle.step if self.state.cycle else ""
        if not self.steps or self.steps[-1] != step:
            self.steps.append(step)
        commands = crane_commands(self.state, CONFIG)
        if int(commands["job_seq"]) not in (self.plc.echo, self.plc.echo % 65535 + 1):
            commands |= {"job": 0.0, "job_seq": float(self.plc.echo)}
        self.beat += 1
        self.plc.write(commands | {"heartbeat": float(self.beat)}, self.now / 1e9)
        return finished

    def until(self, step: str, seconds: float = 120.0) -> None:
        for _ in range(round(seconds * 20)):
            if self.scan() or self.steps[-1] == step:
                break
        assert self.steps[-1] == step, (self.steps, self.state.job)


def test_load_and_unload_with_the_rigs_crane():
    for kind, before, after in (("load", "yard", "east"), ("unload", "east", "yard")):
        box = Box()
        yard = Yard(kind, Ground(**{before: box}))
        yard.until("")
        assert yard.steps == [*(row.step for row in CRANE_TABLE), ""]
        assert yard.notes == []
        assert (yard.ground.cargo[before], yard.ground.cargo[after]) == (None, box)
        assert yard.plant.height_m > 7.9


@pytest.mark.parametrize("step", [row.step for row in CRANE_TABLE])
def test_stopped_in_any_step_it_goes_on_with_the_same_step(step):
    box = Box()
    yard = Yard("load", Ground(yard=box))
    yard.plant.trolley_m, yard.plant.height_m = 9.0, 6.0
    if step != "clear":
        yard.until(step)
    for _ in range(6):
        yard.scan()
    for _ in range(40):
        yard.scan(STOPPED)
        assert crane_commands(yard.state, CONFIG)["enable"] == 0.0
    assert yard.state.job.reasons == STOPPED
    assert yard.steps[-1] == step
    yard.until("")
    assert yard.ground.cargo["east"] is box


@pytest.mark.parametrize("step", ["lock", "unlock"])
def test_after_a_restart_a_turned_twistlock_is_not_turned_again(step):
    box = Box()
    yard = Yard("load", Ground(yard=box))
    yard.until(step)
    cycle = Cycle("T1", "A", "east", "load", 24_000.0, step)
    yard.until("lift" if step == "lock" else "leave")
    for _ in range(40):
        yard.scan()
    yard.state = CraneState(cycle)
    yard.until("")
    assert yard.ground.cargo["east"] is box


def test_the_wrong_box_is_not_carried():
    yard = Yard("load", Ground(yard=Box(12_000.0)))
    for _ in range(1200):
        yard.scan()
    assert yard.notes == ["load_implausible"]
    assert yard.state.cycle.step == "lift"
    assert crane_commands(yard.state, CONFIG)["enable"] == 0.0


def test_a_refusal_is_a_fault_until_a_reset_and_the_step_is_ordered_again():
    yard = Yard("load", Ground(yard=Box()))
    yard.plant.fault = True
    for _ in range(10):
        yard.scan()
    assert yard.notes == ["job_refused"]
    assert f"refusal {Refusal.FAULT.value}" in yard.state.job.fault.text
    yard.plant.fault = False
    for _ in range(10):
        yard.scan()
    assert yard.state.cycle.step == "clear"
    assert crane_commands(yard.state, CONFIG)["enable"] == 0.0
    yard.scan(reset=True)
    assert crane_commands(yard.state, CONFIG)["reset_count"] == 1.0
    yard.until("")


# ---- signal by signal -----------------------------------------------------------------------


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


# ---- the vehicle under it ---------------------------------------------------------------------

GOOD = Stand(
    serial="A", silent=False, stopped=True, localised=True, along_m=0.1, across_m=-0.05, deviation_m=0.1,
    action="RUNNING",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "starting", "later"),
    [
        ({}, [], []),
        ({"silent": True}, ["vehicle_silent"], ["vehicle_silent"]),
        ({"stopped": False}, ["vehicle_moves"], ["vehicle_moves"]),
        ({"action": "FINISHED"}, ["vehicle_action"], []),
        ({"action": ""}, ["vehicle_action"], ["vehicle_action"]),
        ({"localised": False}, ["vehicle_lost"], []),
        ({"deviation_m": 0.6}, ["vehicle_uncertain"], []),
        ({"along_m": 0.2}, ["vehicle_not_aligned"], []),
        ({"across_m": -0.3}, ["vehicle_not_aligned"], ["vehicle_not_aligned"]),
        (
            {"silent": True, "stopped": False, "along_m": 9.0},
            ["vehicle_silent", "vehicle_moves", "vehicle_not_aligned"],
            ["vehicle_silent", "vehicle_moves", "vehicle_not_aligned"],
        ),
    ],
)
def test_stand(changes, starting, later):
    fields = {f: getattr(GOOD, f) for f in GOOD.__struct_fields__} | changes
    assert [r.code for r in stand_problems(Stand(**fields), Limits(), True)] == starting
    assert [r.code for r in stand_problems(Stand(**fields), Limits(), False)] == later
