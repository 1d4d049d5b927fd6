"""The driver's side of the field process: `gatectl.model.device.DevicePort`."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable

from gatectl.model import Cause, DeviceError, Direction, Layout, Quality, Sample, pack_quality
from gatectl.model.messages import Fact
from gatectl.model.quality import NEVER_BYTE
from gatectl.runtime import clock
from gatectl.runtime.image import Image

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Port:
    """One device's port. emit: hands a fact to the reliable sender; it raises when that is full."""

    def __init__(
        self,
        name: str,
        node: str,
        image: Image,
        *,
        command_timeout_ns: int,
        emit: Callable[[Fact], None],
        log: logging.Logger,
    ) -> None:
        self.name = name
        self._emit = emit
        self._log = log
        self._image = image
        self._command_timeout_ns = command_timeout_ns
        keys = {block.key for block in image.layout.blocks}
        layout: Layout = image.layout
        state_key, self._command_key = (f"{name}/{direction.value}" for direction in Direction)
        states = layout.block(state_key).tags if state_key in keys else ()
        commands = layout.block(self._command_key).tags if self._command_key in keys else ()
        self._state_index = {tag.name: i for i, tag in enumerate(states)}
        self._command_index = {tag.name: i for i, tag in enumerate(commands)}
        self._writer = image.writer(state_key) if states else None
        self._values = [tag.safe_value for tag in states]
        self._qualities = bytearray([NEVER_BYTE]) * len(states)
        self._stamps = [0] * len(states)
        # Random, because neither clock nor process number is certain to differ after a restart.
        self._id_stem = f"{node}-{name}-{os.urandom(6).hex()}"
        self._ids = 0
        self.commit()  # what an earlier life of this process knew is not known any more

    def mono_ns(self) -> int:
        """The node's monotonic clock."""
        return clock.mono_ns()

    def utc_ns(self) -> int:
        """UTC now."""
        return clock.utc_ns()

    def put(
        self,
        tag: str,
        value: float,
        quality: Quality = Quality.GOOD,
        cause: Cause = Cause.NONE,
        stamp_mono_ns: int | None = None,
    ) -> None:
        """Stage one state tag. Raises DeviceError for a tag that the driver did not declare.

        A value that is no finite number cannot be GOOD: it becomes BAD / OUT_OF_RANGE.
        """
        index = self._state_index.get(tag)
        if index is None:
            raise self._unknown(tag, "state")
        if quality is not Quality.BAD and not math.isfinite(value):
            quality, cause = Quality.BAD, Cause.OUT_OF_RANGE
        self._values[index] = float(value)
        self._qualities[index] = pack_quality(quality, cause)
        self._stamps[index] = clock.mono_ns() if stamp_mono_ns is None else stamp_mono_ns

    def put_all(self, quality: Quality, cause: Cause) -> None:
        """Stage this quality for every state tag, values kept, stamped now."""
        count = len(self._values)
        self._qualities = bytearray([pack_quality(quality, cause)]) * count
        self._stamps = [clock.mono_ns()] * count

    def commit(self) -> None:
        """Publish everything staged, as one consistent block."""
        if self._writer is not None:
            self._writer.write(self._values, bytes(self._qualities), self._stamps)

    def command(self, tag: str) -> Sample:
        """The newest command. Raises DeviceError for a tag that the driver did not declare."""
        index = self._command_index.get(tag)
        if index is None:
            raise self._unknown(tag, "command")
        block = self._image.read_block(self._command_key)
        return block.sample(index, 0, 0)

    def commands_fresh(self) -> bool:
        """False when the scan process has not written for the configured time, or never."""
        if not self._command_index:
            return False
        stamp = self._image.read_block(self._command_key).stamps_mono_ns[0]
        return stamp > 0 and clock.mono_ns() - stamp <= self._command_timeout_ns

    def emit(self, fact: Fact) -> None:
        """Send a fact north; kept and resent until it is journaled. Raises DeviceError when too many wait."""
        self._emit(fact)

    def next_id(self) -> str:
        """An id for a fact, unique for ever."""
        self._ids += 1
        return f"{self._id_stem}-{self._ids}"

    def log(self, level: str, text: str) -> None:
        """level: debug, info, warning, error."""
        if not text.startswith(f"{self.name}: "):  # an error's text names its device already
            text = f"{self.name}: {text}"
        self._log.log(_LEVELS.get(level, logging.INFO), "%s", text)

    def _unknown(self, tag: str, direction: str) -> DeviceError:
        return DeviceError(
            f"the driver uses the {direction} tag {tag}, which it does not declare",
            "correct the driver's tags()",
            where=self.name,
        )
