"""Disturbances of a crossing: each breaks something, checks that the end is safe and explained by
`gatectl why`, and mends it again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatectl.model.messages import Side
from hil.scenarios.crossing import BOXES
from hil.stage import Stage

GATE = "gate-1"
OTHER_BOX = "TGHU2345675"
BRAKE_LIMIT_S = (
    0.5  # 200 ms until stale commands are withheld or the controller's own time-out, and the rig's noise
)
MOVING_MPS = 1.5
WORKING = ("serving", "recording", "active", "scanning")  # as `gatectl status` says
OWED = ("no_reset_owed", "reset_owed", "mcu_armed", "mcu_alive", "plc_alive")


async def wrong_identity(stage: Stage, transit: str, camera: str) -> None:
    """The camera misreads a digit: the check digit does not fit."""
    device = stage.rig.devices[f"{GATE}.{camera}"]
    device.fault("wrong")
    await stage.refusal(
        "wrong check digit", GATE, f"transit {transit}", "check_digit",
        safe=lambda: stage.state_of(transit) == "PICKED" and standing(stage, transit), timeout_s=150,
    )  # fmt: skip
    device.clear()
    await stage.rig.operator.command("reidentify", transit, value=BOXES[transit].code)
    stage.note("operator", f"re-read {BOXES[transit].code}")


async def wrong_weight(stage: Stage, transit: str, scale: str) -> None:
    """First the scale does not settle, then it shows 8 % too much; both hold the container."""
    device = stage.rig.devices[f"{GATE}.{scale}"]
    device.fault("wrong", unstable=600.0)
    safe = _held(stage, transit, "IDENTIFIED")
    await stage.refusal(
        "scale unstable", GATE, f"transit {transit}", "scale_unstable", "UNSTABLE", safe=safe, timeout_s=150
    )
    device.clear()
    device.fault("wrong", offset=0.08 * BOXES[transit].mass_kg)
    await stage.refusal("weight 8 % off", GATE, f"transit {transit}", "weight_off", safe=safe)
    device.clear()
    await asyncio.sleep(2.0)  # the platform settles
    await stage.rig.operator.command("reweigh", transit)
    stage.note("operator", f"has {transit} weighed again")


async def refused_releases(stage: Stage, transit: str, side: Side) -> None:
    """At the line: no release, one that has expired, one wrongly signed, one for another box."""
    customs, box = stage.rig.customs[side], BOXES[transit].code
    subject = f"transit {transit}"
    safe = _held(stage, transit, "RISK_DECIDED")
    await stage.refusal("release missing", GATE, subject, f"release_missing_{side}", safe=safe, timeout_s=200)
    await customs.release(transit, box, valid_s=-60.0)
    await stage.refusal("release expired", GATE, subject, "expired", safe=safe)
    await customs.release(transit, box, signing_key=Ed25519PrivateKey.generate())
    await stage.refusal("release wrongly signed", GATE, subject, "signature", safe=safe)
    await customs.release(transit, OTHER_BOX)
    await stage.refusal("release for another box", GATE, subject, "other_container", OTHER_BOX, safe=safe)
    await customs.release(transit, box)
    stage.note(f"customs {side}", f"released {box}")


async def frozen_plc(stage: Stage, crane: str) -> None:
    """The PLC's heartbeat stands still while the crane hoists: everything of it stops until a reset."""
    plant = stage.rig.world.cranes[crane]
    await stage.until(
        f"{crane} hoists a container", lambda: plant.carried is not None and plant.hoist_mps > 0.2, 120
    )
    device = stage.rig.devices[f"{GATE}.{crane}"]
    with stage.provoking(crane):
        device.fault("stuck")
        await stage.refusal(
            "PLC heartbeat frozen", GATE, f"crane {crane}", "plc_alive",
            safe=lambda: abs(plant.hoist_mps) < 0.01 and abs(plant.trolley_mps) < 0.01,
        )  # fmt: skip
        device.clear()
        await asyncio.sleep(2.0)
        await stage.reset(crane, node=GATE)


async def gnss_gap(stage: Stage, serial: str, node: str) -> None:
    """Three seconds without GNSS: the vehicle drives on inside its protection level."""
    await moving(stage, serial)
    device = stage.rig.devices[f"{node}.gnss"]
    device.fault("off")
    slowest = stage.speed_of(serial)
    end_s = stage.rig.clock_s() + 3.0
    while stage.rig.clock_s() < end_s:
        slowest = min(slowest, stage.speed_of(serial))
        await asyncio.sleep(0.05)
    explained = stage.explains(node, "drive", "driving")
    device.clear()
    stage.checks.add(
        "GNSS lost for 3 s: drives on", slowest > 0.5 and explained, f"slowest {slowest:.1f} m/s", "> 0.5 m/s"
    )
    stage.note(serial, "drove on through 3 s without GNSS", mark=True)


async def gnss_loss(stage: Stage, serial: str, node: str) -> None:
    """A minute without GNSS: the vehicle stops by itself, and goes on by itself afterwards."""
    await moving(stage, serial)
    device = stage.rig.devices[f"{node}.gnss"]
    device.fault("off")
    begin_s = stage.rig.clock_s()
    await stage.refusal(
        "GNSS lost for 60 s", node, "drive", "position_trusted", "position_known",
        safe=lambda: stage.speed_of(serial) == 0.0, timeout_s=60,
    )  # fmt: skip
    await asyncio.sleep(max(0.0, 60.0 - (stage.rig.clock_s() - begin_s)))
    stage.checks.add(
        "GNSS lost for 60 s: still standing at its end",
        stage.speed_of(serial) == 0.0,
        f"{stage.speed_of(serial):.2f} m/s",
        "0 m/s",
    )
    device.clear()
    stage.note(serial, "has GNSS again", mark=True)


async def broker_gone(stage: Stage, serial: str, node: str) -> None:
    """The broker is killed while the vehicle crosses: it stops when its lease ends, and goes on later."""
    rig = stage.rig
    border = next(
        s
        for b in rig.nodes[GATE].site.config.block
        if b.kind == "border"
        for s in b.spans
        if s.lane == rig.world.vehicles[serial].entry.lane
    )
    await stage.until(
        f"{serial} is mid-crossing",
        lambda: stage.s_of(serial) > border.from_m + 10 and stage.speed_of(serial) > 1.0,
        200,
    )
    await rig.broker.kill()
    stage.note("broker", "killed", mark=True)
    await stage.refusal(
        "broker killed mid-crossing",
        node,
        "drive",
        "lease_valid",
        safe=lambda: stage.speed_of(serial) == 0.0,
        timeout_s=20,
    )
    await rig.broker.restart()
    stage.note("broker", "restarted", mark=True)
    await stage.until(f"{serial} goes on", lambda: stage.speed_of(serial) > 0.3, 30)


async def killed(stage: Stage, node: str, process: str, serial: str, *, brakes: bool = False) -> None:
    """SIGKILL one process of a node while a vehicle drives.

    brakes: the vehicle must brake within the controller's time-out (else it may drive on). Afterwards
    every reset that is owed, explained, and it drives on. The operator on duty leaves it alone meanwhile.
    """
    await moving(stage, serial)
    at_s = stage.rig.clock_s()
    name = f"{node}: {process} killed while {serial} drives"
    cranes = [c.id for c in stage.rig.nodes[GATE].site.config.crane] if process == "field-cranes" else []
    with contextlib.ExitStack() as provoked:
        for subject in (serial, *cranes):
            provoked.enter_context(stage.provoking(subject))
        owed = [(f"crane {crane}", crane) for crane in cranes]
        if process in ("scan", "supervisor") or brakes:
            owed.append(("gate", "") if node == GATE else ("drive", serial))
        await _killed(stage, name, node, process, serial, brakes=brakes, owed=owed)
    # From here on a trip is nobody's doing again, and the operator on duty's to reset.
    await stage.until(
        f"{serial} drives on", lambda: stage.speed_of(serial) > 0.2 or arrived(stage, serial), 60
    )
    stage.checks.add(
        f"{name}: restarted, and it drives on", True, f"after {stage.rig.clock_s() - at_s:.1f} s"
    )


async def _killed(
    stage: Stage,
    name: str,
    node: str,
    process: str,
    serial: str,
    *,
    brakes: bool,
    owed: list[tuple[str, str]],
) -> None:
    rig = stage.rig
    daemon = rig.daemons[node]
    vehicle = rig.world.vehicles[serial]
    old_pid = daemon.kill(process)
    at_s = rig.clock_s()
    stage.note(node, f"{process} killed", mark=True)
    if brakes:
        await stage.until(f"{serial} brakes", lambda: vehicle.outputs.brake, 3.0, poll_s=0.01)
        stage.checks.at_most(f"{name}: brakes after", rig.clock_s() - at_s, BRAKE_LIMIT_S, "s", 2)
        await stage.until(f"{serial} stands", lambda: stage.speed_of(serial) == 0.0, 15)
    if process == "supervisor":
        await daemon.wait_gone()
        daemon.start()
    else:
        await stage.until(f"{process} works again", lambda: _works(stage, node, process, old_pid), 20)
    await stage.until(f"{node} is whole again", lambda: daemon.ready, 30)
    for subject, target in owed:
        await stage.refusal(
            f"{name}: {subject} owes a reset", node, subject, *OWED, safe=_still(stage, subject, serial)
        )
        if subject == "drive":
            await stage.until(f"{serial} knows where it is", lambda: _localised(stage, serial), 30)
        await stage.reset(target, node=node)


def _still(stage: Stage, subject: str, serial: str) -> Callable[[], bool]:
    """Safe while a reset is owed: the vehicle or the crane stands; the gate has granted nothing twice."""
    if subject == "drive":
        return lambda: stage.speed_of(serial) == 0.0
    if subject.startswith("crane "):
        plant = stage.rig.world.cranes[subject.removeprefix("crane ")]
        return lambda: abs(plant.hoist_mps) < 0.01 and abs(plant.trolley_mps) < 0.01
    return lambda: not stage.rig.monitor.double_grants


def _works(stage: Stage, node: str, process: str, old_pid: int) -> bool:
    """True once the supervisor has another process in the place of the old one, and it does its work."""
    answer = stage.rig.daemons[node].last or {"processes": []}
    return any(
        p["name"] == process and p["pid"] not in (None, old_pid) and p["state"] in WORKING
        for p in answer["processes"]
    )


def _localised(stage: Stage, serial: str) -> bool:
    position = stage.rig.monitor.vehicles[serial].agv_position
    return position is not None and position.position_initialized


def arrived(stage: Stage, serial: str) -> bool:
    """True once nothing of the vehicle's order is left to drive."""
    return not stage.rig.monitor.vehicles[serial].node_states


def vehicle_of(stage: Stage, transit: str) -> str:
    """The serial that carries a transit ("" before one does)."""
    step = stage.rig.monitor.transits.get(transit)
    return step.vehicle if step else ""


def standing(stage: Stage, transit: str) -> bool:
    """True while the transit's vehicle stands."""
    serial = vehicle_of(stage, transit)
    return bool(serial) and stage.speed_of(serial) == 0.0


def _held(stage: Stage, transit: str, state: str) -> Callable[[], bool]:
    """Safe: the transit is no further than `state`, and its vehicle is on its own side of the border."""

    def held() -> bool:
        serial = vehicle_of(stage, transit)
        if not serial:
            return False
        lane = stage.rig.world.vehicles[serial].entry.lane
        line = next(
            n.at_m for n in stage.rig.world.nodes.values() if n.kind == "stop_line" and n.lane == lane
        )
        return stage.state_of(transit) == state and stage.s_of(serial) < line + 1.0

    return held


async def moving(stage: Stage, serial: str) -> None:
    """Wait until the vehicle really drives."""
    await stage.until(f"{serial} drives", lambda: stage.speed_of(serial) > MOVING_MPS, 200)
