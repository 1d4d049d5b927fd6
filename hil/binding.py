"""Which devices of a node file are simulated, and the simulated device for each.

A driver cannot tell the difference: it gets a wire, and bytes come out of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from gatectl.model import UsageError
from gatectl.model.node import DeviceConfig, Node
from gatectl.model.site import NodeConfigPoint
from hil.device import SimDevice
from hil.devices.camera import SimCamera
from hil.devices.crane import SimCrane
from hil.devices.gnss import GnssReceiver
from hil.devices.mcu import McuDevice
from hil.devices.portal import SimPortal
from hil.devices.scale import SimScale
from hil.devices.transponder import SimTransponderReader
from hil.plant.gnss import GnssNoise
from hil.plant.transponder import ReaderParams, ReaderPlant
from hil.world import World

Maker = Callable[[Node, DeviceConfig, World, int], SimDevice]


def _check_node(world: World, device: str) -> NodeConfigPoint:
    for node in world.nodes.values():
        if device in (node.scale, node.camera, node.portal):
            return node
    raise UsageError(f"no node of the site has the device {device}", "name it in site.toml", where=device)


def _vehicle_serial(node: Node) -> str:
    if node.config.vehicle is None:
        raise UsageError(
            "this device belongs to a vehicle node", "set its role to vehicle", where=node.config.name
        )
    return node.config.vehicle.serial


def _gnss(node: Node, device: DeviceConfig, world: World, seed: int) -> SimDevice:
    vehicle = world.vehicles[_vehicle_serial(node)]
    assert node.config.vehicle is not None
    return GnssReceiver(
        device.name,
        vehicle.truth,
        GnssNoise(seed=seed),
        origin=node.site.config.origin,
        antenna=node.config.vehicle.antenna,
    )


def _mcu(node: Node, device: DeviceConfig, world: World, _seed: int) -> SimDevice:
    vehicle = world.vehicles[_vehicle_serial(node)]
    return McuDevice(f"{node.config.name}-{device.name}", vehicle.sensors, vehicle.actuate)


def _crane(node: Node, device: DeviceConfig, world: World, _seed: int) -> SimDevice:
    crane = next(c for c in node.site.config.crane if c.device == device.name)
    return SimCrane(device.name, world.cranes[crane.id])


def _scale(_node: Node, device: DeviceConfig, world: World, _seed: int) -> SimDevice:
    place = _check_node(world, device.name)
    protocol = device.config.get("protocol", "mt_continuous")
    return SimScale(device.name, lambda: world.on_platform_kg(place), protocol)


def _transponder(node: Node, device: DeviceConfig, world: World, seed: int) -> SimDevice:
    vehicle = world.vehicles[_vehicle_serial(node)]
    config = node.config.vehicle
    assert config is not None
    place = ReaderParams(config.transponder_forward_m, config.transponder_left_m)
    plant = ReaderPlant(place, node.site.transponders(), random.Random(seed))
    return SimTransponderReader(device.name, vehicle.truth, lambda: world.time_s, plant)


def _camera(_node: Node, device: DeviceConfig, _world: World, _seed: int) -> SimDevice:
    return SimCamera(device.name)


def _portal(_node: Node, device: DeviceConfig, _world: World, _seed: int) -> SimDevice:
    return SimPortal(device.name)


MAKERS: dict[str, Maker] = {
    "gnss": _gnss,
    "mcu": _mcu,
    "crane": _crane,
    "scale": _scale,
    "transponder": _transponder,
    "container_camera": _camera,
    "screening_portal": _portal,
}


def simulate(node: Node, device: DeviceConfig, world: World, seed: int) -> SimDevice:
    """The simulated device in the place of a configured one. Raises UsageError for an unknown driver."""
    maker = MAKERS.get(device.driver)
    if maker is None:
        raise UsageError(
            f"the rig has no simulation for driver {device.driver}",
            f"bind it as real, or use one of: {', '.join(sorted(MAKERS))}",
            where=f"{node.config.name}.{device.name}",
        )
    return maker(node, device, world, seed)


def wired(device: dict[str, Any], wire: dict[str, Any]) -> dict[str, Any]:
    """A `[[device]]` table with another wire."""
    return {**device, "config": {**device.get("config", {}), "wire": wire}}
