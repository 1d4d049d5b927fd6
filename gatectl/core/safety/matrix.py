"""The cause-and-effect matrix (words as in IEC 62881), one evaluation per scan.

Rules
- A permissive matters only for an effect that is not running: it is needed to start.
- An interlock matters all the time and releases by itself.
- A trip latches when its cause fails and stays until `reset` rises while that cause is healthy.
  A rising reset while the cause still fails is refused, and the refusal stays visible.
- A reset that stays up is an error: it clears nothing, and nothing starts while it is up.
- First-out: of all that stop an effect the one that came first is marked; the others follow in
  the order in which they came. Causes of one scan count in the order trips, interlocks, permissives.
- What was never evaluated is unsafe: after a start every trip whose cause is not healthy latches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct, field

from gatectl.core.safety.causes import CauseState, CompiledCause, findings
from gatectl.model import ConfigError, Sample
from gatectl.model.messages import Reason
from gatectl.model.site import InterlockConfig, InterlockEffect, Limits

Read = Callable[[str], Sample]


class Latched(Struct):
    """A trip's memory. text: what was seen when it tripped. refused: a reset came too early."""

    text: str
    at_mono_ns: int
    refused: bool = False


class EffectState(Struct):
    """latched: by cause id. order: ids of everything that stops the effect, oldest first."""

    latched: dict[str, Latched] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


class MatrixState(Struct):
    """The matrix's memory: plain data. reset_before starts True, so a reset stuck at start is no edge."""

    causes: dict[str, CauseState] = field(default_factory=dict)
    effects: dict[str, EffectState] = field(default_factory=dict)
    reset_before: bool = True


class EffectResult(Struct, frozen=True, kw_only=True):
    """allowed: the effect may start or go on. tripped: a latch waits for a reset."""

    effect: str
    allowed: bool
    tripped: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Scan:
    """What one evaluation knows. samples: by cause id. held: a reset that was up before."""

    samples: dict[str, Sample]
    now_mono_ns: int
    rising: bool
    held: bool


class Matrix:
    """The effects of one role, built from interlocks.toml; `{device}` in tags becomes `device`.

    tags: full names of the tags it reads. Raises ConfigError with every mistake of the matrix.
    """

    def __init__(self, config: InterlockConfig, role: str, limits: Limits, device: str = "") -> None:
        wrong = findings(config)
        if wrong:
            raise ConfigError(wrong)
        self._effects = tuple(e for e in config.effect if e.role == role)
        used = {name for e in self._effects for name in e.permissives + e.interlocks + e.trips}
        self._causes = {c.id: CompiledCause(c, limits, device) for c in config.cause if c.id in used}
        self.tags: tuple[str, ...] = tuple(dict.fromkeys(c.tag for c in self._causes.values()))
        self.effects: tuple[str, ...] = tuple(e.id for e in self._effects)

    def evaluate(
        self, state: MatrixState, read: Read, now_mono_ns: int, reset: bool, running: frozenset[str]
    ) -> tuple[EffectResult, ...]:
        """One evaluation; `state` is changed in place.

        read: sample of a tag by its full name, already BAD when stale. reset: level of the reset
        signal, its rise counts. running: effects that are being carried out now.
        """
        scan = _Scan({}, now_mono_ns, reset and not state.reset_before, reset and state.reset_before)
        state.reset_before = reset
        for cause_id, cause in self._causes.items():
            scan.samples[cause_id] = sample = read(cause.tag)
            cause.update(state.causes.setdefault(cause_id, CauseState()), sample, now_mono_ns)
        return tuple(self._effect(e, state, scan, e.id in running) for e in self._effects)

    def _effect(
        self, effect: InterlockEffect, state: MatrixState, scan: _Scan, running: bool
    ) -> EffectResult:
        memory = state.effects.setdefault(effect.id, EffectState())
        for name in effect.trips:
            healthy = state.causes[name].healthy
            latch = memory.latched.get(name)
            if not healthy and latch is None:
                text = self._causes[name].text(state.causes[name], scan.samples[name])
                memory.latched[name] = Latched(text, scan.now_mono_ns)
            elif latch is not None and scan.rising:
                if healthy:
                    del memory.latched[name]
                else:
                    latch.refused = True
        needed = effect.interlocks if running else effect.interlocks + effect.permissives
        stops = [*memory.latched, *(n for n in needed if not state.causes[n].healthy)]
        memory.order = [n for n in memory.order if n in stops]
        memory.order += [n for n in stops if n not in memory.order]
        reasons = [
            self._reason(n, memory, state, scan.samples[n], i == 0) for i, n in enumerate(memory.order)
        ]
        if scan.held and (memory.latched or not running):
            reasons.append(
                Reason(
                    code="reset_held",
                    text="the reset signal stays up, which clears nothing",
                    remedy="let the reset go, then give it again",
                    first_out=not reasons,
                )
            )
        return EffectResult(
            effect=effect.id, allowed=not reasons, tripped=bool(memory.latched), reasons=tuple(reasons)
        )

    def _reason(
        self, name: str, memory: EffectState, state: MatrixState, sample: Sample, first_out: bool
    ) -> Reason:
        cause, cause_state, latch = self._causes[name], state.causes[name], memory.latched.get(name)
        text, remedy = cause.text(cause_state, sample), cause.config.remedy
        if latch is not None and cause_state.healthy:
            text, remedy = f"tripped earlier: {latch.text}; it is well again", "look at the place, then reset"
        elif latch is not None:
            text = f"tripped: {text}"
            if latch.refused:
                text += "; a reset was refused because this still fails"
        return Reason(code=name, text=text, remedy=remedy, first_out=first_out)
