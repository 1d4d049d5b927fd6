"""The crane PLC's program, cycle by cycle: the handshake, the refusals, the drives. No I/O.

It treats what is written to it as requests and acts on them only if that is safe. It stops by itself
when the controller's heartbeat stands still, and then wants a reset before it goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from drivers.crane.tags import Job, JobState, Mode, Refusal
from hil.plant.crane import CranePlant

HEARTBEAT_LIMIT_S = 0.5
REACHED_M = 0.01
STILL_MPS = 0.03
BRAKING_SHARE = 0.8  # of the drive's acceleration, left for the speed profile
SOFT_LANDING_S = 0.3
TOUCH_MPS = 0.05  # from the landing pins' first contact until the load is down


class Plc:
    """From one boot to the next. travel_height_m: below it the trolley does not travel."""

    def __init__(self, plant: CranePlant, travel_height_m: float = 7.0) -> None:
        self._plant = plant
        self._travel_height_m = travel_height_m
        self._block: dict[str, float] | None = None
        self._heard_s = 0.0
        self._last_beat = 0.0
        self._last_reset = 0.0
        self._was_enabled = False
        self.reset_owed = False
        self.heartbeat = 0
        self.echo = 0
        self.state = JobState.IDLE
        self.refusal = Refusal.NONE
        self.job = Job.STOP
        self._target_m = 0.0
        self._lowering = False

    def write(self, block: Mapping[str, float], now_s: float) -> None:
        """The controller has written the command block; it counts from the next cycle on.

        The first block after a boot starts nothing: its sequence number and its reset count are
        where counting begins, and if it already says enable, a reset is owed.
        """
        if self._block is None:
            self.echo = int(block["job_seq"])
            self._last_reset = block["reset_count"]
            self.reset_owed = bool(block["enable"])
            self._heard_s = now_s
        elif block["heartbeat"] != self._last_beat:
            self._heard_s = now_s
        self._last_beat = block["heartbeat"]
        self._block = dict(block)

    def cycle(self, now_s: float) -> None:
        """One cycle, every 20 ms."""
        self.heartbeat = (self.heartbeat + 1) % 65_536
        block = self._block
        if block is None:
            self._halt()
            return
        heard = now_s - self._heard_s <= HEARTBEAT_LIMIT_S
        if not heard and self._was_enabled:
            self.reset_owed = True
        if heard and block["reset_count"] > self._last_reset:
            self.reset_owed = False
        if heard:
            self._last_reset = block["reset_count"]
        self._was_enabled = heard and bool(block["enable"])
        hindrance = self._hindrance(self._was_enabled)
        if self.state is JobState.RUNNING and hindrance:
            self._end(Refusal.ABORTED if hindrance is Refusal.NOT_ENABLED else hindrance)
        if heard and int(block["job_seq"]) not in (0, self.echo):
            self._accept(block, hindrance)
        if self.state is JobState.RUNNING:
            self._work()
        else:
            self._halt()

    def values(self) -> dict[str, float]:
        """What the registers say now."""
        plant = self._plant
        return {
            "heartbeat": self.heartbeat,
            "mode": plant.mode,
            "estop": plant.estop,
            "fault": plant.fault,
            "hoist_height": plant.height_m,
            "hoist_speed": plant.hoist_mps,
            "trolley_position": plant.trolley_m,
            "trolley_speed": plant.trolley_mps,
            "locked": plant.locked,
            "unlocked": plant.unlocked,
            "landed": plant.landed,
            "load": plant.load_kg,
            "overload": plant.overload,
            "slack_rope": plant.slack_rope,
            "wind_speed": plant.wind_mps,
            "job_echo": self.echo,
            "job_state": self.state,
            "job_refusal": self.refusal,
        }

    def stop(self) -> None:
        """The processor stands still: its outputs drop, the drives brake."""
        self._halt()

    # ---- jobs ---------------------------------------------------------------------------------

    def _hindrance(self, enabled: bool) -> Refusal:
        if self._plant.estop or self._plant.fault:
            return Refusal.FAULT
        if self.reset_owed:
            return Refusal.RESET_OWED
        if self._plant.mode != Mode.AUTOMATIC:
            return Refusal.NOT_AUTOMATIC
        return Refusal.NONE if enabled else Refusal.NOT_ENABLED

    def _accept(self, block: Mapping[str, float], hindrance: Refusal) -> None:
        self._halt()
        self.echo = int(block["job_seq"])
        self.state, self.refusal = JobState.RUNNING, Refusal.NONE
        try:
            self.job = Job(int(block["job"]))
        except ValueError:
            self._end(Refusal.UNKNOWN_JOB)
            return
        self._target_m = block["target"]
        if self.job is Job.STOP:
            self.state = JobState.DONE
            return
        self._lowering = self._target_m < self._plant.height_m
        refusal = hindrance or self._refusal()
        if refusal:
            self._end(refusal)

    def _refusal(self) -> Refusal:
        plant, target_m = self._plant, self._target_m
        if self.job in (Job.LOCK, Job.UNLOCK):
            return Refusal.NONE if plant.landed else Refusal.NOT_LANDED
        if not plant.locked and not plant.unlocked:
            return Refusal.LOCKS_BETWEEN
        low_m, high_m = plant.reach_m if self.job is Job.TROLLEY else plant.lift_m
        if not low_m <= target_m <= high_m:
            return Refusal.OUT_OF_REACH
        if self.job is Job.TROLLEY and plant.height_m < self._travel_height_m:
            return Refusal.TOO_LOW
        return Refusal.NONE

    def _work(self) -> None:
        plant = self._plant
        if self.job is Job.LOCK or self.job is Job.UNLOCK:
            plant.lock_set = self.job is Job.LOCK
            if plant.locked if plant.lock_set else plant.unlocked:
                self._end(Refusal.NONE)
        elif self.job is Job.TROLLEY:
            plant.trolley_set_mps = _profile(
                self._target_m - plant.trolley_m, plant.trolley_max_mps, plant.trolley_accel_mps2
            )
            if _reached(self._target_m - plant.trolley_m, plant.trolley_mps):
                self._end(Refusal.NONE)
        else:
            self._hoist()

    def _hoist(self) -> None:
        plant = self._plant
        way_m = self._target_m - plant.height_m
        if plant.overload and way_m > 0.0:
            self._end(Refusal.OVERLOAD)
        elif self._lowering and plant.landed:
            if plant.touching:
                self._end(Refusal.NONE)
            else:
                plant.hoist_set_mps = -TOUCH_MPS
        elif way_m < -REACHED_M and plant.touching:
            self._end(Refusal.NOT_SEATED)
        elif _reached(way_m, plant.hoist_mps):
            self._end(Refusal.NONE)
        else:
            plant.hoist_set_mps = _profile(way_m, plant.hoist_max_mps, plant.hoist_accel_mps2)

    def _end(self, refusal: Refusal) -> None:
        self._halt()
        self.refusal = refusal
        self.state = JobState.REFUSED if refusal else JobState.DONE

    def _halt(self) -> None:
        self._plant.hoist_set_mps = self._plant.trolley_set_mps = 0.0
        self._plant.lock_set = None


def _profile(way_m: float, top_mps: float, accel_mps2: float) -> float:
    """Speed from which `way_m` suffices to stop, linear near the end: never brakes harder than b."""
    b = BRAKING_SHARE * accel_mps2
    speed_mps = math.sqrt((b * SOFT_LANDING_S) ** 2 + 2.0 * b * abs(way_m)) - b * SOFT_LANDING_S
    return math.copysign(min(top_mps, speed_mps), way_m)


def _reached(way_m: float, speed_mps: float) -> bool:
    return abs(way_m) < REACHED_M and abs(speed_mps) < STILL_MPS
