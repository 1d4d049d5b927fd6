"""The reader's telegram: bytes in, telegrams out. No I/O. docs/equipment-protocols.md describes it.

Big endian, 20 bytes, sent at a fixed rate whether a transponder is near or not:
    A5 5A, number u8, status u8, crossings u16, code u32, lateral i16 mm, age u16, time u16 (both in
    0.1 ms at the telegram's last byte), signal u8, 0, CRC-16/CCITT-FALSE (of `123456789`: 0x29B1)
    status b0 a transponder is in the field, b1 the code of the last crossing was read, b2 antenna fault
"""

from __future__ import annotations

import binascii
import struct
from typing import NamedTuple

START = b"\xa5\x5a"
LENGTH = 20
AGE_MAX = 0xFFFF
TICK_NS = 100_000
_BODY = struct.Struct(">2sBBHIhHHBx")
_CRC = struct.Struct(">H")
_IN_FIELD, _CODE_READ, _FAULT = 1, 2, 4


class Telegram(NamedTuple):
    """number: of the telegram, mod 256; crossings: of the reader, mod 65536, never 0 after the first.

    age_s: from the last crossing to the telegram's last byte, None if older than can be told. ticks: the
    reader's clock at the last byte, 0.1 ms, mod 65536. lateral_m: left positive. signal: 0 to 1.
    """

    number: int
    in_field: bool
    code_read: bool
    fault: bool
    crossings: int
    code: int
    lateral_m: float
    age_s: float | None
    ticks: int
    signal: float


def checksum(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected."""
    return binascii.crc_hqx(data, 0xFFFF)


def decode(frame: bytes) -> Telegram | None:
    """The telegram in these LENGTH bytes, None if they are none."""
    if len(frame) != LENGTH or frame[:2] != START or frame[18:] != _CRC.pack(checksum(frame[:18])):
        return None
    _, number, status, crossings, code, lateral_mm, age, ticks, signal = _BODY.unpack_from(frame)
    return Telegram(
        number,
        bool(status & _IN_FIELD),
        bool(status & _CODE_READ),
        bool(status & _FAULT),
        crossings,
        code,
        lateral_mm / 1000.0,
        None if age == AGE_MAX else age * 1e-4,
        ticks,
        signal / 255.0,
    )


class Framer:
    """Finds telegrams in a byte stream; after garbage it goes on with the next start that fits.

    refused: starts without a sound telegram behind them; skipped: bytes outside of telegrams.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.refused = 0
        self.skipped = 0

    def feed(self, data: bytes) -> list[Telegram]:
        """All telegrams that `data` completes, oldest first. Never raises."""
        self._buffer += data
        found: list[Telegram] = []
        while True:
            start = self._buffer.find(START)
            if start < 0:  # the last byte may be the first half of a start
                start = len(self._buffer) - (1 if self._buffer.endswith(START[:1]) else 0)
            self.skipped += start
            del self._buffer[:start]
            if len(self._buffer) < LENGTH:
                return found
            telegram = decode(bytes(self._buffer[:LENGTH]))
            if telegram is None:
                self.refused += 1
                self.skipped += 1
                del self._buffer[:1]
            else:
                found.append(telegram)
                del self._buffer[:LENGTH]


class Transit:
    """How much later than usual telegrams arrive (a stalled host, a serial server): the age of a crossing
    grows by it. Measured against the fastest, which is forgotten at 0.02 %, more than quartzes drift.

    settled: enough was heard to know the fastest.
    """

    _FORGET = 2e-4
    _SETTLED_NS = 500_000_000

    def __init__(self) -> None:
        self._reader_ns = 0
        self._arrival_ns: int | None = None
        self._ticks = 0
        self._fastest_ns = 0.0

    @property
    def settled(self) -> bool:
        """True from half a second of the reader's time on."""
        return self._reader_ns >= self._SETTLED_NS

    def late_ns(self, ticks: int, arrival_ns: int) -> int:
        """For one telegram after the other; begin anew after a gap of seconds."""
        if self._arrival_ns is None:
            self._fastest_ns = float(arrival_ns)
        else:
            self._reader_ns += ((ticks - self._ticks) & 0xFFFF) * TICK_NS
            self._fastest_ns += (arrival_ns - self._arrival_ns) * self._FORGET
        self._ticks, self._arrival_ns = ticks, arrival_ns
        transit_ns = arrival_ns - self._reader_ns
        self._fastest_ns = min(self._fastest_ns, transit_ns)
        return round(transit_ns - self._fastest_ns)
