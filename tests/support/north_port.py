"""A NorthPort in memory: what the runtime's journal and scan would be, for tests of the north side."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

from gatectl.model.errors import JournalError
from gatectl.model.messages import AnyMessage, Fact, Telemetry
from gatectl.model.ports import Outgoing
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.tags import Block, Direction, Layout, Snapshot, TagSpec

CORE = ("x", "y", "yaw", "speed", "yaw_rate", "localised", "protection_level")


class FakeNorthPort:
    """accepted: facts in the order of the journal; forwarded: telemetry; entries: the journal's
    outgoing side, kept until `published`."""

    def __init__(self) -> None:
        self.accepted: list[Fact] = []
        self.keys: set[str] = set()
        self.duplicates: list[str] = []
        self.forwarded: list[Telemetry] = []
        self.entries: dict[int, AnyMessage] = {}
        self.published_entries: list[int] = []
        self.journal_broken = False
        self.logs: list[tuple[str, str]] = []
        self._queues: list[asyncio.Queue[Outgoing]] = []
        self._numbers = itertools.count(1)
        self._layout = Layout([Block("core", Direction.STATE, tuple(TagSpec(name=n) for n in CORE))])
        self.values = [1.0, 2.0, 0.5, 3.0, 0.1, 1.0, 0.2]

    # ---- the test's side ----

    def emit(self, message: AnyMessage) -> int | None:
        """What the core produces: a fact is journaled first."""
        entry = None
        if isinstance(message, Fact):
            entry = next(self._numbers)
            self.entries[entry] = message
        for queue in self._queues:
            queue.put_nowait(Outgoing(entry, message))
        return entry

    def texts(self, level: str) -> list[str]:
        return [text for seen, text in self.logs if seen == level]

    # ---- NorthPort ----

    def accept(self, fact: Fact, key: str) -> bool:
        if self.journal_broken:
            raise JournalError("the disk is full", "make room")
        if key in self.keys:
            self.duplicates.append(key)
            return False
        self.keys.add(key)
        self.accepted.append(fact)
        return True

    def forward(self, telemetry: Telemetry) -> None:
        self.forwarded.append(telemetry)

    async def outgoing(self) -> AsyncIterator[Outgoing]:
        queue: asyncio.Queue[Outgoing] = asyncio.Queue()
        for entry, message in sorted(self.entries.items(), key=lambda item: item[0]):
            queue.put_nowait(Outgoing(entry, message))
        self._queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.remove(queue)

    def published(self, entry: int) -> None:
        self.entries.pop(entry)
        self.published_entries.append(entry)

    def layout(self) -> Layout:
        return self._layout

    def snapshot(self) -> Snapshot:
        now = time.monotonic_ns()
        return Snapshot(list(self.values), bytes([GOOD_BYTE] * len(CORE)), [now] * len(CORE))

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        return time.time_ns()

    def log(self, level: str, text: str) -> None:
        self.logs.append((level, text))
