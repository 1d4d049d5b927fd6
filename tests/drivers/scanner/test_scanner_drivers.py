"""Camera and portal drivers against the simulated devices, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from device_port import FakePort, eventually

from drivers.scanner import CameraConfig, CameraDriver, PortalConfig, PortalDriver
from gatectl.model.device import Wire
from gatectl.model.messages import ContainerRead, ScanVerdict
from hil.devices.camera import SimCamera
from hil.devices.portal import SimPortal

BOX = "CSQU3054383"


@asynccontextmanager
async def running(device: SimCamera | SimPortal, driver: CameraDriver | PortalDriver) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(driver.run()), asyncio.create_task(device.run())]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await driver.close()
        await device.stop()


@asynccontextmanager
async def camera(**config: object) -> AsyncIterator[tuple[SimCamera, FakePort, CameraDriver]]:
    device = SimCamera("cam")
    conf = CameraConfig(wire=Wire(**await device.start()), lane="east", **config)  # type: ignore[arg-type]
    port = FakePort("cam", CameraDriver.tags(conf))
    driver = CameraDriver("cam", conf, port)
    async with running(device, driver):
        yield device, port, driver


@asynccontextmanager
async def portal(**config: float) -> AsyncIterator[tuple[SimPortal, FakePort, PortalDriver]]:
    device = SimPortal("portal")
    conf = PortalConfig(wire=Wire(**await device.start()), **config)
    port = FakePort("portal", PortalDriver.tags(conf))
    driver = PortalDriver("portal", conf, port)
    async with running(device, driver):
        yield device, port, driver


async def test_a_reading_becomes_a_fact() -> None:
    async with camera() as (device, port, _):
        await eventually(lambda: port.samples["alive"].value == 1.0, "keep-alive")
        device.read(BOX, "S1", "intact")
        await eventually(lambda: device.unsent == 0, "event accepted")
        (fact,) = port.facts
        assert isinstance(fact, ContainerRead)
        assert (fact.container, fact.check_digit_ok, fact.seal, fact.lane) == (BOX, True, "S1", "east")


async def test_a_verdict_becomes_a_fact() -> None:
    async with portal() as (device, port, _):
        await eventually(lambda: port.samples["alive"].value == 1.0, "heartbeat")
        device.screen(BOX)
        await eventually(lambda: device.unacked == 0, "verdict acknowledged")
        (fact,) = port.facts
        assert isinstance(fact, ScanVerdict)
        assert (fact.container, fact.verdict) == (BOX, "clear")
