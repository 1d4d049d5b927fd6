"""Listening to a wire to find out whether a transponder reader speaks there."""

from __future__ import annotations

from drivers._wire import listen, wire_table
from drivers.transponder.telegram import LENGTH, Framer, Telegram
from gatectl.model.device import ProbeFinding, Wire

BAUDS = (115_200, 38_400, 57_600, 19_200, 9_600)
NOISE_BYTES = 200  # so many without one valid telegram: the speed is wrong, or it is no reader


async def probe(wire: Wire, listen_s: float) -> ProbeFinding:
    """Listen for listen_s; ends early on NOISE_BYTES without a valid telegram. Never writes.

    Raises DeviceError if the wire cannot be opened or is lost.
    """
    framer, heard, telegrams = Framer(), 0, list[Telegram]()

    def hear(data: bytes) -> bool:
        nonlocal heard
        heard += len(data)
        telegrams.extend(framer.feed(data))
        return bool(telegrams) or heard < NOISE_BYTES

    seconds = await listen(wire, listen_s, hear)
    if not telegrams:
        return ProbeFinding(heard_bytes=heard, used_bytes=0, seconds=seconds, messages={})
    return ProbeFinding(
        heard_bytes=heard,
        used_bytes=len(telegrams) * LENGTH,
        seconds=seconds,
        messages={"telegram": len(telegrams)},
        protocol="transponder reader",
        config={"wire": wire_table(wire)},
        notes=_notes(telegrams[-1]),
    )


def _notes(last: Telegram) -> tuple[str, ...]:
    notes = []
    if last.fault:
        notes.append("it reports a fault of its antenna")
    if last.crossings == 0:
        notes.append("it has crossed no transponder since it was switched on")
    return tuple(notes)
