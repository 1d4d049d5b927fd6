"""The node's two clocks. Ages, deadlines and stamps use the monotonic one; UTC is only for dates."""

from __future__ import annotations

import ctypes
import time

mono_ns = time.monotonic_ns
utc_ns = time.time_ns

STA_UNSYNC = 0x0040
_STATUS_OFFSET = 40  # struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror, status
_TIMEX_SIZE = 208

# A clock before this is certainly wrong: it is older than the program.
EARLIEST_UTC_NS = 1_767_225_600 * 1_000_000_000
_STEP_NS = 1_000_000_000
_SETTLED_NS = 10_000_000_000


def kernel_synchronised() -> str:
    """Whether the kernel says that a time service disciplines the clock (adjtimex(2)): yes, no, or
    `not told` (systemd's ProtectClock= forbids the question)."""
    buffer = ctypes.create_string_buffer(_TIMEX_SIZE)
    if ctypes.CDLL(None).adjtimex(buffer) < 0:
        return "not told"
    status = int.from_bytes(buffer.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little")
    return "no" if status & STA_UNSYNC else "yes"


class UtcWatch:
    """Whether UTC may be trusted: plausible, and not stepped lately.

    The kernel's own flag is not asked here, because a container or a machine whose host keeps the
    time never has it; `gatectl status` shows it instead. A step of more than 1 s against the
    monotonic clock shows that the time was wrong: UTC counts as unknown for 10 s after it.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._trusted_from_mono_ns = 0

    def ok(self, now_mono_ns: int, now_utc_ns: int) -> bool:
        """Judge a pair of readings that were taken together."""
        offset_ns = now_utc_ns - now_mono_ns
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > _STEP_NS:
            self._trusted_from_mono_ns = now_mono_ns + _SETTLED_NS
        self._offset_ns = offset_ns
        return now_utc_ns >= EARLIEST_UTC_NS and now_mono_ns >= self._trusted_from_mono_ns
