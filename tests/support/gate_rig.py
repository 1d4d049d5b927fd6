"""A gate core with everything around it, scan by scan, checked on every scan."""

from __future__ import annotations

from typing import Any

import msgspec
from gate_world import BOX, MASS_KG, NODE, PERIOD_NS, SITE, UTC_NS, FakePlc, FakeVehicle, gate_layout

from gatectl.core import gate
from gatectl.core.gate_state import GateState
from gatectl.core.traffic import BlockMap
from gatectl.model import Cause, Quality, Snapshot, pack_quality
from gatectl.model.messages import (
    AnyMessage,
    BlockChanged,
    Checkpoint,
    ContainerRead,
    Explanation,
    Incident,
    OperatorCommand,
    PreAdvice,
    Receipt,
    ReleaseReceived,
    ScanVerdict,
    Status,
    TransitChanged,
)
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs


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
