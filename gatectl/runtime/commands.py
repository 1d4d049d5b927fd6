"""The scan process's hand on everything that the node commands."""

from __future__ import annotations

import math

from gatectl.model import Layout
from gatectl.model.quality import GOOD_BYTE
from gatectl.runtime.image import Image


class Commands:
    """The command blocks of the image, written together."""

    def __init__(self, image: Image, layout: Layout) -> None:
        self._parts = []
        self.safe: list[float] = []
        for block in layout.blocks:
            if block.direction == "command":
                first = len(self.safe)
                self.safe += [tag.safe_value for tag in block.tags]
                count = len(block.tags)
                self._parts.append(
                    (image.writer(block.key), first, first + count, bytes([GOOD_BYTE]) * count)
                )

    def write(self, values: list[float], now_mono_ns: int) -> None:
        """One value per command tag. Raises ValueError if the core gave too few or no number."""
        if len(values) != len(self.safe) or not all(map(math.isfinite, values)):
            raise ValueError(f"the core gave {values} for {len(self.safe)} command tags")
        for writer, first, end, good in self._parts:
            writer.write(values[first:end], good, [now_mono_ns] * (end - first))
