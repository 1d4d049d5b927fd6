"""The steering actuator as a model: dead time, second-order lag, rate limit, and a sensor that corrects it.

The configured lag is the first-order equivalent (2 * damping / natural frequency), which is what a step
response shows; a closed position loop of a steering cylinder is second order and well damped. Angles
are those of the road wheels: the constant angle that the sensor does not see is part of them.
"""

from __future__ import annotations

import math

from msgspec import Struct

from gatectl.model.node import VehicleConfig

DAMPING = 0.9
HISTORY_S = 0.4  # how old a measured angle may be and still correct the model
TRUST = 0.1  # share of the difference to the sensor that is taken over per scan
SUBSTEPS = (0, 1)


class SteeringState(Struct):
    """angle rad, rate rad/s: modelled, now. sent rad: commands inside the dead time, oldest first.
    past rad: modelled angles of the last scans, newest last."""

    angle: float = 0.0
    rate: float = 0.0
    sent: list[float] = []
    past: list[float] = []


class SteeringModel:
    """One vehicle's steering actuator. period_s: of the scan. part: of a scan, by which the dead time is
    longer than a whole number of them."""

    def __init__(self, vehicle: VehicleConfig, period_s: float) -> None:
        self.lag_s = max(vehicle.steer_tau_s, period_s)
        self.dead_s = vehicle.steer_dead_s
        self.rate_max = math.radians(vehicle.steer_rate_max_dps)
        self._wn2 = (2 * DAMPING / self.lag_s) ** 2
        self._damp = 2 * DAMPING * (2 * DAMPING / self.lag_s)
        delay = vehicle.steer_dead_s / period_s
        whole = int(delay + 1e-9)
        part = delay - whole
        self.part = part if part > 1e-6 else 0.0
        self._kept = whole + 2
        self._period = period_s
        self._history = max(1, round(HISTORY_S / period_s))

    def advance(self, state: SteeringState, dt: float) -> None:
        """One scan of dt s: the command whose dead time is over acts."""
        if len(state.sent) < self._kept:
            state.sent = [state.angle] * (self._kept - len(state.sent)) + state.sent
        newer, older = state.sent[1], state.sent[0]
        due = newer + (older - newer) * self.part
        state.angle, state.rate = self.move(state.angle, state.rate, due, dt)
        state.past.append(state.angle)
        if len(state.past) > self._history:
            del state.past[0]

    def measure(self, state: SteeringState, measured: float, age_s: float, dt: float) -> None:
        """The sensor's angle (rad, road wheels), age_s old, corrects the model."""
        back = round(age_s / dt)
        if back >= len(state.past):
            return
        error = TRUST * (measured - state.past[-1 - back])
        state.angle += error
        for i in range(len(state.past) - 1 - back, len(state.past)):
            state.past[i] += error

    def send(self, state: SteeringState, angle: float) -> None:
        """A new command (rad, road wheels) enters the dead time."""
        state.sent.append(angle)
        del state.sent[0]

    def ahead(self, state: SteeringState) -> list[float]:
        """The angles (rad) at the end of each scan of the dead time that begins now. If it is no whole
        number of scans, the last one is that after `part` of a scan."""
        sent, part, dt = state.sent, self.part, self._period
        angle, rate = state.angle, state.rate
        angles: list[float] = []
        for i in range(2, len(sent)):
            target = sent[i]
            angle, rate = self.move(angle, rate, target + (sent[i - 1] - target) * part, dt)
            angles.append(angle)
        if part:
            angles.append(self.move(angle, rate, sent[-1], part * dt)[0])
        return angles

    def move(self, angle: float, rate: float, target: float, dt: float) -> tuple[float, float]:
        """Angle rad and rate rad/s, dt s later with this target (rad)."""
        h, limit = dt / len(SUBSTEPS), self.rate_max
        pull = h * self._wn2
        # Implicit in the damping: stable for lags down to one scan.
        keep = 1.0 / (1.0 + h * self._damp)
        for _ in SUBSTEPS:
            rate = (rate + pull * (target - angle)) * keep
            if rate > limit:
                rate = limit
            elif rate < -limit:
                rate = -limit
            angle += h * rate
        return angle, rate
