"""Commissioning off the scan: a recorded drive in, identified values into the node's file, and a plot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tomlkit
from msgspec import Struct

from gatectl.core.motion.identify import Drive, Identified, Value
from gatectl.model import GatectlError, Layout, RecordingError, UsageError
from gatectl.model.node import NodeConfig, VehicleConfig
from gatectl.model.quality import Quality, unpack_quality
from gatectl.runtime import blackbox, records
from gatectl.runtime.blackbox import LAYOUT, SCAN, Damage

GAP_NS = 1_000_000_000


class CommissionError(GatectlError):
    """The drive cannot be used, or its values not be written."""


class Change(Struct, frozen=True, kw_only=True):
    """One key of `[vehicle]`: its value before and after, in the key's unit, with standard error."""

    key: str
    unit: str
    before: float
    after: float
    sigma: float


def recordings_since(state_dir: Path, begin_ns: int) -> list[Path]:
    """Recordings of the node that were written to after begin_ns (wall clock, ns), in order of time."""
    files = [p for p in (state_dir / "blackbox").glob("*.mcap") if p.stat().st_mtime_ns >= begin_ns]
    return sorted(files, key=lambda p: p.stat().st_mtime_ns)


def read_drive(files: list[Path], vehicle: VehicleConfig, since_utc_ns: int = 0) -> Drive:
    """The scans of these recordings from since_utc_ns on. A cut-off end (the daemon still writes) is normal.

    Raises RecordingError for files that are no recordings or have no such controller, CommissionError
    where scans are missing in the middle or there are none.
    """
    rows = [row for file in files for row in _rows(file, vehicle, since_utc_ns)]
    if len(rows) < 2:
        raise CommissionError("the recording has no scans of the drive", "drive first; see gatectl status")
    table = np.array(rows)
    gaps = np.diff(table[:, 0])
    if gaps.min() <= 0 or gaps.max() > GAP_NS * 1e-9:
        raise CommissionError(
            f"the recording has a gap of {abs(gaps).max():.1f} s in the drive",
            "drive again without restarting the node",
        )
    t, steer, accel, brake, t_mcu, angle, speed, rate = table.T
    t_mcu = np.maximum.accumulate(t_mcu)
    return Drive(t - t[0], steer, accel, brake > 0.5, t_mcu - t[0], angle, speed, rate)


def _rows(file: Path, vehicle: VehicleConfig, since_utc_ns: int) -> Iterator[list[float]]:
    layout: Layout | None = None
    for item in blackbox.read(file):
        if isinstance(item, Damage):
            if item.fatal:
                return
            continue
        if item.topic == LAYOUT:
            layout = blackbox.decode_layout(item)
            try:
                states = [layout.index[f"{vehicle.mcu}.{t}"] for t in ("steer_angle", "speed", "yaw_rate")]
                slots = {i: n for n, i in enumerate(layout.commands())}
                outputs = [slots[layout.index[f"{vehicle.mcu}.{t}"]] for t in ("steer", "accel", "brake")]
            except KeyError as error:
                raise RecordingError(
                    f"has no tag {error}", "give a recording of this vehicle", where=str(file)
                ) from None
        elif item.topic == SCAN and layout is not None:
            record = records.decode(item.data)
            if record.now_utc_ns < since_utc_ns:
                continue
            values = records.unpack_floats(record.values)
            commands = records.unpack_floats(record.commands)
            stamp = records.unpack_ints(record.stamps)[states[0]]
            known = [
                values[i] if unpack_quality(record.qualities[i])[0] is Quality.GOOD else math.nan
                for i in states
            ]
            yield [record.now_mono_ns * 1e-9, *(commands[i] for i in outputs), stamp * 1e-9, *known]


def changes(found: Identified, vehicle: VehicleConfig) -> list[Change]:
    """What the node's file should say, in its own units, beside what it says."""

    def row(key: str, unit: str, value: Value, before: float, scale: float = 1.0) -> Change:
        return Change(key=key, unit=unit, before=before, after=value.value * scale, sigma=value.sigma * scale)

    degrees = math.degrees(1.0)
    return [
        row("steer_offset_deg", "deg", found.steer_offset, vehicle.steer_offset_deg, degrees),
        row("steer_dead_s", "s", found.steer_dead, vehicle.steer_dead_s),
        row("steer_tau_s", "s", found.steer_tau, vehicle.steer_tau_s),
        row("drive_dead_s", "s", found.drive_dead, vehicle.drive_dead_s),
        row("drive_tau_s", "s", found.drive_tau, vehicle.drive_tau_s),
    ]


# What a value may differ by from run to run before it says nothing.
SIGMA_MAX = {"deg": 0.1, "s": 0.05}


def doubtful(rows: list[Change]) -> list[str]:
    """Values whose standard error is too large to be written."""
    return [f"{r.key}: {r.after:.3f} {r.unit} +- {r.sigma:.3f}" for r in rows if r.sigma > SIGMA_MAX[r.unit]]


def write_values(file: Path, rows: list[Change]) -> Path:
    """Set the keys in the node's `[vehicle]`; everything else, comments too, stays. Returns the copy of the
    file as it was. Raises CommissionError when it cannot be written; then it is as it was."""
    try:
        text = file.read_text("utf-8")
        document = tomlkit.parse(text)
        table = document["vehicle"]
        for row in rows:
            table[row.key] = round(row.after, 3)
        kept = file.with_name(file.name + ".before-commissioning")
        kept.write_text(text, "utf-8")
        fresh = file.with_name(file.name + ".new")
        fresh.write_text(tomlkit.dumps(document), "utf-8")
        fresh.replace(file)
    except OSError as error:
        raise CommissionError(
            f"{file}: {error.strerror}", "let this user write it, or use --dry-run and copy the values"
        ) from error
    return kept


def need_vehicle(config: NodeConfig) -> VehicleConfig:
    """The node's vehicle. Raises UsageError for a gate node."""
    if config.vehicle is None:
        raise UsageError(f"{config.name} is a gate node", "only vehicles are commissioned this way")
    return config.vehicle
