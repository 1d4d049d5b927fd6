"""Outbound messages: facts in order, at QoS 1, until the broker has them; telemetry at once or never.

The journal is the real outbox: what the broker has not acknowledged is offered again after a
restart. Here lie only the facts of this life: `waiting` in order, then `in flight`; when the link
breaks, those in flight go back to the head, so that nothing overtakes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import NamedTuple, Protocol

from gatectl.model.errors import DeviceError, JournalError, UsageError
from gatectl.model.messages import AnyMessage
from gatectl.model.ports import NorthPort
from gatectl.north.link import Link
from gatectl.north.session import Publication

IN_FLIGHT_MAX = 50
WAITING_MAX = 5000
RETRY_S = 1.0


class Sender(Protocol):
    """What a role knows of its messages."""

    def publication(self, message: AnyMessage, /) -> Publication | None:
        """How it looks on the wire now; None if it is not for the wire. Raises UsageError."""

    def lane(self, message: AnyMessage, /) -> str:
        """Messages of one lane keep their order when one must be held; "" = never held."""

    def held(self, message: AnyMessage, /) -> bool:
        """True while it must not be sent yet."""

    def sent(self, message: AnyMessage, /) -> None:
        """The broker has this fact."""


class Item(NamedTuple):
    entry: int
    message: AnyMessage


class Outbox:
    """`run` pumps until cancelled; `kick` after something that may release a held message."""

    def __init__(self, port: NorthPort, link: Link, sender: Sender) -> None:
        self._port = port
        self._link = link
        self._sender = sender
        self._waiting: deque[Item] = deque()
        self._in_flight: dict[int, Item] = {}
        self._here: set[int] = set()
        self._space = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def run(self) -> None:
        async for entry, message in self._port.outgoing():
            if entry is None:
                self._send_telemetry(message)
                continue
            if entry in self._here:
                continue
            self._here.add(entry)
            self._waiting.append(Item(entry, message))
            self.kick()
            while len(self._waiting) >= WAITING_MAX:
                self._space.clear()
                await self._space.wait()

    def kick(self) -> None:
        """Send what may be sent, oldest first."""
        held_lanes = {self._sender.lane(item.message) for item in self._in_flight.values()}
        kept: deque[Item] = deque()
        while self._waiting and self._link.connected and len(self._in_flight) < IN_FLIGHT_MAX:
            item = self._waiting.popleft()
            lane = self._sender.lane(item.message)
            if lane and (lane in held_lanes or self._sender.held(item.message)):
                held_lanes.add(lane)
                kept.append(item)
            elif not self._send_fact(item):
                kept.append(item)
                break
        self._waiting.extendleft(reversed(kept))
        if len(self._waiting) < WAITING_MAX:
            self._space.set()

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything that may be sent is acknowledged, at most timeout_s."""
        self.kick()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._quiet.wait()

    def _publication(self, message: AnyMessage) -> Publication | None:
        try:
            return self._sender.publication(message)
        except UsageError as error:
            self._port.log("error", f"{type(message).__name__} {message.id}: not published: {error.text()}")
            return None

    def _send_telemetry(self, message: AnyMessage) -> None:
        if not self._link.connected:
            return
        publication = self._publication(message)
        if publication is not None:
            self._link.publish(publication)

    def _send_fact(self, item: Item) -> bool:
        publication = self._publication(item.message)
        if publication is None:
            self._done(item)
            return True
        ack = self._link.publish(publication._replace(qos=1))
        if ack is None:
            return False
        if publication.retain:
            # At once, not at the PUBACK: after a reconnect no older value may follow a newer one.
            self._link.remember(publication)
        self._in_flight[item.entry] = item
        self._quiet.clear()
        ack.add_done_callback(lambda done: self._settle(item, done))
        return True

    def _settle(self, item: Item, done: asyncio.Future[None]) -> None:
        if item.entry not in self._in_flight:
            return
        if isinstance(done.exception(), DeviceError):
            # The whole flight failed together: back to the head, oldest first.
            flight = sorted(self._in_flight.values())
            self._in_flight.clear()
            self._quiet.set()
            self._waiting.extendleft(reversed(flight))
            return
        del self._in_flight[item.entry]
        self._done(item)
        self._sender.sent(item.message)
        self.kick()
        if not self._in_flight:
            self._quiet.set()

    def _done(self, item: Item) -> None:
        """Note it in the journal; one that cannot be written is asked again."""
        try:
            self._port.published(item.entry)
        except JournalError as error:
            self._port.log("error", f"entry {item.entry} is published but not noted: {error.text()}")
            asyncio.get_running_loop().call_later(RETRY_S, self._done, item)
            return
        self._here.discard(item.entry)
