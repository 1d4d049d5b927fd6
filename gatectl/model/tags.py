"""Tags, samples and the layout of a node's process image.

The layout is pure data: the shared memory that holds it is `gatectl.runtime.image`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from gatectl.model.errors import Finding
from gatectl.model.quality import GOOD_BYTE, NEVER_BYTE, Cause, Quality, unpack_quality


class Direction(StrEnum):
    """STATE flows from the device to the core, COMMAND from the core to the device."""

    STATE = "state"
    COMMAND = "command"


class Kind(StrEnum):
    """What the float64 in the image stands for."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"


class TagSpec(Struct, frozen=True, kw_only=True):
    """One named value of a device, by its local name (`hoist_height`).

    unit: SI ("m", "m/s", "rad", "kg", "s", "" for none; latitude and longitude are "deg").
    stale_after_s: age beyond which a sample counts as BAD/STALE; 0 = never (event-like values).
    safe_value: what a command becomes without its permissives, and what shutdown writes.
    """

    name: str
    unit: str = ""
    kind: Kind = Kind.FLOAT
    direction: Direction = Direction.STATE
    stale_after_s: float = 1.0
    safe_value: float = 0.0
    doc: str = ""


class Sample(NamedTuple):
    """Value, quality with cause, and reception time in the node's monotonic clock."""

    value: float
    quality: Quality
    cause: Cause
    stamp_mono_ns: int

    @property
    def good(self) -> bool:
        """True only for GOOD."""
        return self.quality is Quality.GOOD

    @property
    def usable(self) -> bool:
        """GOOD or UNCERTAIN."""
        return self.quality is not Quality.BAD


class Block(Struct, frozen=True):
    """A run of tags with one writer. name: the device's name, or `core` / `scan`."""

    name: str
    direction: Direction
    tags: tuple[TagSpec, ...]

    @property
    def key(self) -> str:
        """Unique in a layout: a device may have a state and a command block."""
        return f"{self.name}/{self.direction.value}"


class Layout:
    """All tags of a node in one fixed order; full names are `device.tag`.

    Two processes agree on the image when their `digest`s agree.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks: tuple[Block, ...] = tuple(blocks)
        self.names: list[str] = []
        self.specs: list[TagSpec] = []
        self.offsets: dict[str, int] = {}
        for block in self.blocks:
            if block.key in self.offsets:
                raise ValueError(f"two blocks are called {block.key}")
            self.offsets[block.key] = len(self.names)
            for spec in block.tags:
                self.names.append(f"{block.name}.{spec.name}")
                self.specs.append(spec)
        self.index: dict[str, int] = {name: i for i, name in enumerate(self.names)}
        if len(self.index) != len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise ValueError(f"tags defined twice: {', '.join(twice)}")
        self.stale_after_ns: list[int] = [round(s.stale_after_s * 1e9) for s in self.specs]
        self.digest: str = hashlib.sha256(
            repr([(n, s) for n, s in zip(self.names, self.specs, strict=True)]).encode()
        ).hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    def block(self, key: str) -> Block:
        """The block with this key; KeyError if there is none."""
        for block in self.blocks:
            if block.key == key:
                return block
        raise KeyError(key)

    def commands(self) -> list[int]:
        """Indices of all command tags, in image order."""
        return [i for i, s in enumerate(self.specs) if s.direction is Direction.COMMAND]


class Snapshot(Struct):
    """All samples of an image at one moment, in layout order. Plain lists: the core reads scalars.

    values: float each; qualities: one packed byte each; stamps_mono_ns: int each.
    """

    values: list[float]
    qualities: bytes
    stamps_mono_ns: list[int]

    @classmethod
    def empty(cls, layout: Layout) -> Snapshot:
        """Nothing written yet: every value its safe value, BAD / NEVER_WRITTEN."""
        return cls([s.safe_value for s in layout.specs], bytes([NEVER_BYTE]) * len(layout), [0] * len(layout))

    def sample(self, index: int, stale_after_ns: int, now_mono_ns: int) -> Sample:
        """The sample as the core must see it: one older than its tag allows is BAD / STALE."""
        byte = self.qualities[index]
        stamp = self.stamps_mono_ns[index]
        if byte == GOOD_BYTE:
            quality, cause = Quality.GOOD, Cause.NONE
        else:
            quality, cause = unpack_quality(byte)
        if quality is not Quality.BAD and stale_after_ns and now_mono_ns - stamp > stale_after_ns:
            quality, cause = Quality.BAD, Cause.STALE
        return Sample(self.values[index], quality, cause, stamp)


def check_tag_names(file: str, device: str, tags: Iterable[TagSpec]) -> list[Finding]:
    """Findings for names that a third-party driver may get wrong: not lower_snake, or twice."""
    findings: list[Finding] = []
    seen: set[str] = set()
    for tag in tags:
        plain = tag.name.replace("_", "")
        if not (plain.isalnum() and plain == plain.lower()) or not tag.name[0].isalpha():
            findings.append(
                Finding(
                    file, f"{device}.{tag.name}", "not a tag name", "use lower_snake_case letters and digits"
                )
            )
        if tag.name in seen:
            findings.append(Finding(file, f"{device}.{tag.name}", "defined twice", "correct the driver"))
        seen.add(tag.name)
    return findings
