"""Operator commands: one topic for all nodes of a site; each takes what is addressed to it."""

from __future__ import annotations

from gatectl.model.node import NodeConfig
from gatectl.north.topics import CommandMessage


def subject_here(message: CommandMessage, config: NodeConfig) -> str | None:
    """The subject as this node knows it ("" for itself), or None if the command is not for it.

    A gate knows many subjects (transits, cranes, vehicles) and takes every command that names no
    other node; a vehicle takes only what names it or nobody.
    """
    own = {"", config.name}
    if config.vehicle is not None:
        own.add(config.vehicle.serial)
    if message.node not in own:
        return None
    if message.subject in own:
        return ""
    return message.subject if config.role == "gate" else None
