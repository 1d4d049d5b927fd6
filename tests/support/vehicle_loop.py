"""A vehicle core in closed loop with the plant: no wires, no waiting, every bit reproducible."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from vehicle_world import ALL, NODES, UTC_NS, GnssModel, demo_node, demo_site, vehicle_layout

from gatectl import core
from gatectl.core.motion import Route, SiteFrame
from gatectl.core.vehicle import VehicleCore
from gatectl.core.vehicle_state import VehicleState
from gatectl.model import (
    Cause,
    Quality,
    Snapshot,
    TagSpec,
    pack_quality,
    vda5050,
)
from gatectl.model.messages import (
    AnyMessage,
    Checkpoint,
    InstantActionsReceived,
    Lease,
    LeaseReceived,
    OperatorCommand,
    OrderReceived,
    Status,
    VehicleStateReport,
)
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs
from gatectl.model.site import Site
from hil.plant.vehicle import VehicleParams, VehiclePlant

PERIOD_NS = 20_000_000


class VehicleLoop:
    """Plant, sensors, drive controller and `VehicleCore`, scan by scan."""

    def __init__(
        self,
        seed: int = 1,
        load_kg: float = 0.0,
        start_m: float = 21.0,
        lane: str = "east",
        vehicle: str = "1",
        site: Site | None = None,
        **config: Any,
    ) -> None:
        """site: another one than the demo's; config: keys of the vehicle's table."""
        self.site = site or demo_site()
        self.node = demo_node(self.site, f"vehicle{vehicle}.toml", **config)
        self.layout = vehicle_layout(self.node)
        built = core.build(self.node, self.layout)
        assert isinstance(built, VehicleCore)
        self.core = built
        points = next(x for x in demo_site().lanes if x.id == lane).points
        self.route = Route(lane, points)
        self.rng = np.random.default_rng(seed)
        start = self.route.at(start_m)
        self.plant = VehiclePlant(VehicleParams(), start.x, start.y, start.yaw, self.rng)
        self.plant.load_kg = load_kg
        self.frame = SiteFrame(self.site.config.origin)
        self.gnss = GnssModel(self.frame, self.rng)
        self.gyro_bias = float(self.rng.normal(0, math.radians(0.02)))
        self.wheel_scale = 1 + float(self.rng.normal(0, 0.002))
        self.snapshot = Snapshot.empty(self.layout)
        self.snapshot.qualities = bytearray(self.snapshot.qualities)  # type: ignore[assignment] # written in place
        self.now = 1_000_000_000
        self.scan_no = 0
        self.armed, self.estop, self.seen_reset = False, False, 0.0
        self.mcu_silent, self.slow_scans, self.turned_moving = False, 0, 0
        self.odometry_late, self.odometry = 0, [(0.0, 0.0)]  # scans older than it is stamped; the newest
        self.epoch_scans = 5
        self.withheld: set[str] = set()  # tags that nothing writes any more
        self.loaded: float | None = None
        self.leased: tuple[str, ...] = ()
        self.lease_sequence = 0
        self.sent: list[AnyMessage] = []
        self.inbox: list[AnyMessage] = []
        self.state: VehicleState = self.core.start(Recovered(boot_no=1, cold=True, checkpoints=[]))
        self.outputs: ScanOutputs | None = None
        self.laterals: list[float] = []
        self.facts = 0
        self.s_true = start_m

    # ---- what the world sends -----------------------------------------------------------------

    @property
    def utc(self) -> int:
        return UTC_NS + self.now

    def order(
        self,
        update: int,
        released: int,
        names: list[str],
        first: int = 0,
        edge: dict[str, Any] | None = None,
        **actions: str,
    ) -> None:
        """names from position `first`; the first `released` of them are base. actions: node=pick|drop.
        edge: what every edge has besides, such as orientation."""
        nodes = tuple(
            vda5050.Node(
                node_id=n,
                sequence_id=2 * (first + i),
                released=i < released,
                actions=(
                    vda5050.Action(
                        action_type=actions[n],
                        action_id=f"{actions[n]}-{n}",
                        blocking_type="HARD",
                        action_parameters=(vda5050.ActionParameter(key="loadId", value="CSQU3054383"),),
                    ),
                )
                if n in actions
                else (),
            )
            for i, n in enumerate(names)
        )
        edges = tuple(
            vda5050.Edge(
                edge_id=f"{a}-{b}",
                sequence_id=2 * (first + i) + 1,
                released=i + 1 < released,
                start_node_id=a,
                end_node_id=b,
                **(edge or {}),
            )
            for i, (a, b) in enumerate(pairwise(names))
        )
        order = vda5050.Order(order_id="T1", order_update_id=update, nodes=nodes, edges=edges)
        self.facts += 1
        self.inbox.append(OrderReceived(id=f"o{self.facts}", order=order))

    def command(self, command: str) -> str:
        self.facts += 1
        self.inbox.append(
            OperatorCommand(
                id=f"c{self.facts}",
                command=command,
                subject=self.node.config.vehicle.serial,
                who="tester",
                issued_utc_ns=self.utc,
            )
        )
        return f"c{self.facts}"

    def instant(self, kind: str, action_id: str = "") -> None:
        self.facts += 1
        action = vda5050.Action(
            action_type=kind, action_id=action_id or f"i{self.facts}", blocking_type="HARD"
        )
        self.inbox.append(
            InstantActionsReceived(
                id=f"i{self.facts}", instant_actions=vda5050.InstantActions(actions=(action,))
            )
        )

    def ready(self) -> None:
        """Localised and reset."""
        self.run(1.5)
        self.command("reset")
        self.run(0.3)

    # ---- one scan -----------------------------------------------------------------------------

    def _put(self, device: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            if f"{device}.{name}" in self.withheld:
                continue
            i = self.layout.index[f"{device}.{name}"]
            self.snapshot.values[i] = value
            self.snapshot.stamps_mono_ns[i] = self.now
            self.snapshot.qualities[i] = GOOD_BYTE  # type: ignore[index] # a bytearray here

    def spoil(self, tag: str) -> None:
        """BAD until it is written again."""
        self.snapshot.qualities[self.layout.index[tag]] = pack_quality(Quality.BAD, Cause.NOT_VALID)  # type: ignore[index] # a bytearray here

    def _sense(self) -> None:
        plant, rng = self.plant, self.rng
        if self.scan_no % self.epoch_scans == 0:
            self.gnss.epoch(self.now, plant, self.core._config.antenna.forward_m)
        while self.gnss.due and self.gnss.due[0][0] <= self.now:
            self._put("gnss", self.gnss.due.pop(0)[1])
        noise = rng.standard_normal(2).tolist()
        self.odometry = [*self.odometry[-self.odometry_late :], (plant.speed, plant.yaw_rate)]
        rolled, turned = self.odometry[-1 - min(self.odometry_late, len(self.odometry) - 1)]
        speed = rolled * self.wheel_scale + 0.01 * noise[0]
        self.slow_scans = self.slow_scans + 1 if abs(plant.speed) < 0.03 else 0
        if self.mcu_silent:
            return
        load = float(plant.load_kg > 0) if self.loaded is None else self.loaded
        self._put(
            "mcu",
            {
                "armed": float(self.armed),
                "estop": float(self.estop),
                "fault": 0.0,
                "speed": min(0.0, speed) if plant.reversing else max(0.0, speed),
                "reversing": float(plant.reversing),
                "steer_angle": plant.steer_rad,
                "yaw_rate": turned + self.gyro_bias + math.radians(0.05) * noise[1],
                "brake_applied": float(plant._brake > 0.5),
                "standstill": float(self.slow_scans >= 15),
                "load_present": load,
                "host_timeout": 0.0,
                "clamped": 0.0,
                "battery": 80.0,
                "alive": 1.0,
            },
        )

    def _drive(self, outputs: ScanOutputs) -> None:
        enable, steer, accel, brake, count, reverse = outputs.commands
        if self.estop or self.mcu_silent:
            self.armed = False
        elif count > self.seen_reset and enable:
            self.armed = True
        self.seen_reset = count
        go = self.armed and enable and not self.mcu_silent
        # A direction is engaged at standstill and on the brake only; until it is, the brake is on.
        wanted = bool(reverse) if go else self.plant.reversing
        turning = wanted != self.plant.reversing
        ready = self.slow_scans >= 15 and self.plant.speed == 0.0
        self.turned_moving += turning and not ready
        stop = bool(brake) or not go or turning
        if stop:
            accel = min(accel, 0.0)
        self.plant.advance(
            steer, accel if go else 0.0, stop, PERIOD_NS * 1e-9, wanted if ready else self.plant.reversing
        )

    def step(self) -> ScanOutputs:
        self.scan_no += 1
        self.now += PERIOD_NS
        self._sense()
        if self.leased and self.scan_no % 50 == 1:
            self.lease_sequence += 1
            lease = Lease(
                serial=self.node.config.vehicle.serial,
                order_id="T1",
                order_update_id=0,
                blocks=self.leased,
                epoch=1,
                sequence=self.lease_sequence,
                issued_utc_ns=self.utc,
                valid_for_ms=3000,
            )
            self.inbox.append(LeaseReceived(id=f"l{self.lease_sequence}", lease=lease))
        inputs = ScanInputs(
            scan_no=self.scan_no,
            now_mono_ns=self.now,
            now_utc_ns=self.utc,
            utc_ok=True,
            missed=0,
            snapshot=self.snapshot,
            messages=self.inbox,
        )
        self.inbox = []
        self.state, outputs = self.core.scan(self.state, inputs, PERIOD_NS)
        self.outputs = outputs
        self.sent += outputs.messages
        self._drive(outputs)
        near = self.route.project(self.plant.x, self.plant.y, self.s_true)
        self.s_true = near.s
        if abs(self.plant.speed) > 0.05:
            self.laterals.append(near.lateral)
        return outputs

    def run(self, seconds: float, until: Callable[[VehicleLoop], bool] | None = None) -> bool:
        for _ in range(round(seconds / (PERIOD_NS * 1e-9))):
            self.step()
            if until is not None and until(self):
                return True
        return False

    # ---- what one sees ------------------------------------------------------------------------

    def core_tag(self, name: str) -> float:
        assert self.outputs is not None
        return self.outputs.core_values[[t.name for t in self.core_tags].index(name)]

    @property
    def core_tags(self) -> tuple[TagSpec, ...]:
        return core.tags(self.node.config, self.site)

    @property
    def vda(self) -> vda5050.State:
        return next(m.state for m in reversed(self.sent) if isinstance(m, VehicleStateReport))

    @property
    def status(self) -> dict[str, tuple[str, set[str]]]:
        last = next(m for m in reversed(self.sent) if isinstance(m, Status))
        return {e.subject: (e.state, {r.code for r in e.reasons}) for e in last.explanations}

    def standing_at(self, node: str) -> Callable[[VehicleLoop], bool]:
        return lambda loop: loop.state.order.last_node_id == node and loop.plant.speed == 0.0

    def stop_error(self, node: str) -> float:
        """True position beyond the node, m."""
        return self.s_true - next(n.at_m for n in demo_site().config.node if n.id == node)

    def restart(self) -> None:
        """The scan process dies and a new one starts from what was committed."""
        newest = {m.key: m for m in self.sent if isinstance(m, Checkpoint)}
        self.state = self.core.start(
            Recovered(boot_no=self.state.boot_no + 1, cold=False, checkpoints=list(newest.values()))
        )


def under_way(speed: float = 5.0, **kwargs: Any) -> VehicleLoop:
    """On the way from the first to the last node, at `speed`."""
    loop = VehicleLoop(**kwargs)
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, NODES)
    assert loop.run(60, lambda x: x.plant.speed > speed)
    return loop
