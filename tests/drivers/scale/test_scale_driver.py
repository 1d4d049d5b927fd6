"""The scale driver against the simulated indicator, on a real pty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import pytest
from device_port import FakePort, eventually

from drivers.scale import ScaleConfig, ScaleDriver
from drivers.scale.wire import Reading
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
    device.plant.frequency_hz = 4.0  # settles sooner: the test need not wait
    device.period_s = 0.03
    conf = ScaleConfig(wire=Wire(**await device.start()), protocol=protocol, stable_time_s=0.3, **config)
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


def alive(port: FakePort) -> float:
    assert port.samples["alive"].quality is Quality.GOOD
    return port.samples["alive"].value


async def test_silence_is_link_down_and_recovers() -> None:
    async with scale("mt_continuous", silence_s=0.4) as (_, device, port):
        await eventually(lambda: port.samples["alive"].value == 1.0, "heard")
        device.fault("off")
        await eventually(lambda: alive(port) == 0.0, "silent")
        assert {port.bad(t) for t in ("gross", "stable", "overload", "underload")} == {Cause.LINK_DOWN}
        stamp = port.samples["alive"].stamp_mono_ns
        await eventually(
            lambda: port.samples["alive"].stamp_mono_ns > stamp, "told again before it is stale", 1.0
        )
        device.clear()
        await eventually(lambda: alive(port) == 1.0, "heard again")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_garbage_is_no_weight(protocol: Protocol) -> None:
    async with scale(protocol, silence_s=0.4) as (_, device, port):
        await eventually(lambda: port.samples["alive"].value == 1.0, "heard")
        device.fault("garbage")
        await eventually(lambda: alive(port) == 0.0, "noticed")
        assert port.bad("gross") is Cause.NOT_VALID
        assert any("no valid frame" in text for _, text in port.logs)
        device.clear()
        await eventually(lambda: alive(port) == 1.0, "resynchronised")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_overload_and_underload_have_no_weight(protocol: Protocol) -> None:
    async with scale(protocol) as (platform, _, port):
        platform.kg = 120_000.0
        await eventually(lambda: port.samples["overload"].value == 1.0, "overload")
        assert port.bad("gross") is Cause.OUT_OF_RANGE
        platform.kg = -3_000.0
        await eventually(lambda: port.samples["underload"].value == 1.0, "underload")
        assert port.bad("gross") is Cause.OUT_OF_RANGE


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_swinging_weight_is_never_good(protocol: Protocol) -> None:
    async with scale(protocol) as (platform, device, port):
        platform.kg = 20_000.0
        device.fault("wrong", unstable=400.0)
        await eventually(lambda: port.samples["gross"].value > 15_000.0, "weight there")
        seen = len(port.commits)
        await eventually(lambda: len(port.commits) > seen + 12, "more readings")
        assert all(c["gross"].cause is Cause.UNSTABLE for c in port.commits[seen:])


async def test_corrupt_frames_are_thrown_away() -> None:
    async with scale("mt_continuous") as (platform, device, port):
        platform.kg = 30_000.0
        await eventually(lambda: port.samples["gross"].quality is Quality.GOOD, "settled")
        await eventually(lambda: port.samples["gross"].value > 29_000.0, "loaded")
        seen = len(port.commits)
        device.fault("corrupt", share=0.5)
        await eventually(lambda: len(port.commits) > seen + 6, "good frames pass")
        assert all(
            abs(c["gross"].value - 30_000.0) <= 100.0
            for c in port.commits[seen:]
            if c["gross"].quality is Quality.GOOD
        )


async def test_pounds_are_refused_unless_configured() -> None:
    async with scale("mt_continuous", unit="lb") as (_, _device, port):
        await eventually(lambda: any("configured is lb" in text for _, text in port.logs), "told")
        assert port.bad("gross") is Cause.NOT_VALID


async def test_a_missing_port_is_told_once() -> None:
    conf = ScaleConfig(wire=Wire(port="/dev/nowhere", baud=9600), protocol="xk3190")
    port = FakePort("scale", ScaleDriver.tags(conf))
    task = asyncio.create_task(ScaleDriver("scale", conf, port).run())
    await eventually(lambda: bool(port.logs), "told")
    await asyncio.sleep(0.4)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(port.logs) == 1
    assert port.bad("gross") is Cause.LINK_DOWN


def test_check_finds_settings_that_make_no_sense() -> None:
    conf = ScaleConfig(wire=Wire(), protocol="xk3190", checksum=False, stable_time_s=0.1)
    assert [key for key, _, _ in ScaleDriver.check(conf)] == ["wire", "checksum", "stable_time_s"]


async def test_configured_pounds_become_kilograms() -> None:
    conf = ScaleConfig(wire=Wire(port="/dev/null"), protocol="mt_continuous", unit="lb")
    port = FakePort("scale", ScaleDriver.tags(conf))
    driver = ScaleDriver("scale", conf, port)
    driver._publish(Reading(1000.0, "lb", True, False, False, 10.0), port.mono_ns())
    assert port.value("gross") == pytest.approx(453.59237)
    driver._publish(Reading(1000.0, "", True, False, False, 10.0), port.mono_ns())
    assert port.bad("gross") is Cause.NOT_VALID
