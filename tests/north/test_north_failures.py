"""What breaks between vehicle and gate: processes, brokers, journals, our own code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gatectl.model.messages import (
    BlockChanged,
    BrokerLink,
    OrderIssued,
    OrderReceived,
    VehicleConnection,
    VehicleStateReport,
)
from gatectl.model.node import MqttConfig
from gatectl.north import followup
from tests.support.device_port import eventually
from tests.support.mqtt_brokers import Broker, Listener
from tests.support.north_nodes import make_node, of, online, order, serving, state

Listen = Callable[..., Awaitable[Listener]]
REPO = Path(__file__).parents[2]


def vehicle_process(port: int) -> subprocess.Popen[bytes]:
    """A vehicle's north side in a process of its own, for killing."""
    script = (
        "import asyncio, sys; from tests.support.north_nodes import *; "
        "asyncio.run(serve(make_node('vehicle', int(sys.argv[1])), FakeNorthPort()))"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(port)], cwd=REPO)


async def test_a_killed_vehicle_leaves_its_will_and_comes_back(broker: Broker, listen: Listen) -> None:
    topic = "uagv/v2/gatectl/AGV01/connection"
    children = [vehicle_process(broker.port)]
    try:
        async with serving(make_node("gate", broker.port)) as gate:
            await eventually(lambda: online(gate) == "ONLINE", within_s=10.0)
            children[-1].send_signal(signal.SIGKILL)
            await eventually(lambda: online(gate) == "CONNECTIONBROKEN")
            late = await listen(topic)
            await eventually(lambda: late.on(topic) != [])
            assert late.on(topic)[0].retain
            children.append(vehicle_process(broker.port))
            await eventually(lambda: online(gate) == "ONLINE", within_s=10.0)
            # A second controller with the same name throws the first one out; one of them stays.
            seen = len(of(gate, VehicleConnection))
            children.append(vehicle_process(broker.port))
            await eventually(lambda: len(of(gate, VehicleConnection)) > seen, within_s=10.0)
            children[1].kill()
            await asyncio.sleep(1.0)
            await eventually(lambda: online(gate) == "ONLINE", within_s=10.0)
    finally:
        for child in children:
            child.kill()
            child.wait()


async def test_a_will_that_comes_late_is_corrected(broker: Broker, listen: Listen) -> None:
    topic = "uagv/v2/gatectl/AGV01/connection"
    liar = await listen(topic)
    async with serving(make_node("vehicle", broker.port)):
        await eventually(lambda: liar.heard != [])
        stale = json.loads(liar.heard[0].payload) | {"connectionState": "CONNECTIONBROKEN"}
        await liar.say(topic, json.dumps(stale), retain=True)
        await eventually(lambda: len(liar.heard) >= 3)
        assert json.loads(liar.heard[-1].payload)["connectionState"] == "ONLINE"


async def test_a_killed_broker_loses_nothing_and_doubles_nothing(broker: Broker, listen: Listen) -> None:
    async with (
        serving(make_node("gate", broker.port)) as gate,
        serving(make_node("vehicle", broker.port)) as vehicle,
    ):
        await eventually(lambda: online(gate) == "ONLINE")
        blocks = [
            BlockChanged(id=f"b{i}", block=f"k{i % 7}", holder=f"h{i}", previous="", cause="", at_utc_ns=0)
            for i in range(300)
        ]
        updates = [OrderIssued(id=f"g{i}", serial="AGV01", order=order("o1", i)) for i in range(4)]

        async def vehicle_core() -> None:
            """Shows the newest order it knows, as the core does every scan."""
            while True:
                known = [m.order.order_update_id for m in of(vehicle, OrderReceived)]
                if known:
                    vehicle.emit(VehicleStateReport(id="s", state=state("o1", known[-1])))
                await asyncio.sleep(0.1)

        core = asyncio.create_task(vehicle_core())
        for i, fact in enumerate(blocks):
            gate.emit(fact)
            if i % 75 == 0:
                gate.emit(updates[i // 75])
            if i == 150:
                await broker.kill()
            if i % 10 == 0:
                await asyncio.sleep(0.005)
        await eventually(lambda: of(gate, BrokerLink)[-1].connected is False)
        await broker.restart()
        await eventually(lambda: gate.entries == {}, f"published: {gate.entries}", within_s=15.0)
        await eventually(lambda: len(of(vehicle, OrderReceived)) == 4, within_s=15.0)
        core.cancel()
        await asyncio.gather(core, return_exceptions=True)
        assert [m.order.order_update_id for m in of(vehicle, OrderReceived)] == [0, 1, 2, 3]
        assert len(gate.published_entries) == len(set(gate.published_entries)) == 304
        late = await listen("gatectl/v1/demo/block/+", "uagv/+/+/+/connection", "uagv/+/+/+/factsheet")
        await eventually(lambda: len({m.topic for m in late.heard}) >= 9)
        newest: dict[str, str] = {}
        for message in late.heard:
            body = json.loads(message.payload)
            if "block" in body:
                newest[body["block"]] = body["id"]
        assert newest == {f"k{i % 7}": f"b{i}" for i in range(293, 300)}


@pytest.mark.parametrize("broker", ["amqtt"], indirect=True)
async def test_an_order_that_fell_into_the_void_is_told_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vehicle was away when the broker had the order: only the closed loop notices."""
    monkeypatch.setattr(followup, "FIRST_WAIT_NS", 200_000_000)
    monkeypatch.setattr(followup, "GRACE_NS", 100_000_000)
    async with serving(make_node("gate", broker.port)) as gate:
        await eventually(lambda: any(m.connected for m in of(gate, BrokerLink)))
        gate.emit(OrderIssued(id="g0", serial="AGV01", order=order("o1", 0)))
        gate.emit(OrderIssued(id="g1", serial="AGV01", order=order("o1", 1)))
        await eventually(lambda: len(gate.published_entries) == 1)
        async with serving(make_node("vehicle", broker.port)) as vehicle:
            while len(of(vehicle, OrderReceived)) < 2:
                known = [m.order.order_update_id for m in of(vehicle, OrderReceived)]
                vehicle.emit(VehicleStateReport(id="s", state=state("o1", known[-1]) if known else state()))
                await asyncio.sleep(0.1)
            assert [m.order.order_update_id for m in of(vehicle, OrderReceived)] == [0, 1]


@pytest.mark.parametrize("broker", ["amqtt"], indirect=True)
async def test_what_the_journal_cannot_take_is_not_acknowledged(broker: Broker, listen: Listen) -> None:
    async with serving(make_node("vehicle", broker.port)) as vehicle:
        sender = await listen("uagv/v2/gatectl/AGV01/connection")
        await eventually(lambda: sender.heard != [])
        vehicle.journal_broken = True
        payloads = [
            json.dumps({"orderId": f"o{i}", "orderUpdateId": 0, "nodes": [], "edges": []}) for i in range(3)
        ]
        for payload in payloads:
            await sender.say("uagv/v2/gatectl/AGV01/order", payload)
        await eventually(lambda: any("the disk is full" in t for t in vehicle.texts("error")))
        assert vehicle.accepted == []
        vehicle.journal_broken = False
        await eventually(lambda: len(vehicle.accepted) == 3)
        assert [m.order.order_id for m in of(vehicle, OrderReceived)] == ["o0", "o1", "o2"]


async def test_a_broker_that_hangs_is_noticed(broker: Broker) -> None:
    """It keeps its connections and answers nothing: only the keep-alive tells."""
    mqtt = MqttConfig(port=broker.port, keepalive_s=1)
    async with serving(make_node("gate", broker.port, mqtt=mqtt)) as gate:
        await eventually(lambda: any(m.connected for m in of(gate, BrokerLink)))
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await eventually(lambda: not of(gate, BrokerLink)[-1].connected, within_s=8.0)
            gate.emit(BlockChanged(id="b", block="k", holder="", previous="", cause="", at_utc_ns=0))
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await eventually(lambda: gate.entries == {}, within_s=15.0)


@pytest.mark.parametrize("broker", ["amqtt"], indirect=True)
async def test_a_mistake_of_ours_spoils_one_message_only(
    broker: Broker, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(make_node("vehicle", broker.port)) as vehicle:
        other = await listen("uagv/v2/gatectl/AGV01/connection")
        await eventually(lambda: other.heard != [])

        def broken(_fact: object, _key: str) -> bool:
            raise ZeroDivisionError("oops")

        body = {"orderId": "o", "orderUpdateId": 0, "nodes": [], "edges": []}
        with monkeypatch.context() as patch:
            patch.setattr(vehicle, "accept", broken)
            await other.say("uagv/v2/gatectl/AGV01/order", json.dumps(body))
            await eventually(lambda: any("mistake in gatectl" in t for t in vehicle.texts("error")))
        await other.say("uagv/v2/gatectl/AGV01/order", json.dumps(body | {"orderUpdateId": 1}))
        await eventually(lambda: len(vehicle.accepted) == 1)
