"""NMEA 0183 from bytes: cuts sentences out of whatever arrives. No I/O.

A sentence is `$`, printable ASCII, `*` and two hex digits: the XOR of all bytes between `$` and `*`
(NMEA 0183, 5.2.2). It ends there; the CR LF behind it is not waited for. Every `$` begins anew, so
a torn line, a binary prefix or a line without its end never takes the next good sentence with it.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import xor
from typing import NamedTuple

MAX_LENGTH = 400  # the standard says 82; real receivers send more than 200

_DOLLAR, _STAR = 0x24, 0x2A
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_LINE_END = frozenset(b"\r\n")


class Line(NamedTuple):
    """A sentence whose checksum holds. text: from `$` to the second hex digit.

    first_mono_ns: when its `$` was received.
    """

    text: str
    first_mono_ns: int


class NmeaFramer:
    """Bytes in, checked sentences out.

    rejected counts by reason: `checksum` (does not hold), `malformed` (no hex digits behind the
    star), `torn` (ended before its star by a new `$`, a line end or a byte that is not text),
    `overlong`, and `stray_bytes` (bytes, not lines, outside of any sentence; line ends are free).
    """

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._line = bytearray()  # from the `$` on; empty while between sentences
        self._star = -1  # index of the `*` in _line
        self._first_mono_ns = 0

    def feed(self, data: bytes, stamp_mono_ns: int) -> list[Line]:
        """The sentences that became complete with these bytes. stamp: when they were received."""
        lines: list[Line] = []
        for byte in data:
            if byte == _DOLLAR:
                if self._line:
                    self._drop("malformed" if self._star >= 0 else "torn")
                self._line.append(byte)
                self._first_mono_ns = stamp_mono_ns
            elif not self._line:
                if byte not in _LINE_END:
                    self.rejected["stray_bytes"] += 1
            elif self._star >= 0:
                self._checksum_digit(byte, lines)
            elif not 0x20 <= byte <= 0x7E:
                self._drop("torn")
            elif len(self._line) >= MAX_LENGTH:
                self._drop("overlong")
            else:
                if byte == _STAR:
                    self._star = len(self._line)
                self._line.append(byte)
        return lines

    def reset(self) -> None:
        """The wire was opened anew: what had begun will not be continued."""
        if self._line:
            self._drop("torn")

    def _checksum_digit(self, byte: int, lines: list[Line]) -> None:
        if byte not in _HEX:
            self._drop("malformed")
            return
        self._line.append(byte)
        if len(self._line) < self._star + 3:
            return
        if reduce(xor, self._line[1 : self._star], 0) == int(self._line[self._star + 1 :], 16):
            # Upper case, because pynmea2 takes lower-case digits for no checksum at all.
            text = self._line[: self._star].decode("ascii") + self._line[self._star :].decode("ascii").upper()
            lines.append(Line(text, self._first_mono_ns))
            self._clear()
        else:
            self._drop("checksum")

    def _drop(self, reason: str) -> None:
        self.rejected[reason] += 1
        self._clear()

    def _clear(self) -> None:
        self._line.clear()
        self._star = -1
