"""The reader of the rig: bound to a vehicle of the site, telling what that vehicle really crosses."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from drivers.transponder.telegram import Framer
from gatectl.model import UsageError
from gatectl.model.node import DeviceConfig, Node
from gatectl.model.site import TransponderConfig
from gatectl.runtime.config import load_node
from hil.binding import simulate
from hil.devices.mcu import McuOutputs
from hil.devices.transponder import SimTransponderReader
from hil.rig import DEMO_SITE
from hil.world import World

FORWARD_M = 3.0
PLACES = ((71, 25.0, 0.04), (72, 27.0, -0.06), (73, 29.0, 0.0))


@pytest.fixture
def node() -> Node:
    """Vehicle 1 of the demo, with a reader, and transponders ahead of where it starts (21 m)."""
    node = load_node(DEMO_SITE / "vehicle1.toml")
    table = tuple(TransponderConfig(id=i, lane="east", at_m=s, lateral_m=d) for i, s, d in PLACES)
    site = msgspec.structs.replace(
        node.site, config=msgspec.structs.replace(node.site.config, transponder=table)
    )
    assert node.config.vehicle is not None
    vehicle = msgspec.structs.replace(
        node.config.vehicle, transponder="reader", transponder_forward_m=FORWARD_M
    )
    return msgspec.structs.replace(
        node, site=site, config=msgspec.structs.replace(node.config, vehicle=vehicle)
    )


async def test_it_tells_what_the_vehicle_crosses_forwards_and_backwards(node: Node) -> None:
    world = World(node.site)
    sim = simulate(node, DeviceConfig(name="reader", driver="transponder"), world, 1)
    assert isinstance(sim, SimTransponderReader)
    wire = await sim.start()
    fd = os.open(wire["port"], os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    running = asyncio.create_task(sim.run())
    vehicle, framer, told = world.vehicles["AGV01"], Framer(), []
    try:
        for step in range(1, 800):  # as fast as it goes: the plant has its own time
            reverse = step > 380
            braked = 250 < step <= 420
            vehicle.actuate(McuOutputs(0.0, 0.0 if braked else 0.6, braked, True, reverse))
            world.advance_to(0.02 * step)
            sim._look()
            if step % 20 == 0:
                await asyncio.sleep(0.02)
                with suppress(BlockingIOError):
                    told += framer.feed(os.read(fd, 1 << 16))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        os.close(fd)
        await sim.stop()
    codes = [crossing.code for crossing in sim.crossings]
    assert codes[:3] == [71, 72, 73]
    assert codes[3:] == codes[2::-1], "the same ones on the way back, in the other order"
    lateral = {code: left for code, _, left in PLACES}
    for crossing in sim.crossings:
        # It steers straight ahead with its bias: a few centimetres beside the line after 10 m.
        assert crossing.lateral_m == pytest.approx(lateral[crossing.code], abs=0.09)
    assert {(t.crossings, t.code) for t in told if t.crossings} <= {
        (number, code) for number, code in enumerate(codes, start=1)
    }
    assert told[-1].crossings == len(codes)
    assert told[-1].code_read


def exists(port: str) -> bool:
    return Path(port).is_symlink()


async def test_nothing_is_left_behind(node: Node) -> None:
    sim = simulate(node, DeviceConfig(name="reader", driver="transponder"), World(node.site), 1)
    port = (await sim.start())["port"]
    assert exists(port)
    sim.fault("off")
    assert not exists(port)
    sim.clear()
    assert exists(port)
    await sim.stop()
    assert not exists(port)


async def test_faults_it_does_not_have_are_refused(node: Node) -> None:
    sim = simulate(node, DeviceConfig(name="reader", driver="transponder"), World(node.site), 1)
    with pytest.raises(UsageError, match="cannot do"):
        sim.fault("melt")
    with pytest.raises(UsageError, match="does not take"):
        sim.fault("drop", part=0.5)
