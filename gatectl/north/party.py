"""A client of the broker that sends messages to a gate and awaits their receipts: a person at a console,
an office, a tool.

It sends a message again until its receipt comes, as docs/integrator.md asks of integrators.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Self

from gatectl.model.errors import DeviceError, UsageError
from gatectl.north.link import Link
from gatectl.north.names import GateTopics
from gatectl.north.session import Inbound, Publication, Session
from gatectl.north.settings import Settings
from gatectl.north.topics import ReceiptMessage
from gatectl.north.wire import encode, iso_ms, parse, typed

RESEND_S = 1.0
RECEIPT_S = 20.0


class Party:
    """A connection of one sender to `broker` (its client id is made here: unique for ever).

    receipts: every receipt addressed to it, in order."""

    def __init__(self, name: str, receipt_topic: str, topics: GateTopics, broker: Settings) -> None:
        self.name = name
        self.topics = topics
        self._receipt_topic = receipt_topic
        self.receipts: list[ReceiptMessage] = []
        self._count = 0
        self._arrived = asyncio.Event()
        # Ids are unique for ever: a party that is started again must not count from 1.
        self._birth = f"{time.time_ns():x}"
        self._link = Link(
            broker._replace(client_id=f"{name}-{self._birth}"),
            [(receipt_topic, 1)],
            on_message=self._on_message,
            on_change=lambda _connected: None,
            log=lambda _level, _text: None,
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Connect (in the background, and again whenever the broker comes back)."""
        self._task = asyncio.create_task(self._link.run())
        return self

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        if self._task is not None:
            await self._link.leave([])
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def next_id(self) -> str:
        self._count += 1
        return f"{self.name}-{self._birth}-{self._count}"

    async def send(
        self,
        topic: str,
        message: dict[str, Any],
        *,
        node: str = "",
        several: bool = False,
        timeout_s: float = RECEIPT_S,
    ) -> ReceiptMessage:
        """Send until a receipt comes. node: that node's receipt; several: several nodes may answer,
        and one that accepts counts for more than one that refuses. Raises DeviceError when no
        receipt comes in time.
        """
        if self._task is None:
            raise UsageError(f"{self.name} is not started", "await start() first")
        publication = Publication(topic, encode(message), 1)
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._link.up.wait()
                    self._link.publish(publication)
                    receipt = await self._answer(str(message.get("id", "")), node, several)
                    if receipt is not None:
                        return receipt
        except TimeoutError:
            raise DeviceError(
                f"no receipt for {message.get('id')} within {timeout_s:g} s",
                "see whether broker and gate run; gatectl status",
                where=topic,
            ) from None

    async def _answer(self, correlation: str, node: str, several: bool) -> ReceiptMessage | None:
        """The receipt, or None after RESEND_S; a refusal waits in case another node accepts."""
        end = time.monotonic() + RESEND_S
        while True:
            self._arrived.clear()
            found = [r for r in self.receipts if r.correlation == correlation and node in ("", r.node)]
            for receipt in found:
                if receipt.result == "accepted" or (receipt.result == "refused" and not several):
                    return receipt
            left_s = end - time.monotonic()
            if left_s <= 0:
                decided = [r for r in found if r.result != "known"]
                return decided[-1] if decided else None
            try:
                await asyncio.wait_for(self._arrived.wait(), left_s)
            except TimeoutError:
                continue

    def _on_message(self, session: Session, message: Inbound) -> None:
        session.acknowledge(message)
        if message.topic != self._receipt_topic:
            return
        receipt = typed(parse(message.payload, "receipt"), ReceiptMessage, "receipt")
        self.receipts.append(receipt)
        self._arrived.set()


class Operator(Party):
    """A person at a console."""

    def __init__(self, who: str, *, site: str, broker: Settings) -> None:
        topics = GateTopics(site)
        super().__init__(who, topics.operator_receipt, topics, broker)

    async def command(
        self,
        command: str,
        subject: str = "",
        *,
        node: str = "",
        reason: str = "",
        value: str = "",
        timeout_s: float = RECEIPT_S,
    ) -> ReceiptMessage:
        """Command and await the receipt (of that node, if one is named). Raises DeviceError."""
        message = {
            "id": self.next_id(),
            "who": self.name,
            "node": node,
            "command": command,
            "subject": subject,
            "reason": reason,
            "value": value,
            "issued_at": iso_ms(time.time_ns()),
        }
        return await self.send(self.topics.command, message, node=node, several=not node, timeout_s=timeout_s)
