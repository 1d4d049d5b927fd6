"""The register map: which value of a crane's PLC lives where. A TOML file, shared by like cranes.

device_id = 1              # Modbus unit
order = "ABCD"             # of 32-bit values, unless a point says otherwise
max_registers = 64         # per read, at most 125
max_gap = 8                # unused registers that a read may skip over
absent = ["wind_speed"]    # tags that this crane does not have: they are BAD, never guessed

[[state]]                  # one per state tag, and one for the PLC's `heartbeat` counter
tag = "hoist_height"
function = "input"         # coil, discrete, holding or input
address = 5
type = "int32"             # bit, int16, uint16, int32, uint32, float32
scale = 0.001

[[command]]                # holding registers without gaps: written together in one request
tag = "job_seq"
address = 101
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from drivers.crane.tags import COMMAND_NAMES, STATE_NAMES
from drivers.crane.wire import BIT_FUNCTIONS, Order, Point
from gatectl.model.errors import ConfigError, Finding

HEARTBEAT = "heartbeat"
READ_LIMIT = 125  # registers, Modbus application protocol 1.1b3, function 3
WRITE_LIMIT = 123  # function 16


class RegisterMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A map that has been checked. command: in the order of their addresses, without gaps."""

    device_id: int = 1
    order: Order = "ABCD"
    max_registers: int = READ_LIMIT
    max_gap: int = 8
    absent: tuple[str, ...] = ()
    state: tuple[Point, ...]
    command: tuple[Point, ...]


Found = tuple[str, str, str]


def load_map(path: Path) -> RegisterMap:
    """Read and check a register map. Raises ConfigError with every mistake found."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(
            [Finding(file, "map", f"cannot be read: {error.strerror}", "correct the path of the map")]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            [Finding(file, "map", f"is not TOML: {error}", "correct the file there")]
        ) from error
    found: list[Found] = []
    state = _points(raw, "state", found)
    command = sorted(_points(raw, "command", found), key=lambda p: p.address)
    try:
        result = msgspec.convert({**raw, "state": state, "command": command}, RegisterMap)
    except msgspec.ValidationError as error:
        found.append(("map", str(error), "see the example config/demo/crane_map.toml"))
    else:
        found += _check_limits(result) + _check_states(result) + _check_commands(result)
    if found:
        raise ConfigError([Finding(file, *one) for one in found])
    return result


def _points(raw: dict[str, Any], table: str, found: list[Found]) -> list[Point]:
    points: list[Point] = []
    entries = raw.get(table, [])
    if not isinstance(entries, list) or not entries:
        found.append((table, "has no entries", f"give one [[{table}]] per value"))
        return points
    for number, entry in enumerate(cast(list[object], entries)):
        try:
            point = msgspec.convert(entry, Point)
        except msgspec.ValidationError as error:
            found.append((f"{table}[{number}]", str(error), "correct this entry"))
            continue
        points.append(point)
        found += [(f"{table}[{number}] {point.tag}", *rest) for rest in _check_point(point)]
    return points


def _check_point(point: Point) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not (point.address >= 0 and point.end <= 65_536):
        found.append(
            (f"address {point.address} is outside 0 to 65535", "use the address on the wire, from 0")
        )
    if not 0 <= point.bit <= 15:
        found.append((f"bit {point.bit} is not in a register", "use 0 (lowest) to 15"))
    if point.bit and point.type != "bit":
        found.append((f"bit is given for a {point.type}", 'set type = "bit" or remove bit'))
    if point.function in BIT_FUNCTIONS and (point.type != "bit" or point.bit):
        found.append((f"a {point.function} is one bit", 'set type = "bit" and no bit number'))
    if point.scale == 0.0:
        found.append(("scale 0 makes every value the same", "give the factor from raw to SI"))
    if point.low > point.high:
        found.append((f"low {point.low:g} is above high {point.high:g}", "exchange them"))
    return found


def _check_limits(regs: RegisterMap) -> list[Found]:
    found: list[Found] = []
    if not 1 <= regs.device_id <= 247:
        found.append(("device_id", f"{regs.device_id} is not a unit", "use 1 to 247"))
    if not 2 <= regs.max_registers <= READ_LIMIT:
        found.append(("max_registers", f"{regs.max_registers} is not possible", f"use 2 to {READ_LIMIT}"))
    if not 0 <= regs.max_gap < READ_LIMIT:
        found.append(("max_gap", f"{regs.max_gap} is not possible", f"use 0 to {READ_LIMIT - 1}"))
    return found


def _check_states(regs: RegisterMap) -> list[Found]:
    wanted = STATE_NAMES | {HEARTBEAT}
    names = [p.tag for p in regs.state]
    found = _check_names("state", names, wanted)
    for name in sorted(wanted - set(names) - set(regs.absent)):
        found.append(("state", f"{name} is missing", "give its register, or list it under absent"))
    for name in regs.absent:
        if name not in STATE_NAMES:
            found.append(("absent", f"{name} is not a state tag", "remove it"))
        elif name in names:
            found.append(("absent", f"{name} is also mapped", "remove one of the two"))
    return found


def _check_commands(regs: RegisterMap) -> list[Found]:
    wanted = COMMAND_NAMES | {HEARTBEAT}
    names = [p.tag for p in regs.command]
    found = _check_names("command", names, wanted)
    for name in sorted(wanted - set(names)):
        found.append(("command", f"{name} is missing", "give its register"))
    for before, after in zip(regs.command, regs.command[1:], strict=False):
        if after.address != before.end:
            found.append(
                (
                    f"command {after.tag}",
                    f"address {after.address} does not follow {before.tag}, which ends at {before.end - 1}",
                    "all commands are written in one request: leave no gap and no overlap",
                )
            )
    for point in regs.command:
        if point.function != "holding":
            found.append((f"command {point.tag}", f"a {point.function} cannot be written", "use holding"))
        if point.type == "bit" and point.bit:
            found.append(
                (
                    f"command {point.tag}",
                    "bits of one register cannot be written one by one",
                    "use a register",
                )
            )
    for point in (*regs.command, *regs.state):
        if point.tag in ("job_seq", "job_echo") and point.type not in ("uint16", "uint32", "int32"):
            found.append((point.tag, f"{point.type} does not hold 0 to 65535", "use uint16 in the PLC"))
    if regs.command and regs.command[-1].end - regs.command[0].address > WRITE_LIMIT:
        found.append(("command", "is too long for one write", f"use at most {WRITE_LIMIT} registers"))
    return found


def _check_names(table: str, names: list[str], wanted: frozenset[str]) -> list[Found]:
    found: list[Found] = []
    for name in sorted(set(names)):
        if name not in wanted:
            found.append(
                (f"{table} {name}", "is not a value of a crane", f"use one of {', '.join(sorted(wanted))}")
            )
        elif names.count(name) > 1:
            found.append((f"{table} {name}", "is given twice", "remove one of the two"))
    return found
