"""What a node's processes say to each other: frames (one per datagram) and the bodies they carry.

Wire format: msgpack arrays; a frame's first element is its type.
"""

from __future__ import annotations

import os

import msgspec
from msgspec import Struct

from gatectl.model.messages import AnyMessage, LeaseIssued, LeaseReceived
from gatectl.model.scan import Recovered


class Frame(Struct, frozen=True, array_like=True, tag=True):
    """Base of all frames. instance: one life of one process, never used again."""


class Data(Frame, frozen=True, array_like=True):
    """One reliable body. number: from 1, without gaps; oldest: the oldest not yet acknowledged."""

    sender: str
    instance: str
    number: int
    oldest: int
    body: bytes


class Ack(Frame, frozen=True, array_like=True):
    """Everything up to and including `number` of this instance has arrived (and is journaled)."""

    instance: str
    number: int


class Hello(Frame, frozen=True, array_like=True):
    """A process is up. From scan to north: what do I begin with, what is undelivered? From north to
    scan: say hello to me. From recorder to scan: a key frame, please."""

    name: str
    instance: str


class Recovery(Frame, frozen=True, array_like=True):
    """north's answer to the scan process's hello."""

    instance: str
    recovered: Recovered


class Newest(Frame, frozen=True, array_like=True):
    """Telemetry: may be dropped, the newest counts."""

    message: AnyMessage


class Scanned(Frame, frozen=True, array_like=True):
    """scan -> recorder: one scan's record (`gatectl.runtime.records`), and whose it is."""

    boot_no: int
    now_utc_ns: int
    record: bytes


class Beat(Frame, frozen=True, array_like=True):
    """Heartbeat to the supervisor, with what the process says about itself (state: a word or two)."""

    name: str
    pid: int
    state: str
    detail: dict[str, str | int | float | bool]


AnyFrame = Data | Ack | Hello | Recovery | Newest | Scanned | Beat


class Delivery(Struct, frozen=True, array_like=True):
    """Body north -> scan: a journaled fact. entry: its journal number."""

    entry: int
    message: AnyMessage


class Batch(Struct, frozen=True, array_like=True):
    """Body scan -> north: what one scan consumed (journal numbers) and produced (facts)."""

    boot_no: int
    number: int
    scan_no: int
    consumed: list[int]
    produced: list[AnyMessage]


_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(AnyFrame)


def encode(item: Struct) -> bytes:
    """A frame or a body as msgpack."""
    return _encoder.encode(item)


def decode(datagram: bytes) -> AnyFrame:
    """A frame. Raises msgspec.MsgspecError for anything else."""
    frame: AnyFrame = _frames.decode(datagram)
    return frame


def new_instance() -> str:
    """A name for this life of this process."""
    return os.urandom(8).hex()


def telemetry_key(message: AnyMessage) -> str:
    """Kind and sender: of two messages with one key only the newer counts."""
    if isinstance(message, LeaseIssued | LeaseReceived):
        return f"{type(message).__name__}/{message.lease.serial}"
    return f"{type(message).__name__}/{getattr(message, 'serial', '')}"
