"""Vehicle and gate talk to each other over real brokers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from gatectl.model.messages import (
    BlockChanged,
    BrokerLink,
    Incident,
    InstantActionsIssued,
    InstantActionsReceived,
    Lease,
    LeaseIssued,
    LeaseReceived,
    OrderIssued,
    OrderReceived,
    Status,
    VehicleConnection,
    VehicleReport,
    VehicleStateReport,
)
from gatectl.model.node import MqttConfig
from gatectl.model.vda5050 import Action, InstantActions
from tests.support.device_port import eventually
from tests.support.mqtt_brokers import Broker, Listener
from tests.support.north_nodes import make_node, order, serving, state
from tests.support.north_port import FakeNorthPort

Listen = Callable[..., Awaitable[Listener]]
REPO = Path(__file__).parents[2]


def of(port: FakeNorthPort, kind: type) -> list:  # type: ignore[type-arg]
    return [m for m in (*port.accepted, *port.forwarded) if isinstance(m, kind)]


def online(gate: FakeNorthPort) -> str:
    seen = of(gate, VehicleConnection)
    return seen[-1].connection_state if seen else ""


async def test_an_order_reaches_the_vehicle_and_its_state_comes_back(broker: Broker) -> None:
    async with (
        serving(make_node("gate", broker.port)) as gate,
        serving(make_node("vehicle", broker.port)) as vehicle,
    ):
        await eventually(lambda: online(gate) == "ONLINE")
        gate.emit(OrderIssued(id="g-1", serial="AGV01", order=order()))
        actions = InstantActions(
            actions=(Action(action_type="startPause", action_id="p1", blocking_type="HARD"),)
        )
        gate.emit(InstantActionsIssued(id="g-2", serial="AGV01", instant_actions=actions))
        await eventually(lambda: len(vehicle.accepted) == 2)
        received = of(vehicle, OrderReceived)[0].order
        assert (received.nodes, received.edges) == (order().nodes, order().edges)
        assert (received.manufacturer, received.serial_number, received.version) == (
            "gatectl",
            "AGV01",
            "2.1.0",
        )
        assert of(vehicle, InstantActionsReceived)[0].instant_actions.actions == actions.actions
        lease = Lease(
            serial="AGV01",
            order_id="o1",
            order_update_id=0,
            blocks=("a", "b"),
            epoch=3,
            sequence=7,
            issued_utc_ns=1_764_000_000_123_456_000,
            valid_for_ms=3000,
        )
        gate.emit(LeaseIssued(id="g-3", lease=lease))
        await eventually(lambda: of(vehicle, LeaseReceived) != [])
        assert of(vehicle, LeaseReceived)[0].lease == lease
        vehicle.emit(VehicleStateReport(id="v-1", state=state("o1")))
        vehicle.emit(VehicleStateReport(id="v-2", state=state("o1", paused=True)))
        await eventually(lambda: len(of(gate, VehicleReport)) == 2)
        first, second = of(gate, VehicleReport)
        assert first.state.agv_position == state().agv_position
        assert second.state.header_id == first.state.header_id + 1
        assert gate.entries == {}
    assert [m.connected for m in of(gate, BrokerLink)] == [False, True, False]


async def test_the_vehicle_says_offline_when_it_ends_in_order(broker: Broker, listen: Listen) -> None:
    watcher = await listen("uagv/#", "gatectl/#")
    topic, status = "uagv/v2/gatectl/AGV01/connection", "gatectl/v1/demo/node/gate-1/status"
    async with serving(make_node("gate", broker.port)), serving(make_node("vehicle", broker.port)):
        await eventually(lambda: watcher.on(topic) != [] and watcher.on(status) != [])
    await eventually(lambda: len(watcher.on(topic)) == 2 and len(watcher.on(status)) == 2)
    states = [json.loads(m.payload) for m in watcher.on(topic)]
    assert [s["connectionState"] for s in states] == ["ONLINE", "OFFLINE"]
    assert [json.loads(m.payload)["online"] for m in watcher.on(status)] == [True, False]
    late = await listen(topic, status)
    await eventually(lambda: {m.topic for m in late.heard} >= {topic, status})
    assert all(m.retain for m in late.heard)
    assert json.loads(late.on(topic)[0].payload)["connectionState"] == "OFFLINE"


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


async def test_whoever_reports_is_there(broker: Broker, listen: Listen) -> None:
    other = await listen()
    header = {"headerId": 1, "timestamp": "2026-01-01T00:00:00.000Z", "version": "2.0.0"}
    header |= {"manufacturer": "gatectl", "serialNumber": "AGV02"}
    await other.say(
        "uagv/v2/gatectl/AGV02/connection",
        json.dumps(header | {"connectionState": "CONNECTIONBROKEN"}),
        retain=True,
    )
    async with serving(make_node("gate", broker.port)) as gate:
        await eventually(lambda: online(gate) == "CONNECTIONBROKEN")
        body = {"orderId": "", "orderUpdateId": 0, "lastNodeId": "", "lastNodeSequenceId": 0}
        body |= {"nodeStates": [], "edgeStates": [], "driving": False, "actionStates": [], "errors": []}
        body |= {"batteryState": {"batteryCharge": 1, "charging": False, "reach": None}, "maps": None}
        body |= {
            "operatingMode": "AUTOMATIC",
            "safetyState": {"eStop": "NONE", "fieldViolation": False},
            "x": 1,
        }
        await other.say("uagv/v2/gatectl/AGV02/state", json.dumps(header | body))
        await eventually(lambda: online(gate) == "ONLINE" and of(gate, VehicleReport) != [])
        await other.say("uagv/v2/gatectl/AGV02/state", json.dumps(header))
        await eventually(lambda: any("AGV02/state: refused" in t for t in gate.texts("warning")))


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


async def test_an_order_that_fell_into_the_void_is_told_again(broker: Broker) -> None:
    """The vehicle was away when the broker had the order: only the closed loop notices."""
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


async def test_bad_orders_change_nothing_and_show_in_the_state(broker: Broker, listen: Listen) -> None:
    async with serving(make_node("vehicle", broker.port)) as vehicle:
        other = await listen("uagv/v2/gatectl/AGV01/state", "uagv/v2/gatectl/AGV01/connection")
        await eventually(lambda: other.heard != [])
        vehicle.emit(VehicleStateReport(id="s", state=state()))
        good = {"orderId": "o9", "orderUpdateId": 4, "nodes": [], "edges": []}
        bad = [
            b"",
            b"\xff\xfe",
            b"[1]",
            b"{" * 5000,
            json.dumps(good | {"orderUpdateId": "four"}).encode(),
            json.dumps(good | {"orderUpdateId": 2**70}).encode(),
            json.dumps(good | {"serialNumber": "AGV02"}).encode(),
            json.dumps({k: v for k, v in good.items() if k != "nodes"}).encode(),
            b'{"orderId": "\\ud800", "orderUpdateId": 0, "nodes": [], "edges": []}',
        ]
        for payload in bad:
            await other.say("uagv/v2/gatectl/AGV01/order", payload)
        await eventually(lambda: len(vehicle.texts("warning")) == len(bad))
        assert vehicle.accepted == []
        states = "uagv/v2/gatectl/AGV01/state"
        seen = len(other.on(states))
        vehicle.emit(VehicleStateReport(id="s2", state=state()))
        await eventually(lambda: len(other.on(states)) > seen)
        errors = json.loads(other.on(states)[-1].payload)["errors"]
        assert {e["errorType"] for e in errors} == {"validationError"}
        assert all(e["errorLevel"] == "WARNING" and e["errorDescription"] and e["errorHint"] for e in errors)
        named = [r["referenceValue"] for e in errors for r in e["errorReferences"]]
        assert "o9" in named
        assert "order" in named
        # It still takes good ones, once, however often they come and whatever their header.
        for header_id in (1, 2, 2):
            await other.say(
                "uagv/v2/gatectl/AGV01/order", json.dumps(good | {"headerId": header_id, "zoneSetId": None})
            )
        await eventually(lambda: len(vehicle.duplicates) == 2)
        assert len(vehicle.accepted) == 1


async def test_what_fits_no_topic_does_not_stop_the_others(broker: Broker, listen: Listen) -> None:
    async with serving(make_node("gate", broker.port)) as gate:
        watcher = await listen("gatectl/v1/demo/incident", "gatectl/v1/demo/node/gate-1/status")
        await eventually(lambda: of(gate, BrokerLink)[-1:] != [] and of(gate, BrokerLink)[-1].connected)
        gate.emit(OrderIssued(id="x", serial="AGV99", order=order()))
        gate.emit(BlockChanged(id="y", block="a/#", holder="", previous="", cause="", at_utc_ns=0))
        gate.emit(
            Incident(
                id="i1",
                severity="alarm",
                subject="s",
                code="c",
                text="t",
                remedy="r",
                at_utc_ns=1_000_000_000,
            )
        )
        gate.emit(Status(id="s", scan_no=12, explanations=(), detail={"a": "b"}))
        await eventually(lambda: gate.entries == {} and watcher.on("gatectl/v1/demo/incident") != [])
        assert len([t for t in gate.texts("error") if "not published" in t]) == 2
        body = json.loads(watcher.on("gatectl/v1/demo/incident")[0].payload)
        assert (body["node"], body["at"]) == ("gate-1", "1970-01-01T00:00:01Z")
        statuses = "gatectl/v1/demo/node/gate-1/status"
        await eventually(lambda: json.loads(watcher.on(statuses)[-1].payload)["scan_no"] == 12)


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
