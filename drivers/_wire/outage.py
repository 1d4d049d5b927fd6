"""What a driver that only listens tells while its device gives it no values."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from gatectl.model.device import DevicePort
from gatectl.model.errors import DeviceError
from gatectl.model.quality import Cause, Quality


class Outage:
    """Every tag BAD with one cause, told again so that it does not grow stale, and in the log once.

    cause: of the outage; None while there is none, or while the device itself answers (`alive`).
    """

    def __init__(self, name: str, port: DevicePort) -> None:
        self.cause: Cause | None = None
        self._name = name
        self._port = port
        self._warned = ""

    def tell(self, cause: Cause, alive: float = 0.0) -> None:
        """Commit all tags BAD. alive 1: the device answers, but not with values."""
        self.cause = None if alive else cause
        self._port.put_all(Quality.BAD, cause)
        self._port.put("alive", alive)
        self._port.commit()

    def warn(self, text: str) -> None:
        """To the log; the same text again would bury the others and is left out."""
        if text != self._warned:
            self._port.log("warning", f"{self._name}: {text}")
        self._warned = text

    def lost(self, error: DeviceError) -> None:
        """The wire is gone (for `keep_open`)."""
        self.warn(error.text())
        self.tell(Cause.LINK_DOWN)

    def over(self) -> None:
        """Values come again."""
        self.cause, self._warned = None, ""

    async def keep_telling(self, stale_after_s: float) -> NoReturn:
        """Well within stale_after_s of the tags; until cancelled."""
        while True:
            await asyncio.sleep(stale_after_s / 4)
            if self.cause is not None:
                self.tell(self.cause)
