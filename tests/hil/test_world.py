"""The plant of the whole demo site, without wires."""

from __future__ import annotations

import msgspec
import pytest

from gatectl.model import UsageError
from gatectl.runtime.config import load_node
from hil.binding import simulate
from hil.devices.mcu import McuOutputs
from hil.plant.vehicle import VehicleParams
from hil.rig import DEMO_SITE
from hil.world import Container, World


@pytest.fixture
def world() -> World:
    return World(load_node(DEMO_SITE / "gate.toml").site)


def test_vehicles_start_at_their_nodes_along_their_lanes(world):
    for vehicle in world.vehicles.values():
        assert vehicle.s_m == pytest.approx(world.nodes[vehicle.entry.start_node].at_m, abs=1e-6)
    assert world.at_node(world.nodes["e_cn_crane"]) is world.vehicles["AGV01"]
    assert world.at_node(world.nodes["e_cn_check"]) is None


def test_a_commanded_vehicle_drives_and_its_truth_is_kept(world):
    vehicle = world.vehicles["AGV01"]
    vehicle.actuate(McuOutputs(0.0, 0.4, False, True))
    world.advance_to(0.4)
    world.advance_to(0.8)
    world.advance_to(1.2)
    assert vehicle.plant.speed > 0.1
    assert len(world.truth.tracks["AGV01"].rows) == 24
    assert world.vehicles["AGV02"].plant.speed == 0.0


def test_a_stall_is_skipped_and_counted(world):
    world.advance_to(10.0)
    assert world.late_s == pytest.approx(9.5)
    assert world.time_s == pytest.approx(10.0)


def test_the_weighbridge_carries_the_axles_that_stand_on_it(world):
    node = world.nodes["e_cn_check"]
    vehicle = world.vehicles["AGV01"]
    assert world.on_platform_kg(node) == 0.0
    vehicle.carry(Container("CSQU3054383", 24_000.0, "S"))
    for at_m, share in ((node.at_m, 1.0), (node.at_m - 6.0, 0.5), (node.at_m - 12.0, 0.0)):
        point = vehicle.line.interpolate(at_m)
        vehicle.plant.x, vehicle.plant.y = point.x, point.y
        assert world.on_platform_kg(node) == pytest.approx(share * 42_000.0)


def test_a_crane_takes_from_the_yard_and_loads_only_a_standing_vehicle(world):
    ground = world.grounds["crane_cn"]
    box = ground.yard = Container("CSQU3054383", 24_000.0, "S")
    spot = ground.look("east")
    assert spot is not None
    assert spot.aligned
    assert ground.look("west") is None, "no vehicle stands in that lane"
    ground.take("yard")
    ground.put("east", box)
    assert world.vehicles["AGV01"].plant.load_kg == 24_000.0
    world.vehicles["AGV01"].plant.speed = 1.0
    moving = ground.look("east")
    assert moving is not None
    assert not moving.aligned
    ground.put("west", box)
    assert ground.dropped == [box], "a container over bare ground is not lost, but found"


def test_a_driver_without_simulation_is_refused_with_a_remedy(world):
    node = load_node(DEMO_SITE / "gate.toml")
    strange = msgspec.structs.replace(node.config.device[0], driver="plasma")
    with pytest.raises(UsageError, match="bind it as real"):
        simulate(node, strange, world, 1)


def test_a_vehicle_may_be_another_one_than_the_ordinary():
    site = load_node(DEMO_SITE / "gate.toml").site
    strange = VehicleParams(steering="all_wheel", steer_bias_rad=0.01, steer_dead_s=0.2)
    world = World(site, plants={"AGV02": strange})
    ordinary, other = (world.vehicles[serial].plant.params for serial in ("AGV01", "AGV02"))
    assert ordinary == VehicleParams(tare_kg=18_000.0)
    assert (other.steering, other.steer_bias_rad, other.steer_dead_s) == ("all_wheel", 0.01, 0.2)
    vehicle = world.vehicles["AGV02"]
    check = next(n for n in world.nodes.values() if n.kind == "check" and n.lane == vehicle.entry.lane)
    for at_m, share in ((check.at_m + 2.0, 1.0), (check.at_m - 1.0, 0.5), (check.at_m + 8.0, 0.5)):
        point = vehicle.line.interpolate(at_m)  # of the middle: the axles are 4 m before and behind
        vehicle.plant.x, vehicle.plant.y = point.x, point.y
        assert world.on_platform_kg(check) == pytest.approx(share * 18_000.0)


def test_a_commanded_vehicle_drives_backwards(world):
    vehicle = world.vehicles["AGV01"]
    at_m = vehicle.s_m
    vehicle.actuate(McuOutputs(0.0, 0.4, False, True, True))
    for step in range(1, 11):
        world.advance_to(0.4 * step)
    assert vehicle.plant.speed < -0.5
    assert vehicle.sensors().speed_mps == vehicle.plant.speed
    assert not vehicle.standing
    assert vehicle.s_m < at_m - 1.0
