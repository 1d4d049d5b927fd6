"""Real brokers for tests: the embedded one, and Mosquitto where it is installed."""

from __future__ import annotations

import pytest

from gatectl.north.link import Link
from gatectl.north.session import Inbound, Publication, Session
from gatectl.north.settings import Settings
from hil.broker import Broker, mosquitto_binary

KINDS = [
    "amqtt",
    pytest.param(
        "mosquitto", marks=pytest.mark.skipif(mosquitto_binary() is None, reason="Mosquitto is not installed")
    ),
]


class Listener:
    """A plain client: everything it heard, and `say`."""

    def __init__(self, port: int, topics: list[str], name: str = "listener") -> None:
        self.heard: list[Inbound] = []
        self.link = Link(
            Settings("127.0.0.1", port, name),
            [(topic, 1) for topic in topics],
            on_message=self._take,
            on_change=lambda _connected: None,
            log=lambda _level, _text: None,
        )

    def _take(self, session: Session, message: Inbound) -> None:
        session.acknowledge(message)
        self.heard.append(message)

    def on(self, topic: str) -> list[Inbound]:
        return [m for m in self.heard if m.topic == topic]

    async def say(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        ack = self.link.publish(Publication(topic, data, 1, retain))
        assert ack is not None
        await ack


__all__ = ["KINDS", "Broker", "Listener"]
