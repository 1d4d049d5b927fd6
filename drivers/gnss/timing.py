"""When an epoch was, and how old it was when it arrived. No I/O, no clock.

Date: from a message that carries one (RMC, ZDA, GGK, KSXT, NAV-PVT, `#` logs). An epoch without takes
the day that puts it nearest to where the last dated epoch and the monotonic time since then say that
it must be (so midnight is no special case). So does one within a minute of midnight: some receivers
change their date a little before or after their time. Before the first date `epoch_utc` stays BAD, and
the system clock is not asked: a local date with a UTC time is a day wrong for hours.

Age: the first byte of a burst leaves the receiver `latency_s` after the epoch (configured; data
sheet). What the line, a buffer or our own scheduling adds shows as reception time minus epoch time
above its smallest value of the last minute (decision 0007). With a pulse per second the age is measured
whole: the pulse says when the second began, the floor only which second it was (decision 0016).
"""

from __future__ import annotations

from collections import deque

from drivers.gnss.epoch import Epoch
from drivers.gnss.messages import Report

DAY_NS = 86_400 * 10**9
SECOND_NS = 10**9
WINDOW_NS = 60 * SECOND_NS
DATE_KEPT_NS = 6 * 3600 * SECOND_NS  # longer without a date and the day is anybody's guess
DATE_LAG_NS = 60 * SECOND_NS  # time and date of one receiver may change so far apart
BEFORE_PULSE_NS = 5_000_000  # an epoch cannot arrive before it was; a pulse may be that late
BITS_PER_BYTE = 10  # 8N1
ROLL_NS = 1024 * 7 * DAY_NS  # the GPS week has ten bits


class LineClock:
    """When the first byte of what was read came, from when it was read and how much it was."""

    def __init__(self, baud: int) -> None:
        """baud: 0 if bytes do not come one by one at a known speed (TCP, USB without a UART)."""
        self._byte_ns = BITS_PER_BYTE * SECOND_NS // baud if baud else 0
        self._read_ns = 0

    def first_ns(self, read_ns: int, count: int) -> int:
        """read_ns: when these `count` bytes were read, monotonic. Not before the read before: what had
        come until then was read then."""
        first_ns = max(read_ns - count * self._byte_ns, min(self._read_ns, read_ns))
        self._read_ns = read_ns
        return first_ns


class EpochClock:
    """Epochs in order in, their UTC and age out."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._dated: tuple[int, int] | None = None  # epoch UTC ns, reception mono ns
        self._last_ns = 0
        self._in_leap_second = False
        self._leaps_ns = 0  # leap seconds since the start: UTC as a number does not count them
        self._floor: deque[tuple[int, int]] = deque()  # (reception mono, reception - UTC), rising

    def utc_ns(self, epoch: Epoch) -> int | None:
        """UTC of the epoch in ns since 1970, or None while no date is known. A leap second has the
        numbers of the second behind it, as in POSIX."""
        day, kept = _day(epoch), self._dated
        expected_ns = None
        if kept is not None and epoch.first_mono_ns - kept[1] <= DATE_KEPT_NS:
            expected_ns = kept[0] + epoch.first_mono_ns - kept[1]
        if day is not None:
            utc_ns = day * DAY_NS + epoch.tod_ns
            if expected_ns is not None and not DATE_LAG_NS < epoch.tod_ns < DAY_NS - DATE_LAG_NS:
                days = (utc_ns - DAY_NS, utc_ns, utc_ns + DAY_NS)
                utc_ns = next((ns for ns in days if abs(ns - expected_ns) < DATE_LAG_NS), utc_ns)
        elif expected_ns is not None:
            nearest = (expected_ns - epoch.tod_ns + DAY_NS // 2) // DAY_NS
            utc_ns = nearest * DAY_NS + epoch.tod_ns
        else:
            return None
        self._dated = (utc_ns, epoch.first_mono_ns)
        return utc_ns

    def told(self, report: Report, mono_ns: int) -> None:
        """A message that has a date but belongs to no epoch (ZDA)."""
        if report.day is not None and report.tod_ns is not None:
            self._dated = (report.day * DAY_NS + report.tod_ns, mono_ns)

    def age_s(self, epoch: Epoch, utc_ns: int, pulse_ns: int | None = None) -> float:
        """Age of the epoch at `epoch.first_mono_ns`, s. pulse_ns: when a UTC second began, monotonic."""
        in_leap_second = epoch.tod_ns >= DAY_NS
        if self._in_leap_second and not in_leap_second:
            self._leaps_ns += SECOND_NS
        self._in_leap_second = in_leap_second
        steady_ns = utc_ns + self._leaps_ns
        offset_ns = epoch.first_mono_ns - steady_ns
        floor_ns = self._lowest(epoch.first_mono_ns, steady_ns, offset_ns)
        if pulse_ns is not None:
            # The whole second of the pulse is the last one for which nothing came before it was.
            phase_ns = (floor_ns - pulse_ns + BEFORE_PULSE_NS) % SECOND_NS - BEFORE_PULSE_NS
            return max(0, offset_ns - floor_ns + phase_ns) * 1e-9
        return self._latency_s + (offset_ns - floor_ns) * 1e-9

    def _lowest(self, mono_ns: int, steady_ns: int, offset_ns: int) -> int:
        if steady_ns < self._last_ns:  # the receiver corrected its time: a new start, not a delay
            self._floor.clear()
        self._last_ns = steady_ns
        while self._floor and self._floor[-1][1] >= offset_ns:
            self._floor.pop()
        self._floor.append((mono_ns, offset_ns))
        while self._floor[0][0] < mono_ns - WINDOW_NS:
            self._floor.popleft()
        return self._floor[0][1]


def weeks_rolled(utc_ns: int, system_utc_ns: int) -> bool:
    """Is a date 1024 weeks before the system's clock, give or take a day? An old firmware then counts
    GPS weeks from a wrong start. The system's clock is only asked for that, never for the time."""
    return abs(system_utc_ns - utc_ns - ROLL_NS) < DAY_NS


def _day(epoch: Epoch) -> int | None:
    return next((r.day for r in epoch.reports.values() if r.day is not None and r.valid is not False), None)
