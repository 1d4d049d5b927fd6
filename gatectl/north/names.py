"""Topic names: VDA 5050 and the gate topics (docs/architecture.md, MQTT)."""

from __future__ import annotations

from typing import Literal

from gatectl.model.errors import UsageError
from gatectl.model.messages import Side

VdaTopic = Literal["order", "instantActions", "state", "connection", "factsheet", "visualization"]

# VDA 5050 2.x: interface name and major version; the gate topics carry a version of their own.
VDA_PREFIX = "uagv/v2"
GATE_PREFIX = "gatectl/v1"


def element(text: str, what: str) -> str:
    """One level of a topic.

    Raises UsageError for text that MQTT would read as a separator or wildcard, or that is empty.
    """
    if not text or any(c in "/+#$" or ord(c) < 0x20 for c in text):
        raise UsageError(
            f"{what} {text!r} cannot be part of a topic", "use letters, digits, dot, dash and underscore"
        )
    return text


def vda(manufacturer: str, serial: str, topic: VdaTopic) -> str:
    """`uagv/v2/{manufacturer}/{serial}/{topic}`. Raises UsageError."""
    return f"{VDA_PREFIX}/{element(manufacturer, 'manufacturer')}/{element(serial, 'serial')}/{topic}"


class GateTopics:
    """The gate topics of one site. Every method raises UsageError for a name that fits no topic."""

    def __init__(self, site: str) -> None:
        self.base = f"{GATE_PREFIX}/{element(site, 'site name')}"
        self.preadvice = f"{self.base}/preadvice"
        self.command = f"{self.base}/operator/command"
        self.operator_receipt = f"{self.base}/operator/receipt"
        self.incident = f"{self.base}/incident"

    def release(self, side: Side) -> str:
        return f"{self.base}/customs/{side}/release"

    def customs_receipt(self, side: Side) -> str:
        return f"{self.base}/customs/{side}/receipt"

    def transit(self, transit_id: str) -> str:
        return f"{self.base}/transit/{element(transit_id, 'transit id')}"

    def block(self, block: str) -> str:
        return f"{self.base}/block/{element(block, 'block id')}"

    def lease(self, serial: str) -> str:
        return f"{self.base}/lease/{element(serial, 'serial')}"

    def node_status(self, node: str) -> str:
        return f"{self.base}/node/{element(node, 'node name')}/status"
