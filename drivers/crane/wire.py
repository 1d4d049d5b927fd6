"""Registers and values, and how many reads they take. No I/O.

Modbus says nothing about values wider than a register: the four orders have the names that
Telegraf and others use. A is the most significant byte of the value, the text is the order on the
wire: ABCD big-endian, DCBA little-endian, BADC bytes swapped inside each word, CDAB words swapped.
Of 16-bit values only the byte order counts (ABCD and CDAB: as Modbus defines it).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from gatectl.model.errors import WireError

Function = Literal["coil", "discrete", "holding", "input"]
Type = Literal["bit", "int16", "uint16", "int32", "uint32", "float32"]
Order = Literal["ABCD", "DCBA", "BADC", "CDAB"]

FORMATS: dict[str, str] = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
BYTE_SWAPPED = frozenset({"DCBA", "BADC"})
WORD_SWAPPED = frozenset({"DCBA", "CDAB"})
BIT_FUNCTIONS = frozenset({"coil", "discrete"})


class Point(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value lives in the PLC.

    tag: the tag's local name. address: as on the wire, from 0. bit: of a register, 0 = lowest
    (type bit). value = raw * scale + offset; a bit with scale -1 and offset 1 is inverted.
    low, high: a value outside is OUT_OF_RANGE.
    """

    tag: str
    address: int
    function: Function = "holding"
    type: Type = "uint16"
    bit: int = 0
    order: Order | None = None
    scale: float = 1.0
    offset: float = 0.0
    low: float = -math.inf
    high: float = math.inf

    @property
    def width(self) -> int:
        """How many registers (or bits, for coils and discrete inputs)."""
        return 2 if self.type in ("int32", "uint32", "float32") else 1

    @property
    def end(self) -> int:
        """The address after the last one."""
        return self.address + self.width


def to_value(point: Point, raw: Sequence[int | bool], order: Order) -> float:
    """The value of `point` from its `width` registers or bits. May be NaN or infinite (float32).

    order: the map's; the point's own wins. Raises WireError if `raw` has another length.
    """
    if len(raw) != point.width:
        raise WireError(f"{point.tag}: {len(raw)} registers instead of {point.width}")
    if point.function in BIT_FUNCTIONS:
        number: float = int(raw[0])
    elif point.type == "bit":
        number = (int(raw[0]) >> point.bit) & 1
    else:
        data = _ordered(struct.pack(f">{len(raw)}H", *raw), point.order or order)
        number = struct.unpack(FORMATS[point.type], data)[0]
    return number * point.scale + point.offset


def to_registers(point: Point, value: float, order: Order) -> list[int]:
    """The registers that carry `value`; the inverse of `to_value` but for rounding.

    Raises WireError if the value does not fit the type: a command is never clipped silently.
    """
    raw = (value - point.offset) / point.scale
    try:
        if point.type == "bit":
            if round(raw) not in (0, 1):
                raise ValueError
            return [round(raw) << point.bit]
        packed = struct.pack(FORMATS[point.type], raw if point.type == "float32" else round(raw))
    except (struct.error, ValueError, OverflowError) as error:
        raise WireError(
            f"{point.tag}: {value:g} does not fit {point.type}", "correct scale and type in the register map"
        ) from error
    data = _ordered(packed, point.order or order)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _ordered(data: bytes, order: Order) -> bytes:
    """Wire order to big-endian, and back: each order is its own inverse."""
    if order in BYTE_SWAPPED:
        data = b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, len(data), 2))
    if order in WORD_SWAPPED:
        data = b"".join(data[i : i + 2] for i in range(len(data) - 2, -1, -2))
    return data


class Batch(NamedTuple):
    """One read: `length` registers (or bits) from `address`, and the points that lie in it."""

    function: Function
    address: int
    length: int
    points: tuple[Point, ...]

    def values(self, raw: Sequence[int | bool], order: Order) -> list[tuple[Point, float]]:
        """Every point's value. raw: `length` registers or bits. Raises WireError on another length.

        The length is checked because a device may answer with fewer registers than were asked for.
        """
        if len(raw) < self.length:
            raise WireError(f"{len(raw)} values instead of {self.length} from address {self.address}")
        return [
            (p, to_value(p, raw[p.address - self.address : p.end - self.address], order)) for p in self.points
        ]

    def split(self) -> tuple[Batch, ...]:
        """Two batches with half of the places each (none if all points share one place).

        Asked for when the device refuses an address: the one bad register, or a hole between two
        points, must not take its neighbours with it.
        """
        places = sorted({p.address for p in self.points})
        if len(places) < 2:
            return ()
        middle = places[len(places) // 2]
        return (
            _batch(self.function, [p for p in self.points if p.address < middle]),
            _batch(self.function, [p for p in self.points if p.address >= middle]),
        )


def _batch(function: Function, points: list[Point]) -> Batch:
    first = min(p.address for p in points)
    return Batch(function, first, max(p.end for p in points) - first, tuple(points))


def plan(points: Iterable[Point], max_gap: int, max_registers: int) -> list[Batch]:
    """As few reads as possible: neighbours merge over gaps of up to `max_gap` unused places, as long
    as a read stays within `max_registers` (coils and discrete inputs: 16 times as many)."""
    batches: list[Batch] = []
    by_function: dict[Function, list[Point]] = {}
    for point in points:
        by_function.setdefault(point.function, []).append(point)
    for function, group in by_function.items():
        limit = max_registers * (16 if function in BIT_FUNCTIONS else 1)
        run: list[Point] = []
        end = 0
        for point in sorted(group, key=lambda p: (p.address, p.end)):
            if run and (point.address - end > max_gap or max(end, point.end) - run[0].address > limit):
                batches.append(_batch(function, run))
                run, end = [], 0
            run.append(point)
            end = max(end, point.end)
        batches.append(_batch(function, run))
    return batches
