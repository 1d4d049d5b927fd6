"""The plant of a whole gate: vehicles on their lanes, containers, cranes, what stands on a scale.

Physics only. Simulated devices look at it and act on it; nothing here knows a wire or a node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
from shapely import LineString, Point

from gatectl.model.site import CraneConfig, NodeConfigPoint, Site, VehicleEntry
from hil.devices.mcu import McuInputs, McuOutputs
from hil.plant.crane import CranePlant, Spot
from hil.plant.gnss import VehicleTruth
from hil.plant.vehicle import VehicleParams, VehiclePlant
from hil.truth import Track, Truth

STEP_S = 0.01
TRUTH_EVERY = 5
CATCH_UP_S = 0.5
ALIGNED_M = 0.15
UNDER_CRANE_M = 1.0
PLATFORM_BEHIND_M = 3.0  # of the control point's stop, and 11 m ahead: both axles of an 8 m wheelbase
PLATFORM_AHEAD_M = 11.0
STANDING_MPS = 0.02


@dataclass
class Container:
    """A box: its code, what it really weighs (with cargo), its seal."""

    code: str
    mass_kg: float
    seal: str
    seal_state: Literal["intact", "opened", "missing", "unread"] = "intact"


class Vehicle:
    """A vehicle of the plant with what it carries and what its controller told it last."""

    def __init__(
        self,
        entry: VehicleEntry,
        line: LineString,
        at_m: float,
        rng: np.random.Generator,
        params: VehicleParams,
    ) -> None:
        self.entry = entry
        self.line = line
        start, ahead = line.interpolate(at_m), line.interpolate(at_m + 0.5)
        yaw = math.atan2(ahead.y - start.y, ahead.x - start.x)
        self.plant = VehiclePlant(replace(params, tare_kg=entry.tare_kg), start.x, start.y, yaw, rng)
        self.cargo: Container | None = None
        self.estop = False
        self.outputs = McuOutputs(0.0, 0.0, True, False)

    @property
    def s_m(self) -> float:
        """Along its lane."""
        return float(self.line.project(Point(self.plant.x, self.plant.y)))

    @property
    def standing(self) -> bool:
        """True while it does not move."""
        return abs(self.plant.speed) < STANDING_MPS

    def carry(self, cargo: Container | None) -> None:
        """Take a container on, or give it up."""
        self.cargo = cargo
        self.plant.load_kg = cargo.mass_kg if cargo else 0.0

    def truth(self) -> VehicleTruth:
        """For its receiver."""
        p = self.plant
        return VehicleTruth(p.x, p.y, p.yaw, p.speed, p.yaw_rate, p.side_mps)

    def sensors(self) -> McuInputs:
        """For its drive controller."""
        p = self.plant
        return McuInputs(p.speed, p.steer_rad, p.yaw_rate, self.cargo is not None, self.estop)

    def actuate(self, outputs: McuOutputs) -> None:
        """From its drive controller."""
        self.outputs = outputs

    def step(self) -> None:
        """One step of the plant."""
        o = self.outputs
        self.plant.advance(o.steer_rad, o.accel_mps2, o.brake, STEP_S, o.reverse)


class CraneGround:
    """The ground below one crane (`hil.plant.crane.CraneSite`)."""

    def __init__(
        self, config: CraneConfig, nodes: dict[str, NodeConfigPoint], vehicles: dict[str, Vehicle]
    ) -> None:
        self.config = config
        self._nodes = {n.lane: n for n in nodes.values() if n.crane == config.id}
        self._vehicles = vehicles
        self.yard: Container | None = None
        self.dropped: list[Container] = []  # onto bare ground: must stay empty

    def vehicle_at(self, slot: str) -> Vehicle | None:
        """The vehicle that stands (or passes) in this lane under the crane."""
        for vehicle in self._vehicles.values():
            if vehicle.entry.lane == slot and abs(vehicle.s_m - self._nodes[slot].at_m) < UNDER_CRANE_M:
                return vehicle
        return None

    def look(self, slot: str) -> Spot | None:
        """See `CraneSite`."""
        if slot == "yard":
            return Spot(self.config.yard_height_m, self.yard)
        vehicle = self.vehicle_at(slot)
        if vehicle is None:
            return None
        aligned = abs(vehicle.s_m - self._nodes[slot].at_m) < ALIGNED_M and vehicle.standing
        return Spot(self.config.vehicle_height_m, vehicle.cargo, aligned)

    def take(self, slot: str) -> None:
        """See `CraneSite`."""
        vehicle = self.vehicle_at(slot)
        if vehicle is not None:
            vehicle.carry(None)
        else:
            self.yard = None

    def put(self, slot: str, cargo: object) -> None:
        """See `CraneSite`."""
        box = cast(Container, cargo)
        vehicle = self.vehicle_at(slot)
        if slot == "yard":
            self.yard = box
        elif vehicle is not None:
            vehicle.carry(box)
        else:
            self.dropped.append(box)


class World:
    """Everything physical of a site. `advance_to` follows real time in fixed steps."""

    def __init__(self, site: Site, seed: int = 1, plants: Mapping[str, VehicleParams] | None = None) -> None:
        """plants: by serial, of vehicles that are not the ordinary one; the tare is the site's."""
        config = site.config
        self.nodes = {n.id: n for n in config.node}
        self.truth = Truth(site.lanes)
        self.time_s = 0.0
        self.late_s = 0.0
        self._steps = 0
        lines = {lane.id: LineString(lane.points) for lane in site.lanes}
        self.vehicles = {
            entry.serial: Vehicle(
                entry,
                lines[entry.lane],
                self.nodes[entry.start_node].at_m,
                np.random.default_rng([seed, number]),
                (plants or {}).get(entry.serial, VehicleParams()),
            )
            for number, entry in enumerate(config.vehicle)
        }
        self.truth.tracks = {
            v.entry.serial: Track(v.entry.serial, v.entry.lane) for v in self.vehicles.values()
        }
        self.grounds = {c.id: CraneGround(c, self.nodes, self.vehicles) for c in config.crane}
        self.cranes = {
            c.id: CranePlant(
                site=self.grounds[c.id], slots=c.slots, trolley_m=c.slots["yard"], height_m=c.travel_height_m
            )
            for c in config.crane
        }

    def advance_to(self, time_s: float) -> None:
        """Step until time_s; a stall longer than half a second is skipped and counted in `late_s`."""
        if time_s - self.time_s > CATCH_UP_S:
            self.late_s += time_s - self.time_s - CATCH_UP_S
            self.time_s = time_s - CATCH_UP_S
        while self.time_s + STEP_S <= time_s + 1e-6:
            self.time_s += STEP_S
            self._steps += 1
            for vehicle in self.vehicles.values():
                vehicle.step()
            for crane in self.cranes.values():
                crane.step(STEP_S)
            if self._steps % TRUTH_EVERY == 0:
                self._note_truth()

    def _note_truth(self) -> None:
        for serial, vehicle in self.vehicles.items():
            p = vehicle.plant
            self.truth.tracks[serial].rows.append((self.time_s, p.x, p.y, p.yaw, p.speed))

    def at_node(self, node: NodeConfigPoint) -> Vehicle | None:
        """The vehicle that stands at a node."""
        for vehicle in self.vehicles.values():
            if vehicle.entry.lane == node.lane and vehicle.standing and abs(vehicle.s_m - node.at_m) < 1.0:
                return vehicle
        return None

    def on_platform_kg(self, node: NodeConfigPoint) -> float:
        """What the weighbridge at a node carries: each axle that stands on it, half the mass each."""
        total = 0.0
        first, last = node.at_m - PLATFORM_BEHIND_M, node.at_m + PLATFORM_AHEAD_M
        for vehicle in self.vehicles.values():
            if vehicle.entry.lane != node.lane:
                continue
            params = vehicle.plant.params
            rear = vehicle.s_m - (params.wheelbase_m - params.effective_wheelbase_m)
            axles = (rear, rear + params.wheelbase_m)
            total += sum(0.5 * vehicle.plant.mass_kg for axle in axles if first <= axle <= last)
        return total
