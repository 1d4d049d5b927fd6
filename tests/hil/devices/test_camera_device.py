"""The simulated camera against a bare HTTP listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from device_port import eventually

from hil.devices.camera import SimCamera


@dataclass
class Listener:
    """Answers what it is told to, then 200; keeps what was posted."""

    answers: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    keep_alives: int = 0
    rubbish: int = 0

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            message = json.loads(body)
        except ValueError:
            self.rubbish += 1
            return web.Response(status=400)
        if request.path.endswith("KeepAlive"):
            self.keep_alives += 1
            return web.Response()
        self.events.append(message)
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def camera() -> AsyncIterator[tuple[SimCamera, Listener]]:
    device, listener = SimCamera("cam"), Listener()
    device.keep_alive_s = device.retry_s = 0.1
    wire = await device.start()
    app = web.Application()
    app.router.add_post("/NotificationInfo/{name}", listener.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, wire["host"], wire["listen_port"]).start()
    task = asyncio.create_task(device.run())
    try:
        yield device, listener
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await device.stop()
        await device.stop()  # idempotent
        await runner.cleanup()


async def test_an_event_is_repeated_until_200_with_the_same_id() -> None:
    async with camera() as (device, listener):
        listener.answers = [500, 400]
        device.read("CSQU3054383", "S1", "opened", "east", 0.5)
        await eventually(lambda: device.unsent == 0, "accepted")
        assert len(listener.events) == 3
        assert len({e["eventId"] for e in listener.events}) == 1
        event = listener.events[0]
        assert (event["containerCode"], event["seal"], event["sealState"]) == ("CSQU3054383", "S1", "opened")
        assert (event["lane"], event["confidence"]) == ("east", 0.5)
        assert event["readTime"].endswith("Z")


async def test_events_keep_their_order_and_have_ids_of_their_own() -> None:
    async with camera() as (device, listener):
        for code in ("AAAU0000001", "AAAU0000002"):
            device.read(code)
        await eventually(lambda: device.unsent == 0, "accepted")
        assert [e["containerCode"] for e in listener.events] == ["AAAU0000001", "AAAU0000002"]
        assert len({e["eventId"] for e in listener.events}) == 2


async def test_faults_do_what_they_say() -> None:
    async with camera() as (device, listener):
        await eventually(lambda: listener.keep_alives > 0, "alive")
        device.fault("stuck")
        device.read("CSQU3054383")
        alive = listener.keep_alives
        await eventually(lambda: listener.keep_alives > alive + 1, "still alive")
        assert listener.events == []
        device.clear()
        await eventually(lambda: device.unsent == 0, "sent afterwards")
        device.fault("wrong")
        device.read("CSQU3054383")
        await eventually(lambda: device.unsent == 0, "sent")
        assert listener.events[-1]["containerCode"] == "CSQU3054384"
        device.clear()
        device.fault("garbage")
        await eventually(lambda: listener.rubbish > 0, "rubbish")
        device.clear()
        device.fault("slow", seconds=0.3)
        device.read("CSQU3054383")
        await asyncio.sleep(0.15)
        assert device.unsent == 1
        await eventually(lambda: device.unsent == 0, "late")
        device.fault("off")
        device.read("CSQU3054383")
        assert device.unsent == 0


async def test_a_listener_that_is_away_is_waited_for() -> None:
    device = SimCamera("cam")
    device.retry_s = 0.1
    await device.start()
    task = asyncio.create_task(device.run())
    device.read("CSQU3054383")
    await eventually(lambda: device.answers.count(0) >= 3, "tried")
    assert device.unsent == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await device.stop()
