"""The core's crane cycle against the real driver, Modbus TCP and the PLC: a container is loaded."""

from __future__ import annotations

import asyncio

import pytest
from crane_yard import SLOTS, Box, Yard, crane_yard

from gatectl.core.flow.crane import CraneState, CraneView, Cycle, crane_commands, crane_step
from gatectl.model.site import CraneConfig

CONFIG = CraneConfig(id="crane", device="crane", side="cn", slots=SLOTS)


async def cycle(yard: Yard, kind: str, mass_kg: float) -> list[str]:
    """Run one cycle as the gate's scan does, 20 times a second; returns the steps in order."""
    state = CraneState(cycle=Cycle("t1", "AGV01", "east", kind, mass_kg))
    steps: list[str] = []
    async with asyncio.timeout(30.0):
        while True:
            view = CraneView(yard.port.mono_ns(), lambda tag: yard.port.samples[tag], ())
            finished, notes = crane_step(state, CONFIG, view, reset=False)
            assert not notes, notes
            for tag, value in crane_commands(state, CONFIG).items():
                yard.port.set_command(tag, value)
            if finished:
                return steps
            assert state.cycle is not None
            if steps[-1:] != [state.cycle.step]:
                steps.append(state.cycle.step)
            await asyncio.sleep(0.05)


async def test_the_cores_cycle_loads_a_container() -> None:
    box = Box(24_000.0)
    async with crane_yard(factor=10) as yard:
        yard.ground.boxes["yard"] = box
        await yard.up()
        steps = await cycle(yard, "load", box.mass_kg)
        assert yard.ground.boxes == {"east": box}
        assert steps[0] == "clear"
        assert steps[-1] == "leave"
        assert yard.plant.height_m == pytest.approx(8.0, abs=0.05)
        assert yard.driver.notes.mismatches == 0
