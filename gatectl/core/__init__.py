"""What the gate decides. Pure: no I/O, no clock, no randomness, no logging.

`tags` names the core's own block of the process image, `build` makes the core of a node's role.
"""

from __future__ import annotations

from typing import Any

from gatectl.model import Layout, TagSpec
from gatectl.model.node import Node, NodeConfig
from gatectl.model.scan import Core
from gatectl.model.site import Site

__all__ = ["build", "tags"]


def tags(config: NodeConfig, site: Site) -> tuple[TagSpec, ...]:
    """The core block's tags for a node of this role on this site."""
    if config.role == "vehicle":
        from gatectl.core.vehicle_tags import VEHICLE_TAGS  # noqa: PLC0415 - a role loads only its own part

        return VEHICLE_TAGS
    from gatectl.core import gate  # noqa: PLC0415 - a role loads only its own part

    return gate.tags(config, site)


def build(node: Node, layout: Layout) -> Core[Any]:
    """The core of a node. Raises ConfigError if node, devices and site do not fit together."""
    if node.config.role == "vehicle":
        from gatectl.core.vehicle import VehicleCore  # noqa: PLC0415 - a role loads only its own part

        return VehicleCore(node, layout)
    from gatectl.core import gate  # noqa: PLC0415 - a role loads only its own part

    return gate.GateCore(node, layout)
