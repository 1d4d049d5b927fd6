"""The operator on duty: resets what trips without anyone having provoked it, and writes it down.

A simulated PLC or a daemon that a busy machine stops for half a second trips its crane or vehicle, as
it must. In a real gate a person would look and reset; here this is that person.
"""

from __future__ import annotations

import asyncio

from gatectl.model import GatectlError
from hil.stage import Stage

LOOK_EVERY_S = 1.0
PATIENCE_S = 6.0
TRIPS_LIMIT = 4


async def on_duty(stage: Stage) -> None:
    """Until cancelled. What a scenario breaks itself is in `stage.provoked` and left alone."""
    since: dict[tuple[str, str], float] = {}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = stage.rig.clock_s()
        tripped = {
            (node, subject): target
            for node in stage.rig.daemons
            for subject, target in _tripped(stage, node).items()
            if target not in stage.provoked
        }
        since = {key: since.get(key, now) for key in tripped}
        for key, begin_s in since.items():
            if now - begin_s >= PATIENCE_S:
                stage.unprovoked.append(f"{now:.0f} s: {key[0]} {key[1]}")
                stage.note("duty", f"{key[0]} {key[1]} tripped by itself", mark=True)
                try:
                    await stage.reset(tripped[key], node=key[0])
                except GatectlError as error:
                    stage.note("duty", error.cause)
                since[key] = now


def _tripped(stage: Stage, node: str) -> dict[str, str]:
    """Tripped subjects of a node, and what a reset must name."""
    found = {}
    vehicle = stage.rig.nodes[node].config.vehicle
    for item in stage.explanations(node):
        kind, _, name = item["subject"].partition(" ")
        owes = any(r["code"] in ("mcu_armed", "no_reset_owed") for r in item.get("reasons", ()))
        if kind == "drive" and vehicle is not None and (item["state"] == "tripped" or owes):
            found[item["subject"]] = vehicle.serial
        elif kind == "crane" and item["state"] == "tripped":
            found[item["subject"]] = name
    return found


def judge_duty(stage: Stage) -> None:
    """How often it happened: a machine too busy for its own simulation proves nothing."""
    trips = stage.unprovoked
    stage.checks.add(
        "trips that nobody provoked",
        len(trips) <= TRIPS_LIMIT,
        "; ".join(trips) or "none",
        f"at most {TRIPS_LIMIT}, each reset by the operator on duty",
    )
