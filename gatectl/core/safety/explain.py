"""From a matrix result to what `gatectl why` and the console show."""

from __future__ import annotations

from gatectl.core.safety.matrix import EffectResult
from gatectl.model.messages import Explanation


def explain(subject: str, result: EffectResult, running: bool) -> Explanation:
    """state: running | ready | tripped | stopped | waiting; summary: the first-out, or why all is well.

    A running effect that is no longer allowed is `stopped`; one that cannot start is `waiting`.
    """
    if result.allowed:
        state = "running" if running else "ready"
        return Explanation(subject=subject, state=state, summary=f"{result.effect} is allowed")
    state = "tripped" if result.tripped else "stopped" if running else "waiting"
    first = result.reasons[0]
    more = len(result.reasons) - 1
    tail = f" (and {more} more reason{'s' if more > 1 else ''})" if more else ""
    return Explanation(subject=subject, state=state, summary=first.text + tail, reasons=result.reasons)
