"""What can happen to a gate: each scenario is a coroutine that gets a `hil.stage.Stage`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gatectl.model import UsageError
from hil.scenarios import commissioning, crossing, disturbed
from hil.stage import Stage

Scenario = Callable[[Stage], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {
    "crossing": crossing.run,
    "demo": disturbed.run,
    "commissioning": commissioning.run,
}


def find(name: str) -> Scenario:
    """A scenario by name. Raises UsageError."""
    if name not in SCENARIOS:
        raise UsageError(f"no scenario is called {name}", f"use one of: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
