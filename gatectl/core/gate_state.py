"""The gate core's state, what of it survives a restart, and how a scan's messages get their ids."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from gatectl.core.flow import CraneState, Cycle, Note, ReleaseBook, Transit, Watch
from gatectl.core.safety import MatrixState
from gatectl.core.traffic import Change, LeaseState, Occupancy, OrderState, TrafficState, VehicleTrack
from gatectl.model import JournalError
from gatectl.model.messages import (
    AnyMessage,
    BlockChanged,
    Checkpoint,
    ContainerRead,
    Incident,
    Receipt,
    ScanVerdict,
)
from gatectl.model.scan import Recovered, ScanInputs

APPLIED_MAX = 512
FINISHED_KEPT = 20


class Evidence(Struct):
    """The newest of each device."""

    reads: dict[str, ContainerRead] = field(default_factory=dict)
    verdicts: dict[str, ScanVerdict] = field(default_factory=dict)


class CraneMemory(Struct):
    """What of a crane survives."""

    cycle: Cycle | None
    reset_count: int


class GateState(Struct):
    """Everything that changes. applied: ids of the newest facts taken, so that each counts once.

    resets: cranes whose reset waits for a scan in which it can rise. silent: vehicles whose silence was
    reported. trespassed: transits whose crossing without a permit was reported. saved: the body of
    each checkpoint as it was last sent. shown: what the last Status said.
    """

    boot_no: int = 0
    counter: int = 0
    applied: list[str] = field(default_factory=list)
    reset_owed: bool = True
    reconciled: bool = False
    resets: list[str] = field(default_factory=list)
    tracks: dict[str, VehicleTrack] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    trespassed: list[str] = field(default_factory=list)
    traffic: TrafficState = field(default_factory=TrafficState)
    orders: dict[str, OrderState] = field(default_factory=dict)
    order_sent_mono_ns: dict[str, int] = field(default_factory=dict)
    leases: dict[str, LeaseState] = field(default_factory=dict)
    transits: dict[str, Transit] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    book: ReleaseBook = field(default_factory=ReleaseBook)
    evidence: Evidence = field(default_factory=Evidence)
    cranes: dict[str, CraneState] = field(default_factory=dict)
    matrices: dict[str, MatrixState] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    status_mono_ns: int = 0


_AREAS: dict[str, type[Struct]] = {
    "occupancy": Occupancy,
    "transit": Transit,
    "order": OrderState,
    "crane": CraneMemory,
    "releases": ReleaseBook,
    "evidence": Evidence,
}


def remember(state: GateState) -> dict[str, Struct]:
    """What must survive, by checkpoint key (`area` or `area/name`)."""
    kept: dict[str, Struct] = {
        "occupancy": state.traffic.occupancy,
        "releases": state.book,
        "evidence": state.evidence,
    }
    kept |= {f"transit/{name}": transit for name, transit in state.transits.items()}
    kept |= {f"order/{name}": order for name, order in state.orders.items()}
    kept |= {
        f"crane/{name}": CraneMemory(crane.cycle, crane.reset_count) for name, crane in state.cranes.items()
    }
    return kept


def recall(state: GateState, recovered: Recovered) -> bool:
    """Put checkpoints back; True when there were any. Raises JournalError for one it cannot read."""
    found: dict[str, Struct] = {}
    for checkpoint in recovered.checkpoints:
        area, _, name = checkpoint.key.partition("/")
        state.saved[checkpoint.key] = checkpoint.body
        try:
            found[checkpoint.key] = msgspec.msgpack.decode(checkpoint.body, type=_AREAS[area])
        except (KeyError, msgspec.MsgspecError) as error:
            raise JournalError(
                f"the checkpoint {checkpoint.key!r} does not fit this version: {error}",
                "run the version that wrote it, or move the journal away once the gate is known to be empty",
            ) from error
        match found[checkpoint.key]:
            case Occupancy() as occupancy:
                state.traffic.occupancy = occupancy
            case ReleaseBook() as book:
                state.book = book
            case Evidence() as evidence:
                state.evidence = evidence
            case Transit() as transit:
                state.transits[name] = transit
            case OrderState() as order:
                state.orders[name] = order
            case CraneMemory() as memory:
                state.cranes[name] = CraneState(memory.cycle, memory.reset_count)
    # An order outlives its transit only in the journal, where a key cannot be taken back.
    for serial, order in list(state.orders.items()):
        owner = state.transits.get(order.transit_id)
        if owner is None or owner.state == "GROUNDED":
            del state.orders[serial]
    return bool(found)


class Out:
    """A scan's times, its messages and their ids. utc_ok: the system clock is known to be right."""

    def __init__(self, node: str, state: GateState, inputs: ScanInputs) -> None:
        self.messages: list[AnyMessage] = []
        self.scan_no = inputs.scan_no
        self.now_mono_ns = inputs.now_mono_ns
        self.now_utc_ns = inputs.now_utc_ns
        self.utc_ok = inputs.utc_ok
        self._prefix = f"{node}-{state.boot_no}-"
        self._state = state

    def next_id(self) -> str:
        """The next id of this node."""
        self._state.counter += 1
        return f"{self._prefix}{self._state.counter}"

    def note(self, note: Note) -> None:
        """An incident."""
        self.messages.append(
            Incident(
                id=self.next_id(),
                severity=note.severity,
                subject=note.subject,
                code=note.code,
                text=note.text,
                remedy=note.remedy,
                at_utc_ns=self.now_utc_ns,
            )
        )

    def changes(self, changes: list[Change]) -> None:
        """Block changes."""
        for change in changes:
            self.messages.append(
                BlockChanged(
                    id=self.next_id(),
                    block=change.block,
                    holder=change.holder,
                    previous=change.previous,
                    cause=change.cause,
                    at_utc_ns=self.now_utc_ns,
                )
            )

    def receipt(self, to: str, correlation: str, reasons: tuple[str, ...], accepted: bool) -> None:
        """The answer to a message."""
        self.messages.append(
            Receipt(
                id=self.next_id(),
                to=to,
                correlation=correlation,
                accepted=accepted,
                reasons=reasons,
                at_utc_ns=self.now_utc_ns,
            )
        )

    def checkpoints(self) -> None:
        """What must survive and has changed since it was last sent."""
        for key, struct in remember(self._state).items():
            body = msgspec.msgpack.encode(struct)
            if self._state.saved.get(key) != body:
                self._state.saved[key] = body
                self.messages.append(Checkpoint(id=self.next_id(), key=key, body=body))
