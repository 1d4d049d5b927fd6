"""The PLC's program, stepped without a wire: every refusal, and what ends a job."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from crane_yard import SLOTS, Box, Ground

from drivers.crane import Job, JobState, Refusal
from hil.devices.crane_plc import Plc
from hil.plant.crane import CranePlant


@dataclass
class Rig:
    ground: Ground = field(default_factory=Ground)
    time_s: float = 0.0
    beat: int = 0
    silent: bool = False

    def __post_init__(self) -> None:
        self.plant = CranePlant(site=self.ground, slots=SLOTS)
        self.plc = Plc(self.plant)
        self.block = {"job_seq": 0.0, "job": 0.0, "target": 0.0, "enable": 0.0, "reset_count": 0.0}
        self.run(0.1)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.time_s += 0.02
            self.beat += 1
            if not self.silent:
                self.plc.write({**self.block, "heartbeat": self.beat % 1000}, self.time_s)
            self.plc.cycle(self.time_s)
            self.plant.step(0.02)

    def order(self, job: int, target_m: float = 0.0, seconds: float = 30.0) -> tuple[int, int]:
        self.block |= {"job_seq": self.plc.echo + 1, "job": job, "target": target_m, "enable": 1.0}
        self.run(0.1)
        self.run(seconds)
        return self.plc.state, self.plc.refusal


REFUSED, DONE = JobState.REFUSED, JobState.DONE


@pytest.mark.parametrize("target_m", [7.0, 9.5, 7.99])
def test_hoist_and_trolley_reach_their_targets(target_m: float) -> None:
    rig = Rig()
    assert rig.order(Job.HOIST, target_m) == (DONE, 0)
    assert rig.plant.height_m == pytest.approx(target_m, abs=0.015)
    rig.plant.height_m = 8.0
    assert rig.order(Job.TROLLEY, target_m) == (DONE, 0)
    assert rig.plant.trolley_m == pytest.approx(target_m, abs=0.015)
    assert (rig.plant.hoist_mps, rig.plant.trolley_mps) == (0.0, 0.0)


def test_a_landing_ends_with_the_load_down_and_no_slack_rope() -> None:
    rig = Rig()
    rig.ground.boxes["yard"] = Box()
    assert rig.order(Job.HOIST, 2.6) == (DONE, 0)
    assert rig.plant.touching
    assert not rig.plant.slack_rope
    assert rig.order(Job.LOCK, seconds=3.0) == (DONE, 0)
    assert rig.order(Job.HOIST, 8.0) == (DONE, 0)
    assert rig.order(Job.HOIST, 2.6) == (DONE, 0)
    assert rig.order(Job.UNLOCK, seconds=3.0) == (DONE, 0)


@pytest.mark.parametrize(
    ("job", "target_m", "refusal"),
    [
        (Job.LOCK, 0.0, Refusal.NOT_LANDED),
        (Job.UNLOCK, 0.0, Refusal.NOT_LANDED),
        (Job.TROLLEY, 90.0, Refusal.OUT_OF_REACH),
        (Job.HOIST, 90.0, Refusal.OUT_OF_REACH),
        (9, 0.0, Refusal.UNKNOWN_JOB),
    ],
)
def test_refusals(job: int, target_m: float, refusal: Refusal) -> None:
    assert Rig().order(job, target_m, 0.1) == (REFUSED, refusal)


def test_low_trolley_and_turning_twistlocks_are_refused() -> None:
    rig = Rig()
    rig.plant.height_m = 6.0
    assert rig.order(Job.TROLLEY, 6.0, 0.1) == (REFUSED, Refusal.TOO_LOW)
    rig.plant.twist = 0.5
    assert rig.order(Job.HOIST, 8.0, 0.1) == (REFUSED, Refusal.LOCKS_BETWEEN)


def test_mode_estop_and_enable_are_needed() -> None:
    rig = Rig()
    rig.plant.mode = 1
    assert rig.order(Job.HOIST, 7.0, 0.1) == (REFUSED, Refusal.NOT_AUTOMATIC)
    rig.plant.mode, rig.plant.estop = 2, True
    assert rig.order(Job.HOIST, 7.0, 0.1) == (REFUSED, Refusal.FAULT)
    rig.plant.estop = False
    rig.block |= {"job_seq": rig.plc.echo + 1, "enable": 0.0}
    rig.run(0.1)
    assert (rig.plc.state, rig.plc.refusal) == (REFUSED, Refusal.NOT_ENABLED)


def test_lowering_onto_a_misaligned_vehicle_is_not_seated() -> None:
    rig = Rig()
    rig.ground.aligned = False
    rig.plant.trolley_m = 6.0
    rig.ground.boxes["east"] = Box()
    assert rig.order(Job.HOIST, 3.9) == (REFUSED, Refusal.NOT_SEATED)
    assert rig.plant.hoist_mps == 0.0


def test_overload_stops_the_hoist() -> None:
    rig = Rig()
    rig.ground.boxes["yard"] = Box(45_000.0)
    assert rig.order(Job.HOIST, 2.6) == (DONE, 0)
    assert rig.order(Job.LOCK, seconds=3.0) == (DONE, 0)
    assert rig.order(Job.HOIST, 8.0) == (REFUSED, Refusal.OVERLOAD)
    assert rig.plant.height_m < 3.0
    assert rig.order(Job.HOIST, 2.6) == (DONE, 0)  # down again is allowed


def test_silence_stops_and_wants_a_rising_reset() -> None:
    rig = Rig()
    rig.order(Job.HOIST, 3.0, 1.0)
    assert rig.plant.hoist_mps < 0.0
    rig.silent = True
    rig.run(0.7)
    assert rig.plc.state is JobState.REFUSED
    rig.silent = False
    assert rig.order(Job.HOIST, 7.0, 0.1) == (REFUSED, Refusal.RESET_OWED)
    rig.block["reset_count"] += 1
    rig.run(0.1)
    assert rig.order(Job.HOIST, 7.0) == (DONE, 0)


def test_silence_while_not_enabled_owes_nothing() -> None:
    rig = Rig()
    rig.silent = True
    rig.run(2.0)
    rig.silent = False
    assert rig.order(Job.HOIST, 7.0) == (DONE, 0)


def test_the_first_block_after_a_boot_orders_nothing() -> None:
    rig = Rig()
    rig.block |= {"job_seq": 9.0, "job": 2.0, "target": 3.0, "enable": 1.0, "reset_count": 4.0}
    rig.plc = Plc(rig.plant)
    rig.run(1.0)
    assert (rig.plc.echo, rig.plc.state, rig.plc.reset_owed) == (9, JobState.IDLE, True)
    assert rig.plant.hoist_mps == 0.0


def test_a_repeated_block_does_not_repeat_the_job() -> None:
    rig = Rig()
    assert rig.order(Job.HOIST, 7.0) == (DONE, 0)
    rig.plant.height_m = 9.0
    rig.run(2.0)
    assert rig.plant.height_m == 9.0
