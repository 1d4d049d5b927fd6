"""A test signal on top of the law neither grows nor is fought: the law knows of it."""

from __future__ import annotations

import math

from gatectl.core.motion import Estimate, Route, Tracker
from gatectl.model.node import VehicleConfig

VEHICLE = VehicleConfig(serial="AGV01", manufacturer="gatectl")
STRAIGHT = Route("a", [(float(x), 0.0) for x in range(0, 301, 5)])


def test_an_added_angle_stays_what_it_is():
    tracker = Tracker(VEHICLE, 0.02)
    state = tracker.start()
    extra = math.radians(0.8)
    commands = []
    for n in range(50):
        pose = Estimate(True, 50.0 + 0.06 * n, 0.0, 0.0, 3.0, 0.0, 0.0, 0.08)
        tracker.deviation(state, STRAIGHT, pose)
        commands.append(tracker.step(state, STRAIGHT, pose, None, 0.02, extra=extra if n >= 10 else 0.0))
    assert max(map(abs, commands[:10])) < 1e-6
    assert math.isclose(commands[10], extra, abs_tol=1e-6)
    assert max(map(abs, commands)) < 1.6 * extra
