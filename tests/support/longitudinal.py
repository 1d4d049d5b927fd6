"""A drive with lag, dead time, drag and brake on a line: what a speed law is tested against."""

from __future__ import annotations

import math
from collections.abc import Callable

from gatectl.core.motion import SpeedLaw, SpeedLimits, SpeedState

DT_S = 0.02


class Drive:
    """gain: achieved per commanded acceleration; drag m/s2 while rolling; slope m/s2: pull of the grade
    against the direction of travel, as a function of the place. The brake holds as friction does."""

    def __init__(self, gain: float, drag: float, slope: Callable[[float], float] = lambda s: 0.0) -> None:
        self.gain, self.drag, self.slope = gain, drag, slope
        self.s = self.v = self.a = 0.0
        self.brake = 1.2
        self.queue = [0.0] * 5

    def step(self, accel: float, brake: bool, dt: float = DT_S) -> None:
        """One scan; the lag is 0.33 s, the dead time five scans, the drive's jerk at most 2 m/s3."""
        self.queue.append(0.0 if brake and accel > 0.0 else accel)
        due = self.queue.pop(0)
        self.a += max(-2.0, min(2.0, (self.gain * due - self.a) / 0.33)) * dt
        self.brake += ((1.2 if brake else 0.0) - self.brake) * dt / 0.15
        force = (self.a if self.v > 0.01 else max(self.a, 0.0)) - self.slope(self.s)
        friction = (self.drag + self.brake) * dt
        free = self.v + force * dt
        self.v = math.copysign(max(0.0, abs(free) - friction), free)
        self.s += dt * self.v


def drive_to(
    end: float, law: SpeedLaw, drive: Drive, table: SpeedLimits, seconds: float = 150.0
) -> list[tuple[float, float, float]]:
    """Drive until the brake holds; (s, v, a) of every scan."""
    state, seen = SpeedState(), []
    for _ in range(round(seconds / DT_S)):
        command = law.step(state, table, drive.s, end_s=end, cap=math.inf, speed=drive.v, dt=DT_S)
        drive.step(command.accel, command.brake)
        seen.append((drive.s, drive.v, drive.a))
        if command.brake and drive.v == 0.0:
            break
    return seen
