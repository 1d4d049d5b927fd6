"""The scale driver against the simulated indicator, on a real pty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import pytest
from device_port import FakePort, eventually

from drivers.scale import ScaleConfig, ScaleDriver
from gatectl.model import Cause, Quality
from gatectl.model.device import Wire
from hil.devices.scale import SimScale

Protocol = Literal["mt_continuous", "xk3190"]
PROTOCOLS: list[Protocol] = ["mt_continuous", "xk3190"]


class Platform:
    kg = 0.0

    def weight(self) -> float:
        return self.kg


@asynccontextmanager
async def scale(protocol: Protocol, **config: Any) -> AsyncIterator[tuple[Platform, SimScale, FakePort]]:
    platform = Platform()
    device = SimScale("scale", platform.weight, protocol)
    conf = ScaleConfig(wire=Wire(**await device.start()), protocol=protocol, stable_time_s=0.6, **config)
    port = FakePort("scale", ScaleDriver.tags(conf))
    driver = ScaleDriver("scale", conf, port)
    tasks = [asyncio.create_task(driver.run()), asyncio.create_task(device.run())]
    try:
        yield platform, device, port
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await driver.close()
        await device.stop()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_weight_settles_then_is_good(protocol: Protocol) -> None:
    async with scale(protocol) as (platform, _, port):
        await eventually(lambda: port.samples["gross"].quality is Quality.GOOD, "empty and stable")
        assert port.value("gross") == 0.0
        platform.kg = 42_000.0
        await eventually(lambda: port.samples["gross"].cause is Cause.UNSTABLE, "moving")
        assert port.value("stable") == 0.0
        await eventually(lambda: port.samples["gross"].quality is Quality.GOOD, "settled")
        assert port.value("gross") == pytest.approx(42_000.0, abs=20.0)
        assert port.value("alive") == 1.0
