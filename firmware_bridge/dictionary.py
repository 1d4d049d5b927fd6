"""The controller's dictionary: what can be commanded and what is reported (HELLO_ACK).

The host packs and unpacks by it, so that a controller may offer more than this host knows.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.errors import BridgeError
from firmware_bridge.frames import crc32c

_ENTRY = struct.Struct("<BBBBHffff")
_FORMATS = {0: "f", 1: "B", 2: "I"}
_OUTPUT, _TELEMETRY = 0, 1
_ITEM = struct.Struct("<Bf")
_F32_MAX = 3.4028234663852886e38
_REFLASH = "flash the controller with the firmware that belongs to this release (gatectl version shows it)"


@dataclass(frozen=True, slots=True)
class OutputField:
    """One commandable output.

    min, max: the controller clamps to them; fallback: what it becomes when no COMMAND has named it for
    hold_ms (freeze: it stays where it is instead); rate_max: per second, 0 = not limited.
    """

    id: int
    name: str
    unit: str
    min: float
    max: float
    fallback: float
    rate_max: float
    hold_ms: int
    freeze: bool


@dataclass(frozen=True, slots=True)
class TelemetryField:
    """One reported value; min, max: the range in which it can be true."""

    id: int
    name: str
    unit: str
    min: float
    max: float
    format: str


class Dictionary:
    """outputs: by name; telemetry: by name, in the order of the TELEMETRY payload."""

    def __init__(
        self, outputs: dict[str, OutputField], telemetry: dict[str, TelemetryField], crc: int
    ) -> None:
        self.outputs = outputs
        self.telemetry = telemetry
        self.crc = crc
        self._names = tuple(telemetry)
        self._struct = struct.Struct("<" + "".join(field.format for field in telemetry.values()))

    @classmethod
    def parse(cls, data: bytes) -> Dictionary:
        """Read the dictionary's bytes. Raises BridgeError."""
        outputs: dict[str, OutputField] = {}
        telemetry: dict[str, TelemetryField] = {}
        at = 0
        try:
            while at < len(data):
                kind, number, type_, flags, hold_ms, low, high, fallback, rate = _ENTRY.unpack_from(data, at)
                name, at = _text(data, at + _ENTRY.size)
                unit, at = _text(data, at)
                if name in outputs or name in telemetry:
                    raise BridgeError(f"the controller's dictionary names {name!r} twice", _REFLASH)
                if kind == _OUTPUT:
                    outputs[name] = OutputField(
                        number, name, unit, low, high, fallback, rate, hold_ms, bool(flags & 1)
                    )
                elif kind == _TELEMETRY:
                    telemetry[name] = TelemetryField(number, name, unit, low, high, _FORMATS[type_])
                else:
                    raise BridgeError(f"the controller's dictionary has an entry of kind {kind}", _REFLASH)
        except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
            raise BridgeError("the controller's dictionary cannot be read", _REFLASH) from error
        return cls(outputs, telemetry, crc32c(data))

    def pack_outputs(self, values: Mapping[str, float]) -> bytes:
        """The items of a COMMAND: id and float32 each. Raises BridgeError for an unknown output or a
        value that is no number (the controller would refuse the whole command)."""
        items = bytearray()
        for name, value in values.items():
            field = self.outputs.get(name)
            if field is None:
                raise BridgeError(f"the controller has no output {name!r}", _REFLASH)
            if not math.isfinite(value):
                raise BridgeError(f"output {name!r} is {value}", "correct whoever computes it")
            items += _ITEM.pack(field.id, max(-_F32_MAX, min(_F32_MAX, value)))
        return bytes(items)

    def unpack_telemetry(self, data: bytes) -> dict[str, float] | None:
        """The reported values by name, or None if the length does not fit."""
        if len(data) != self._struct.size:
            return None
        return {
            name: float(value) for name, value in zip(self._names, self._struct.unpack(data), strict=True)
        }


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    if end > len(data):
        raise IndexError(end)
    return data[at + 1 : end].decode("ascii"), end
