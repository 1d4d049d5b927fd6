"""Puts the sentences of one epoch together: by their UTC, never by arrival. No I/O, no clock.

GGA, RMC and GST carry a time; VTG, THS and HDT do not and belong to the burst that they stand in:
to the open epoch if it has none of their kind yet, else to the one that begins next.

An epoch ends when (1) it has every kind that the last bursts had (so that nothing is waited for),
(2) a sentence of another time arrives, or (3) the line falls silent. What comes for an epoch that
has ended is counted as `late`, and the set of kinds waited for grows; it shrinks only after three
bursts in a row without the kind, so that one damaged line does not change it.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from drivers.gnss.sentences import Gga, Gst, Heading, Rmc, Sentence, Vtg

SHORT_BURSTS = 3


class Epoch(Struct):
    """The sentences of one moment, by kind. tod_ns: UTC time of day.

    first_mono_ns: reception of its first byte. repeated: the receiver has sent this moment already.
    """

    tod_ns: int
    first_mono_ns: int
    repeated: bool = False
    sentences: dict[str, Sentence] = field(default_factory=dict)


class EpochAssembler:
    """Sentences in, whole epochs out. rejected counts `late`, `duplicate`, `unplaced`, `untimed`."""

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._open: Epoch | None = None
        self._last: Epoch | None = None
        self._in_burst_of_last = False
        self._expected: frozenset[str] = frozenset()
        self._short = 0
        self._waiting: dict[str, tuple[Sentence, int]] = {}  # untimed, before their epoch begins
        self._leaders: set[str] = set()  # untimed kinds that stand at the head of a burst
        self._line_was_quiet = False

    def reset(self) -> None:
        """The wire was opened anew: drop what is half there; a repeated epoch is still noticed."""
        self._open = None
        self._waiting.clear()
        self._in_burst_of_last = False
        self._line_was_quiet = False

    @property
    def busy(self) -> bool:
        """True while something waits for the end of its burst."""
        return self._open is not None or bool(self._waiting) or self._in_burst_of_last

    def add(self, kind: str, sentence: Sentence, first_mono_ns: int) -> list[Epoch]:
        """Take a sentence; returns the epochs that ended with it, oldest first (none, one or two)."""
        if isinstance(sentence, Vtg | Heading):
            return self._add_untimed(kind, sentence, first_mono_ns)
        if sentence.tod_ns is None:
            self.rejected["untimed"] += 1
            return []
        return self._add_timed(kind, sentence, sentence.tod_ns, first_mono_ns)

    def quiet(self) -> list[Epoch]:
        """The line has been silent for the gap between bursts: the burst is over."""
        ended = self._close_all(measured=True)
        for kind in self._waiting:  # no epoch followed: they closed the burst, they do not lead the next
            self._late(kind)
        self._waiting.clear()
        self._in_burst_of_last = False
        self._line_was_quiet = True
        return ended

    def _add_timed(
        self, kind: str, sentence: Gga | Rmc | Gst, tod_ns: int, first_mono_ns: int
    ) -> list[Epoch]:
        ended: list[Epoch] = []
        if self._open is not None and self._open.tod_ns != tod_ns:
            if self._last is not None and self._last.tod_ns == tod_ns:
                self._late(kind)  # a straggler of the epoch before, behind the first of this one
                return []
            ended += self._close_all(measured=False)
        if self._open is None:
            last = self._last
            repeated = last is not None and last.tod_ns == tod_ns
            if repeated and last is not None and (self._in_burst_of_last or kind not in last.sentences):
                self._late(kind)
                return ended
            self._begin(tod_ns, first_mono_ns, repeated)
        return ended + self._put(kind, sentence)

    def _add_untimed(self, kind: str, sentence: Vtg | Heading, first_mono_ns: int) -> list[Epoch]:
        if self._open is not None and kind not in self._leaders and kind not in self._open.sentences:
            return self._put(kind, sentence)
        if self._open is None and not (self._line_was_quiet or self._last is not None):
            self.rejected["unplaced"] += 1  # the stream was entered in the middle of a burst
            return []
        self._waiting[kind] = (sentence, first_mono_ns)
        return []

    def _begin(self, tod_ns: int, first_mono_ns: int, repeated: bool) -> None:
        self._open = Epoch(tod_ns, first_mono_ns, repeated)
        for kind, (sentence, stamp) in self._waiting.items():
            self._open.sentences[kind] = sentence
            self._open.first_mono_ns = min(self._open.first_mono_ns, stamp)
            if self._line_was_quiet:
                self._leaders.add(kind)
        self._waiting.clear()
        self._line_was_quiet = False
        self._in_burst_of_last = False

    def _put(self, kind: str, sentence: Sentence) -> list[Epoch]:
        assert self._open is not None
        if kind in self._open.sentences:
            self.rejected["duplicate"] += 1
            return []
        self._open.sentences[kind] = sentence
        if self._expected and self._expected <= self._open.sentences.keys():
            return self._close_all(measured=False)
        return []

    def _close_all(self, *, measured: bool) -> list[Epoch]:
        """measured: the end of the burst was seen, so its kinds are all that it has."""
        epoch = self._open
        if epoch is None:
            return []
        self._open, self._last = None, epoch
        self._in_burst_of_last = not measured
        if self._expected <= epoch.sentences.keys():
            self._short = 0
            if measured:
                self._expected = frozenset(epoch.sentences)
        else:
            self._short += 1
            if self._short >= SHORT_BURSTS:
                self._short, self._expected = 0, frozenset(epoch.sentences)
        return [epoch]

    def _late(self, kind: str) -> None:
        if self._last is not None and kind in self._last.sentences:
            self.rejected["duplicate"] += 1
            return
        self.rejected["late"] += 1
        self._leaders.discard(kind)
        if self._expected:
            self._expected |= {kind}
