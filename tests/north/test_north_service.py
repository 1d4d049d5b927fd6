"""Vehicle and gate talk to each other over real brokers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

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
    Receipt,
    Status,
    VehicleReport,
    VehicleStateReport,
)
from gatectl.model.vda5050 import Action, InstantActions
from tests.support.device_port import eventually
from tests.support.mqtt_brokers import Broker, Listener
from tests.support.north_nodes import make_node, of, online, order, serving, state

Listen = Callable[..., Awaitable[Listener]]


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


async def test_a_vehicle_tells_incidents_receipts_and_why_it_waits(broker: Broker, listen: Listen) -> None:
    base = "gatectl/v1/demo"
    watcher = await listen(f"{base}/#")
    status = f"{base}/node/vehicle-1/status"
    async with serving(make_node("vehicle", broker.port)) as vehicle:
        await eventually(lambda: watcher.on(status) != [])
        vehicle.emit(
            Incident(id="i", severity="info", subject="s", code="c", text="t", remedy="r", at_utc_ns=0)
        )
        vehicle.emit(
            Receipt(
                id="r",
                to="lan",
                correlation="operator:lan:C1",
                accepted=False,
                reasons=("no",),
                at_utc_ns=0,
            )
        )
        vehicle.emit(Status(id="s", scan_no=3, explanations=(), detail={}))
        await eventually(lambda: vehicle.entries == {} and len(watcher.heard) >= 4)
        receipt = json.loads(watcher.on(f"{base}/operator/receipt")[0].payload)
        assert (receipt["to"], receipt["correlation"], receipt["result"]) == ("lan", "C1", "refused")
        assert json.loads(watcher.on(f"{base}/incident")[0].payload)["node"] == "vehicle-1"
        assert [json.loads(m.payload)["scan_no"] for m in watcher.on(status)] == [0, 3]
        assert not any(m.retain for m in watcher.on(status))
        lease = {"serial": "AGV02", "order_id": "", "order_update_id": 0, "blocks": [], "epoch": 1}
        lease |= {"sequence": 1, "issued_at": "2026-03-01T08:00:00Z", "valid_for_ms": 3000}
        await watcher.say(f"{base}/lease/AGV01", json.dumps(lease))
        await watcher.say(f"{base}/lease/AGV01", json.dumps(lease | {"serial": "AGV01", "epoch": -1}))
        await eventually(lambda: len(vehicle.texts("warning")) == 2)
        assert of(vehicle, LeaseReceived) == []
    late = await listen(status)
    await asyncio.sleep(0.1)
    assert late.on(status) == []
