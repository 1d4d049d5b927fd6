"""Inbound facts: journaled first, acknowledged then, answered again when they come again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from gatectl.model.errors import JournalError
from gatectl.model.messages import Fact
from gatectl.model.ports import NorthPort
from gatectl.north.session import Inbound, Session

RETRY_S = 0.5
WAITING_MAX = 1000


class Arrival(NamedTuple):
    """A fact, its idempotency key, and the message to acknowledge once it is durable.

    known: called when the journal has had this key before.
    """

    fact: Fact
    key: str
    session: Session
    message: Inbound
    known: Callable[[], None] | None = None


class Inbox:
    """While the journal cannot be written nothing is acknowledged and the order is kept."""

    def __init__(self, port: NorthPort) -> None:
        self._port = port
        self._waiting: deque[Arrival] = deque()
        self._some = asyncio.Event()
        self._complaint = ""

    def take(self, arrival: Arrival) -> None:
        """Journal and acknowledge, or keep for later."""
        if not self._waiting and self._try(arrival):
            return
        if len(self._waiting) >= WAITING_MAX:
            # Unacknowledged: its sender has no receipt and sends it again.
            self._port.log("error", f"{arrival.message.topic}: dropped, the journal is away for too long")
            return
        self._waiting.append(arrival)
        self._some.set()

    async def run(self) -> None:
        """Try again, in order, until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(RETRY_S)
            while self._waiting and self._try(self._waiting[0]):
                self._waiting.popleft()
            if not self._waiting:
                self._some.clear()

    def _try(self, arrival: Arrival) -> bool:
        try:
            fresh = self._port.accept(arrival.fact, arrival.key)
        except JournalError as error:
            if error.text() != self._complaint:
                self._complaint = error.text()
                self._port.log("error", f"{arrival.message.topic}: not acknowledged: {error.text()}")
            return False
        self._complaint = ""
        arrival.session.acknowledge(arrival.message)
        if not fresh:
            self._port.log("debug", f"{arrival.message.topic}: {arrival.key} came again, nothing happens")
            if arrival.known is not None:
                arrival.known()
        return True


class Memory:
    """The newest `size` answers by name, so that a repeated question gets its answer again."""

    def __init__(self, size: int = 2000) -> None:
        self._size = size
        self._items: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, name: str, payload: bytes) -> None:
        self._items[name] = payload
        self._items.move_to_end(name)
        while len(self._items) > self._size:
            self._items.popitem(last=False)

    def get(self, name: str) -> bytes | None:
        return self._items.get(name)
