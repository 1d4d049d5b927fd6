"""What makes a process keep its time, and what ends it when it cannot."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple

_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_PR_SET_PDEATHSIG = 1

# A real-time process that computes this long without sleeping has run wild; the kernel then sends
# SIGXCPU, which ends it, before it can starve the machine.
_RT_CPU_LIMIT_US = 2_000_000

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]


class Realtime(NamedTuple):
    """What was granted. fifo_priority: 0 = ordinary scheduling. note: what was not, and why."""

    fifo_priority: int
    memory_locked: bool
    note: str

    def text(self) -> str:
        """One line for log and status."""
        fifo = f"SCHED_FIFO {self.fifo_priority}" if self.fifo_priority else "ordinary scheduling"
        memory = "memory locked" if self.memory_locked else "memory not locked"
        return f"{fifo}, {memory}" + (f" ({self.note})" if self.note else "")


def make_realtime(fifo_priority: int, *, lock_memory: bool) -> Realtime:
    """Ask for SCHED_FIFO (0: do not) and for locked memory; take what is granted."""
    notes: list[str] = []
    granted = 0
    if fifo_priority > 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(fifo_priority))
            granted = fifo_priority
        except (OSError, ValueError) as error:
            notes.append(f"SCHED_FIFO refused: {error}; allow it with LimitRTPRIO= in the unit")
        with suppress(OSError, ValueError):  # a lower limit is set already
            resource.setrlimit(resource.RLIMIT_RTTIME, (_RT_CPU_LIMIT_US, _RT_CPU_LIMIT_US))
    locked = False
    if lock_memory:
        locked = _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0
        if not locked:
            reason = os.strerror(ctypes.get_errno())
            notes.append(f"mlockall refused: {reason}; allow it with LimitMEMLOCK= in the unit")
    return Realtime(granted, locked, "; ".join(notes))


def freeze_collector() -> None:
    """Take everything that exists out of the garbage collector's sight and stop it.

    Why: over 600,000 objects a collection takes 14 ms (p99; 1 s at worst), in the middle of a scan.
    What the scan allocates is freed by reference counting; `collect_young` finds young cycles.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def collect_young() -> int:
    """Collect the cycles among young objects, in slack time; ns it took (some 10 us).

    Bounded, because what survives it is never looked at again: a core's state is plain data without
    cycles, so nothing that lives long waits for the collector.
    """
    begin = time.monotonic_ns()
    gc.collect(1)
    return time.monotonic_ns() - begin


def sleep_until(deadline_mono_ns: int) -> None:
    """Sleep until an absolute time of the monotonic clock; a signal ends it early.

    clock_nanosleep(2) with TIMER_ABSTIME: unlike a relative sleep it does not drift by the time that
    passes between reading the clock and going to sleep. The ctypes call releases the interpreter.
    """
    seconds, nanoseconds = divmod(deadline_mono_ns, 1_000_000_000)
    _libc.clock_nanosleep(
        _CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(_Timespec(seconds, nanoseconds)), None
    )


def die_with_parent(parent_pid: int) -> None:
    """Be told (SIGTERM) when the parent dies, however it dies; exit now if it already has."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("the supervisor is gone")


def dead_man(seconds: float) -> None:
    """Arm (again) the kernel's timer that ends this process unless it is armed again in time.

    The signal's default action needs no cooperation of the interpreter: a process that hangs in C
    code ends as well, even without a supervisor to kill it. 0 disarms.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


class Histogram:
    """Counts of durations in log-linear classes (16 per octave of us): percentiles within 6 %."""

    def __init__(self) -> None:
        self._counts = [0] * 512
        self.count = 0
        self.max_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count one; a negative one counts as 0."""
        duration_ns = max(duration_ns, 0)
        self.count += 1
        self.max_ns = max(self.max_ns, duration_ns)
        us = duration_ns // 1000
        shift = max(us.bit_length() - 5, 0)
        self._counts[min(shift * 16 + (us >> shift), 511)] += 1

    def percentile_us(self, fraction: float) -> float:
        """The duration that this fraction does not exceed, us (upper end of its class); 0 if empty."""
        wanted = fraction * self.count
        seen = 0
        for i, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                shift = max(i // 16 - 1, 0)
                return float(min((i - shift * 16 + 1) << shift, self.max_ns // 1000 + 1))
        return 0.0
