"""A real broker per test, and plain clients of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.support.mqtt_brokers import KINDS, Broker, Listener


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    broker = Broker(request.param)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def listen(broker: Broker) -> AsyncIterator[Callable[..., Awaitable[Listener]]]:
    running: list[tuple[Listener, asyncio.Task[None]]] = []

    async def start(*topics: str) -> Listener:
        listener = Listener(broker.port, list(topics), f"listener-{len(running)}")
        running.append((listener, asyncio.create_task(listener.link.run())))
        await asyncio.wait_for(listener.link.up.wait(), 5.0)
        return listener

    yield start
    for listener, task in running:
        await listener.link.leave([])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
