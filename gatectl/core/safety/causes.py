"""Causes: conditions on one tag that are true when all is well, with quality and delays.

Rules
- Only a GOOD sample can be healthy. BAD and UNCERTAIN both count as the unsafe state, at once: the
  off-delay forgives a wrong value, never a missing one. (A value that is an estimate but whose
  bound is known, such as a protection level while GNSS is lost, is GOOD by its writer's decision.)
- A value that is not finite is unsafe whatever the operator.
- on_delay_s: the condition must have held that long before it counts as true, also after a start.
- off_delay_s: it may fail that long before it counts as false.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from msgspec import Struct

from gatectl.model import Finding, Quality, Sample
from gatectl.model.site import InterlockCause, InterlockConfig, Limits

_TESTS: dict[str, Callable[[float, float], bool]] = {
    "is_true": lambda value, _: value != 0.0,
    "is_false": lambda value, _: value == 0.0,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class CauseState(Struct):
    """healthy: after the delays. changing: the raw condition differs; since_mono_ns: since when."""

    healthy: bool = False
    changing: bool = False
    since_mono_ns: int = 0


class CompiledCause:
    """A configured cause bound to its tag and its limit."""

    def __init__(self, config: InterlockCause, limits: Limits, device: str) -> None:
        self.config = config
        self.id = config.id
        self.tag = config.tag.replace("{device}", device)
        self.limit = float(getattr(limits, config.limit_key)) if config.limit_key else config.limit
        self._test = _TESTS[config.op]
        self._on_delay_ns = round(config.on_delay_s * 1e9)
        self._off_delay_ns = round(config.off_delay_s * 1e9)

    def update(self, state: CauseState, sample: Sample, now_mono_ns: int) -> None:
        """Advance the delays with this scan's sample."""
        if sample.quality is not Quality.GOOD or not math.isfinite(sample.value):
            state.healthy = state.changing = False
            return
        raw = self._test(sample.value, self.limit)
        if raw is state.healthy:
            state.changing = False
            return
        if not state.changing:
            state.changing = True
            state.since_mono_ns = now_mono_ns
        delay_ns = self._on_delay_ns if raw else self._off_delay_ns
        if now_mono_ns - state.since_mono_ns >= delay_ns:
            state.healthy = raw
            state.changing = False

    def text(self, state: CauseState, sample: Sample) -> str:
        """The cause's text with the actual value, its quality and, when it waits, the delay."""
        if sample.quality is not Quality.GOOD:
            # Unsafe because it is not known: to say that it is so would send people the wrong way.
            known = f"{sample.quality.name}, {sample.cause.name}"
            return f"cannot tell whether {self.config.text} ({self.tag}: {known})"
        if self.config.op in ("is_true", "is_false"):
            actual = "true" if sample.value else "false"
        else:
            actual = f"{sample.value:g}, needed {self.config.op} {self.limit:g}"
        wait = f", must hold for {self.config.on_delay_s:g} s" if state.changing else ""
        return f"{self.config.text} ({self.tag}: {actual}{wait})"


def findings(config: InterlockConfig) -> list[Finding]:
    """Mistakes in a matrix that types cannot see. `file` of a finding is left empty."""
    found: list[Finding] = []
    seen: set[str] = set()
    for i, cause in enumerate(config.cause):
        key = f"cause[{i}]"
        if cause.id in seen:
            found.append(Finding("", f"{key}.id", f"cause {cause.id!r} is defined twice", "rename one"))
        seen.add(cause.id)
        if cause.limit_key and cause.limit_key not in Limits.__struct_fields__:
            known = ", ".join(sorted(Limits.__struct_fields__))
            found.append(
                Finding(
                    "", f"{key}.limit_key", f"no limit is called {cause.limit_key!r}", f"use one of {known}"
                )
            )
        for name in ("on_delay_s", "off_delay_s"):
            if not 0.0 <= getattr(cause, name) < math.inf:
                found.append(Finding("", f"{key}.{name}", "not a duration", "use 0 or more seconds"))
    effects: set[tuple[str, str]] = set()
    for i, effect in enumerate(config.effect):
        if (effect.role, effect.id) in effects:
            found.append(
                Finding("", f"effect[{i}].id", f"effect {effect.id!r} is defined twice", "rename one")
            )
        effects.add((effect.role, effect.id))
        names = effect.permissives + effect.interlocks + effect.trips
        for name in sorted({n for n in names if n not in seen}):
            found.append(
                Finding(
                    "",
                    f"effect[{i}]",
                    f"names the cause {name!r}, which nobody defines",
                    "define it or correct it",
                )
            )
        for name in sorted({n for n in names if names.count(n) > 1}):
            found.append(
                Finding(
                    "",
                    f"effect[{i}]",
                    f"names the cause {name!r} twice",
                    "make it a permissive, interlock or trip",
                )
            )
    return found
