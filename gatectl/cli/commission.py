"""`gatectl commission`: asks the running vehicle for a test drive, identifies, writes, draws."""

from __future__ import annotations

import asyncio
import datetime
import getpass
import math
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gatectl.core.motion.identify import Identified, Unfit, identify
from gatectl.model.node import Node, VehicleConfig
from gatectl.north.party import Operator
from gatectl.north.settings import settings
from gatectl.runtime import commissioning
from gatectl.runtime.commissioning import Change, CommissionError
from gatectl.runtime.commissioning_plot import plot
from gatectl.runtime.config import load_node
from gatectl.runtime.control import request
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout

POLL_S = 0.2
STILL_MPS = 0.02
FLUSH_S = 2.5  # the recorder is on the disk every second
LEAD_S = 5.0  # before the test was asked for: standing shows the gyro's bias


def run(
    file: Path, recordings: list[Path], out: Path | None, who: str, timeout_s: float, *, dry_run: bool
) -> None:
    """Raises GatectlError for whatever cannot be done; the node's file is then as it was."""
    console = Console()
    node = load_node(file)
    vehicle = commissioning.need_vehicle(node.config)
    since_utc_ns = 0
    if not recordings:
        since_utc_ns = time.time_ns() - round(LEAD_S * 1e9)
        asyncio.run(_test_drive(console, node, vehicle, who or getpass.getuser(), timeout_s))
        time.sleep(FLUSH_S)
        recordings = commissioning.recordings_since(Path(node.config.paths.state_dir), since_utc_ns)
    drive = commissioning.read_drive(recordings, vehicle, since_utc_ns)
    rate_max = math.radians(vehicle.steer_rate_max_dps)
    try:
        found = identify(drive, vehicle.effective_wheelbase_m, rate_max)
    except Unfit as error:
        raise CommissionError(
            str(error), "repeat on a longer straight stretch; nothing was written"
        ) from error
    rows = commissioning.changes(found, vehicle)
    _show(console, rows, found)
    folder = out or Path(node.config.paths.state_dir) / "commissioning"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture = folder / f"{datetime.datetime.now().astimezone():%Y%m%d-%H%M%S}.png"
        plot(picture, drive, found, rate_max)
    except OSError as error:
        raise CommissionError(f"{folder}: {error.strerror}", "name another folder with --out") from error
    console.print(f"plot: {picture}", highlight=False, soft_wrap=True)
    if wrong := commissioning.doubtful(rows):
        raise CommissionError(
            f"too uncertain to be written: {'; '.join(wrong)}",
            "repeat the drive: more straight road, a start and a stop; nothing was written",
        )
    if dry_run:
        console.print("dry run: the node's file was left as it is")
        return
    kept = commissioning.write_values(file, rows)
    console.print(f"written: {file} (as it was: {kept})", highlight=False, soft_wrap=True)
    console.print("the running node takes the values over when it is started again")


async def _test_drive(
    console: Console, node: Node, vehicle: VehicleConfig, who: str, timeout_s: float
) -> None:
    """Ask for the test; wait until its cycles were driven and the vehicle stands again."""
    runtime_dir = Path(node.config.paths.runtime_dir)
    request(runtime_dir, {"ask": "status"})  # raises where the node does not run
    layout = load_layout(runtime_dir / "layout.json")
    image = Image.attach(runtime_dir / "image", layout)
    left_at, speed_at = layout.index["core.commissioning"], layout.index[f"{vehicle.mcu}.speed"]
    broker = settings(node.config.mqtt, "", node.file)
    async with Operator(who, site=node.site.config.name, broker=broker) as operator:
        receipt = await operator.command("commission", vehicle.serial, node=node.config.name)
    if receipt.result != "accepted":
        raise CommissionError(f"{vehicle.serial} refused: {'; '.join(receipt.reasons)}", "see gatectl why")
    console.print(
        f"{vehicle.serial} will add small steering steps to its next drive on a straight; it needs an order "
        "and moves only as its interlocks allow"
    )
    end_s, shown, moved = time.monotonic() + timeout_s, -1, False
    while True:
        values = image.snapshot().values
        left, speed = round(values[left_at]), abs(values[speed_at])
        moved = moved or speed > 1.0
        if left != shown and left:
            console.print(f"{left} cycles to drive", highlight=False)
            shown = left
        if moved and left == 0 and speed < STILL_MPS:
            return
        if time.monotonic() > end_s:
            raise CommissionError(
                f"the test was not driven within {timeout_s:g} s ({left} cycles are left)",
                "give the vehicle an order over a longer straight; gatectl why tells what it waits for",
            )
        await asyncio.sleep(POLL_S)


def _show(console: Console, rows: list[Change], found: Identified) -> None:
    table = Table(title="identified")
    for heading in ("key", "before", "now", "+-", "unit"):
        table.add_column(heading, justify="left" if heading in ("key", "unit") else "right")
    for row in rows:
        table.add_row(row.key, f"{row.before:.3f}", f"{row.after:.3f}", f"{row.sigma:.3f}", row.unit)
    console.print(table)
    console.print(
        f"not written: drive gain {found.drive_gain.value:.2f}, drag {found.drive_drag.value:.2f} m/s2, "
        f"gyro bias {math.degrees(found.gyro_bias):+.3f} deg/s (learned while driving)",
        highlight=False,
    )
