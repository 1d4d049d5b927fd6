"""The simulated drive controller on its pty, for tests of the device and of the driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from device_port import FakePort, eventually
from firmware_lib import firmware

from drivers.mcu import McuConfig, McuDriver
from gatectl.model.device import Wire
from hil.devices.mcu import McuDevice, McuInputs, McuOutputs

DRIVE: Mapping[str, float] = {"enable": 1.0, "steer": 0.1, "accel": 0.3, "brake": 0.0, "reverse": 0.0}


@dataclass
class McuRig:
    """device, and what its plant shows and gets. inputs: change it between steps."""

    device: McuDevice
    wire: Wire
    inputs: list[McuInputs] = field(default_factory=lambda: [McuInputs(1.0, 0.1, 0.02)])
    outputs: list[McuOutputs] = field(default_factory=list)

    @property
    def out(self) -> McuOutputs:
        return self.outputs[-1]

    @property
    def driving(self) -> bool:
        return bool(self.outputs) and self.out.armed and not self.out.brake

    @property
    def braked(self) -> bool:
        return bool(self.outputs) and self.out.brake and self.out.accel_mps2 == 0.0


@asynccontextmanager
async def mcu_rig() -> AsyncIterator[McuRig]:
    """A running device."""
    inputs = [McuInputs(1.0, 0.1, 0.02)]
    outputs: list[McuOutputs] = []
    device = McuDevice("mcu", lambda: inputs[0], outputs.append, firmware().sim.parents[1])
    try:
        wire = Wire(**await device.start())
        running = asyncio.create_task(device.run())
        try:
            yield McuRig(device, wire, inputs, outputs)
        finally:
            ended = running.done()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            assert not ended, "the device ended by itself"
    finally:
        await device.stop()


@asynccontextmanager
async def mcu_driver(wire: Wire, **config: object) -> AsyncIterator[tuple[McuDriver, FakePort]]:
    """A running driver at this wire."""
    settings = McuConfig(wire=wire, **config)  # type: ignore[arg-type]  # as in a node file
    port = FakePort("mcu", McuDriver.tags(settings))
    driver = McuDriver("mcu", settings, port)
    await driver.configure()
    running = asyncio.create_task(driver.run())
    try:
        yield driver, port
    finally:
        ended = running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await driver.close()
        assert not ended, "the driver ended by itself"


def set_commands(port: FakePort, reset_count: int, **commands: float) -> None:
    """Drive, unless told otherwise."""
    for tag, value in {**DRIVE, **commands, "reset_count": float(reset_count)}.items():
        port.set_command(tag, value)


async def arm(rig: McuRig, port: FakePort, reset_count: int = 1) -> None:
    """Wait for the link, give the baseline, then the rising edge."""
    set_commands(port, reset_count - 1)
    await eventually(lambda: port.samples["alive"].value == 1.0, "alive")
    await asyncio.sleep(0.05)
    assert not rig.out.armed
    set_commands(port, reset_count)
    await eventually(lambda: rig.driving, "drives")
