"""Reading all state registers, round after round, around the ones that the PLC refuses. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from drivers.crane.link import ADDRESS_CODES
from drivers.crane.register_map import RegisterMap
from drivers.crane.wire import Batch, plan
from gatectl.model.quality import Cause

RETRY_REFUSED_S = 10.0
ATTEMPTS = 2


class Rounds:
    """The plan of reads and its state: `begin` a round, then `next` until it says None.

    A refused read is split in two for good (the plan is the memory of what the PLC allows), down to
    the single value, which is left out and tried again every RETRY_REFUSED_S.
    """

    def __init__(self, regs: RegisterMap) -> None:
        self._order = regs.order
        self._plan: list[Batch] = plan(regs.state, regs.max_gap, regs.max_registers)
        self._refused: dict[Batch, int] = {}
        self._pending: deque[Batch] = deque()
        self._attempts = 0
        self.values: dict[str, tuple[float, int]] = {}
        self.failed: dict[str, Cause] = dict.fromkeys(regs.absent, Cause.NOT_CONFIGURED)
        self._absent = dict(self.failed)

    @property
    def plan(self) -> tuple[Batch, ...]:
        """The reads of a round, as learnt so far."""
        return tuple(self._plan)

    def begin(self, now_mono_ns: int) -> None:
        """A new round. values: tag -> (value, time of arrival); failed: tag -> why it has none."""
        self.values = {}
        self.failed = dict(self._absent)
        self._attempts = 0
        for batch in [b for b, until in self._refused.items() if now_mono_ns >= until]:
            del self._refused[batch]
        for batch in self._refused:
            self.failed.update((p.tag, Cause.NOT_CONFIGURED) for p in batch.points)
        self._pending = deque(b for b in self._plan if b not in self._refused)

    def next(self) -> Batch | None:
        """The read to do now; None when the round is complete."""
        return self._pending[0] if self._pending else None

    def arrived(self, raw: Sequence[int | bool], now_mono_ns: int) -> None:
        """The answer to `next`. Raises WireError if its length is wrong."""
        batch = self._pending.popleft()
        self._attempts = 0
        for point, value in batch.values(raw, self._order):
            if point.low <= value <= point.high:
                self.values[point.tag] = (value, now_mono_ns)
            else:  # NaN compares false
                self.failed[point.tag] = Cause.NOT_VALID if value != value else Cause.OUT_OF_RANGE  # noqa: PLR0124

    def refused(self, code: int, now_mono_ns: int) -> Batch | None:
        """A Modbus exception came for `next`. Returns the batch if it was given up by this."""
        batch = self._pending.popleft()
        self._attempts = 0
        if code not in ADDRESS_CODES:
            self.failed.update((p.tag, Cause.DEVICE_FAULT) for p in batch.points)
            return None
        parts = batch.split()
        if parts:
            at = self._plan.index(batch)
            self._plan[at : at + 1] = parts
            self._pending.extendleft(reversed(parts))
            return None
        self.failed.update((p.tag, Cause.NOT_CONFIGURED) for p in batch.points)
        self._refused[batch] = now_mono_ns + round(RETRY_REFUSED_S * 1e9)
        return batch

    def missed(self) -> bool:
        """No answer came for `next`. True if it may be tried again (reads may, within ATTEMPTS)."""
        self._attempts += 1
        return self._attempts < ATTEMPTS
