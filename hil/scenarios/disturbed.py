"""The crossing with everything that may go wrong on the way, one thing after another per vehicle."""

from __future__ import annotations

import asyncio

from hil.scenarios import faults
from hil.scenarios.crossing import (
    EXPORT,
    IMPORT,
    announce,
    bring_up,
    grounded,
    judge,
    second_release,
    watch_stops,
)
from hil.scenarios.duty import judge_duty, on_duty
from hil.stage import Stage

IMPORTER, EXPORTER = ("AGV01", "vehicle-1"), ("AGV02", "vehicle-2")


async def _import(stage: Stage) -> None:
    """Paper and people: identity, weight, releases; then the broker, and the gate's own processes."""
    serial, node = IMPORTER
    await faults.wrong_identity(stage, IMPORT, "camera_cn")
    await faults.wrong_weight(stage, IMPORT, "scale_cn")
    await faults.refused_releases(stage, IMPORT, "vn")
    await faults.broker_gone(stage, serial, node)
    await faults.killed(stage, node, "scan", serial, brakes=True)
    for process in ("scan", "field-cranes", "field-checks", "north", "recorder", "supervisor"):
        await faults.killed(stage, faults.GATE, process, serial)
    await grounded(stage, IMPORT)


async def _export(stage: Stage) -> None:
    """Machines: the crane's PLC, GNSS, and the vehicle's own processes."""
    serial, node = EXPORTER
    await faults.frozen_plc(stage, "crane_vn")
    await stage.until(f"{serial} crosses", lambda: stage.state_of(EXPORT) == "CROSSING", 240)
    await faults.gnss_gap(stage, serial, node)
    await faults.gnss_loss(stage, serial, node)
    await faults.killed(stage, node, "field-drive", serial, brakes=True)
    for process in ("field-gnss", "north", "recorder"):
        await faults.killed(stage, node, process, serial)
    await faults.killed(stage, node, "supervisor", serial, brakes=True)
    await grounded(stage, EXPORT)


async def _release_export(stage: Stage) -> None:
    """Only when the import crosses: the exporter must wait at its line."""
    await stage.until(f"{IMPORT} crosses", lambda: stage.state_of(IMPORT) == "CROSSING", 240)
    await second_release(stage, EXPORT)


async def run(stage: Stage) -> None:
    """Both transits through all of it; they must still end GROUNDED, in order, nothing granted twice."""
    await bring_up(stage)
    async with asyncio.TaskGroup() as background:
        watchers = [background.create_task(watch_stops(stage)), background.create_task(on_duty(stage))]
        await announce(stage)
        async with asyncio.TaskGroup() as group:
            group.create_task(_import(stage))
            group.create_task(_export(stage))
            group.create_task(_release_export(stage))
        for watcher in watchers:
            watcher.cancel()
    judge(stage)
    judge_duty(stage)
