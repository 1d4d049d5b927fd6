"""Live progress: who is where, and what each waits for."""

from __future__ import annotations

import asyncio

from rich.console import Console

from hil.stage import Stage

EVERY_S = 5.0
WIDTH = 150


async def show_progress(console: Console, stage: Stage) -> None:
    """A block of lines every few seconds, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        for line in await asyncio.to_thread(situation_lines, stage):
            console.print(line[:WIDTH], highlight=False, markup=False, soft_wrap=True)


def situation_lines(stage: Stage) -> list[str]:
    """One line per vehicle and transit: place, speed, state, what it waits for."""
    rig = stage.rig
    lines = []
    now = f"{rig.clock_s():6.1f} s"
    for name, node in rig.nodes.items():
        found = {item["subject"]: item for item in stage.explanations(name)}
        if node.config.vehicle is not None:
            serial = node.config.vehicle.serial
            vehicle = rig.world.vehicles[serial]
            drive = found.get("drive", {})
            box = vehicle.cargo.code if vehicle.cargo else "empty"
            place = f"{serial}  {vehicle.s_m:6.1f} m  {vehicle.plant.speed:4.1f} m/s  {box:<11}"
            lines.append(f"{now}  {place}  {drive.get('state', 'no answer')}: {_waits(drive)}")
        else:
            lines += [
                f"{now}  {subject.removeprefix('transit '):<6} {item['state']:<20} {_waits(item)}"
                for subject, item in found.items()
                if subject.startswith("transit ")
            ]
    return lines


def _waits(item: dict[str, object]) -> str:
    reasons = item.get("reasons")
    texts = [r["text"] for r in reasons] if isinstance(reasons, list) else []
    return "; ".join(texts) or str(item.get("summary", ""))
