"""Nodes of a small site for tests of the north side, and a brief way to run them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatectl.model import vda5050
from gatectl.model.messages import VehicleConnection
from gatectl.model.node import MqttConfig, Node, NodeConfig, PathsConfig, VehicleConfig
from gatectl.model.site import (
    CraneConfig,
    CustomsConfig,
    InterlockConfig,
    Origin,
    Site,
    SiteConfig,
    VehicleEntry,
)
from gatectl.north import serve
from tests.support.north_port import FakeNorthPort

VDA_SCHEMAS = Path(__file__).parents[3] / "shared" / "data" / "vda5050" / "2.1.0"
KEYS = {side: Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n, side in ((1, "cn"), (2, "vn"))}


def public_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def site(**changes: Any) -> SiteConfig:
    fields: dict[str, Any] = {
        "name": "demo",
        "map_id": "demo-lane",
        "geometry": "lane.geojson",
        "interlocks": "interlocks.toml",
        "origin": Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0),
        "block": (),
        "node": (),
        "crane": (CraneConfig(id="crane_cn", device="crane_cn", side="cn", slots={"yard": 14.0}),),
        "route": (),
        "vehicle": tuple(
            VehicleEntry(
                serial=s, manufacturer="gatectl", lane="east", start_node="e_cn_crane", tare_kg=18000.0
            )
            for s in ("AGV01", "AGV02")
        ),
        "customs": tuple(
            CustomsConfig(side=side, public_key=public_text(key))  # type: ignore[arg-type]
            for side, key in KEYS.items()
        ),
    }
    return SiteConfig(**{**fields, **changes})


def make_node(
    role: Literal["vehicle", "gate"],
    port: int,
    *,
    mqtt: MqttConfig | None = None,
    file: str = "/nowhere/node.toml",
    **site_changes: Any,
) -> Node:
    vehicle = VehicleConfig(serial="AGV01", manufacturer="gatectl") if role == "vehicle" else None
    config = NodeConfig(
        name=f"{role}-1",
        role=role,
        site="site.toml",
        paths=PathsConfig(state_dir="state", runtime_dir="runtime"),
        mqtt=mqtt or MqttConfig(port=port, keepalive_s=2),
        vehicle=vehicle,
    )
    empty = InterlockConfig(cause=(), effect=())
    resolved = Site(config=site(**site_changes), lanes=(), interlocks=empty)
    return Node(file=file, digest="0", config=config, site=resolved, sources={})


@asynccontextmanager
async def serving(node: Node) -> AsyncIterator[FakeNorthPort]:
    """The node's north side against a port in memory, ended in order."""
    port = FakeNorthPort()
    task = asyncio.create_task(serve(node, port))
    try:
        yield port
    finally:
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(result, asyncio.CancelledError), result


def order(order_id: str = "o1", update: int = 0, nodes: int = 2) -> vda5050.Order:
    """Nodes 0..n-1 released, with one action and one position."""
    return vda5050.Order(
        order_id=order_id,
        order_update_id=update,
        nodes=tuple(
            vda5050.Node(
                node_id=f"n{i}",
                sequence_id=2 * i,
                released=True,
                actions=(
                    vda5050.Action(
                        action_type="pick",
                        action_id=f"{order_id}-{i}",
                        blocking_type="HARD",
                        action_parameters=(vda5050.ActionParameter(key="loadId", value="MSKU0000001"),),
                    ),
                ),
                node_position=vda5050.NodePosition(x=1.0 * i, y=0.0, map_id="demo-lane", theta=0.0),
            )
            for i in range(nodes)
        ),
        edges=tuple(
            vda5050.Edge(
                edge_id=f"e{i}",
                sequence_id=2 * i + 1,
                released=True,
                start_node_id=f"n{i}",
                end_node_id=f"n{i + 1}",
            )
            for i in range(nodes - 1)
        ),
    )


def state(order_id: str = "", update: int = 0, **changes: Any) -> vda5050.State:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "order_update_id": update,
        "last_node_id": "n0",
        "last_node_sequence_id": 0,
        "node_states": (vda5050.NodeState(node_id="n1", sequence_id=2, released=True),),
        "edge_states": (vda5050.EdgeState(edge_id="e0", sequence_id=1, released=True),),
        "driving": True,
        "action_states": (vda5050.ActionState(action_id="a", action_status="RUNNING", action_type="pick"),),
        "battery_state": vda5050.BatteryState(battery_charge=80.0, charging=False),
        "operating_mode": "AUTOMATIC",
        "errors": (),
        "safety_state": vda5050.SafetyState(e_stop="NONE", field_violation=False),
        "agv_position": vda5050.AgvPosition(
            x=1.0, y=2.0, theta=0.5, map_id="demo-lane", position_initialized=True, deviation_range=0.1
        ),
        "velocity": vda5050.Velocity(vx=1.0),
        "loads": (vda5050.Load(load_id="MSKU0000001"),),
    }
    return vda5050.State(**{**fields, **changes})


def of(port: FakeNorthPort, kind: type) -> list:  # type: ignore[type-arg]
    return [m for m in (*port.accepted, *port.forwarded) if isinstance(m, kind)]


def online(gate: FakeNorthPort) -> str:
    seen = of(gate, VehicleConnection)
    return seen[-1].connection_state if seen else ""
