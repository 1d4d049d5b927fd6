"""What cameras and portals say: JSON in, facts out (docs/equipment-protocols.md). No I/O.

Unknown keys are ignored (newer firmware adds some), missing and malformed ones are refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gatectl.model import iso6346
from gatectl.model.errors import WireError
from gatectl.model.messages import ContainerRead, ScanVerdict

EVENT_PATH = "/NotificationInfo/ContainerInfo"
KEEP_ALIVE_PATH = "/NotificationInfo/KeepAlive"
BODY_LIMIT = 65_536  # bytes of a camera's body or a portal's line
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EventId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Time = Annotated[datetime, Meta(tz=True)]
Code = Annotated[str, Meta(max_length=20)]
Text = Annotated[str, Meta(max_length=500)]


class ContainerInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """A camera's event. eventId: unique for ever within the camera; a repetition has the same.

    lane: for a camera that looks at several; else the configured one.
    """

    event_id: EventId
    container_code: Code
    confidence: Annotated[float, Meta(ge=0, le=1)]
    read_time: Time
    lane: Code = ""
    seal: Code = ""
    seal_state: Literal["intact", "opened", "missing", "unread"] = "unread"
    image_ref: Text = ""


class KeepAlive(Struct, frozen=True, kw_only=True, rename="camel"):
    """A camera's sign of life."""

    device_id: Annotated[str, Meta(min_length=1, max_length=64)]


class Verdict(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="verdict"):
    """A portal's verdict. number counts within session, which is new whenever the portal boots."""

    session: EventId
    number: Annotated[int, Meta(ge=1)]
    container_code: Code
    verdict: Literal["clear", "suspicious", "absent"]
    taken_time: Time
    image_ref: Text = ""
    operator: Text = ""


class Heartbeat(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="heartbeat"):
    """A portal's sign of life."""

    session: EventId


class Ack(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="ack"):
    """Our answer to a verdict: it is ours now, do not send it again."""

    session: str
    number: int


class Refusal(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="error"):
    """Our answer to a line that is no message."""

    cause: str


T = TypeVar("T")
_camera_event = msgspec.json.Decoder(ContainerInfo)
_camera_life = msgspec.json.Decoder(KeepAlive)
_portal: msgspec.json.Decoder[Verdict | Heartbeat] = msgspec.json.Decoder(Verdict | Heartbeat)


def parse_event(body: bytes) -> ContainerInfo:
    """A camera's event. Raises WireError."""
    return _decode(_camera_event, body)


def parse_keep_alive(body: bytes) -> KeepAlive:
    """A camera's keep-alive. Raises WireError."""
    return _decode(_camera_life, body)


def parse_line(line: bytes) -> Verdict | Heartbeat:
    """A portal's line. Raises WireError."""
    return _decode(_portal, line)


def to_line(message: Ack | Refusal | Verdict | Heartbeat) -> bytes:
    """A message as a line, LF at its end."""
    return msgspec.json.encode(message) + b"\n"


def container_read(device: str, lane: str, event: ContainerInfo) -> ContainerRead:
    """The fact. Its id comes from the camera's event id, so that a repetition is known as one, even
    after a restart of ours. The check digit is computed here, whatever the camera thinks of it."""
    code = event.container_code.strip().upper().replace(" ", "")
    return ContainerRead(
        id=f"{device}-{event.event_id}",
        device=device,
        lane=event.lane or lane,
        container=code,
        confidence=event.confidence,
        check_digit_ok=iso6346.is_valid(code),
        seal=event.seal.strip(),
        seal_state=event.seal_state,
        image_ref=event.image_ref,
        read_utc_ns=to_utc_ns(event.read_time),
    )


def scan_verdict(device: str, verdict: Verdict) -> ScanVerdict:
    """The fact, with an id from session and number."""
    return ScanVerdict(
        id=f"{device}-{verdict.session}-{verdict.number}",
        device=device,
        container=verdict.container_code.strip().upper().replace(" ", ""),
        verdict=verdict.verdict,
        image_ref=verdict.image_ref,
        operator=verdict.operator,
        taken_utc_ns=to_utc_ns(verdict.taken_time),
    )


def to_utc_ns(time: datetime) -> int:
    """Nanoseconds since 1970 of an aware datetime, exact to its microseconds."""
    return (time - EPOCH) // timedelta(microseconds=1) * 1000


def from_utc_ns(utc_ns: int) -> datetime:
    """The inverse of `to_utc_ns`."""
    return EPOCH + timedelta(microseconds=utc_ns // 1000)


class Seen:
    """The newest `limit` ids, to know a repetition."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}

    def __contains__(self, one: str) -> bool:
        return one in self._ids

    def add(self, one: str) -> None:
        """Remember it; the oldest beyond the limit is forgotten."""
        self._ids[one] = None
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]


class Lines:
    """Cuts a byte stream into lines: LF or CR LF; empty ones are passed over."""

    def __init__(self, limit: int = BODY_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises WireError if one gets longer than the limit."""
        self._buffer += data
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        if max(map(len, [*lines, rest])) > self._limit:
            raise WireError(
                f"a line is longer than {self._limit} bytes", "check the portal's address and protocol"
            )
        return [bytes(line).rstrip(b"\r") for line in lines if line.strip()]


def _decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise WireError(str(error), "see docs/equipment-protocols.md") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"not JSON: {error}", "send one JSON object in UTF-8") from error
