"""A weighbridge: the platform swings in after a change, the indicator rounds to its increment.

Second-order response, noise and increment are judgement, typical of road vehicle scales (a few
seconds to settle, e = 10 or 20 kg).
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

STEP_S = 0.01
MOTION_WINDOW_S = 0.8


@dataclass(kw_only=True)
class ScalePlant:
    """weight_kg: what stands on the platform now. motion: what an indicator's motion detection says:
    the readings of the last MOTION_WINDOW_S differ by more than one increment."""

    weight_kg: Callable[[], float]
    increment_kg: float = 10.0
    frequency_hz: float = 1.2
    damping: float = 0.4
    noise_kg: float = 1.5
    seed: int = 1

    swing_kg: float = 0.0  # amplitude of an extra oscillation: wind, an engine, a person
    _seen_kg: float = field(default=0.0, init=False)
    _rate_kgps: float = field(default=0.0, init=False)
    _time_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._recent: deque[tuple[float, float]] = deque()

    def step(self, dt_s: float) -> None:
        """Advance by dt_s, and take one reading."""
        omega = 2.0 * math.pi * self.frequency_hz
        for _ in range(max(1, round(dt_s / STEP_S))):
            force = omega * omega * (self.weight_kg() - self._seen_kg)
            self._rate_kgps += (force - 2.0 * self.damping * omega * self._rate_kgps) * STEP_S
            self._seen_kg += self._rate_kgps * STEP_S
        self._time_s += dt_s
        swing_kg = self.swing_kg * math.sin(2.0 * math.pi * 0.7 * self._time_s)
        self._recent.append((self._time_s, self._seen_kg + swing_kg + self._random.gauss(0.0, self.noise_kg)))
        while self._recent[0][0] < self._time_s - MOTION_WINDOW_S:
            self._recent.popleft()

    @property
    def reading_kg(self) -> float:
        """The newest reading, rounded to the increment."""
        newest = self._recent[-1][1] if self._recent else 0.0
        return round(newest / self.increment_kg) * self.increment_kg

    @property
    def motion(self) -> bool:
        """True while the weight moves."""
        readings = [kg for _, kg in self._recent]
        return len(readings) < 2 or max(readings) - min(readings) > self.increment_kg
