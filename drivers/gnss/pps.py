"""The receiver's pulse per second through the kernel's PPS API (RFC 2783, Linux <linux/pps.h>).

A pulse marks the beginning of a UTC second. The kernel stamps it in CLOCK_REALTIME; here it becomes
a moment of the monotonic clock through its age, so a wrong system time does no harm, and one that
steps between the pulse and its reading is noticed.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from gatectl.model.errors import DeviceError

# _IOWR('p', 0xa4, struct pps_fdata *): the kernel encodes the size of the pointer, not of the struct.
PPS_FETCH = (3 << 30) | (struct.calcsize("P") << 16) | (ord("p") << 8) | 0xA4
_TIME = "qiI"  # struct pps_ktime: sec, nsec, flags
_FDATA = struct.Struct(f"=II{_TIME}{_TIME}i4x{_TIME}")  # struct pps_fdata: info (padded to 8), timeout

SECOND_NS = 1_000_000_000
AGE_MAX_NS = 1_500_000_000  # older than one period and a half: the pulse has stopped
JITTER_MAX_NS = 2_000_000  # a pulse that is not whole seconds after the last one is noise on the line
NOISE_LIMIT = 3  # so many such pulses in a row, and it is the last one that was wrong


class Pulse(NamedTuple):
    """One pulse as the kernel keeps it. real_ns: CLOCK_REALTIME when the edge came."""

    sequence: int
    real_ns: int


class PulseClock:
    """The newest good pulse in the monotonic clock.

    read: gives the kernel's newest pulse, None if there was none yet; raises DeviceError.
    now: the realtime and the monotonic clock, read together, ns.
    """

    def __init__(self, read: Callable[[], Pulse | None], now: Callable[[], tuple[int, int]]) -> None:
        self._read = read
        self._now = now
        self._sequence: int | None = None
        self._good_ns: int | None = None  # the last pulse that was not noise
        self._newest_is_good = False
        self._noise = 0

    def mono_ns(self) -> int | None:
        """When the last UTC second began; None while no pulse of the last 1.5 s can be trusted."""
        pulse = self._read()
        if pulse is None:
            return None
        real_ns, mono_ns = self._now()
        if pulse.sequence != self._sequence:
            self._sequence = pulse.sequence
            age_ns = real_ns - pulse.real_ns
            self._newest_is_good = 0 <= age_ns <= AGE_MAX_NS and self._fits(mono_ns - age_ns)
        if not self._newest_is_good or self._good_ns is None or mono_ns - self._good_ns > AGE_MAX_NS:
            return None
        return self._good_ns

    def _fits(self, at_ns: int) -> bool:
        """Whole seconds after the last good one? Then it is the last good one."""
        if self._good_ns is not None:
            off_ns = (at_ns - self._good_ns + SECOND_NS // 2) % SECOND_NS - SECOND_NS // 2
            if abs(off_ns) > JITTER_MAX_NS:
                self._noise += 1
                if self._noise < NOISE_LIMIT:
                    return False
        self._noise, self._good_ns = 0, at_ns
        return True


def clocks() -> tuple[int, int]:
    """CLOCK_REALTIME and CLOCK_MONOTONIC at one moment, ns; of three readings the tightest."""
    best: tuple[int, int, int] | None = None
    for _ in range(3):
        before = time.monotonic_ns()
        real = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = after - before, real, (before + after) // 2
    assert best is not None
    return best[1], best[2]


class PpsDevice:
    """`/dev/ppsN`, read without blocking. edge: `assert` or `clear`, whichever is the second's."""

    def __init__(self, path: str, edge: str = "assert") -> None:
        self.path = path
        self._clear = edge == "clear"
        self._fd = -1

    def read(self) -> Pulse | None:
        """The newest pulse, None before the first. Raises DeviceError; the next call opens it again."""
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)  # the kernel wants both to fetch
            buffer = bytearray(_FDATA.size)  # a timeout of zero: what is there, at once
            fcntl.ioctl(self._fd, PPS_FETCH, buffer)
        except OSError as error:
            self.close()
            raise DeviceError(
                f"no pulse can be read: {os.strerror(error.errno or 0)}",
                "check that the kernel knows it (ppstest, ldattach 18), or leave pps empty to do without",
                where=self.path,
            ) from error
        return pulse_of(bytes(buffer), clear=self._clear)

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def pulse_of(data: bytes, *, clear: bool = False) -> Pulse | None:
    """The pulse in a `struct pps_fdata`; None if that edge has never come."""
    asserted, cleared, *times = _FDATA.unpack(data)
    sequence, (sec, nsec) = (cleared, times[3:5]) if clear else (asserted, times[0:2])
    return Pulse(sequence, sec * SECOND_NS + nsec) if sequence else None
