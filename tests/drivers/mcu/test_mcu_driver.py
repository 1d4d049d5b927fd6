"""The driver against the real firmware on a pty."""

from __future__ import annotations

import asyncio
import math
import os

import pytest
from device_port import FakePort, eventually
from mcu_rig import arm, mcu_driver, mcu_rig, set_commands

from drivers.mcu import McuConfig, McuDriver
from gatectl.model import Cause, Direction, Quality, Sample
from gatectl.model.device import Wire
from hil.devices.mcu import McuInputs


def dead(port: FakePort) -> bool:
    """alive is known to be 0, everything else is not known."""
    others = [sample for tag, sample in port.samples.items() if tag != "alive"]
    alive = port.samples["alive"]
    return (
        alive.value == 0.0
        and alive.quality is Quality.GOOD
        and all(s.quality is Quality.BAD and s.cause is Cause.LINK_DOWN for s in others)
    )


async def test_connects_arms_drives_and_reports() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        assert rig.out.accel_mps2 == pytest.approx(0.3)
        rig.inputs[0] = McuInputs(2.5, -0.2, 0.1, load_present=True, battery_pct=61.0)
        await eventually(lambda: port.value("speed") == 2.5, "speed")
        assert port.value("steer_angle") == pytest.approx(-0.2)
        assert port.value("yaw_rate") == pytest.approx(0.1)
        assert (port.value("load_present"), port.value("battery")) == (1.0, 61.0)
        assert (port.value("armed"), port.value("brake_applied"), port.value("fault")) == (1.0, 0.0, 0.0)
        assert (port.value("estop"), port.value("host_timeout"), port.value("standstill")) == (0.0, 0.0, 0.0)
        assert {spec.name for spec in port.specs.values() if spec.direction is Direction.STATE} == set(
            port.samples
        )
        stamp = port.samples["speed"].stamp_mono_ns
        assert 0 <= port.mono_ns() - stamp < 500_000_000


async def test_drives_backwards_once_it_stands() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        set_commands(port, 1, reverse=1.0)
        await eventually(lambda: rig.braked, "brakes while it rolls")
        assert port.value("reversing") == 0.0
        rig.inputs[0] = McuInputs(0.0, 0.1, 0.0)
        await eventually(lambda: rig.driving and rig.out.reverse, "drives backwards")
        rig.inputs[0] = McuInputs(-1.5, 0.1, 0.0)
        await eventually(lambda: port.value("speed") == -1.5, "signed speed")
        assert (port.value("reversing"), port.value("fault"), rig.out.armed) == (1.0, 0.0, True)
        rig.device.fault("off")  # what the dead controller did last stays engaged, braked
        assert (rig.braked, rig.out.reverse) == (True, True)


async def test_clamping_is_reported() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        set_commands(port, 1, accel=50.0)
        await eventually(lambda: rig.out.accel_mps2 == pytest.approx(1.2), "clamped")
        await eventually(lambda: port.value("clamped") > 0.0, "counted")


@pytest.mark.parametrize("silence", ["not fresh", "bad", "not a number"])
async def test_brakes_when_the_core_says_nothing_usable(silence: str) -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        if silence == "not fresh":
            port.fresh = False
        elif silence == "bad":
            port.commands["accel"] = Sample(0.3, Quality.BAD, Cause.SHUTDOWN, 0)
        else:
            set_commands(port, 1, steer=math.nan)
        await eventually(lambda: rig.braked, "brakes")
        assert rig.out.armed, "the host is still there"
        # The operator's count is not known meanwhile: what comes next is a baseline.
        port.fresh = True
        set_commands(port, 7)
        await eventually(lambda: rig.driving, "goes on")


async def test_a_frozen_driver_is_braked_by_the_controller() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (driver, port):
        await arm(rig, port)
        assert driver._link is not None
        driver._link.send = lambda command: None
        await eventually(lambda: rig.braked and not rig.out.armed, "brakes")
        await eventually(lambda: port.value("host_timeout") == 1.0, "reported")
        assert any("host timeout" in text for _, text in port.logs)


async def test_estop_needs_release_and_reset() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.inputs[0] = McuInputs(1.0, 0.1, 0.0, estop=True)
        await eventually(lambda: rig.braked and not rig.out.armed, "brakes")
        await eventually(lambda: port.value("estop") == 1.0, "reported")
        set_commands(port, 2)
        await asyncio.sleep(0.05)
        rig.inputs[0] = McuInputs(1.0, 0.1, 0.0)
        await eventually(lambda: port.value("estop") == 0.0, "released")
        await asyncio.sleep(0.05)
        assert rig.braked
        set_commands(port, 3)
        await eventually(lambda: rig.driving, "drives")


async def test_blind_sensors_make_their_tags_bad() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.inputs[0] = McuInputs(math.nan, 0.1, 0.0, valid=False)
        await eventually(lambda: port.samples["speed"].quality is Quality.BAD, "bad")
        assert port.bad("speed") is Cause.DEVICE_FAULT
        assert port.bad("standstill") is Cause.DEVICE_FAULT
        assert port.value("fault") == 2.0
        assert rig.braked


async def test_a_value_outside_its_range_is_bad() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        rig.inputs[0] = McuInputs(1.0, 0.1, 0.0, battery_pct=160.0)
        await eventually(lambda: port.samples["battery"].cause is Cause.OUT_OF_RANGE, "out of range")
        assert port.value("speed") == 1.0


async def test_power_loss_and_return_needs_a_new_reset() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.device.fault("off")
        assert rig.braked
        await eventually(lambda: dead(port), "link down")
        commits = len(port.commits)
        await eventually(lambda: len(port.commits) > commits + 2, "alive = 0 is kept fresh")
        set_commands(port, 2)
        rig.device.clear()
        await eventually(lambda: port.samples["alive"].value == 1.0, "back")
        await asyncio.sleep(0.1)
        assert rig.braked
        assert not rig.out.armed
        set_commands(port, 3)
        await eventually(lambda: rig.driving, "drives")
        assert sum("connected" in text for _, text in port.logs) == 2


async def test_a_restart_of_the_controller_is_noticed_and_needs_a_reset() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.device.fault("reset")
        assert rig.braked
        await eventually(lambda: dead(port), "link down")
        await eventually(lambda: port.samples["alive"].value == 1.0, "back")
        await asyncio.sleep(0.1)
        assert rig.braked
        set_commands(port, 2)
        await eventually(lambda: rig.driving, "drives")


async def test_make_safe_brakes_and_stays_so_while_running() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (driver, port):
        await arm(rig, port)
        await driver.make_safe()
        assert rig.braked
        await asyncio.sleep(0.1)
        assert rig.braked
        await driver.close()
        await driver.close()
        assert port.bad("speed") is Cause.SHUTDOWN
        assert not any(level == "warning" for level, _ in port.logs)


async def test_make_safe_without_a_link_is_quick_and_harmless() -> None:
    config = McuConfig(wire=Wire(port="/nowhere/mcu"))
    driver = McuDriver("mcu", config, FakePort("mcu", McuDriver.tags(config)))
    await driver.make_safe()
    await driver.close()


async def test_a_missing_port_is_said_once_with_its_remedy() -> None:
    async with mcu_driver(Wire(port="/nowhere/mcu")) as (_, port):
        await asyncio.sleep(0.5)
        assert dead(port)
        assert len(port.logs) == 1
        assert "there is no such port" in port.logs[0][1]


async def test_a_mute_port_is_explained() -> None:
    master, slave = os.openpty()
    try:
        async with mcu_driver(Wire(port=os.ttyname(slave))) as (_, port):
            await eventually(lambda: bool(port.logs), "said")
            assert "does not answer" in port.logs[0][1]
            assert dead(port)
    finally:
        os.close(master)
        os.close(slave)


async def test_a_controller_with_another_configuration_is_refused() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire, config_crc="0x00000001") as (_, port):
        await eventually(lambda: bool(port.logs), "said")
        assert "configuration has CRC" in port.logs[0][1]
        assert "config_crc" in port.logs[0][1]
        set_commands(port, 1)
        await asyncio.sleep(0.2)
        set_commands(port, 2)
        assert dead(port)
        assert rig.braked


@pytest.mark.parametrize("mode", ["garbage", "corrupt", "drop"])
async def test_a_bad_cable_never_lets_it_do_anything_uncommanded(mode: str) -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.device.fault(mode)
        at = len(rig.outputs)
        await asyncio.sleep(0.6)
        assert all(out.accel_mps2 in (0.0, pytest.approx(0.3)) for out in rig.outputs[at:])
        rig.device.clear()
        await eventually(lambda: port.samples["alive"].value == 1.0, "hears again")
        await asyncio.sleep(0.1)
        set_commands(port, 2)
        await eventually(lambda: rig.driving, "drives again")


async def test_a_cable_that_delays_ends_braked() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        rig.device.fault("delay", delay_s=0.3)
        await eventually(lambda: rig.braked and not rig.out.armed, "brakes")


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (McuConfig(wire=Wire(port="/dev/ttyS2", baud=460800)), []),
        (McuConfig(wire=Wire()), ["wire"]),
        (McuConfig(wire=Wire(port="/dev/x"), config_crc="12"), ["config_crc"]),
        (McuConfig(wire=Wire(port="/dev/x"), dictionary_crc="0xXYZ"), ["dictionary_crc"]),
        (McuConfig(wire=Wire(port="/dev/x"), command_period_ms=100.0), ["command_period_ms"]),
        (McuConfig(wire=Wire(port="/dev/x"), silent_after_ms=5000.0), ["silent_after_ms"]),
    ],
)
def test_check_finds_the_mistakes(config: McuConfig, keys: list[str]) -> None:
    found = McuDriver.check(config)
    assert [key for key, _, _ in found] == keys
    assert all(cause and remedy for _, cause, remedy in found)
