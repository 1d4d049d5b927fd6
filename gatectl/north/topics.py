"""The gate topics as types: what integrators generate code from (config/asyncapi).

snake_case JSON objects; times are RFC 3339 strings in UTC; masses kg; an optional key may be absent.
Unknown keys are refused inbound. `id` is the sender's own and unique for ever: whoever gets no
receipt sends the same message again, and it is applied once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gatectl.model.messages import Direction, Explanation, Side

# End of text in both dialects: in Python a bare $ also matches before a final line feed.
_END = r"$(?!\n)"
_NAME = r"[^:/+#$!\x00-\x1f]"

Id = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}" + _END,
        description="letters, digits, dot, dash, underscore; at most 64",
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern="^" + _NAME + "{1,64}" + _END,
        description="a person, system or device; at most 64 characters, none of : / + # $ !",
    ),
]
OptionalName = Annotated[str, Meta(pattern="^" + _NAME + "{0,64}" + _END)]
Container = Annotated[
    str, Meta(pattern="^[A-Z]{3}[UJZ][0-9]{7}" + _END, description="ISO 6346 code with its check digit")
]
Text = Annotated[str, Meta(max_length=1000)]
Utc = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a time zone")]


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all gate topics."""


# ---- in -------------------------------------------------------------------------------------


class PreAdviceMessage(Wire, frozen=True, kw_only=True):
    """`preadvice`: a container is announced. import: CN -> VN. declared_gross_kg: container with
    its cargo. vehicle: the serial of the vehicle that shall carry it, if it matters."""

    id: Id
    sender: Name
    transit_id: Id
    container: Container
    direction: Direction
    declared_gross_kg: Annotated[float, Meta(gt=0, le=100_000)]
    seal: Annotated[str, Meta(max_length=64)]
    vehicle: OptionalName = ""
    issued_at: Utc


class ReleaseMessage(Wire, frozen=True, kw_only=True):
    """`customs/{side}/release`: one customs' decision on one container.

    signature: base64 of the Ed25519 signature over the RFC 8785 canonical form of this object
    without `signature`. sequence: let it rise with every decision; one that is not above the last
    one taken for the same transit is refused as a replay. release_id: what a later revoke or hold refers to.
    """

    id: Id
    site: Name
    customs: Side
    release_id: Id
    transit_id: Id
    container: Container
    decision: Literal["release", "revoke", "hold"]
    sequence: Annotated[int, Meta(ge=0)]
    issued_at: Utc
    expires_at: Utc
    signature: Annotated[str, Meta(max_length=128)]


class CommandMessage(Wire, frozen=True, kw_only=True):
    """`operator/command`. node: the node that shall act ("" = every node that knows the subject).

    subject: a transit, a crane, a vehicle's serial, a node's name, or "" for the node itself.
    value: the re-read container for reidentify. until: the end of a bypass.
    """

    id: Id
    who: Name
    node: OptionalName = ""
    command: Literal["reset", "hold", "resume", "reidentify", "reweigh", "rescan", "bypass", "commission"]
    subject: OptionalName = ""
    reason: Text = ""
    value: Annotated[str, Meta(max_length=64)] = ""
    until: Utc | None = None
    issued_at: Utc


# ---- out ------------------------------------------------------------------------------------


class ReceiptMessage(Wire, frozen=True, kw_only=True):
    """`customs/{side}/receipt`, `operator/receipt`: the answer to a message.

    correlation: the `id` of the message ("" if it could not be read). known: the same message came
    before and was journaled; this node no longer remembers what the answer was.
    """

    node: str
    to: str
    correlation: str
    result: Literal["accepted", "refused", "known"]
    reasons: tuple[str, ...] = ()
    at: Utc


class TransitMessage(Wire, frozen=True, kw_only=True):
    """`transit/{id}`, retained: the newest step. evidence: what was compared, by check."""

    id: str
    transit_id: str
    container: str
    direction: Direction
    vehicle: str
    state: str
    previous: str
    cause: str
    evidence: dict[str, str]
    at: Utc


class BlockMessage(Wire, frozen=True, kw_only=True):
    """`block/{id}`, retained. holder: a vehicle's serial, a crane, or "" for free."""

    id: str
    block: str
    holder: str
    previous: str
    cause: str
    at: Utc


class IncidentMessage(Wire, frozen=True, kw_only=True):
    """`incident`: something a person must know of. code is stable; text and remedy are for reading."""

    id: str
    node: str
    severity: Literal["info", "warning", "alarm"]
    subject: str
    code: str
    text: str
    remedy: str
    at: Utc


class LeaseMessage(Wire, frozen=True, kw_only=True):
    """`lease/{serial}`, QoS 0, every second: the right of one vehicle to some blocks.

    It ends valid_for_ms after issued_at. sequence rises; epoch is the fencing number of the gate.
    """

    serial: Name
    order_id: str
    order_update_id: Annotated[int, Meta(ge=0)]
    blocks: tuple[str, ...]
    epoch: Annotated[int, Meta(ge=0)]
    sequence: Annotated[int, Meta(ge=0)]
    issued_at: Utc
    valid_for_ms: Annotated[int, Meta(ge=0, le=60_000)]


class NodeStatusMessage(Wire, frozen=True, kw_only=True):
    """`node/{name}/status`. Retained with a last will for a gate. For a vehicle it is not retained:
    its VDA 5050 `connection` topic is what says whether it is there."""

    node: str
    role: Literal["vehicle", "gate"]
    online: bool
    scan_no: Annotated[int, Meta(ge=0)] = 0
    explanations: tuple[Explanation, ...] = ()
    detail: dict[str, str] = {}
    at: Utc
