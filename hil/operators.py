"""The people and authorities around a gate, each a client of the broker like any other."""

from __future__ import annotations

import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatectl.model.messages import Direction, Side
from gatectl.north.names import GateTopics
from gatectl.north.party import Party
from gatectl.north.settings import Settings
from gatectl.north.signing import sign
from gatectl.north.topics import ReceiptMessage
from gatectl.north.wire import iso_ms


class Customs(Party):
    """One customs office with its private key. Sequences rise from the clock, so that an office
    that was restarted is above every number it sent before."""

    def __init__(self, side: Side, private_key: Ed25519PrivateKey, *, site: str, broker: Settings) -> None:
        topics = GateTopics(site)
        super().__init__(f"customs-{side}", topics.customs_receipt(side), topics, broker)
        self.side: Side = side
        self.site = site
        self._key = private_key
        self._sequence = time.time_ns() // 1_000_000

    def decision(
        self,
        decision: str,
        transit_id: str,
        container: str,
        *,
        release_id: str = "",
        valid_s: float = 3600.0,
        signing_key: Ed25519PrivateKey | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """A signed decision. For tests: a negative valid_s expired long ago, signing_key is somebody
        else's, changes replace members before the signature is made."""
        now_ns = time.time_ns()
        self._sequence += 1
        message = {
            "id": self.next_id(),
            "site": self.site,
            "customs": self.side,
            "release_id": release_id or f"{transit_id}-{self.side}",
            "transit_id": transit_id,
            "container": container,
            "decision": decision,
            "sequence": self._sequence,
            "issued_at": iso_ms(now_ns),
            "expires_at": iso_ms(now_ns + round(valid_s * 1e9)),
            **changes,
        }
        return sign(message, signing_key or self._key)

    async def release(self, transit_id: str, container: str, **options: Any) -> ReceiptMessage:
        """Release this container for this transit; options as in `decision`. Raises DeviceError."""
        return await self.submit(self.decision("release", transit_id, container, **options))

    async def revoke(self, transit_id: str, container: str, **options: Any) -> ReceiptMessage:
        """Take the release back. Raises DeviceError."""
        return await self.submit(self.decision("revoke", transit_id, container, **options))

    async def hold(self, transit_id: str, container: str, **options: Any) -> ReceiptMessage:
        """Hold the container. Raises DeviceError."""
        return await self.submit(self.decision("hold", transit_id, container, **options))

    async def submit(self, message: dict[str, Any]) -> ReceiptMessage:
        """Send a decision as it is (also a second time, or a changed one). Raises DeviceError."""
        return await self.send(self.topics.release(self.side), message)


class Shipper(Party):
    """Whoever announces containers."""

    def __init__(self, name: str, *, site: str, broker: Settings) -> None:
        topics = GateTopics(site)
        super().__init__(name, topics.operator_receipt, topics, broker)

    async def pre_advise(
        self,
        transit_id: str,
        container: str,
        direction: Direction,
        declared_gross_kg: float,
        seal: str,
        *,
        vehicle: str = "",
    ) -> ReceiptMessage:
        """Announce a container and await the receipt. Raises DeviceError."""
        message = {
            "id": self.next_id(),
            "sender": self.name,
            "transit_id": transit_id,
            "container": container,
            "direction": direction,
            "declared_gross_kg": declared_gross_kg,
            "seal": seal,
            "vehicle": vehicle,
            "issued_at": iso_ms(time.time_ns()),
        }
        return await self.send(self.topics.preadvice, message)
