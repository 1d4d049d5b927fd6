"""Messages out of whatever bytes a GNSS receiver sends. No I/O.

Taken: sentences (`$...*hh`), logs (`#...*hhhhhhhh`) and UBX. RTCM 3 and SBF are checked and skipped whole,
so that nothing inside them is taken for a message (drivers/gnss/formats.py).

Every place where one of these could begin is tried, from left to right, and what does not hold costs only
itself. What has begun but is not complete may be noise that looks like a beginning; a message whose
checksum holds inside it is therefore given out at once, and proves that. CR LF is not waited for; but a
sentence that is seen to go on behind its two digits is damaged (a comma that became a star).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from drivers.gnss import formats
from drivers.gnss.checksums import xor8
from drivers.gnss.formats import LOG, PLAIN_SENTENCE, SKIPPED, TEXT, UBX, Verdict

__all__ = ["LOG", "TEXT", "UBX", "Frame", "Framer"]

_BEGINNING = re.compile(rb"[$#\xb5\xd3]").search
_PLAIN = PLAIN_SENTENCE.match  # the common case, judged fast


class Frame(NamedTuple):
    """A message whose checksum holds.

    form: TEXT, LOG or UBX. data: all of its bytes, without CR LF. body: between `$` or `#` and `*`; for UBX
    class, id, length and payload. first_mono_ns: when its first byte was received.
    """

    form: int
    data: bytes
    body: bytes
    first_mono_ns: int


class Framer:
    """Bytes in, checked messages out.

    rejected counts by reason: `checksum` (does not hold), `malformed` (no hex digits behind the star), `torn`
    (ended before its star by a new beginning, a line end or a byte that is not text), `overlong`, and
    `stray_bytes` (bytes, not messages, outside of any message; line ends are free).
    skipped counts RTCM 3 messages by number (`RTCM 1077`) and SBF blocks (`SBF 4007`).
    """

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self._held = b""  # from the first byte that may belong to an unfinished message
        self._marks: list[tuple[int, int]] = []  # (index into _held, reception mono ns), rising

    def feed(self, data: bytes, stamp_mono_ns: int) -> list[Frame]:
        """The messages that became complete with these bytes. stamp: when they were received."""
        self._marks.append((len(self._held), stamp_mono_ns))
        buffer = self._held + data if self._held else data
        found: list[Frame] = []
        settled = position = 0  # accounted for up to here; looked at up to here
        held = -1  # where an unfinished message may begin
        while True:
            if held < 0 and (plain := _PLAIN(buffer, position)) is not None:
                sentence, body, digits = plain.groups()
                if int(digits, 16) == xor8(body) and body[:4] != b"KSXT":  # which may go on behind two digits
                    self._stray(buffer, settled, position)
                    settled = position = plain.end()
                    found.append(Frame(TEXT, sentence, body, self._stamp(plain.start(1))))
                    continue
            beginning = _BEGINNING(buffer, position)
            if beginning is None:
                break
            start = beginning.start()
            end, form, body, reason = _judge(buffer, start)
            if end < 0:
                if held < 0:
                    self._stray(buffer, settled, start)
                    settled = held = start
                position = start + 1
            elif not form:
                if held < 0 and reason:
                    self._stray(buffer, settled, start)
                    self.rejected[reason] += 1
                    settled = end
                position = max(end, start + 1)
            elif held >= 0:  # a whole message behind it: what seemed to begin at `held` never did
                self.rejected["torn"] += 1
                settled = position = held + 1
                held = -1
            else:
                self._stray(buffer, settled, start)
                if form == SKIPPED:
                    self.skipped[reason] += 1
                else:
                    found.append(Frame(form, buffer[start:end], body, self._stamp(start)))
                settled = position = end
        if held < 0:
            self._stray(buffer, settled, len(buffer))
            settled = len(buffer)
        self._hold(buffer, settled)
        return found

    def reset(self) -> None:
        """The wire was opened anew: what had begun will not be continued."""
        if self._held:
            self.rejected["torn"] += 1
        self._held = b""
        self._marks.clear()

    def _stray(self, buffer: bytes, start: int, end: int) -> None:
        """Count the bytes between two messages."""
        if start < end and (count := len(buffer[start:end].translate(None, b"\r\n"))):
            self.rejected["stray_bytes"] += count

    def _stamp(self, start: int) -> int:
        """When the byte at `start` was received."""
        marks = self._marks
        if len(marks) == 1:
            return marks[0][1]
        return next(stamp for index, stamp in reversed(marks) if index <= start)

    def _hold(self, buffer: bytes, start: int) -> None:
        """Keep what is from `start` on for the next feed."""
        self._held = buffer[start:]
        if not self._held:
            self._marks.clear()
            return
        first = self._stamp(start)
        self._marks = [(0, first), *((i - start, stamp) for i, stamp in self._marks if i > start)]


def _judge(buffer: bytes, start: int) -> Verdict:
    match buffer[start]:
        case 0x24:
            return (formats.sbf if buffer[start + 1 : start + 2] == b"@" else formats.text)(buffer, start)
        case 0x23:
            return formats.log(buffer, start)
        case 0xB5:
            return formats.ubx(buffer, start)
    return formats.rtcm(buffer, start)
