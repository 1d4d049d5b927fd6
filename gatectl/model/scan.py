"""The contract of one scan: what the runtime hands to the core and what it takes back.

A core is a pure step. It may keep its state in place, but the state is plain data that msgspec can
encode (no numpy arrays, no functions): the recorder stores it as a key frame, replay starts from
one, and two runs are compared byte by byte.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gatectl.model.messages import AnyMessage, Checkpoint
from gatectl.model.tags import Snapshot, TagSpec

State = TypeVar("State", bound=Struct)


class Recovered(Struct, kw_only=True):
    """What survived: the start of a core after boot or restart.

    boot_no: counts the starts of this node's scan process for ever (from the journal); the core
    builds its message ids and lease epochs from it. checkpoints: the newest of each key.
    cold: True when the journal was empty (first start ever): nothing is owed.
    """

    boot_no: int
    cold: bool
    checkpoints: list[Checkpoint]


class ScanInputs(Struct, kw_only=True):
    """One scan's inputs. Times are inputs like any other: the core has no clock.

    scan_no counts from 1 since the process started. now_mono_ns, now_utc_ns: taken once, at the
    snapshot. utc_ok: False while the system clock is not known to be right. missed: deadlines
    skipped since the last scan.
    """

    scan_no: int
    now_mono_ns: int
    now_utc_ns: int
    utc_ok: bool
    missed: int
    snapshot: Snapshot
    messages: list[AnyMessage]


class ScanOutputs(Struct, kw_only=True):
    """One scan's outputs.

    commands: one value per command tag, in `Layout.commands()` order, already safe where a
    permissive is missing. core_values: the core's own tags in the order of `Core.tags`, with one
    packed quality byte each. messages: facts and telemetry to publish, in order.
    """

    commands: list[float]
    core_values: list[float]
    core_qualities: bytes
    messages: list[AnyMessage]


class Core(Protocol, Generic[State]):
    """What a role (`gatectl.core.vehicle`, `gatectl.core.gate`) offers to the runtime.

    Built by `gatectl.core.build(node, layout)` with everything constant; all that changes is
    in the state.
    """

    state_type: type[State]

    def start(self, recovered: Recovered) -> State:
        """The state before the first scan: without authority."""

    def scan(self, state: State, inputs: ScanInputs, dt_ns: int) -> tuple[State, ScanOutputs]:
        """One cycle. dt_ns: since the last scan (the period on the first)."""

    def shutdown(self, state: State) -> list[float]:
        """The commands of an ordered shutdown, one per command tag: every one safe."""


CoreTags = tuple[TagSpec, ...]
