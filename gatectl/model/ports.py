"""What the north process is given by the runtime, so that neither imports the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from gatectl.model.messages import AnyMessage, Fact, Telemetry
from gatectl.model.tags import Layout, Snapshot


class Outgoing(NamedTuple):
    """A message to publish. entry: its journal number, or None for telemetry."""

    entry: int | None
    message: AnyMessage


class NorthPort(Protocol):
    """Journal, scan and image, as the north side sees them."""

    def accept(self, fact: Fact, key: str) -> bool:
        """Journal an inbound fact durably, then hand it to the scan.

        key: the idempotency key of the sender. False if it was known already (nothing happens).
        Only after this returned may the sender be acknowledged. Raises JournalError.
        """

    def forward(self, telemetry: Telemetry) -> None:
        """Hand inbound telemetry to the scan; the newest of a kind and sender wins."""

    def outgoing(self) -> AsyncIterator[Outgoing]:
        """Journaled facts that are not yet published, oldest first, then new ones as they come,
        with telemetry between. After a restart the unpublished ones come again."""

    def published(self, entry: int) -> None:
        """The broker has acknowledged this entry; it is not offered again."""

    def layout(self) -> Layout:
        """The node's layout."""

    def snapshot(self) -> Snapshot:
        """The process image now."""

    def mono_ns(self) -> int: ...

    def utc_ns(self) -> int: ...

    def log(self, level: str, text: str) -> None: ...
