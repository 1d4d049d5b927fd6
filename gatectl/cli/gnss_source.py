"""Where `gatectl gnss` looks: a running node's tags, or a receiver itself through its driver."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from gatectl.cli.local_port import LocalPort
from gatectl.cli.ports import port_of, taken
from gatectl.model import Cause, Layout, Quality, Sample, UsageError
from gatectl.model.device import Driver, ReceiverView, Viewable
from gatectl.runtime import plugins
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout

WANTED = ("latitude", "longitude", "epoch_utc")
"""A device with these tags is a receiver, whoever made its driver."""


class Look(Struct, kw_only=True):
    """One look. tags: samples by local name, staleness judged. view: what only the driver knows."""

    mono_ns: int
    tags: dict[str, Sample]
    view: ReceiverView | None = None


class Source(Protocol):
    """where: for the heading of the view."""

    where: str

    def look(self) -> Look: ...


class NodeSource:
    """The tags of a receiver of a running node; read only, like `gatectl tags`."""

    def __init__(self, directory: Path, device: str = "") -> None:
        """device: of the node; may be left out if it has one receiver. Raises UsageError."""
        self._layout = load_layout(directory / "layout.json")
        self._image = Image.attach(directory / "image", self._layout)
        self._device = _receiver(self._layout, device)
        self.where = f"{self._device} of the node {directory.name}"

    def look(self) -> Look:
        layout, snapshot, now = self._layout, self._image.snapshot(), time.monotonic_ns()
        prefix = f"{self._device}."
        return Look(
            mono_ns=now,
            tags={
                name.removeprefix(prefix): snapshot.sample(i, layout.stale_after_ns[i], now)
                for i, name in enumerate(layout.names)
                if name.startswith(prefix)
            },
        )


class PortSource:
    """A receiver on a port, listened to by its driver in this process. Use it as a context manager."""

    def __init__(self, driver: type[Driver], config: dict[str, Any]) -> None:
        """config: as in a node file. Raises UsageError if the port is busy or the config is wrong."""
        path = str(config["wire"].get("port", ""))
        user = taken(port_of(path)) if path else ""
        if user:
            raise UsageError(f"in use by {user}", "look at the node: gatectl gnss NODE.toml", where=path)
        try:
            typed = msgspec.convert(config, driver.Config)
        except msgspec.ValidationError as error:
            raise UsageError(str(error), "gatectl probe gnss finds port and speed") from error
        for key, cause, remedy in driver.check(typed):
            raise UsageError(cause, remedy, where=key)
        self._port = LocalPort("gnss", driver.tags(typed))
        self._driver = driver("gnss", typed, self._port)
        self._task: asyncio.Task[None] | None = None
        wire = config["wire"]
        self.where = f"{path} {wire.get('baud', '')}" if path else f"{wire['host']}:{wire['tcp_port']}"

    async def __aenter__(self) -> PortSource:
        await self._driver.configure()
        self._task = asyncio.create_task(self._driver.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._driver.close()

    @property
    def trouble(self) -> str:
        """What the driver last complained of, while nothing has been received."""
        warnings = [text for level, text in self._port.logs if level in ("warning", "error")]
        return warnings[-1] if warnings else ""

    def look(self) -> Look:
        if self._task is not None and self._task.done():
            self._task.result()  # a driver never ends by itself: whatever ended it must be seen
        now, specs = self._port.mono_ns(), self._port.specs
        view = self._driver.view() if isinstance(self._driver, Viewable) else None
        return Look(
            mono_ns=now,
            tags={name: _aged(s, specs[name].stale_after_s, now) for name, s in self._port.samples.items()},
            view=view,
        )


def viewing_driver(name: str) -> type[Driver]:
    """Raises UsageError if there is no such driver or it is none of a receiver."""
    driver = plugins.driver_class(name)
    if not hasattr(driver, "view"):
        raise UsageError(f"the driver {name} has nothing to show here", "use the driver gnss")
    return driver


def _receiver(layout: Layout, device: str) -> str:
    found = [
        block.name for block in layout.blocks if all(f"{block.name}.{t}" in layout.index for t in WANTED)
    ]
    found = list(dict.fromkeys(found))
    if device and device not in found:
        raise UsageError(f"the node has no receiver called {device}", f"it has: {', '.join(found) or 'none'}")
    if not device and len(found) != 1:
        raise UsageError(
            f"the node has {len(found)} receivers", f"name one with --device: {', '.join(found) or 'none'}"
        )
    return device or found[0]


def _aged(sample: Sample, stale_after_s: float, now_mono_ns: int) -> Sample:
    """As a reader of the image would see it."""
    if sample.quality is Quality.BAD or not stale_after_s:
        return sample
    if now_mono_ns - sample.stamp_mono_ns <= stale_after_s * 1e9:
        return sample
    return Sample(sample.value, Quality.BAD, Cause.STALE, sample.stamp_mono_ns)
