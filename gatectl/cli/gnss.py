"""`gatectl gnss`: looks at a receiver again and again, or once."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from gatectl.cli import gnss_view
from gatectl.cli.gnss_history import History, good
from gatectl.cli.gnss_source import Look, NodeSource, PortSource, Source

LOOK_S = 0.02  # an epoch is seen when it came; receivers send up to 50 a second
DRAW_S = 0.25


async def watch_port(source: PortSource, *, seconds: float, once: bool, as_json: bool) -> bool:
    """As `watch`, with the driver running."""
    async with source:
        return await watch(source, seconds=seconds, once=once, as_json=as_json, note=lambda: source.trouble)


async def watch(
    source: Source, *, seconds: float, once: bool, as_json: bool, note: Callable[[], str]
) -> bool:
    """Live until Ctrl-C; with once (or as_json) one view after `seconds`. True: epochs come."""
    history = History()
    if once or as_json or not sys.stdout.isatty():
        await _look(source, history, seconds)
        look = source.look()
        if as_json:
            print(json.dumps(gnss_view.as_json(look, history, source.where), indent=2, ensure_ascii=False))
        else:
            told = "" if _comes(look, history) else note()
            Console(highlight=False).print(gnss_view.render(look, history, source.where, told))
        return _comes(look, history)
    with Live(refresh_per_second=1.0 / DRAW_S, auto_refresh=False, screen=True) as live:
        while True:
            await _look(source, history, DRAW_S)
            look = source.look()
            told = "" if _comes(look, history) else note()
            live.update(gnss_view.render(look, history, source.where, told), refresh=True)


def _comes(look: Look, history: History) -> bool:
    """Epochs were seen, and the receiver has not gone since."""
    return history.epochs > 0 and good(look.tags.get("alive")) != 0.0


async def _look(source: Source, history: History, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        history.add(source.look())
        await asyncio.sleep(LOOK_S)


__all__ = ["NodeSource", "PortSource", "watch", "watch_port"]
