"""What we publish is valid VDA 5050 2.1; what 2.1 allows, we understand."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model import vda5050
from gatectl.model.errors import WireError
from gatectl.model.messages import InstantActionsIssued, OrderIssued, VehicleStateReport
from gatectl.north import vda_in
from gatectl.north.factsheet import visualization
from gatectl.north.gate import GateRole
from gatectl.north.headers import Headers
from gatectl.north.inbox import Inbox
from gatectl.north.vehicle import VehicleRole
from gatectl.north.wire import encode
from tests.support.north_nodes import VDA_SCHEMAS, make_node, order, state
from tests.support.north_port import FakeNorthPort

needs_schemas = pytest.mark.skipif(not VDA_SCHEMAS.is_dir(), reason="the VDA's schemas are not here")
HEADER = {
    "headerId": 1,
    "timestamp": "2026-03-01T08:00:00.000Z",
    "version": "2.1.0",
    "manufacturer": "other",
    "serialNumber": "AGV01",
}


def schema(topic: str) -> dict[str, Any]:
    text = (VDA_SCHEMAS / f"{topic}.schema").read_text(encoding="utf-8-sig")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def check(topic: str, payload: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(payload)
    validator = jsonschema.Draft202012Validator(schema(topic), format_checker=jsonschema.FormatChecker())
    validator.validate(body)
    required = {"headerId", "timestamp", "version", "manufacturer", "serialNumber"}
    assert required <= body.keys()
    assert body["timestamp"].endswith("Z")
    return body


def vehicle_role() -> VehicleRole:
    port = FakeNorthPort()
    return VehicleRole(make_node("vehicle", 1), port, Inbox(port))


def gate_role() -> GateRole:
    port = FakeNorthPort()
    return GateRole(make_node("gate", 1), port, Inbox(port))


@needs_schemas
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"agv_position": None, "velocity": None, "loads": None},
        {"loads": ()},
        {"errors": (vda5050.Error(error_type="e", error_level="FATAL"),)},
    ],
)
def test_states_are_valid(changes: dict[str, Any]) -> None:
    publication = vehicle_role().publication(VehicleStateReport(id="1", state=state("o1", 2, **changes)))
    assert publication is not None
    assert (publication.topic, publication.qos, publication.retain) == (
        "uagv/v2/gatectl/AGV01/state",
        0,
        False,
    )
    body = check("state", publication.payload)
    assert None not in body.values()


@needs_schemas
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_position_that_is_no_number_is_left_out(bad: float) -> None:
    role = vehicle_role()
    position = vda5050.AgvPosition(
        x=bad, y=0.0, theta=0.0, map_id="m", position_initialized=False, deviation_range=0.1
    )
    lost = role.publication(VehicleStateReport(id="1", state=state(agv_position=position)))
    assert lost is not None
    assert "agvPosition" not in check("state", lost.payload)
    position = msgspec.structs.replace(position, x=0.0, deviation_range=bad)
    vague = role.publication(VehicleStateReport(id="1", state=state(agv_position=position)))
    assert vague is not None
    assert "deviationRange" not in check("state", vague.payload)["agvPosition"]


@needs_schemas
def test_presence_and_factsheet_are_valid() -> None:
    role = vehicle_role()
    factsheet, online, _status = role.presence()
    body = check("factsheet", factsheet.payload)
    assert (factsheet.retain, body["physicalParameters"]["length"]) == (True, 13.0)
    offered = [p["parameter"] for p in body["protocolFeatures"]["optionalParameters"]]
    assert "order.edges.maxSpeed" in offered
    assert "order.edges.orientation" not in offered
    for publication, expected in (
        (role.will(), "CONNECTIONBROKEN"),
        (online, "ONLINE"),
        (role.farewell()[0], "OFFLINE"),
    ):
        assert (publication.qos, publication.retain) == (1, True)
        assert check("connection", publication.payload)["connectionState"] == expected


@needs_schemas
def test_fleet_control_is_valid() -> None:
    role = gate_role()
    publication = role.publication(OrderIssued(id="1", serial="AGV01", order=order(nodes=3)))
    assert publication is not None
    check("order", publication.payload)
    action = vda5050.Action(action_type="cancelOrder", action_id="c1", blocking_type="NONE")
    actions = vda5050.InstantActions(actions=(action,))
    publication = role.publication(InstantActionsIssued(id="2", serial="AGV02", instant_actions=actions))
    assert publication is not None
    assert check("instantActions", publication.payload)["serialNumber"] == "AGV02"


@needs_schemas
@given(yaw=st.floats(-100, 100), quality=st.sampled_from([0, 0x80]))
def test_visualization_is_valid(yaw: float, quality: int) -> None:
    port = FakeNorthPort()
    port.values[2] = yaw
    snapshot = port.snapshot()
    snapshot.qualities = bytes([quality]) * len(snapshot.values)
    shown = visualization(port.layout(), snapshot, port.mono_ns(), "demo-lane")
    shown = Headers(port.utc_ns).fill(shown, "visualization", "gatectl", "AGV01")
    body = check("visualization", encode(shown))
    assert ("agvPosition" in body) == (quality == 0x80)
    if "agvPosition" in body:
        theta = body["agvPosition"]["theta"]
        assert -math.pi <= theta <= math.pi
        assert math.isclose(math.sin(theta), math.sin(yaw), abs_tol=1e-9)


# ---- understanding others -------------------------------------------------------------------

# 2.1.0's schemas know more keys than our types: required ones, optional ones and null mixed.
_SCALARS = {"string": "text", "integer": 3, "number": 1.5, "boolean": True}


def example(node: dict[str, Any], root: dict[str, Any], optional: str) -> Any:
    """A value that fits the schema. optional keys: absent, null or filled."""
    if "$ref" in node:
        node = root["definitions"][node["$ref"].rsplit("/", 1)[1]]
    if "enum" in node:
        return node["enum"][0]
    kind = node.get("type")
    if isinstance(kind, list):
        return {"a": [1, None]}
    if kind == "array":
        return [example(node["items"], root, optional)]
    if kind == "object":
        required = node.get("required", [])
        out = {}
        for key, child in node.get("properties", {}).items():
            if key in required or optional == "filled":
                out[key] = example(child, root, optional)
            elif optional == "null":
                out[key] = None
        return out
    value = _SCALARS[kind or "string"]
    return min(value, node["maximum"]) if "maximum" in node and kind == "number" else value


@needs_schemas
@pytest.mark.parametrize("optional", ["absent", "null", "filled"])
@pytest.mark.parametrize("topic", ["order", "instantActions", "state", "connection"])
def test_whatever_the_schema_allows_is_understood(topic: str, optional: str) -> None:
    loaded = schema(topic)
    body = example(loaded, loaded, optional) | HEADER
    payload = json.dumps(body).encode()
    if topic == "order":
        received = vda_in.order_received(payload, "AGV01").order
        assert received.order_update_id == 3
        assert received.nodes[0].released is True
        assert isinstance(received.nodes[0].actions[0].action_id, str)
    elif topic == "instantActions":
        assert (
            vda_in.instant_actions_received(payload, "AGV01").instant_actions.actions[0].action_type == "text"
        )
    elif topic == "state":
        assert vda_in.state(payload).battery_state.battery_charge == 1.5
    else:
        assert vda_in.connection(payload).connection_state == "ONLINE"


def test_deviations_of_other_stacks_are_tolerated() -> None:
    action = {"actionType": "startPause", "actionId": "1", "blockingType": "HARD", "actionParameters": None}
    received = vda_in.instant_actions_received(json.dumps({"instantActions": [action]}).encode(), "AGV01")
    assert received.instant_actions.actions[0].action_type == "startPause"
    parameter = {"key": "k", "value": {"a": [1, 2]}}
    body = {"actions": [action | {"actionParameters": [parameter]}], "unknown": {"x": None}}
    received = vda_in.instant_actions_received(json.dumps(body).encode(), "AGV01")
    assert received.instant_actions.actions[0].action_parameters[0].value == '{"a":[1,2]}'


BARE = {"orderId": "o", "orderUpdateId": 1, "nodes": [], "edges": []}


def test_an_orders_key_is_its_content_without_the_header() -> None:
    one = vda_in.order_received(json.dumps(BARE | HEADER).encode(), "AGV01")
    again = vda_in.order_received(
        json.dumps(HEADER | {"headerId": 9, "timestamp": "later"} | dict(reversed(BARE.items()))).encode(),
        "AGV01",
    )
    other = vda_in.order_received(json.dumps(BARE | {"zoneSetId": "z"}).encode(), "AGV01")
    assert one.id == again.id != other.id


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*BARE, "actions", "nodeId"]), inner)
        ),
    )
)
def test_junk_is_refused_with_cause_and_remedy_and_nothing_else(junk: Any) -> None:
    problems: list[WireError] = []
    for payload in (
        json.dumps(junk).encode("utf-8", "surrogatepass"),
        repr(junk).encode("utf-8", "replace"),
    ):
        for read in (vda_in.state, lambda p: vda_in.order_received(p, "AGV01")):
            try:
                read(payload)
            except WireError as error:
                problems.append(error)
        assert isinstance(vda_in.order_reference(payload), tuple)
    assert problems
    assert all(p.cause and p.remedy for p in problems)


def test_north_errors_are_shown_for_a_minute_newest_kept() -> None:
    errors = vda_in.ShownErrors()
    for i in range(40):
        errors.add("order", WireError(f"cause {i % 20}", "remedy"), (), i * 1_000_000_000)
    shown = errors.now(40_000_000_000)
    assert [e.error_description for e in shown] == [f"cause {i % 20}" for i in range(24, 40)]
    assert len(errors.now(95_000_000_000)) == 4
    assert errors.now(100_000_000_000) == ()


@needs_schemas
def test_a_vehicle_that_may_drive_backwards_says_so_in_its_factsheet() -> None:
    node = make_node("vehicle", 1)
    vehicle = msgspec.structs.replace(node.config.vehicle, reverse_speed_max_mps=1.5)
    node = msgspec.structs.replace(node, config=msgspec.structs.replace(node.config, vehicle=vehicle))
    port = FakeNorthPort()
    body = check("factsheet", VehicleRole(node, port, Inbox(port)).presence()[0].payload)
    offered = {p["parameter"]: p["support"] for p in body["protocolFeatures"]["optionalParameters"]}
    assert offered["order.edges.orientation"] == "SUPPORTED"
