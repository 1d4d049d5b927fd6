"""Towards people and other systems: MQTT, VDA 5050 on both sides, gate topics, customs exchange."""

from gatectl.north.service import serve

__all__ = ["serve"]
