"""Listening to a wire for a while, to find out who speaks there (`gatectl.model.device.Probing`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from drivers._wire.opening import open_stream
from gatectl.model.device import Wire


async def listen(wire: Wire, listen_s: float, hear: Callable[[bytes], bool]) -> float:
    """Give everything that comes within listen_s to `hear`, which says whether to go on. Never writes.

    Returns the seconds listened. Raises DeviceError if the wire cannot be opened (busy, no such port,
    no permission) or is lost.
    """
    stream = await open_stream(wire)
    begin_s = time.monotonic()
    try:
        while (left_s := begin_s + listen_s - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    data = await stream.read()
            except TimeoutError:
                break
            if not hear(data):
                break
    finally:
        stream.close()
    return round(time.monotonic() - begin_s, 2)


def wire_table(wire: Wire) -> dict[str, Any]:
    """The wire as a device's `wire` table in a node file, without what is default."""
    if not wire.port:
        return {"host": wire.host, "tcp_port": wire.tcp_port}
    table: dict[str, Any] = {"port": wire.port, "baud": wire.baud}
    if wire.frame != Wire().frame:
        table["frame"] = wire.frame
    return table
