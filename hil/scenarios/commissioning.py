"""A vehicle is commissioned on its way: `gatectl commission` is run as an engineer runs it, and what it
writes is compared with what the plant was given."""

from __future__ import annotations

import asyncio
import math
import sys
import tomllib

from hil.scenarios.crossing import BOXES, IMPORT, bring_up, second_release
from hil.stage import Stage

SERIAL, NODE = "AGV01", "vehicle-1"
DRIVE_S = 240.0
# Scan, wires, the controller's cycle and the plant's steps add some 50 ms to what the plant was given.
STEERING_ABS_S = 0.08
DRIVE_ABS_S = 0.10
OFFSET_ABS_DEG = 0.06


async def run(stage: Stage) -> None:
    """One import; the vehicle's first straights carry the test signal."""
    await bring_up(stage)
    rig = stage.rig
    command = asyncio.create_task(_commission(stage))
    await asyncio.sleep(1.0)
    rig.world.grounds["crane_cn"].yard = BOXES[IMPORT]
    box = BOXES[IMPORT]
    await rig.shipper.pre_advise(IMPORT, box.code, "import", box.mass_kg, box.seal)
    await rig.customs["cn"].release(IMPORT, box.code)
    release = asyncio.create_task(second_release(stage, IMPORT))
    try:
        code, printed = await asyncio.wait_for(command, DRIVE_S + 60)
    finally:
        release.cancel()
        await asyncio.gather(release, return_exceptions=True)
    (rig.run_dir / "commission.txt").write_text(printed, "utf-8")
    last = printed.strip().splitlines()[-1:] or ["nothing"]
    stage.checks.add("gatectl commission writes the values", code == 0, last[0], "exit code 0")
    if code == 0:
        _judge(stage)


async def _commission(stage: Stage) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gatectl.cli", "commission", str(stage.rig.daemons[NODE].file),
        "--who", "ann-commissioning", "--timeout-s", f"{DRIVE_S:.0f}", "--out", str(stage.rig.run_dir),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode()


def _judge(stage: Stage) -> None:
    """The plant's steering is of second order; as a lag it counts 2 * damping / frequency."""
    rig = stage.rig
    found = tomllib.loads(rig.daemons[NODE].file.read_text("utf-8"))["vehicle"]
    plant = rig.world.vehicles[SERIAL].plant
    p, share = plant.params, plant.load_kg / plant.params.load_ref_kg

    def mix(pair: tuple[float, float]) -> float:
        return pair[0] + (pair[1] - pair[0]) * share

    steering_s = p.steer_dead_s + 2 * p.steer_damping / mix(p.steer_wn_radps)
    drive_s = p.drive_dead_s + mix(p.drive_tau_s)
    steer_s, traction_s = (found[f"{k}_dead_s"] + found[f"{k}_tau_s"] for k in ("steer", "drive"))
    offset_deg = math.degrees(p.steer_bias_rad)
    for name, value, truth, limit, unit in (
        ("steering offset", found["steer_offset_deg"], offset_deg, OFFSET_ABS_DEG, "deg"),
        ("steering delay, dead time + lag", steer_s, steering_s, STEERING_ABS_S, "s"),
        ("drive delay, dead time + lag", traction_s, drive_s, DRIVE_ABS_S, "s"),
    ):
        stage.checks.add(
            f"{name}: as the plant's", abs(value - truth) <= limit,
            f"{value:.3f} {unit}, plant {truth:.3f} {unit}", f"within {limit:g} {unit}",
        )  # fmt: skip
