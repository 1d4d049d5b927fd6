"""What is wrong with a receiver now, and telling it once. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable

from drivers.gnss.plausible import Fault

OVER_NS = 5 * 10**9  # a fault that has not shown for so long is over; one that flickers is told once


class FaultLog:
    """log: takes a level and a text."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._seen: dict[str, tuple[Fault, int]] = {}

    @property
    def now(self) -> tuple[Fault, ...]:
        """Oldest first."""
        return tuple(fault for fault, _ in self._seen.values())

    def update(self, faults: list[Fault], mono_ns: int) -> None:
        """The faults of the epoch that was published at mono_ns."""
        for fault in faults:
            if fault.code not in self._seen:
                self._log("warning", f"{fault.text} - {fault.remedy}")
            self._seen[fault.code] = fault, mono_ns
        for code, (fault, seen_ns) in list(self._seen.items()):
            if mono_ns - seen_ns > OVER_NS:
                del self._seen[code]
                self._log("info", f"over: {fault.text}")
