"""Whether the device is heard, as the tag `alive`."""

from __future__ import annotations

import asyncio

from drivers.scanner.tags import PUBLISH_S
from gatectl.model.device import DevicePort


class Life:
    """Publishes `alive`: 1 while something valid was heard within silence_s, else 0.

    GOOD either way: it is the driver's own knowledge.
    """

    def __init__(self, name: str, port: DevicePort, silence_s: float) -> None:
        self._name, self._port, self._silence_s = name, port, silence_s
        self._heard_mono_ns: int | None = None
        self._alive: bool | None = None
        self._last_warning = ""

    def heard(self) -> None:
        """Something valid came."""
        self._heard_mono_ns = self._port.mono_ns()
        self._last_warning = ""
        if not self._alive:
            self.publish()

    def lost(self, text: str) -> None:
        """The wire is gone; `text` goes to the log unless it was the last thing said."""
        self._heard_mono_ns = None
        self.warn(text)
        self.publish()

    def warn(self, text: str) -> None:
        """Log a warning, but not the same one again and again."""
        if text != self._last_warning:
            self._port.log("warning", f"{self._name}: {text}")
        self._last_warning = text

    def publish(self) -> None:
        """Put and commit `alive` as of now."""
        heard = self._heard_mono_ns
        alive = heard is not None and self._port.mono_ns() - heard <= self._silence_s * 1e9
        if self._alive and not alive:
            self._port.log("warning", f"{self._name}: not heard any more")
        elif alive and not self._alive:
            self._port.log("info", f"{self._name}: heard")
        self._alive = alive
        self._port.put("alive", float(alive))
        self._port.commit()

    async def watch(self) -> None:
        """Publish again and again, until cancelled."""
        while True:
            self.publish()
            await asyncio.sleep(min(PUBLISH_S, self._silence_s / 4))
