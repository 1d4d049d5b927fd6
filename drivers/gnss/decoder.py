"""A receiver's bytes as reports: framer, reader and the satellites in view put together. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from drivers.gnss.messages import Reader, Report
from drivers.gnss.messages.gpstime import LEAP_SECONDS
from drivers.gnss.sky import MESSAGES as SKY_MESSAGES
from drivers.gnss.sky import Sky
from drivers.gnss.wire import TEXT, Framer


class Decoder:
    """Bytes in, reports out. frames: valid messages so far; used_bytes: theirs; sky: what is in view.

    leap_seconds: GPS time minus UTC, until the receiver has said it.
    """

    def __init__(self, leap_seconds: int = LEAP_SECONDS) -> None:
        self.sky = Sky()
        self.frames = 0
        self.used_bytes = 0
        self._framer = Framer()
        self._reader = Reader(leap_seconds)

    @property
    def received(self) -> Counter[str]:
        """Valid messages by name."""
        return self._reader.received

    @property
    def rejected(self) -> Counter[str]:
        """What was damaged, by reason (`stray_bytes` counts bytes)."""
        total = Counter(self._framer.rejected)
        if self._reader.unused["unreadable"]:
            total["unreadable"] = self._reader.unused["unreadable"]
        return total

    @property
    def unused(self) -> Counter[str]:
        """Valid messages that gave no report, by reason (`not used`, `second antenna`, `unreadable`)."""
        return self._reader.unused

    @property
    def skipped(self) -> Counter[str]:
        """RTCM 3 messages and SBF blocks that were passed over, by number."""
        return self._framer.skipped

    def reset(self) -> None:
        """The wire was opened anew: what had begun will not be continued."""
        self._framer.reset()

    def feed(self, data: bytes, stamp_mono_ns: int) -> Iterator[tuple[Report, int]]:
        """Reports that became whole, each with the stamp of its first byte."""
        for frame in self._framer.feed(data, stamp_mono_ns):
            self.frames += 1
            self.used_bytes += len(frame.data)
            report = self._reader.read(frame)
            if report is not None:
                yield report, frame.first_mono_ns
            elif frame.form == TEXT and frame.data[3:6] in SKY_MESSAGES:
                self.sky.read(frame.data.decode("ascii"))
