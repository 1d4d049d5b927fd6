"""Puts the messages of one epoch together: by their UTC, never by arrival. No I/O, no clock.

Most messages carry the time of their epoch. ZDA carries the time of its sending (Trimble: 50 ms later)
and belongs to none. VTG, THS and HDT carry no time and belong to the burst that they stand in: to the
epoch begun last if it has none of their kind yet, else to the one that begins next.

An epoch ends when (1) it has every kind that the last bursts had (so that nothing is waited for),
(2) a message of another time arrives, or (3) the line falls silent. What comes for an epoch that
has ended is counted as `late`, and the set of kinds waited for grows; it shrinks only after three
bursts in a row without the kind, so that one damaged line does not change it.

A timed kind that has come late twice lags: a receiver may compute its heading longer than its position. An
epoch that wants for nothing else waits for it through (2) and (3), until the next but one begins.
Epochs end in the order in which they began.
"""

from __future__ import annotations

from collections import Counter, deque

from msgspec import Struct, field

from drivers.gnss.messages import Report

UNTIMED = frozenset({"VTG", "THS", "HDT"})
DATES = frozenset({"ZDA"})
SHORT_BURSTS = 3
LAG_TIMES = 2
OPEN_LIMIT = 2
REMEMBERED = 4  # ended epochs, besides the last, whose stragglers are known as such
REPEATED_WITHIN_NS = 3600 * 10**9  # later it is the same time of another day


class Epoch(Struct):
    """The messages of one moment, by name. tod_ns: UTC time of day; in a leap second 86 400 s and more.

    first_mono_ns: reception of its first byte. repeated: the receiver has sent this moment already.
    """

    tod_ns: int
    first_mono_ns: int
    repeated: bool = False
    reports: dict[str, Report] = field(default_factory=dict)


class EpochAssembler:
    """Reports in, whole epochs out. rejected counts `late`, `duplicate`, `unplaced`, `untimed`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._open: list[Epoch] = []  # oldest first
        self._last: Epoch | None = None  # the one that ended last
        self._ended: deque[int] = deque(maxlen=REMEMBERED)  # the times of those before it
        self._in_burst_of_last = False
        self._expected: frozenset[str] = frozenset()
        self._short = 0
        self._lags: Counter[str] = Counter()  # how often a timed kind came late
        self._waiting: dict[str, tuple[Report, int]] = {}  # untimed, before their epoch begins
        self._leaders: set[str] = set()  # untimed kinds that stand at the head of a burst
        self._line_was_quiet = False

    def reset(self) -> None:
        """The wire was opened anew: drop what is half there; a repeated epoch is still noticed."""
        self._open.clear()
        self._ended.clear()
        self._waiting.clear()
        self._in_burst_of_last = False
        self._line_was_quiet = False

    @property
    def busy(self) -> bool:
        """True while something waits for the end of its burst."""
        return bool(self._open) or bool(self._waiting) or self._in_burst_of_last

    def add(self, report: Report, first_mono_ns: int) -> list[Epoch]:
        """Take a report; returns the epochs that ended with it, oldest first."""
        if report.message in DATES:
            return []
        if report.message in UNTIMED:
            return self._add_untimed(report, first_mono_ns)
        if report.tod_ns is None:
            self.rejected["untimed"] += 1
            return []
        return self._add_timed(report, report.tod_ns, first_mono_ns)

    def quiet(self) -> list[Epoch]:
        """The line has been silent for the gap between bursts: the burst is over."""
        ended = self._close(self._first_kept(OPEN_LIMIT), measured=True)
        for kind in self._waiting:  # no epoch followed: they closed the burst, they do not lead the next
            self._late(kind)
        self._waiting.clear()
        self._in_burst_of_last = False
        self._line_was_quiet = True
        return ended

    def _add_timed(self, report: Report, tod_ns: int, first_mono_ns: int) -> list[Epoch]:
        for index, epoch in enumerate(self._open):
            if epoch.tod_ns == tod_ns:
                return self._put(index, report)
        last, kind = self._last, report.message
        repeated = (
            last is not None
            and last.tod_ns == tod_ns
            and first_mono_ns - last.first_mono_ns < REPEATED_WITHIN_NS
        )
        new = last is None or kind not in last.reports
        if repeated and (self._open or self._in_burst_of_last or new):
            # A straggler: behind the first of the next epoch, in its own burst, or of a kind not had yet.
            if new and (self._open or self._line_was_quiet):
                self._lags[kind] += 1
            self._late(kind)
            return []
        if not repeated and tod_ns in self._ended:
            if new:  # of an epoch before the last
                self._lags[kind] += 1
            self._late(kind)
            return []
        ended = self._close(self._first_kept(OPEN_LIMIT - 1), measured=False)
        self._begin(tod_ns, first_mono_ns, repeated=repeated)
        return ended + self._put(len(self._open) - 1, report)

    def _add_untimed(self, report: Report, first_mono_ns: int) -> list[Epoch]:
        kind = report.message
        # After a silence an open epoch only waits for its laggard: what comes now leads the next.
        newest = self._open[-1].reports if self._open and not self._line_was_quiet else None
        if newest is not None and kind not in self._leaders and kind not in newest:
            return self._put(len(self._open) - 1, report)
        if not self._open and not (self._line_was_quiet or self._last is not None):
            self.rejected["unplaced"] += 1  # the stream was entered in the middle of a burst
            return []
        self._waiting[kind] = (report, first_mono_ns)
        return []

    def _begin(self, tod_ns: int, first_mono_ns: int, *, repeated: bool) -> None:
        epoch = Epoch(tod_ns, first_mono_ns, repeated)
        for kind, (report, stamp) in self._waiting.items():
            epoch.reports[kind] = report
            epoch.first_mono_ns = min(epoch.first_mono_ns, stamp)
            if self._line_was_quiet:
                self._leaders.add(kind)
        self._open.append(epoch)
        self._waiting.clear()
        self._line_was_quiet = False
        self._in_burst_of_last = False

    def _put(self, index: int, report: Report) -> list[Epoch]:
        epoch, kind = self._open[index], report.message
        if kind in epoch.reports:
            self.rejected["duplicate"] += 1
            return []
        epoch.reports[kind] = report
        if index == len(self._open) - 1 and not self._line_was_quiet:
            self._lags.pop(kind, None)  # in time
        if self._expected and self._expected <= epoch.reports.keys():
            return self._close(index + 1, measured=False)  # whole; what older ones lack is lost
        return []

    def _first_kept(self, limit: int) -> int:
        """How many of the open epochs end: all but the newest that wait for a laggard, `limit` at most."""
        count = len(self._open)
        while count and len(self._open) - count < limit:
            missing = self._expected - self._open[count - 1].reports.keys()
            if not missing or any(self._lags[kind] < LAG_TIMES for kind in missing):
                break
            count -= 1
        return count

    def _close(self, count: int, *, measured: bool) -> list[Epoch]:
        """End the oldest. measured: the end of their burst was seen, so their kinds are all that it has."""
        ended, self._open = self._open[:count], self._open[count:]
        for epoch in ended:
            if self._last is not None:
                self._ended.append(self._last.tod_ns)
                if not self._expected:  # a line that is never quiet; the first one may be a burst's tail
                    self._expected = frozenset(epoch.reports)
            self._last = epoch
            self._in_burst_of_last = not measured
            if self._expected <= epoch.reports.keys():
                self._short = 0
                if measured:
                    self._expected = frozenset(epoch.reports)
                continue
            self._short += 1
            if self._short >= SHORT_BURSTS:
                for kind in self._expected - epoch.reports.keys():
                    self._lags.pop(kind, None)
                self._short, self._expected = 0, frozenset(epoch.reports)
        return ended

    def _late(self, kind: str) -> None:
        if self._last is not None and kind in self._last.reports:
            self.rejected["duplicate"] += 1
            return
        self.rejected["late"] += 1
        self._leaders.discard(kind)
        if self._expected:
            self._expected |= {kind}
