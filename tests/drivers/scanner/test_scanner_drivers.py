"""Camera and portal drivers against the simulated devices, on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from device_port import FakePort, eventually

from drivers.scanner import CameraConfig, CameraDriver, PortalConfig, PortalDriver
from drivers.scanner.wire import EVENT_PATH, KEEP_ALIVE_PATH, Ack, Refusal
from gatectl.model import DeviceError, UsageError
from gatectl.model.device import Wire
from gatectl.model.messages import ContainerRead, ScanVerdict
from hil.devices.camera import SimCamera
from hil.devices.portal import SimPortal
from hil.devices.scale import SimScale

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
    device.keep_alive_s = device.retry_s = 0.2
    conf = CameraConfig(wire=Wire(**await device.start()), lane="east", **config)  # type: ignore[arg-type]
    port = FakePort("cam", CameraDriver.tags(conf))
    driver = CameraDriver("cam", conf, port)
    async with running(device, driver):
        yield device, port, driver


@asynccontextmanager
async def portal(**config: float) -> AsyncIterator[tuple[SimPortal, FakePort, PortalDriver]]:
    device = SimPortal("portal")
    device.heartbeat_s = device.resend_s = 0.2
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


# ---- camera -------------------------------------------------------------------------------------

EVENT = {
    "eventId": "e1",
    "containerCode": BOX,
    "confidence": 0.9,
    "readTime": "2026-03-01T08:00:00Z",
}


async def post(port_no: int, body: object, path: str = EVENT_PATH) -> tuple[int, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"http://127.0.0.1:{port_no}{path}", data=data) as answer,
    ):
        text = await answer.text()
        return answer.status, json.loads(text) if text.startswith("{") else {"text": text}


async def test_a_repeated_event_is_answered_but_handed_over_once() -> None:
    async with camera() as (_, port, driver):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        tcp = driver._config.wire.listen_port
        assert await post(tcp, EVENT) == (200, {"result": "accepted", "eventId": "e1"})
        assert await post(tcp, EVENT) == (200, {"result": "duplicate", "eventId": "e1"})
        assert [fact.id for fact in port.facts] == ["cam-e1"]


async def test_bad_requests_are_refused_with_their_cause_and_serve_no_life() -> None:
    async with camera() as (device, port, driver):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        tcp = driver._config.wire.listen_port
        for body in (b"", b"\xff", b"[]", {**EVENT, "confidence": 2}, {**EVENT, "eventId": "../x"}):
            status, answer = await post(tcp, body)
            assert status == 400
            assert answer["cause"]
        assert (await post(tcp, b"x" * 70_000))[0] == 413
        assert (await post(tcp, EVENT, "/other"))[0] == 404
        assert (await post(tcp, {}, KEEP_ALIVE_PATH))[0] == 400
        assert port.facts == []
        assert driver.refused == 6
        device.read(BOX)
        await eventually(lambda: len(port.facts) == 1, "still serving")


async def test_a_fact_that_cannot_be_handed_over_is_not_acknowledged() -> None:
    async with camera() as (device, port, _):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        emit, port.emit = port.emit, fails  # type: ignore[method-assign]
        device.read(BOX)
        await eventually(lambda: 503 in device.answers, "refused")
        port.emit = emit  # type: ignore[method-assign]
        await eventually(lambda: device.unsent == 0, "repeated until taken")
        assert len(port.facts) == 1


def fails(_: object) -> None:
    raise DeviceError("too many facts wait", "see why the north process does not take them")


async def test_only_allowed_cameras_are_heard() -> None:
    async with camera(allow=("192.0.2.7",)) as (device, port, _):
        device.read(BOX)
        await eventually(lambda: 403 in device.answers, "refused")
        assert port.facts == []
        assert port.value("alive") == 0.0


async def test_silence_of_the_camera_ends_its_life() -> None:
    async with camera(silence_s=0.5) as (device, port, _):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        device.fault("off")
        await eventually(lambda: port.value("alive") == 0.0, "silent")
        device.read(BOX)  # switched off, it sees nothing
        device.clear()
        await eventually(lambda: port.value("alive") == 1.0, "back")
        assert port.facts == []


async def test_a_camera_behind_a_bad_line_loses_nothing_and_doubles_nothing() -> None:
    async with camera() as (device, port, _):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        device.fault("drop", share=0.5)
        for _number in range(3):
            device.read(BOX)
        await eventually(lambda: device.unsent == 0, "all accepted", within_s=10.0)
        assert len({fact.id for fact in port.facts}) == len(port.facts) == 3


async def test_a_misread_digit_fails_the_check_digit() -> None:
    async with camera() as (device, port, _):
        device.fault("wrong")
        device.read(BOX)
        await eventually(lambda: len(port.facts) == 1, "read")
        (fact,) = port.facts
        assert isinstance(fact, ContainerRead)
        assert fact.check_digit_ok is False


async def test_a_taken_port_is_told_and_tried_again() -> None:
    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))
        blocker.listen()
        conf = CameraConfig(wire=Wire(host="127.0.0.1", listen_port=blocker.getsockname()[1]))
        port = FakePort("cam", CameraDriver.tags(conf))
        driver = CameraDriver("cam", conf, port)
        task = asyncio.create_task(driver.run())
        await eventually(lambda: any("cannot listen" in text for _, text in port.logs), "told")
    await eventually(lambda: can_connect(conf.wire.listen_port), "listening after all")
    await asyncio.sleep(0.05)  # the server sees that the probe has gone
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await driver.close()


def can_connect(port_no: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_no)) == 0


# ---- portal -------------------------------------------------------------------------------------


async def test_verdicts_are_repeated_until_acknowledged_and_taken_once() -> None:
    async with portal() as (device, port, driver):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        device.forget_acks = 1
        device.screen(BOX, "suspicious")
        await eventually(lambda: device.unacked == 0, "acknowledged at last")
        assert sum(isinstance(a, Ack) for a in device.answers) == 2
        assert len(port.facts) == 1
        assert driver.refused == 0


async def test_a_verdict_that_cannot_be_handed_over_is_not_acknowledged() -> None:
    async with portal() as (device, port, _):
        emit, port.emit = port.emit, fails  # type: ignore[method-assign]
        device.screen(BOX)
        await eventually(lambda: any("not taken yet" in text for _, text in port.logs), "refused")
        assert device.unacked == 1
        assert port.value("alive") == 1.0
        port.emit = emit  # type: ignore[method-assign]
        await eventually(lambda: device.unacked == 0, "repeated until taken")
        assert len(port.facts) == 1


async def test_verdicts_given_while_the_link_was_down_come_afterwards() -> None:
    async with portal() as (device, port, _):
        device.fault("stuck")
        device.screen(BOX)
        await asyncio.sleep(0.2)
        assert port.facts == []
        device.clear()
        await eventually(lambda: device.unacked == 0, "acknowledged")
        assert len(port.facts) == 1


async def test_garbage_is_counted_answered_and_is_no_life() -> None:
    async with portal(silence_s=0.5) as (device, port, driver):
        await eventually(lambda: port.samples["alive"].value == 1.0, "up")
        device.fault("garbage")
        await eventually(lambda: driver.refused >= 1, "counted")
        await eventually(lambda: any(isinstance(a, Refusal) for a in device.answers), "answered")
        await eventually(lambda: port.value("alive") == 0.0, "no life")
        device.clear()
        await eventually(lambda: port.value("alive") == 1.0, "back")


async def test_a_portal_that_is_off_or_stuck_is_link_down() -> None:
    async with portal(silence_s=0.5) as (device, port, _):
        for mode in ("off", "stuck"):
            await eventually(lambda: port.samples["alive"].value == 1.0, "up")
            device.fault(mode)
            await eventually(lambda: port.value("alive") == 0.0, f"{mode} noticed")
            device.clear()


async def test_a_wrong_verdict_arrives_as_it_is() -> None:
    async with portal() as (device, port, _):
        device.fault("wrong", verdict="absent")
        device.screen(BOX)
        await eventually(lambda: len(port.facts) == 1, "verdict")
        (fact,) = port.facts
        assert isinstance(fact, ScanVerdict)
        assert fact.verdict == "absent"


@pytest.mark.parametrize("device", [SimCamera("c"), SimPortal("p"), SimScale("s", lambda: 0.0)])
def test_devices_refuse_what_they_cannot_do(device: SimCamera | SimPortal | SimScale) -> None:
    for mode, params in (("reset", {}), ("drop", {"part": 1.0}), ("drop", {"share": "much"})):
        with pytest.raises(UsageError) as caught:
            device.fault(mode, **params)  # type: ignore[arg-type]
        assert caught.value.remedy


def test_check_wants_the_right_wires() -> None:
    tcp, listen = Wire(host="192.0.2.1", tcp_port=1), Wire(listen_port=1)
    assert [k for k, _, _ in CameraDriver.check(CameraConfig(wire=tcp, allow=("lane",)))] == ["wire", "allow"]
    assert [k for k, _, _ in PortalDriver.check(PortalConfig(wire=listen))] == ["wire"]
    assert CameraDriver.check(CameraConfig(wire=listen)) == PortalDriver.check(PortalConfig(wire=tcp)) == []
