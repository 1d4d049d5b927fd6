"""A fake fleet and fake crane PLCs for the gate core: no wires, no waiting."""

from __future__ import annotations

from pathlib import Path

from drivers.crane.tags import TAGS as CRANE_TAGS
from drivers.scale.tags import TAGS as SCALE_TAGS
from gatectl.core import gate
from gatectl.core.traffic import BlockMap, LaneLine
from gatectl.model import Block, Direction, Layout, vda5050
from gatectl.model.messages import (
    AnyMessage,
    LeaseIssued,
    OrderIssued,
    VehicleReport,
)
from gatectl.runtime.config import load_node

DEMO = Path(__file__).parents[2] / "config" / "demo"
NODE = load_node(DEMO / "gate.toml")
SITE = NODE.site.config
NODES = {n.id: n for n in SITE.node}
PERIOD_NS = 50_000_000
UTC_NS = 1_790_000_000_000_000_000
BOX = {"T-IMP": "CSQU3054383", "T-EXP": "MSKU9070323"}
MASS_KG = 24_000.0


def gate_layout() -> Layout:
    """The demo gate's image."""
    blocks = []
    for device in NODE.config.device:
        known = {"crane": CRANE_TAGS, "scale": SCALE_TAGS}.get(device.driver, ())
        for direction in Direction:
            part = tuple(t for t in known if t.direction is direction)
            if part:
                blocks.append(Block(device.name, direction, part))
    return Layout([*blocks, Block("core", Direction.STATE, gate.tags(NODE.config, NODE.site))])


class FakeVehicle:
    """Drives its base at 6 m/s as far as its lease goes, handles its actions, reports."""

    def __init__(self, serial: str, blocks: BlockMap) -> None:
        self.entry = next(v for v in SITE.vehicle if v.serial == serial)
        self.line = LaneLine(next(x.points for x in NODE.site.lanes if x.id == self.entry.lane))
        self.blocks = blocks
        self.s = NODES[self.entry.start_node].at_m
        self.speed, self.load_kg, self.deviation, self.lateral = 0.0, 0.0, 0.05, 0.0
        self.box = ""
        self.order: vda5050.Order | None = None
        self.nodes: dict[str, vda5050.Node] = {}
        self.actions: dict[str, str] = {}
        self.leased: tuple[str, ...] = ()
        self.lease_until = 0
        self.last_node = ""
        self.held_since = 0
        self.muted = self.errors = False
        self.deaf = False

    def take(self, message: AnyMessage, now: int) -> None:
        if isinstance(message, OrderIssued) and message.serial == self.entry.serial and not self.deaf:
            assert message.order.nodes[0].sequence_id % 2 == 0
            if self.order is not None and self.order.order_id == message.order.order_id:
                assert message.order.order_update_id > self.order.order_update_id
                stitch = message.order.nodes[0]
                assert self.nodes[stitch.node_id] == stitch, "the stitching node is resent unchanged"
            else:
                self.nodes, self.actions = {}, {}
            self.order = message.order
            for node in message.order.nodes:
                self.nodes[node.node_id] = node
                for action in node.actions:
                    self.actions.setdefault(action.action_id, "WAITING")
        elif isinstance(message, LeaseIssued) and message.lease.serial == self.entry.serial:
            self.leased = message.lease.blocks
            self.lease_until = now + message.lease.valid_for_ms * 1_000_000

    def _goal(self, now: int) -> float:
        """Where it may go: the end of its base, its lease, and no action before it."""
        if now > self.lease_until:
            return self.s
        goal = self.s
        for node in self.nodes.values():
            at = NODES[node.node_id].at_m
            if node.released and at > goal:
                goal = at
            if abs(at - self.s) < 0.01 and any(self.actions[a.action_id] != "FINISHED" for a in node.actions):
                return self.s
        ahead = self.blocks.between(self.entry.lane, self.s, goal + self.entry.front_m)
        for block in ahead:
            span = self.blocks.span(block, self.entry.lane)
            assert span is not None
            if block not in self.leased:
                return max(self.s, min(goal, span[0] - self.entry.front_m))
        return goal

    def step(self, now: int) -> None:
        goal = self._goal(now)
        move = min(goal - self.s, 6.0 * PERIOD_NS * 1e-9)
        self.speed = move / (PERIOD_NS * 1e-9)
        self.s += move
        for node in self.nodes.values():
            if abs(NODES[node.node_id].at_m - self.s) < 0.01 and node.released and not self.speed:
                self.last_node = node.node_id
                for action in node.actions:
                    self._act(action, now)

    def _act(self, action: vda5050.Action, now: int) -> None:
        status = self.actions[action.action_id]
        if status == "WAITING":
            self.actions[action.action_id] = "RUNNING"
        elif status == "RUNNING":
            done = bool(self.box) is (action.action_type == "pick")
            self.held_since = (self.held_since or now) if done else 0
            if done and now - self.held_since >= 1_000_000_000:
                self.actions[action.action_id], self.held_since = "FINISHED", 0

    def report(self, now_utc: int, count: int) -> VehicleReport:
        x, y, yaw = self.line.point(self.s)
        state = vda5050.State(
            order_id=self.order.order_id if self.order else "",
            order_update_id=self.order.order_update_id if self.order else 0,
            last_node_id=self.last_node,
            last_node_sequence_id=0,
            node_states=(),
            edge_states=(),
            driving=self.speed > 0.0,
            action_states=tuple(
                vda5050.ActionState(action_id=k, action_status=v)  # type: ignore[arg-type] # plain strings here
                for k, v in self.actions.items()
            ),
            battery_state=vda5050.BatteryState(battery_charge=80.0, charging=False),
            operating_mode="AUTOMATIC",
            errors=(vda5050.Error(error_type="drive", error_level="FATAL"),) if self.errors else (),
            safety_state=vda5050.SafetyState(e_stop="NONE", field_violation=False),
            agv_position=vda5050.AgvPosition(
                x=x,
                y=y,
                theta=yaw,
                map_id=SITE.map_id,
                position_initialized=True,
                deviation_range=self.deviation,
            ),
            velocity=vda5050.Velocity(vx=self.speed),
        )
        serial = self.entry.serial
        return VehicleReport(id=f"{serial}-{count}", serial=serial, state=state, received_utc_ns=now_utc)


class FakePlc:
    """A crane PLC and its crane: every job takes 0.5 s."""

    def __init__(self, device: str, fleet: dict[str, FakeVehicle]) -> None:
        self.config = next(c for c in SITE.crane if c.device == device)
        self.fleet = fleet
        self.hoist, self.trolley = self.config.travel_height_m, 10.0
        self.locked, self.attached = False, ""
        self.yard: list[str] = []
        self.box_kg: dict[str, float] = {}
        self.echo, self.state, self.refusal, self.until = 41, 0, 0, 0
        self.job: tuple[int, float] = (0, 0.0)
        self.alive, self.wind, self.frozen = True, 3.0, False
        self.between = self.conflict = self.refuse = False
        self.jobs: list[tuple[int, float]] = []

    def _place(self) -> str:
        return next((k for k, v in self.config.slots.items() if abs(v - self.trolley) < 0.01), "")

    def _below(self) -> FakeVehicle | None:
        at = {n.lane: n.at_m for n in SITE.node if n.crane == self.config.id}
        place = self._place()
        return next(
            (v for v in self.fleet.values() if v.entry.lane == place and abs(v.s - at[place]) < 1.0), None
        )

    def tags(self) -> dict[str, float]:
        landed = (
            min(abs(self.hoist - h) for h in (self.config.yard_height_m, self.config.vehicle_height_m)) < 0.01
        )
        return {
            "alive": float(self.alive), "mode": 2.0, "estop": 0.0, "fault": 0.0, "hoist_height": self.hoist,
            "hoist_speed": 0.0, "trolley_position": self.trolley, "trolley_speed": 0.0,
            "locked": float((self.locked or self.conflict) and not self.between),
            "unlocked": float((not self.locked or self.conflict) and not self.between),
            "landed": float(landed), "load": self.box_kg.get(self.attached, 0.0) if not landed else 0.0,
            "overload": 0.0, "slack_rope": 0.0, "wind_speed": self.wind, "job_echo": float(self.echo),
            "job_state": float(self.state), "job_refusal": float(self.refusal),
        }  # fmt: skip

    def step(self, commands: dict[str, float], now: int) -> None:
        if self.frozen:
            return
        if self.state == 1 and not commands["enable"]:
            self.state, self.refusal = 3, 11
        following = 1 if self.echo == 65535 else self.echo + 1
        if commands["enable"] and commands["job_seq"] == following:
            self.echo, self.state, self.until = following, 1, now + 500_000_000
            self.job = int(commands["job"]), commands["target"]
            self.jobs.append(self.job)
            if self.refuse:
                self.state, self.refusal = 3, 6
        if self.state == 1 and now >= self.until:
            self._done()
            self.state = 2

    def _done(self) -> None:
        kind, target = self.job
        if kind == 1:
            assert self.hoist > 7.9, "the trolley travels high"
            self.trolley = target
        elif kind == 2:
            self.hoist = target
        elif kind == 3:
            self.locked = True
            vehicle = self._below()
            self.attached = (
                (vehicle.box if vehicle else self.yard.pop()) if not self.attached else self.attached
            )
            if vehicle:
                vehicle.box, vehicle.load_kg = "", 0.0
        elif kind == 4:
            self.locked = False
            vehicle = self._below()
            if vehicle:
                vehicle.box, vehicle.load_kg = self.attached, self.box_kg[self.attached]
            elif self.attached:
                self.yard.append(self.attached)
            self.attached = ""
