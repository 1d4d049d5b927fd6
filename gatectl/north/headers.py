"""VDA 5050 headers: headerId counts per topic, timestamp is now, the rest says who speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from gatectl.model.vda5050 import Header
from gatectl.north.wire import iso_ms

VERSION = "2.1.0"
H = TypeVar("H", bound=Header)


class Headers:
    """Fills headers. utc_ns: the clock."""

    def __init__(self, utc_ns: Callable[[], int]) -> None:
        self._utc_ns = utc_ns
        self._count: dict[str, int] = {}

    def fill(self, message: H, topic: str, manufacturer: str, serial: str) -> H:
        """The message with its header. headerId is a uint32: it wraps to 0."""
        header_id = self._count.get(topic, -1) + 1 & 0xFFFF_FFFF
        self._count[topic] = header_id
        return msgspec.structs.replace(
            message,
            header_id=header_id,
            timestamp=iso_ms(self._utc_ns()),
            version=VERSION,
            manufacturer=manufacturer,
            serial_number=serial,
        )
