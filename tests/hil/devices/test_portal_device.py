"""The simulated portal against a bare socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from device_port import eventually

from hil.devices.portal import SimPortal

BOX = "CSQU3054383"


@asynccontextmanager
async def portal() -> AsyncIterator[tuple[SimPortal, dict[str, Any]]]:
    device = SimPortal("portal")
    device.heartbeat_s = device.resend_s = 0.2
    wire = await device.start()
    task = asyncio.create_task(device.run())
    try:
        yield device, wire
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await device.stop()
        await device.stop()  # idempotent


@asynccontextmanager
async def client(wire: dict[str, Any]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(wire["host"], wire["tcp_port"])
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        await asyncio.sleep(0.05)


async def verdict(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(5.0):
        while True:
            message: dict[str, Any] = json.loads(await reader.readline())
            if message["type"] == "verdict":
                return message


async def test_a_verdict_is_repeated_until_its_own_acknowledgement() -> None:
    async with portal() as (device, wire), client(wire) as (reader, writer):
        device.screen(BOX, "suspicious", "Lan")
        first = await verdict(reader)
        assert (first["containerCode"], first["verdict"], first["operator"]) == (BOX, "suspicious", "Lan")
        writer.write(b'{"type":"ack","session":"another","number":1}\n')
        writer.write(b'{"type":"error","cause":"not now"}\n')
        assert await verdict(reader) == first
        writer.write(json.dumps({"type": "ack", "session": first["session"], "number": 1}).encode() + b"\n")
        await eventually(lambda: device.unacked == 0, "acknowledged")
        assert len(device.answers) == 3


async def test_a_new_connection_gets_what_was_not_acknowledged() -> None:
    async with portal() as (device, wire):
        device.resend_s = 100.0
        device.screen(BOX)
        async with client(wire) as (reader, _):
            first = await verdict(reader)
        async with client(wire) as (reader, _):
            assert await verdict(reader) == first


async def test_rubbish_from_the_other_side_ends_its_connection_only() -> None:
    async with portal() as (device, wire):
        async with client(wire) as (reader, writer):
            writer.write(b"hello\n")
            async with asyncio.timeout(5.0):
                while await reader.readline():
                    pass
        async with client(wire) as (reader, _):
            device.screen(BOX)
            assert (await verdict(reader))["number"] == 1


async def test_off_accepts_nobody_until_it_is_cleared_at_the_same_port() -> None:
    async with portal() as (device, wire):
        device.fault("off")
        device.screen(BOX)
        assert device.unacked == 0
        await asyncio.sleep(0.2)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(wire["host"], wire["tcp_port"])
        device.clear()
        await asyncio.sleep(0.2)
        async with client(wire) as (reader, _):
            device.screen(BOX)
            assert (await verdict(reader))["containerCode"] == BOX


async def test_slow_and_wrong() -> None:
    async with portal() as (device, wire), client(wire) as (reader, _):
        device.fault("slow", seconds=0.3)
        device.fault("wrong")
        started = asyncio.get_running_loop().time()
        device.screen(BOX, "clear")
        assert (await verdict(reader))["verdict"] == "suspicious"
        assert asyncio.get_running_loop().time() - started >= 0.3
