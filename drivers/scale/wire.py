"""Weighing indicators' frames: bytes in, readings out. No I/O.

Mettler-Toledo continuous output, 17 bytes or 18 with CHK: STX SWA SWB SWC, 6 weight and 6 tare digits,
CR, CHK (two's complement of the sum of the low 7 bits of all bytes before it).
    SWA b0-2 decimal point (0: x100, 1: x10, 2: x1, 3: .X ... 7: .XXXXX), b3-4 increment, b5 = 1
    SWB b0 net, b1 negative, b2 out of range, b3 motion, b4 kg (else lb), b5 = 1, b6 not zeroed
    SWC b0-2 unit beyond SWB (0: kg or lb), b3 print, b4 expanded, b5 = 1
Yaohua XK3190, 12 bytes: STX, sign, 6 digits, number of decimals 0-4, XOR of bytes 2-9 as two
hexadecimal digits, ETX. It has neither stability nor overload, and its XOR misses exchanged digits
(1560 and 1650 have the same): no reader can see that.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gatectl.model.errors import WireError

STX, ETX, CR = 0x02, 0x03, 0x0D
KG_PER_LB = 0.45359237


class Reading(NamedTuple):
    """One frame. gross: in the unit, None if the indicator shows none (blank or out of range).

    unit: `kg`, `lb`, or "" for another or none told. stable: None if the protocol does not tell.
    increment: smallest step of the display in the unit, 0 if not told.
    """

    gross: float | None
    unit: str
    stable: bool | None
    out_of_range: bool
    negative: bool
    increment: float


class Frame(Protocol):
    """One protocol's frame."""

    length: int

    def decode(self, frame: bytes) -> Reading:
        """The reading in `length` bytes that begin with STX. Raises WireError if they are none."""


class MtContinuous:
    """Mettler-Toledo continuous output, with or without CHK."""

    def __init__(self, checksum: bool = True) -> None:
        self._checksum = checksum
        self.length = 18 if checksum else 17

    def decode(self, frame: bytes) -> Reading:
        """See `Frame`. Values in the display's unit, net readings with their tare added."""
        if len(frame) != self.length or frame[0] != STX or frame[16] != CR:
            raise WireError("not a Mettler-Toledo frame")
        if self._checksum and sum(byte & 0x7F for byte in frame) & 0x7F:
            raise WireError("checksum of a Mettler-Toledo frame is wrong")
        a, b, c = frame[1:4]
        if not (a & b & c & 0x20):
            raise WireError("status words of a Mettler-Toledo frame lack bit 5")
        if c & 0x10:
            raise WireError("the indicator shows an expanded weight", "switch its display back to normal")
        out_of_range, negative = bool(b & 0x04), bool(b & 0x02)
        factor = 10.0 ** (2 - (a & 0x07))
        unit = ("kg" if b & 0x10 else "lb") if not c & 0x07 else ""
        weight = _number(frame[4:10], factor, out_of_range)
        if weight is not None and negative:
            weight = -weight
        if weight is not None and b & 0x01:
            tare = _number(frame[10:16], factor, out_of_range)
            weight = None if tare is None else weight + tare
        increment = ((0, 1, 2, 5)[(a >> 3) & 0x03]) * factor
        return Reading(weight, unit, not b & 0x08, out_of_range, negative, increment)


class Xk3190:
    """Yaohua XK3190 continuous output."""

    length = 12

    def decode(self, frame: bytes) -> Reading:
        """See `Frame`. The unit is not told."""
        if len(frame) != self.length or frame[0] != STX or frame[11] != ETX:
            raise WireError("not an XK3190 frame")
        xor = 0
        for byte in frame[1:9]:
            xor ^= byte
        if frame[9:11] != b"%02X" % xor:
            raise WireError("checksum of an XK3190 frame is wrong")
        if frame[1] not in b"+-" or not frame[2:8].isdigit() or frame[8] not in b"01234":
            raise WireError("an XK3190 frame holds no number")
        negative = frame[1] == ord("-")
        value = int(frame[2:8]) / 10.0 ** (frame[8] - ord("0"))
        return Reading(-value if negative else value, "", None, False, negative, 0.0)


def _number(digits: bytes, factor: float, blank_allowed: bool) -> float | None:
    """Six characters, right-aligned. None for blanks or dashes of a display that is out of range."""
    text = digits.lstrip(b" ")
    if text.isdigit():
        return float(int(text) * factor) if factor >= 1.0 else int(text) / round(1.0 / factor)
    if blank_allowed:
        return None
    raise WireError("a Mettler-Toledo frame holds no number")


class Framer:
    """Finds frames in a byte stream; after garbage it goes on with the next STX that starts one.

    errors: frames that were thrown away; skipped: bytes outside of frames; last_error: why.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._buffer = bytearray()
        self.errors = 0
        self.skipped = 0
        self.last_error: WireError | None = None

    def feed(self, data: bytes) -> list[Reading]:
        """All readings that `data` completes, oldest first. Never raises."""
        self._buffer += data
        buffer, length = self._buffer, self._frame.length
        readings: list[Reading] = []
        while True:
            start = buffer.find(STX)
            if start != 0:
                gone = len(buffer) if start < 0 else start
                self.skipped += gone
                del buffer[:gone]
            if len(buffer) < length:
                return readings
            try:
                readings.append(self._frame.decode(bytes(buffer[:length])))
            except WireError as error:
                self.errors += 1
                self.last_error = error
                del buffer[:1]
            else:
                del buffer[:length]


class StableWindow:
    """Stability for indicators that do not tell: readings within a band for a time.

    A gap in the readings longer than `gap_s` starts anew: what was not seen was not stable.
    """

    def __init__(self, band: float, time_s: float, gap_s: float) -> None:
        self._band, self._time_ns, self._gap_ns = band, round(time_s * 1e9), round(gap_s * 1e9)
        self._since_mono_ns = 0
        self._last_mono_ns: int | None = None
        self._readings: list[tuple[int, float]] = []

    def add(self, value: float, mono_ns: int) -> bool:
        """Take one reading; True if everything since `time_s` ago lies within the band."""
        if self._last_mono_ns is None or mono_ns - self._last_mono_ns > self._gap_ns:
            self._readings.clear()
            self._since_mono_ns = mono_ns
        self._last_mono_ns = mono_ns
        self._readings.append((mono_ns, value))
        while self._readings[0][0] < mono_ns - self._time_ns:
            del self._readings[0]
        values = [v for _, v in self._readings]
        covered = mono_ns - self._since_mono_ns >= self._time_ns
        return covered and max(values) - min(values) <= self._band
