"""A gate core with a fake fleet, fake crane PLCs and fake check equipment: no wires, no waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.crane.tags import TAGS as CRANE_TAGS
from drivers.scale.tags import TAGS as SCALE_TAGS
from gatectl.core import gate
from gatectl.core.gate_state import GateState
from gatectl.core.traffic import BlockMap, LaneLine
from gatectl.model import Block, Cause, Direction, Layout, Quality, Snapshot, pack_quality, vda5050
from gatectl.model.messages import (
    AnyMessage,
    BlockChanged,
    Checkpoint,
    ContainerRead,
    Explanation,
    Incident,
    LeaseIssued,
    OperatorCommand,
    OrderIssued,
    PreAdvice,
    Receipt,
    ReleaseReceived,
    ScanVerdict,
    Status,
    TransitChanged,
    VehicleReport,
)
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs
from gatectl.runtime.config import load_node

DEMO = Path(__file__).parents[3] / "config" / "demo"
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


class GateRig:
    """One gate core and everything around it. Checks on every scan that no block has two holders."""

    def __init__(self) -> None:
        self.layout = gate_layout()
        self.core = gate.GateCore(NODE, self.layout)
        self.now, self.scan_no, self.facts = 1_000_000_000, 0, 0
        blocks = BlockMap(SITE.block)
        self.fleet = {v.serial: FakeVehicle(v.serial, blocks) for v in SITE.vehicle}
        self.plcs = {c.device: FakePlc(c.device, self.fleet) for c in SITE.crane}
        for device, transit in (("crane_cn", "T-IMP"), ("crane_vn", "T-EXP")):
            self.plcs[device].yard.append(BOX[transit])
        for plc in self.plcs.values():
            plc.box_kg = dict.fromkeys(BOX.values(), MASS_KG)
        self.values: dict[str, float] = {}
        self.never = Snapshot.empty(self.layout).qualities
        self.bad: dict[str, Cause] = {}
        self.stable = True
        self.read: dict[str, Any] = {}
        self.verdict: dict[str, Any] = {}
        self.stood: dict[str, int] = {}
        self.inbox: list[AnyMessage] = []
        self.sent: list[AnyMessage] = []
        self.history: list[tuple[ScanInputs, bytes]] = []
        self.commands: dict[str, float] = {}
        self.state: GateState = self.core.start(Recovered(boot_no=1, cold=True, checkpoints=[]))
        self.outputs: ScanOutputs | None = None

    @property
    def utc(self) -> int:
        return UTC_NS + self.now

    # ---- what people and customs send -----------------------------------------------------------

    def _id(self, kind: str) -> str:
        self.facts += 1
        return f"{kind}{self.facts}"

    def announce(self, transit: str, **changes: Any) -> PreAdvice:
        fields: dict[str, Any] = {
            "id": self._id("p"), "transit_id": transit, "container": BOX[transit],
            "direction": "import" if transit == "T-IMP" else "export", "declared_gross_kg": MASS_KG,
            "seal": f"S-{transit}", "issued_utc_ns": self.utc,
        }  # fmt: skip
        message = PreAdvice(**(fields | changes))
        self.inbox.append(message)
        return message

    def release(self, transit: str, side: str, **changes: Any) -> ReleaseReceived:
        fields: dict[str, Any] = {
            "id": self._id("r"), "release_id": f"R{self.facts}", "customs": side, "transit_id": transit,
            "container": BOX.get(transit), "decision": "release", "issued_utc_ns": self.utc,
            "expires_utc_ns": self.utc + 3600 * 10**9, "sequence": self.facts, "verified": True,
        }  # fmt: skip
        message = ReleaseReceived(**(fields | changes))
        self.inbox.append(message)
        return message

    def command(self, command: Any, subject: str = "", **changes: Any) -> OperatorCommand:
        message = OperatorCommand(
            id=self._id("c"), command=command, subject=subject, who="ann", issued_utc_ns=self.utc, **changes
        )
        self.inbox.append(message)
        return message

    def begin(self, *transits: str, releases: bool = True) -> None:
        """Up, reset, and these transits announced (and released by both customs)."""
        self.run(3.0)
        self.command("reset")
        for transit in transits:
            self.announce(transit)
            for side in ("cn", "vn") if releases else ():
                self.release(transit, side)
        self.run(0.5)

    # ---- one scan -------------------------------------------------------------------------------

    def _equipment(self) -> None:
        for device, plc in self.plcs.items():
            self.values |= {f"{device}.{k}": v for k, v in plc.tags().items()}
        for node in (n for n in SITE.node if n.scale):
            here = [
                v for v in self.fleet.values() if v.entry.lane == node.lane and abs(v.s - node.at_m) < 0.5
            ]
            gross = sum(v.entry.tare_kg + v.load_kg for v in here)
            self.values |= {f"{node.scale}.alive": 1.0, f"{node.scale}.gross": gross}
            self.values |= {f"{node.scale}.stable": float(self.stable)}
            self.values |= {f"{node.scale}.overload": 0.0, f"{node.scale}.underload": 0.0}
            for vehicle in here:
                since = self.stood.setdefault(vehicle.entry.serial, self.now)
                if self.now - since == 10 * PERIOD_NS:
                    self.look(vehicle, node)

    def look(self, vehicle: FakeVehicle, node: Any, camera: bool = True, portal: bool = True) -> None:
        """The camera and the portal send what they see."""
        transit = next(k for k, v in BOX.items() if v == vehicle.box)
        read: dict[str, Any] = {
            "id": self._id("k"), "device": node.camera, "lane": node.lane, "container": vehicle.box,
            "confidence": 0.97, "check_digit_ok": True, "seal": f"S-{transit}", "seal_state": "intact",
            "image_ref": "img", "read_utc_ns": self.utc,
        }  # fmt: skip
        verdict: dict[str, Any] = {
            "id": self._id("v"), "device": node.portal, "container": vehicle.box, "verdict": "clear",
            "image_ref": "xray", "operator": "li", "taken_utc_ns": self.utc,
        }  # fmt: skip
        if camera:
            self.inbox.append(ContainerRead(**(read | self.read)))
        if portal:
            self.inbox.append(ScanVerdict(**(verdict | self.verdict)))

    def look_again(self, serial: str) -> None:
        vehicle = self.fleet[serial]
        self.look(vehicle, next(n for n in SITE.node if n.scale and n.lane == vehicle.entry.lane))

    def _snapshot(self) -> Snapshot:
        """Everything that has a value is written afresh; what is in `bad` (tag or device) is BAD."""
        values, qualities = [0.0] * len(self.layout), bytearray(self.never)
        for name, value in self.values.items():
            i = self.layout.index[name]
            values[i], qualities[i] = value, GOOD_BYTE
        for name in self.values if self.bad else ():
            cause = self.bad.get(name) or self.bad.get(name.split(".")[0])
            if cause:
                qualities[self.layout.index[name]] = pack_quality(Quality.BAD, cause)
        return Snapshot(values, bytes(qualities), [self.now] * len(values))

    def step(self) -> ScanOutputs:
        self.scan_no += 1
        self.now += PERIOD_NS
        for vehicle in self.fleet.values():
            vehicle.step(self.now)
            if self.scan_no % 4 == 0 and not vehicle.muted:
                self.inbox.append(vehicle.report(self.utc, self.scan_no))
        for device, plc in self.plcs.items():
            plc.step(
                {t: self.commands.get(f"{device}.{t}", 0.0) for t in ("job", "job_seq", "target", "enable")},
                self.now,
            )
        self._equipment()
        inputs = ScanInputs(
            scan_no=self.scan_no, now_mono_ns=self.now, now_utc_ns=self.utc, utc_ok=True, missed=0,
            snapshot=self._snapshot(), messages=self.inbox,
        )  # fmt: skip
        self.inbox = []
        self.state, outputs = self.core.scan(self.state, inputs, PERIOD_NS)
        self.outputs = outputs
        self.history.append((inputs, msgspec.msgpack.encode(outputs)))
        names = [self.layout.names[i] for i in self.layout.commands()]
        self.commands = dict(zip(names, outputs.commands, strict=True))
        self.sent += outputs.messages
        for message in outputs.messages:
            for vehicle in self.fleet.values():
                vehicle.take(message, self.now)
        self._check()
        return outputs

    def _check(self) -> None:
        """Nobody's body is in a block that another holds or has a running lease for."""
        for serial, vehicle in self.fleet.items():
            body = vehicle.s - vehicle.entry.rear_m, vehicle.s + vehicle.entry.front_m
            for block in vehicle.blocks.between(vehicle.entry.lane, *body):
                for other, rival in self.fleet.items():
                    assert other == serial or self.now > rival.lease_until or block not in rival.leased
        for device in self.plcs:
            if self.commands[f"{device}.enable"]:
                under = [v for v in self.fleet.values() if abs(v.s - _node_of(device, v).at_m) < 10.0]
                assert all(not v.speed for v in under), "nobody moves under a crane that moves"

    def run(self, seconds: float, until: str = "") -> bool:
        """until: `T-IMP=GROUNDED`."""
        name, _, wanted = until.partition("=")
        for _ in range(round(seconds * 1e9 / PERIOD_NS)):
            if until and name in self.state.transits and self.state.transits[name].state == wanted:
                return True
            self.step()
        return not until

    def restart(self) -> None:
        """The scan process dies; the new one starts from the committed checkpoints."""
        newest = {m.key: m for m in self.sent if isinstance(m, Checkpoint)}
        boot = self.state.boot_no + 1
        self.state = self.core.start(Recovered(boot_no=boot, cold=False, checkpoints=list(newest.values())))

    # ---- what one sees ----------------------------------------------------------------------------

    def states(self, transit: str) -> list[str]:
        return [m.state for m in self.sent if isinstance(m, TransitChanged) and m.transit_id == transit]

    def codes(self) -> list[str]:
        return [m.code for m in self.sent if isinstance(m, Incident)]

    def receipt(self, message: Any) -> Receipt:
        return next(m for m in self.sent if isinstance(m, Receipt) and m.correlation == message.id)

    def why(self, subject: str) -> Explanation:
        last = next(m for m in reversed(self.sent) if isinstance(m, Status))
        return next(e for e in last.explanations if e.subject == subject)

    def reasons(self, subject: str) -> set[str]:
        return {r.code for r in self.why(subject).reasons}

    def grants(self) -> list[tuple[str, str]]:
        return [(m.block, m.holder) for m in self.sent if isinstance(m, BlockChanged)]


def _node_of(device: str, vehicle: FakeVehicle) -> Any:
    return next(n for n in SITE.node if n.crane == device and n.lane == vehicle.entry.lane)


@pytest.fixture
def rig() -> GateRig:
    return GateRig()


@pytest.fixture
def make_rig() -> type[GateRig]:
    return GateRig
