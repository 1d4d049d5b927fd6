"""The controller's clock in terms of the host's, by regression over echoed stamps.

Every TELEMETRY carries the stamp of the newest frame from the host and how long ago it came, so each
one is a round trip. Delay is never negative and mostly queueing: of every BUCKET the round trip with
the smallest delay is kept, and a line through those (weighted least squares) gives offset and drift.
The method is Klipper's (klippy/clocksync.py) in spirit; the error of a sample is at most half its round trip.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

TICKS_WRAP = 1 << 32
BUCKET_NS = 500_000_000
BUCKETS = 20
MIN_SPAN_NS = 2_000_000_000
MAX_DRIFT = 5e-4  # quartz drifts below 1e-4; beyond this the regression is fooled by queueing


class _Trip(NamedTuple):
    host_ns: int  # middle of the round trip
    mcu_us: int  # controller's ticks then, unwrapped
    round_trip_ns: int


class ClockSync:
    """Offset and drift of one connection; make a new one for every connection."""

    def __init__(self) -> None:
        self._trips: deque[_Trip] = deque(maxlen=BUCKETS)
        self._bucket = -1
        self._last_us: int | None = None
        self._drift = 0.0
        self._anchor_host_ns = 0
        self._anchor_mcu_us = 0

    @property
    def ready(self) -> bool:
        """False until the first round trip."""
        return bool(self._trips)

    @property
    def drift(self) -> float:
        """How much faster the host's clock runs than the controller's (1e-6 = 1 ppm)."""
        return self._drift

    @property
    def round_trip_ns(self) -> int:
        """The smallest round trip in the window: twice the largest error of an offset."""
        return min((trip.round_trip_ns for trip in self._trips), default=0)

    def unwrap(self, mcu_ticks_us: int) -> int:
        """Ticks (u32) as a count that does not wrap; ticks must not be 35 minutes apart."""
        if self._last_us is None:
            self._last_us = mcu_ticks_us
            return mcu_ticks_us
        half = TICKS_WRAP // 2
        ahead = (mcu_ticks_us - self._last_us + half) % TICKS_WRAP - half
        ticks = self._last_us + ahead
        self._last_us = max(self._last_us, ticks)
        return ticks

    def add(self, sent_mono_ns: int, received_mono_ns: int, mcu_ticks_us: int, held_us: int) -> None:
        """One round trip: a frame left at sent_mono_ns; held_us after it came in, the controller sent
        its answer at mcu_ticks_us (u32), which was received at received_mono_ns."""
        mcu_us = self.unwrap(mcu_ticks_us)
        round_trip_ns = received_mono_ns - sent_mono_ns - held_us * 1000
        if round_trip_ns < 0:
            return  # the stamps do not fit each other: no round trip is shorter than nothing
        trip = _Trip(received_mono_ns - round_trip_ns // 2, mcu_us, round_trip_ns)
        bucket = received_mono_ns // BUCKET_NS
        if bucket != self._bucket or not self._trips:
            self._bucket = bucket
            self._trips.append(trip)
        elif round_trip_ns < self._trips[-1].round_trip_ns:
            self._trips[-1] = trip
        else:
            return
        self._fit()

    def to_mono_ns(self, mcu_ticks_us: int) -> int:
        """The host's monotonic time of these ticks. Raises LookupError before the first round trip."""
        if not self._trips:
            raise LookupError("no round trip yet")
        since_us = self.unwrap(mcu_ticks_us) - self._anchor_mcu_us
        return self._anchor_host_ns + since_us * 1000 + round(since_us * 1000 * self._drift)

    def _fit(self) -> None:
        best = min(self._trips, key=lambda trip: trip.round_trip_ns)
        first, last = self._trips[0], self._trips[-1]
        if last.host_ns - first.host_ns < MIN_SPAN_NS:
            self._drift = 0.0
            self._anchor_host_ns, self._anchor_mcu_us = best.host_ns, best.mcu_us
            return
        # Weighted by how sure each is: the error of an offset is bounded by half its round trip.
        weights = [((best.round_trip_ns + 1) / (trip.round_trip_ns + 1)) ** 2 for trip in self._trips]
        xs = [(trip.mcu_us - first.mcu_us) * 1000 for trip in self._trips]
        ys = [trip.host_ns - first.host_ns - x for trip, x in zip(self._trips, xs, strict=True)]
        total = sum(weights)
        mean_x = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
        mean_y = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
        spread = sum(w * (x - mean_x) ** 2 for w, x in zip(weights, xs, strict=True))
        rise = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in zip(weights, xs, ys, strict=True))
        self._drift = max(-MAX_DRIFT, min(MAX_DRIFT, rise / spread if spread else 0.0))
        self._anchor_mcu_us = first.mcu_us + round(mean_x / 1000)
        self._anchor_host_ns = first.host_ns + round(mean_x) + round(mean_y)
