"""A driver's port without a node: keeps the newest committed samples in memory."""

from __future__ import annotations

from gatectl.model import Cause, Direction, Quality, Sample, TagSpec
from gatectl.model.messages import Fact
from gatectl.runtime import clock

LOG_LIMIT = 100


class LocalPort:
    """A `DevicePort` for a driver that is run for a look. samples: committed ones by local name; commits:
    how many; logs: (level, text), the newest."""

    def __init__(self, name: str, tags: tuple[TagSpec, ...]) -> None:
        self.name = name
        self.specs = {tag.name: tag for tag in tags}
        never = Sample(0.0, Quality.BAD, Cause.NEVER_WRITTEN, 0)
        self.samples = {tag.name: never for tag in tags if tag.direction is Direction.STATE}
        self.commits = 0
        self.logs: list[tuple[str, str]] = []
        self._staged = dict(self.samples)

    def mono_ns(self) -> int:
        return clock.mono_ns()

    def utc_ns(self) -> int:
        return clock.utc_ns()

    def put(
        self,
        tag: str,
        value: float,
        quality: Quality = Quality.GOOD,
        cause: Cause = Cause.NONE,
        stamp_mono_ns: int | None = None,
    ) -> None:
        stamp = self.mono_ns() if stamp_mono_ns is None else stamp_mono_ns
        self._staged[tag] = Sample(value, quality, cause, stamp)

    def put_all(self, quality: Quality, cause: Cause) -> None:
        for tag, sample in self._staged.items():
            self._staged[tag] = Sample(sample.value, quality, cause, self.mono_ns())

    def commit(self) -> None:
        self.samples = dict(self._staged)
        self.commits += 1

    def command(self, tag: str) -> Sample:
        """Nobody commands here: the safe value, BAD."""
        return Sample(self.specs[tag].safe_value, Quality.BAD, Cause.NEVER_WRITTEN, 0)

    def commands_fresh(self) -> bool:
        return False

    def emit(self, fact: Fact) -> None:
        """There is no journal that could keep it."""

    def next_id(self) -> str:
        return f"{self.name}-{self.commits}"

    def log(self, level: str, text: str) -> None:
        self.logs = [*self.logs[1 - LOG_LIMIT :], (level, text)]
