"""The crane cycle with the rig's PLC program and crane mechanics."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from drivers.crane.tags import Refusal
from gatectl.core.flow import (
    CRANE_TABLE,
    CraneState,
    CraneView,
    Cycle,
    crane_commands,
    crane_step,
)
from gatectl.model import Cause, Quality, Sample
from gatectl.model.messages import Reason
from gatectl.model.site import CraneConfig
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
