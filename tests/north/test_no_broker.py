"""Nobody there, or somebody who is no broker."""

from __future__ import annotations

import asyncio

import pytest

from gatectl.model.errors import ConfigError
from gatectl.model.messages import BrokerLink
from gatectl.model.site import CustomsConfig
from gatectl.north import serve
from hil.broker import free_port
from tests.support.device_port import eventually
from tests.support.north_nodes import make_node, serving
from tests.support.north_port import FakeNorthPort


async def test_without_a_broker_it_says_so_once_and_ends_at_once() -> None:
    async with serving(make_node("gate", free_port())) as gate:
        await asyncio.sleep(1.0)
    assert [m.connected for m in gate.forwarded if isinstance(m, BrokerLink)] == [False]
    (warning,) = gate.texts("warning")
    assert "no connection" in warning
    assert "check [mqtt]" in warning


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x05", b"\xff" * 64],
    ids=["silence", "http", "refusal", "noise"],
)
async def test_whoever_is_no_broker_is_not_believed(answer: bytes) -> None:
    greeted = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        await reader.read(64)
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        greeted += 1

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, serving(make_node("vehicle", server.sockets[0].getsockname()[1])) as vehicle:
        await eventually(lambda: greeted >= 2 and vehicle.texts("warning") != [])
        assert not any(m.connected for m in vehicle.forwarded if isinstance(m, BrokerLink))


async def test_what_cannot_be_configured_ends_it_with_every_mistake() -> None:
    keys = (CustomsConfig(side="cn", public_key="x"), CustomsConfig(side="vn", public_key="y"))
    with pytest.raises(ConfigError) as caught:
        await serve(make_node("gate", 1, customs=keys), FakeNorthPort())
    assert len(caught.value.findings) == 2
    with pytest.raises(ConfigError, match="topic"):
        await serve(make_node("vehicle", 1, name="a/b"), FakeNorthPort())
