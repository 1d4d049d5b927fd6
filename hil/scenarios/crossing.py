"""One import and one export container pass the gate; one vehicle must wait at the border stretch."""

from __future__ import annotations

import asyncio

from hil.scenarios.duty import judge_duty, on_duty
from hil.stage import Stage
from hil.world import Container

IMPORT, EXPORT = "T-IMP", "T-EXP"
BOXES = {
    IMPORT: Container("CSQU3054383", 24_000.0, "CN000481"),
    EXPORT: Container("MSKU9070323", 21_500.0, "VN117203"),
}
STEPS = (
    "PRE_ADVISED", "ORIGIN_RELEASED", "PICKED", "IDENTIFIED", "WEIGHED", "SEAL_OK", "SCANNED",
    "RISK_DECIDED", "LINE_AUTHORISED", "CROSSING", "CUSTODY_TRANSFERRED", "GROUNDED",
)  # fmt: skip
ALONG_LIMIT_CM = 5.0
ACROSS_LIMIT_CM = 5.0
LATERAL_LIMIT_CM = 15.0


async def bring_up(stage: Stage) -> None:
    """Wait until every node is ready and localised, then reset what owes a reset."""
    rig = stage.rig
    for name, daemon in rig.daemons.items():
        await stage.until(f"{name} is ready", lambda d=daemon: d.ready, 60)  # type: ignore[misc]
    serials = list(rig.world.vehicles)
    await stage.until(
        "every vehicle reports and knows where it is",
        lambda: all(
            s in rig.monitor.vehicles
            and (p := rig.monitor.vehicles[s].agv_position) is not None
            and p.position_initialized
            for s in serials
        ),
        60,
    )
    for name, node in rig.nodes.items():
        vehicle = node.config.vehicle
        await stage.reset(vehicle.serial if vehicle else "", node=name)


async def announce(stage: Stage) -> None:
    """Put the containers into the yards, announce them, and let each origin release its own."""
    rig = stage.rig
    rig.world.grounds["crane_cn"].yard = BOXES[IMPORT]
    rig.world.grounds["crane_vn"].yard = BOXES[EXPORT]
    for transit, direction, origin in ((IMPORT, "import", "cn"), (EXPORT, "export", "vn")):
        box = BOXES[transit]
        await rig.shipper.pre_advise(transit, box.code, direction, box.mass_kg, box.seal)  # type: ignore[arg-type]
        await rig.customs[origin].release(transit, box.code)  # type: ignore[index]
        stage.note(transit, f"{box.code} announced and released by {origin}")


async def second_release(stage: Stage, transit: str) -> None:
    """When the checks are passed the other customs releases."""
    side = "vn" if transit == IMPORT else "cn"
    await stage.until(f"{transit} is checked", lambda: stage.state_of(transit) == "RISK_DECIDED", 180)
    await stage.rig.customs[side].release(transit, BOXES[transit].code)  # type: ignore[index]
    stage.note(f"customs {side}", f"released {BOXES[transit].code}")


async def grounded(stage: Stage, transit: str, timeout_s: float = 300) -> None:
    """Wait for the end of a transit."""
    await stage.until(f"{transit} is grounded", lambda: stage.state_of(transit) == "GROUNDED", timeout_s)


async def watch_stops(stage: Stage) -> None:
    """Measure every stop under a crane, at the moment when the action there begins."""
    rig = stage.rig
    seen: set[str] = set()
    while True:
        for serial, state in dict(rig.monitor.vehicles).items():
            for action in state.action_states:
                key = f"{serial} {action.action_id}"
                if action.action_status == "RUNNING" and key not in seen:
                    seen.add(key)
                    node = rig.world.nodes[state.last_node_id]
                    if action.action_type == "drop":
                        rig.world.truth.stop_error(serial, node.id, node.at_m)
        await asyncio.sleep(0.2)


def judge(stage: Stage) -> None:
    """The checks that every crossing must pass."""
    rig, checks = stage.rig, stage.checks
    for transit, box in BOXES.items():
        steps = [e.what for e in rig.timeline.of(transit) if e.what in STEPS]
        order_ok = steps == list(STEPS)
        checks.add(
            f"{transit} passed every step in order", order_ok, " > ".join(steps) or "none", "all 12, in order"
        )
        far = rig.world.grounds["crane_vn" if transit == IMPORT else "crane_cn"].yard
        checks.add(f"{transit} stands in the far yard", far is box, far.code if far else "nothing", box.code)
    waits = border_waits(stage)
    checks.add(
        "one vehicle waited for the border stretch", bool(waits), "; ".join(waits) or "none", "at least one"
    )
    checks.add(
        "no block was granted twice",
        not rig.monitor.double_grants,
        "; ".join(rig.monitor.double_grants) or "0",
        "0",
    )
    checks.add(
        "every message on the broker fits its schema",
        not rig.monitor.malformed,
        "; ".join(rig.monitor.malformed[:3]) or "0 misfits",
        "0",
    )
    for serial in rig.world.vehicles:
        error = rig.world.truth.path_error(serial)
        checks.at_most(f"{serial} lateral error, rms", 100 * error.rms_m, LATERAL_LIMIT_CM / 2, "cm")
        checks.at_most(f"{serial} lateral error, max", 100 * error.max_m, LATERAL_LIMIT_CM, "cm")
        for stop in rig.world.truth.tracks[serial].stops:
            checks.at_most(
                f"{serial} stop at {stop.node}, along", 100 * abs(stop.along_m), ALONG_LIMIT_CM, "cm"
            )
            checks.at_most(
                f"{serial} stop at {stop.node}, across", 100 * abs(stop.across_m), ACROSS_LIMIT_CM, "cm"
            )
        checks.add(
            f"{serial} was unloaded under the crane",
            bool(rig.world.truth.tracks[serial].stops),
            f"{len(rig.world.truth.tracks[serial].stops)} stops",
            ">= 1",
        )


def border_waits(stage: Stage) -> list[str]:
    """Which vehicle stood at its stop line, cleared, while the other held the border, and how long."""
    held: list[tuple[str, float, float]] = []
    timeline = stage.rig.timeline
    begin, who = 0.0, ""
    for event in timeline.of("block border"):
        if who:
            held.append((who, begin, event.t_s))
        begin, who = event.t_s, "" if event.what == "free" else event.what
    found = []
    for serial, vehicle in stage.rig.world.vehicles.items():
        line = next(
            n.at_m
            for n in stage.rig.world.nodes.values()
            if n.kind == "stop_line" and n.lane == vehicle.entry.lane
        )
        rows = stage.rig.world.truth.tracks[serial].rows
        path = stage.rig.world.truth.line(vehicle.entry.lane)
        goal = path.interpolate(line)
        for holder, from_s, to_s in held:
            if holder == serial:
                continue
            stood = [
                t
                for t, x, y, _, v in rows
                if from_s <= t <= to_s and v < 0.02 and abs(goal.x - x) + abs(goal.y - y) < 1.0
            ]
            if len(stood) > 20:
                found.append(f"{serial} stood {stood[-1] - stood[0]:.0f} s for {holder}")
    return found


async def run(stage: Stage) -> None:
    """The whole crossing without disturbance."""
    await bring_up(stage)
    async with asyncio.TaskGroup() as background:
        watchers = [background.create_task(watch_stops(stage)), background.create_task(on_duty(stage))]
        await announce(stage)
        async with asyncio.TaskGroup() as group:
            for transit in BOXES:
                group.create_task(second_release(stage, transit))
                group.create_task(grounded(stage, transit))
        for watcher in watchers:
            watcher.cancel()
    judge(stage)
    judge_duty(stage)
