"""`node/{name}/status`: what a node says about itself to consoles."""

from __future__ import annotations

from gatectl.model.messages import Status
from gatectl.model.node import NodeConfig
from gatectl.north.names import GateTopics
from gatectl.north.session import Publication
from gatectl.north.topics import NodeStatusMessage
from gatectl.north.wire import encode, to_datetime


def node_status(
    topics: GateTopics, config: NodeConfig, utc_ns: int, *, online: bool, status: Status | None = None
) -> Publication:
    """A gate's status is retained, because it has the last will to correct it; a vehicle's is not."""
    message = NodeStatusMessage(
        node=config.name,
        role=config.role,
        online=online,
        scan_no=status.scan_no if status else 0,
        explanations=status.explanations if status else (),
        detail=status.detail if status else {},
        at=to_datetime(utc_ns),
    )
    retained = config.role == "gate"
    return Publication(topics.node_status(config.name), encode(message), 1 if not status else 0, retained)
