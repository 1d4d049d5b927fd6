"""Keeping a wire open for as long as the driver lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from drivers._wire.opening import open_stream
from drivers._wire.stream import ByteStream
from gatectl.model.device import Wire
from gatectl.model.errors import DeviceError


class Backoff:
    """The pauses between attempts: first_s, then factor times more each time, up to limit_s.

    Deterministic on purpose (no jitter): one device, one client. `reset` when the device has said
    something sensible, not when the port merely opened.
    """

    def __init__(self, first_s: float = 0.2, limit_s: float = 5.0, factor: float = 2.0) -> None:
        self._first_s, self._limit_s, self._factor = first_s, limit_s, factor
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait before the next attempt, s."""
        pause_s = self._next_s
        self._next_s = min(pause_s * self._factor, self._limit_s)
        return pause_s

    def reset(self) -> None:
        """The device speaks: begin with the short pause again."""
        self._next_s = self._first_s


async def keep_open(
    wire: Wire,
    session: Callable[[ByteStream], Awaitable[None]],
    *,
    lost: Callable[[DeviceError], None],
    backoff: Backoff,
) -> NoReturn:
    """Open the wire, run `session` on it, and again for ever; ends only when cancelled.

    A DeviceError (from opening or from the session) is given to `lost`, which makes the tags BAD and
    tells the log; then comes the pause. A session that returns is opened again without `lost`.
    """
    while True:
        stream: ByteStream | None = None
        try:
            stream = await open_stream(wire)
            await session(stream)
        except DeviceError as error:
            lost(error)
        finally:
            if stream is not None:
                stream.close()
        await asyncio.sleep(backoff.next_s())
