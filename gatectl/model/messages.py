"""Messages: discrete things that must not be lost or sampled, and the telemetry beside them.

A `Fact` passes the journal before it is acted on or published and is applied once, by its id.
A `Telemetry` is like a tag that is too rich for a float: only the newest counts, it is never
journaled and may be dropped. UTC times are int nanoseconds since 1970 (`_utc_ns`).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gatectl.model import vda5050

Side = Literal["cn", "vn"]
Direction = Literal["import", "export"]


class Message(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """id: unique for ever within its sender; the idempotency key."""

    id: str


class Fact(Message, frozen=True, kw_only=True):
    """Journaled, applied once."""


class Telemetry(Message, frozen=True, kw_only=True):
    """Newest counts, never journaled."""


# ---- towards the gate core ------------------------------------------------------------------


class PreAdvice(Fact, frozen=True, kw_only=True, tag="pre_advice"):
    """A container is announced. import: CN -> VN. declared_gross_kg: container with cargo."""

    transit_id: str
    container: str
    direction: Direction
    declared_gross_kg: float
    seal: str
    vehicle: str = ""
    issued_utc_ns: int


class ReleaseReceived(Fact, frozen=True, kw_only=True, tag="release_received"):
    """A customs decision as it arrived, with the result of checking its signature.

    verified is False when the signature does not hold, and `refusal` then says why: it is
    journaled all the same, so that the refusal can be explained.
    """

    release_id: str
    customs: Side
    container: str
    transit_id: str
    decision: Literal["release", "revoke", "hold"]
    issued_utc_ns: int
    expires_utc_ns: int
    sequence: int
    verified: bool
    refusal: str = ""


class OperatorCommand(Fact, frozen=True, kw_only=True, tag="operator_command"):
    """A person's (or console's) command.

    subject: a transit id, a crane's or vehicle's name, or "" for this node. `reset` is the rising
    edge that a trip or a restart waits for. `reidentify` carries the re-read container in value;
    `commission` asks a vehicle for steering steps on its next straight drive.
    """

    command: Literal["reset", "hold", "resume", "reidentify", "reweigh", "rescan", "bypass", "commission"]
    subject: str
    who: str
    reason: str = ""
    value: str = ""
    until_utc_ns: int = 0
    issued_utc_ns: int


class ContainerRead(Fact, frozen=True, kw_only=True, tag="container_read"):
    """A container-code camera's reading. confidence: 0..1. lane: site lane id or ""."""

    device: str
    lane: str
    container: str
    confidence: float
    check_digit_ok: bool
    seal: str
    seal_state: Literal["intact", "opened", "missing", "unread"]
    image_ref: str
    read_utc_ns: int


class ScanVerdict(Fact, frozen=True, kw_only=True, tag="scan_verdict"):
    """A screening portal's verdict for one passage."""

    device: str
    container: str
    verdict: Literal["clear", "suspicious", "absent"]
    image_ref: str
    operator: str
    taken_utc_ns: int


class VehicleReport(Telemetry, frozen=True, kw_only=True, tag="vehicle_report"):
    """A vehicle's VDA 5050 state as fleet control received it."""

    serial: str
    state: vda5050.State
    received_utc_ns: int


class VehicleConnection(Telemetry, frozen=True, kw_only=True, tag="vehicle_connection"):
    """A vehicle's VDA 5050 connection topic."""

    serial: str
    connection_state: Literal["ONLINE", "OFFLINE", "CONNECTIONBROKEN"]


class BrokerLink(Telemetry, frozen=True, kw_only=True, tag="broker_link"):
    """Our own link to the broker, as the north process sees it."""

    connected: bool


# ---- towards the vehicle core ---------------------------------------------------------------


class OrderReceived(Fact, frozen=True, kw_only=True, tag="order_received"):
    order: vda5050.Order


class InstantActionsReceived(Fact, frozen=True, kw_only=True, tag="instant_actions_received"):
    instant_actions: vda5050.InstantActions


class Lease(Struct, frozen=True, kw_only=True):
    """The right of one vehicle to some blocks, ending by itself.

    valid_for_ms counts from issued_utc_ns; a vehicle must not move on a lease that has run out,
    and takes none whose sequence is not above the last one it took from the same epoch.
    epoch: fencing number of the issuing gate; a lower one than seen before is refused.
    """

    serial: str
    order_id: str
    order_update_id: int
    blocks: tuple[str, ...]
    epoch: int
    sequence: int
    issued_utc_ns: int
    valid_for_ms: int


class LeaseReceived(Telemetry, frozen=True, kw_only=True, tag="lease_received"):
    lease: Lease


# ---- from the cores -------------------------------------------------------------------------


class OrderIssued(Fact, frozen=True, kw_only=True, tag="order_issued"):
    """gate -> vehicle: a new order or an update that releases the next blocks."""

    serial: str
    order: vda5050.Order


class InstantActionsIssued(Fact, frozen=True, kw_only=True, tag="instant_actions_issued"):
    serial: str
    instant_actions: vda5050.InstantActions


class LeaseIssued(Telemetry, frozen=True, kw_only=True, tag="lease_issued"):
    lease: Lease


class VehicleStateReport(Telemetry, frozen=True, kw_only=True, tag="vehicle_state_report"):
    """vehicle -> fleet control; north fills the header."""

    state: vda5050.State


class TransitChanged(Fact, frozen=True, kw_only=True, tag="transit_changed"):
    """A step of a transit. evidence: what was compared, human readable, by check."""

    transit_id: str
    container: str
    direction: Direction
    vehicle: str
    state: str
    previous: str
    cause: str
    evidence: dict[str, str]
    at_utc_ns: int


class BlockChanged(Fact, frozen=True, kw_only=True, tag="block_changed"):
    """holder: vehicle serial, crane name, or "" for free."""

    block: str
    holder: str
    previous: str
    cause: str
    at_utc_ns: int


class Incident(Fact, frozen=True, kw_only=True, tag="incident"):
    """Something a person must know of. code is stable; text and remedy are for reading."""

    severity: Literal["info", "warning", "alarm"]
    subject: str
    code: str
    text: str
    remedy: str
    at_utc_ns: int


class Receipt(Fact, frozen=True, kw_only=True, tag="receipt"):
    """Answer to a message from customs or an operator: accepted or refused, with all reasons."""

    to: str
    correlation: str
    accepted: bool
    reasons: tuple[str, ...] = ()
    at_utc_ns: int


class Checkpoint(Fact, frozen=True, kw_only=True, tag="checkpoint"):
    """What the core needs to rebuild itself after a restart; only the newest per key is kept.

    body: msgpack of a core-owned struct. The core reads its own checkpoints in `start`.
    """

    key: str
    body: bytes


class Reason(Struct, frozen=True, kw_only=True):
    """One reason why something waits or stopped."""

    code: str
    text: str
    remedy: str = ""
    first_out: bool = False


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a subject (`drive`, `transit T1`, `hoist crane_cn`, `block border`) is as it is."""

    subject: str
    state: str
    summary: str
    reasons: tuple[Reason, ...] = ()


class Status(Telemetry, frozen=True, kw_only=True, tag="status"):
    """Everything that `gatectl why` and the console show; sent on change and once a second."""

    scan_no: int
    explanations: tuple[Explanation, ...]
    detail: dict[str, str]


AnyMessage = (
    PreAdvice
    | ReleaseReceived
    | OperatorCommand
    | ContainerRead
    | ScanVerdict
    | VehicleReport
    | VehicleConnection
    | BrokerLink
    | OrderReceived
    | InstantActionsReceived
    | LeaseReceived
    | OrderIssued
    | InstantActionsIssued
    | LeaseIssued
    | VehicleStateReport
    | TransitChanged
    | BlockChanged
    | Incident
    | Receipt
    | Checkpoint
    | Status
)
