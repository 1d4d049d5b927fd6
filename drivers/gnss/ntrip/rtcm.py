"""RTCM 3 frames from bytes. No I/O.

A frame (RTCM 10403.3, 4) is 0xD3, six zero bits, ten bits of length n, n bytes of message, and the
CRC-24Q of all before it. The message begins with its 12-bit number.
"""

from __future__ import annotations

from collections import Counter

from drivers.gnss.checksums import crc24q

PREAMBLE = 0xD3
OVERHEAD = 6
MAX_FRAME = 1023 + OVERHEAD


def message_number(frame: bytes) -> int:
    """RTCM message number of a frame (1005, 1077...); 0 if it is empty."""
    return (frame[3] << 4) | (frame[4] >> 4) if len(frame) >= OVERHEAD + 2 else 0


class FrameSplitter:
    """Bytes in, whole frames out, however the bytes were cut.

    rejected counts `crc` (a preamble whose CRC does not hold) and `stray_bytes` (outside of any
    frame). What looks like a frame and is none costs its first byte only: the search goes on
    behind it, so a good frame inside is found.
    """

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that became complete with these bytes, in order, each with header and CRC."""
        self._waiting += data
        waiting = self._waiting
        frames: list[bytes] = []
        at = 0
        while True:
            start = waiting.find(PREAMBLE, at)
            if start < 0:
                start = len(waiting)
            self.rejected["stray_bytes"] += start - at
            at = start
            if len(waiting) - at < 3:
                break
            if waiting[at + 1] & 0xFC:
                self.rejected["stray_bytes"] += 1
                at += 1
                continue
            size = ((waiting[at + 1] & 0x03) << 8 | waiting[at + 2]) + OVERHEAD
            if len(waiting) - at < size:
                break
            frame = bytes(waiting[at : at + size])
            if crc24q(frame) == 0:
                frames.append(frame)
                at += size
            else:
                self.rejected["crc"] += 1
                self.rejected["stray_bytes"] += 1
                at += 1
        del waiting[:at]
        return frames
