"""When an epoch was, and how old it was when it arrived. No I/O, no clock.

Date: only RMC carries one. An epoch without RMC takes the day that puts it nearest to where the last
dated epoch and the monotonic time since then say that it must be (so midnight is no special case).
Before the first valid RMC there is no date: `epoch_utc` stays BAD, and the system clock is not asked.

Age: the first byte of a burst leaves the receiver `latency_s` after the epoch (configured; data
sheet). What the line, a buffer or our own scheduling adds shows as reception time minus epoch time
above its smallest value of the last minute. The system's UTC is not needed and not trusted.
"""

from __future__ import annotations

from collections import deque

from drivers.gnss.epoch import Epoch
from drivers.gnss.sentences import DAY_NS, Rmc

WINDOW_NS = 60 * 10**9
DATE_KEPT_NS = 6 * 3600 * 10**9  # longer without a date and the day is anybody's guess


class EpochClock:
    """Epochs in order in, their UTC and age out."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._dated: tuple[int, int] | None = None  # epoch UTC ns, reception mono ns
        self._last_utc_ns = 0
        self._floor: deque[tuple[int, int]] = deque()  # (reception mono, reception - UTC), rising

    def utc_ns(self, epoch: Epoch) -> int | None:
        """UTC of the epoch in ns since 1970, or None while no date is known."""
        rmc = epoch.sentences.get("RMC")
        if isinstance(rmc, Rmc) and rmc.valid and rmc.day is not None:
            utc_ns = rmc.day * DAY_NS + epoch.tod_ns
        elif self._dated is None or epoch.first_mono_ns - self._dated[1] > DATE_KEPT_NS:
            return None
        else:
            expected_ns = self._dated[0] + epoch.first_mono_ns - self._dated[1]
            day = (expected_ns - epoch.tod_ns + DAY_NS // 2) // DAY_NS
            utc_ns = day * DAY_NS + epoch.tod_ns
        self._dated = (utc_ns, epoch.first_mono_ns)
        return utc_ns

    def age_s(self, epoch: Epoch, utc_ns: int) -> float:
        """Age of the epoch at `epoch.first_mono_ns`, s."""
        mono_ns = epoch.first_mono_ns
        offset_ns = mono_ns - utc_ns
        if utc_ns < self._last_utc_ns:  # the receiver corrected its time: a new start, not a delay
            self._floor.clear()
        self._last_utc_ns = utc_ns
        while self._floor and self._floor[-1][1] >= offset_ns:
            self._floor.pop()
        self._floor.append((mono_ns, offset_ns))
        while self._floor[0][0] < mono_ns - WINDOW_NS:
            self._floor.popleft()
        return self._latency_s + (offset_ns - self._floor[0][1]) * 1e-9
