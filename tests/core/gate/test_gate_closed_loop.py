"""The gate core, both vehicle cores, the rig's mechanics and PLC programs in one closed loop.

No wires and no waiting: what the processes carry to and fro in a real run is handed over directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vehicle_loop import VehicleLoop

from gatectl.model.messages import (
    AnyMessage,
    BlockChanged,
    Incident,
    LeaseIssued,
    LeaseReceived,
    OperatorCommand,
    OrderIssued,
    OrderReceived,
    VehicleReport,
    VehicleStateReport,
)
from hil.devices.crane_plc import Plc
from hil.plant.crane import CranePlant, Spot


@dataclass
class Box:
    code: str
    mass_kg: float = 24_000.0


class Vehicle:
    """A vehicle core with its plant, in the place of a fake vehicle of the rig."""

    def __init__(self, fake: Any, loop: Any) -> None:
        self.entry, self.blocks, self.loop = fake.entry, fake.blocks, loop
        self.cargo: Box | None = None
        self.leased: tuple[str, ...] = ()
        self.lease_until, self.taken, self.muted, self.incidents = 0, 0, False, []

    @property
    def s(self) -> float:
        return float(self.loop.s_true)

    @property
    def speed(self) -> float:
        return float(self.loop.plant.speed) if self.loop.plant.speed > 0.001 else 0.0

    @property
    def box(self) -> str:
        return self.cargo.code if self.cargo else ""

    @property
    def load_kg(self) -> float:
        return self.cargo.mass_kg if self.cargo else 0.0

    def carry(self, cargo: Box | None) -> None:
        self.cargo = cargo
        self.loop.plant.load_kg = self.load_kg

    def take(self, message: AnyMessage, now: int) -> None:
        if isinstance(message, OrderIssued) and message.serial == self.entry.serial:
            self.loop.inbox.append(OrderReceived(id=message.id, order=message.order))
        elif isinstance(message, LeaseIssued) and message.lease.serial == self.entry.serial:
            self.loop.inbox.append(LeaseReceived(id=message.id, lease=message.lease))
            self.leased, self.lease_until = message.lease.blocks, now + 3 * 10**9

    def step(self, now: int) -> None:
        while self.loop.now + 20_000_000 <= now:
            if self.loop.scan_no == 100:
                reset = OperatorCommand(
                    id="reset",
                    command="reset",
                    subject=self.entry.serial,
                    who="ann",
                    issued_utc_ns=self.loop.utc,
                )
                self.loop.inbox.append(reset)
            self.loop.step()

    def report(self, now_utc: int, count: int) -> VehicleReport:
        fresh = self.loop.sent[self.taken :]
        self.taken = len(self.loop.sent)
        self.incidents += [m for m in fresh if isinstance(m, Incident)]
        states = [m.state for m in fresh if isinstance(m, VehicleStateReport)]
        serial = self.entry.serial
        if not states:  # nothing new: what a stranger says is not heard
            return VehicleReport(id=f"{count}", serial="", state=self.loop.vda, received_utc_ns=now_utc)
        return VehicleReport(id=f"{serial}{count}", serial=serial, state=states[-1], received_utc_ns=now_utc)


class Crane:
    """The rig's crane and PLC program, in the place of a fake one, with the driver's rule for numbers."""

    def __init__(self, fake: Any, fleet: dict[str, Vehicle], nodes: dict[str, Any]) -> None:
        self.config, self.fleet = fake.config, fleet
        self.at = {n.lane: n.at_m for n in nodes.values() if n.crane == self.config.id}
        self.yard: Box | None = Box(fake.yard[0])
        self.plant = CranePlant(site=self, slots=self.config.slots)
        self.plc, self.now, self.beat = Plc(self.plant), 0, 0

    def _vehicle(self, slot: str) -> Vehicle | None:
        return next(
            (v for v in self.fleet.values() if v.entry.lane == slot and abs(v.s - self.at[slot]) < 1.0), None
        )

    def look(self, slot: str) -> Spot | None:
        if slot == "yard":
            return Spot(self.config.yard_height_m, self.yard)
        vehicle = self._vehicle(slot)
        return Spot(self.config.vehicle_height_m, vehicle.cargo) if vehicle else None

    def take(self, slot: str) -> None:
        self.put(slot, None)

    def put(self, slot: str, cargo: Any) -> None:
        vehicle = self._vehicle(slot)
        if vehicle is None:
            self.yard = cargo
        else:
            assert not vehicle.speed, "a container changes hands over a vehicle that stands"
            vehicle.carry(cargo)

    def step(self, commands: dict[str, float], now: int) -> None:
        block = dict(commands) | {"reset_count": 0.0, "heartbeat": float(self.beat)}
        if int(block["job_seq"]) not in (self.plc.echo, self.plc.echo % 65535 + 1):
            block |= {"job": 0.0, "job_seq": float(self.plc.echo)}
        self.beat += 1
        self.plc.write(block, self.now / 1e9)
        for _ in range(5):
            self.now += 10_000_000
            self.plc.cycle(self.now / 1e9)
            self.plant.step(0.01)

    def tags(self) -> dict[str, float]:
        return {k: float(v) for k, v in self.plc.values().items() if k != "heartbeat"} | {"alive": 1.0}


def test_two_containers_pass_with_real_vehicles_and_cranes(rig):
    nodes = {n.id: n for n in rig.core._site.node}
    fleet = {}
    for number, (serial, fake) in enumerate(rig.fleet.items(), 1):
        loop = VehicleLoop(seed=number, lane=fake.entry.lane, vehicle=str(number), start_m=fake.s)
        fleet[serial] = Vehicle(fake, loop)
    boxes = {device: plc.yard[0] for device, plc in rig.plcs.items()}
    rig.plcs = {device: Crane(plc, fleet, nodes) for device, plc in rig.plcs.items()}
    rig.fleet = fleet
    rig.begin("T-IMP", "T-EXP")
    assert rig.run(300, "T-IMP=GROUNDED")
    assert rig.run(120, "T-EXP=GROUNDED")
    assert rig.codes() == []
    assert [m.code for v in fleet.values() for m in v.incidents] == []
    assert rig.plcs["crane_vn"].yard.code == boxes["crane_cn"]
    assert rig.plcs["crane_cn"].yard.code == boxes["crane_vn"]
    border = [m.holder for m in rig.sent if isinstance(m, BlockChanged) and m.block == "border"]
    assert sorted(border) == ["", "", "AGV01", "AGV02"]
