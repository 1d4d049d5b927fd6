"""Listening to a wire to find out whether a transponder reader speaks there."""

from __future__ import annotations

import asyncio
import time

from drivers._wire import open_stream
from drivers.transponder.telegram import LENGTH, Framer, Telegram
from gatectl.model.device import ProbeFinding, Wire

BAUDS = (115_200, 38_400, 57_600, 19_200, 9_600)
NOISE_BYTES = 200  # so many without one valid telegram: the speed is wrong, or it is no reader


async def probe(wire: Wire, listen_s: float) -> ProbeFinding:
    """Listen for listen_s; ends early on NOISE_BYTES without a valid telegram. Never writes.

    Raises DeviceError if the wire cannot be opened or is lost.
    """
    stream = await open_stream(wire)
    framer, heard, last = Framer(), 0, None
    count = 0
    begin_s = time.monotonic()
    try:
        while (left_s := begin_s + listen_s - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    data = await stream.read()
            except TimeoutError:
                break
            heard += len(data)
            telegrams = framer.feed(data)
            count += len(telegrams)
            last = telegrams[-1] if telegrams else last
            if not count and heard >= NOISE_BYTES:
                break
    finally:
        stream.close()
    seconds = round(time.monotonic() - begin_s, 2)
    messages = {"telegram": count} if count else {}
    if last is None:
        return ProbeFinding(heard_bytes=heard, used_bytes=0, seconds=seconds, messages=messages)
    return ProbeFinding(
        heard_bytes=heard,
        used_bytes=count * LENGTH,
        seconds=seconds,
        messages=messages,
        protocol="transponder reader",
        config={"wire": {"port": wire.port, "baud": wire.baud}}
        if wire.port
        else {"wire": {"host": wire.host, "tcp_port": wire.tcp_port}},
        notes=_notes(last),
    )


def _notes(last: Telegram) -> tuple[str, ...]:
    notes = []
    if last.fault:
        notes.append("it reports a fault of its antenna")
    if last.crossings == 0:
        notes.append("it has crossed no transponder since it was switched on")
    return tuple(notes)
