"""Frames: header, payload, CRC-32C, COBS, delimiter 0x00 (docs/firmware-protocol.md).

All fields little endian. The CRC is CRC-32C (Castagnoli; RFC 3720 appendix B.4), COBS is Cheshire and
Baker's (IEEE/ACM Transactions on Networking 7-2, 1999).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import fastcrc
from cobs import cobs

VERSION = 1
HEADER = struct.Struct("<BBHII")
CRC = struct.Struct("<I")
DELIMITER = b"\0"
MAX_ENCODED = 1100  # a controller's largest frame is 1024 bytes before COBS


class FrameType(IntEnum):
    """Who sends it: HELLO and COMMAND the host, the others the controller."""

    HELLO = 1
    HELLO_ACK = 2
    COMMAND = 3
    TELEMETRY = 4
    EVENT = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. stamp_us: the sender's ticks, u32, wrapping after 71.6 minutes."""

    type: int
    sequence: int
    connection: int
    stamp_us: int
    payload: bytes = b""
    version: int = VERSION


def crc32c(data: bytes) -> int:
    """CRC-32C of data; b"123456789" gives 0xE3069283."""
    value: int = fastcrc.crc32.iscsi(data)
    return value


def encode(frame: Frame) -> bytes:
    """The bytes on the wire, delimiter included. Raises struct.error for a field out of range."""
    head = HEADER.pack(frame.version, frame.type, frame.sequence, frame.connection, frame.stamp_us)
    body = head + frame.payload
    encoded: bytes = cobs.encode(body + CRC.pack(crc32c(body)))
    return encoded + DELIMITER


def decode(encoded: bytes) -> Frame | None:
    """The frame between two delimiters, or None if it is damaged."""
    try:
        body = cobs.decode(encoded)
    except cobs.DecodeError:
        return None
    if len(body) < HEADER.size + CRC.size:
        return None
    content, (crc,) = body[: -CRC.size], CRC.unpack(body[-CRC.size :])
    if crc32c(content) != crc:
        return None
    version, kind, sequence, connection, stamp_us = HEADER.unpack_from(content)
    return Frame(kind, sequence, connection, stamp_us, content[HEADER.size :], version)


class Decoder:
    """Cuts a byte stream into frames. Damaged ones are counted (`corrupt`) and left out."""

    def __init__(self) -> None:
        self.corrupt = 0
        self._buffer = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete, in order."""
        frames: list[Frame] = []
        *complete, rest = data.split(DELIMITER)
        for piece in complete:
            self._append(piece)
            if self._too_long:
                self.corrupt += 1
            elif self._buffer:
                frame = decode(bytes(self._buffer))
                if frame is None:
                    self.corrupt += 1
                else:
                    frames.append(frame)
            self._buffer.clear()
            self._too_long = False
        self._append(rest)
        return frames

    def _append(self, piece: bytes) -> None:
        if len(self._buffer) + len(piece) > MAX_ENCODED:
            self._too_long = True
            self._buffer.clear()
        elif not self._too_long:
            self._buffer += piece
