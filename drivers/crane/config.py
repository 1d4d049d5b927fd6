"""The crane's table in the node file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from gatectl.model.device import Wire


class CraneDriverConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A crane behind a PLC that speaks Modbus TCP.

    wire: host and tcp_port. map: the register map (`drivers/crane/register_map.py`), absolute or
    relative to base_dir, which the configuration loader fills with the node file's folder.
    poll_ms: of all state registers. heartbeat_ms: of the command block, if nothing changes.
    timeout_ms: for one answer. frozen_ms: a PLC whose heartbeat stands still longer is not alive.
    reconnect_max_ms: longest pause between attempts to connect.
    """

    wire: Wire
    map: Annotated[str, Meta(min_length=1)]
    base_dir: str = ""
    poll_ms: Annotated[float, Meta(ge=10, le=1000)] = 50.0
    heartbeat_ms: Annotated[float, Meta(ge=20, le=250)] = 100.0
    timeout_ms: Annotated[float, Meta(ge=20, le=2000)] = 250.0
    frozen_ms: Annotated[float, Meta(ge=100, le=2000)] = 500.0
    reconnect_max_ms: Annotated[float, Meta(ge=100, le=10000)] = 1000.0

    @property
    def map_path(self) -> Path:
        """Where the register map is."""
        return Path(self.base_dir) / self.map
