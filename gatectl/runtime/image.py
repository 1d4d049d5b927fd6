"""The process image: all tags of a node in one shared file, one writer per block.

Format, native byte order (one machine): a header of 64 bytes (magic, layout digest), then per block
one control word `latest` and three buffers, each `begin, end, values f8[n], stamps i8[n],
qualities u1[n]`, every part on its own 64-byte boundary.

A write number w goes into buffer w % 3: begin = w, data, end = w, then latest = w. A reader takes
the buffer that `latest` names, copies it, and accepts the copy if begin and end are both still w.
It can only fail if the writer began two more writes during the copy; then it tries again, a bounded
number of times, and in the end keeps its previous copy. So neither side ever waits for the other,
and a writer that is killed while it writes leaves the previous data untouched.

Ordering: each word is stored by one aligned 8-byte store (CPython's memoryview does a fixed-size
memcpy), and x86 (TSO) makes one processor's stores visible in program order and does not reorder
loads with loads. A machine with a weaker order (ARM) would need barriers here.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from gatectl.model import Block, Layout, Snapshot, UsageError
from gatectl.model.quality import NEVER_BYTE

_MAGIC = b"GATEIMG1"
_HEADER = struct.Struct("<8s32s")
_LINE = 64
_RETRIES = 8
_BUFFERS = 3


def _aligned(size: int) -> int:
    return (size + _LINE - 1) // _LINE * _LINE


class _Place:
    """Where a block lies in the file. Offsets in bytes from its start."""

    def __init__(self, block: Block, offset: int) -> None:
        self.count = len(block.tags)
        self.data = struct.Struct(f"={self.count}d{self.count}q{self.count}s")
        self.latest = offset
        self.buffer_size = _aligned(16 + self.data.size)
        self.buffers = [offset + _LINE + i * self.buffer_size for i in range(_BUFFERS)]
        self.end = offset + _LINE + _BUFFERS * self.buffer_size


def _places(layout: Layout) -> tuple[dict[str, _Place], int]:
    places: dict[str, _Place] = {}
    offset = _LINE
    for block in layout.blocks:
        place = _Place(block, offset)
        places[block.key] = place
        offset = place.end
    return places, offset


class BlockWriter:
    """The one writer of a block. A second one at the same time breaks the block."""

    def __init__(self, memory: mmap.mmap, place: _Place) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("B").cast("Q")
        self._place = place
        self._number = self._words[place.latest // 8]

    def write(self, values: Sequence[float], qualities: bytes, stamps_mono_ns: Sequence[int]) -> None:
        """Publish all tags of the block at once, in its order (n each). Never blocks.

        Raises struct.error if a length is wrong: a mistake of the caller.
        """
        place, words = self._place, self._words
        if len(qualities) != place.count:
            raise struct.error(f"{len(qualities)} qualities for {place.count} tags")
        number = self._number + 1
        start = place.buffers[number % _BUFFERS]
        words[start // 8] = number
        place.data.pack_into(self._memory, start + 16, *values, *stamps_mono_ns, qualities)
        words[start // 8 + 1] = number
        words[place.latest // 8] = number
        self._number = number


class _BlockReader:
    def __init__(self, memory: memoryview, place: _Place, safe: list[float]) -> None:
        self._memory = memory
        self._words = memory.cast("Q")
        self._place = place
        self._last: tuple[list[float], list[int], bytes] = (
            safe,
            [0] * place.count,
            bytes([NEVER_BYTE]) * place.count,
        )
        self._last_number = 0
        self.exhausted = 0

    def read(self) -> tuple[list[float], list[int], bytes]:
        """values, stamps, qualities: the newest consistent ones."""
        words, place = self._words, self._place
        for _ in range(_RETRIES):
            number = words[place.latest // 8]
            if number == self._last_number:
                return self._last
            start = place.buffers[number % _BUFFERS]
            ended = words[start // 8 + 1]
            copy = bytes(self._memory[start + 16 : start + 16 + place.data.size])
            if ended == number and words[start // 8] == number:
                flat = place.data.unpack(copy)
                count = place.count
                self._last = (list(flat[:count]), list(flat[count : 2 * count]), flat[-1])
                self._last_number = number
                return self._last
        self.exhausted += 1
        return self._last


class Image:
    """One process's mapping of the image file."""

    def __init__(self, memory: mmap.mmap, layout: Layout) -> None:
        self.layout = layout
        self._memory = memory
        self._places, _ = _places(layout)
        view = memoryview(memory)
        self._readers = {
            block.key: _BlockReader(view, self._places[block.key], [t.safe_value for t in block.tags])
            for block in layout.blocks
        }

    @classmethod
    def create(cls, path: Path, layout: Layout) -> Image:
        """Make the file afresh, all tags never written. A mapping of an older file stays with that.

        Raises UsageError if the file cannot be made.
        """
        _, size = _places(layout)
        fresh = path.with_name(path.name + ".new")
        try:
            with fresh.open("wb") as file:
                file.truncate(size)
                file.write(_HEADER.pack(_MAGIC, bytes.fromhex(layout.digest)))
            fresh.replace(path)
        except OSError as error:
            raise UsageError(
                f"the process image cannot be made: {error.strerror}",
                "make runtime_dir writable, with room for it",
                where=str(path),
            ) from error
        return cls.attach(path, layout)

    @classmethod
    def attach(cls, path: Path, layout: Layout) -> Image:
        """Map an existing image; for reading only if the file allows no more.

        Raises UsageError if it is absent or was made for another layout.
        """
        _, size = _places(layout)
        writable = os.access(path, os.W_OK)
        try:
            with path.open("r+b" if writable else "rb") as file:
                header = file.read(_HEADER.size)
                if os.fstat(file.fileno()).st_size != size or len(header) != _HEADER.size:
                    raise _other_layout(path)
                access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
                memory = mmap.mmap(file.fileno(), size, access=access)
        except FileNotFoundError as error:
            raise UsageError(
                "there is no process image", "start the node with `gatectl run`", where=str(path)
            ) from error
        except OSError as error:
            raise UsageError(
                f"the process image cannot be opened: {error.strerror}",
                "run as the same user as the daemon, or in its group",
                where=str(path),
            ) from error
        magic, digest = _HEADER.unpack(header)
        if magic != _MAGIC or digest != bytes.fromhex(layout.digest):
            raise _other_layout(path)
        return cls(memory, layout)

    def writer(self, key: str) -> BlockWriter:
        """The writer of a block (`crane1/state`). KeyError if there is no such block.

        Raises UsageError if the image is mapped for reading only.
        """
        if memoryview(self._memory).readonly:
            raise UsageError("the process image may only be read", "run as the same user as the daemon")
        return BlockWriter(self._memory, self._places[key])

    def read_block(self, key: str) -> Snapshot:
        """One block's samples, in its order. KeyError if there is no such block."""
        values, stamps, qualities = self._readers[key].read()
        return Snapshot(values[:], qualities, stamps[:])

    def snapshot(self) -> Snapshot:
        """All tags in layout order; each block is consistent in itself."""
        values: list[float] = []
        stamps: list[int] = []
        parts: list[bytes] = []
        for reader in self._readers.values():
            block_values, block_stamps, block_qualities = reader.read()
            values += block_values
            stamps += block_stamps
            parts.append(block_qualities)
        return Snapshot(values, b"".join(parts), stamps)

    @property
    def retries_exhausted(self) -> int:
        """How often a read gave up and kept its previous copy."""
        return sum(reader.exhausted for reader in self._readers.values())


def _other_layout(path: Path) -> UsageError:
    return UsageError(
        "the process image was made for another layout (other devices, tags or version)",
        "restart the whole node, so that all its processes agree",
        where=str(path),
    )
