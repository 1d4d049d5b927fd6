"""The simulated PLC's Modbus server, spoken to with a bare client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from crane_yard import SLOTS, Ground
from device_port import eventually
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient

from gatectl.model import UsageError
from hil.devices.crane import DEMO_MAP, SimCrane
from hil.plant.crane import CranePlant


@asynccontextmanager
async def crane() -> AsyncIterator[tuple[SimCrane, AsyncModbusTcpClient]]:
    device = SimCrane("crane", CranePlant(site=Ground(), slots=SLOTS))
    wire = await device.start()
    task = asyncio.create_task(device.run())
    client = AsyncModbusTcpClient(
        wire["host"], port=wire["tcp_port"], timeout=0.2, retries=0, reconnect_delay=0
    )
    assert await client.connect()
    try:
        yield device, client
        assert not task.done()
    finally:
        client.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await device.stop()
        await device.stop()  # idempotent
        await asyncio.sleep(0.02)


async def test_registers_are_laid_out_as_the_map_says() -> None:
    async with crane() as (device, client):
        device.plant.wind_mps = 6.5
        device.plant.estop = True
        await asyncio.sleep(0.05)
        answer = await client.read_input_registers(0, count=15, device_id=1)
        assert answer.registers[0] > 0
        assert answer.registers[1] == 2
        assert answer.registers[2] == 0b1000  # bit 0: the emergency stop circuit is open; 3: unlocked
        assert answer.registers[3:5] == [0, 8000]
        assert answer.registers[6:8] == [0, 14_000]
        assert answer.registers[11] == 65


async def test_the_block_is_held_and_heard() -> None:
    async with crane() as (device, client):
        await client.write_registers(100, [1, 0, 0, 0, 4100, 0, 3], device_id=1)
        back = await client.read_holding_registers(100, count=7, device_id=1)
        assert back.registers == [1, 0, 0, 0, 4100, 0, 3]
        assert device.commands["target"] == pytest.approx(4.1)
        assert device.commands["reset_count"] == 3.0


async def test_bad_registers_and_missing_ones_are_exception_2() -> None:
    async with crane() as (device, client):
        device.bad_registers = {5}
        assert (await client.read_input_registers(0, count=15, device_id=1)).exception_code == 2
        assert not (await client.read_input_registers(0, count=5, device_id=1)).isError()
        assert (await client.read_input_registers(195, count=10, device_id=1)).exception_code == 2


async def test_stuck_freezes_everything() -> None:
    async with crane() as (device, client):
        device.fault("stuck")
        first = (await client.read_input_registers(0, count=15, device_id=1)).registers
        device.plant.wind_mps = 30.0
        await asyncio.sleep(0.1)
        assert (await client.read_input_registers(0, count=15, device_id=1)).registers == first


async def test_lost_and_late_answers() -> None:
    async with crane() as (device, client):
        device.fault("drop", share=1.0)
        with pytest.raises(ModbusException):
            await client.read_input_registers(0, count=1, device_id=1)
        device.clear()
        device.fault("slow", seconds=0.1)
        started = asyncio.get_running_loop().time()
        assert not (await client.read_input_registers(0, count=1, device_id=1)).isError()
        assert asyncio.get_running_loop().time() - started >= 0.1


async def test_off_and_reset_hang_up_and_come_back_at_the_same_port() -> None:
    async with crane() as (device, client):
        for begin, end in (
            (lambda: device.fault("off"), device.clear),
            (lambda: device.fault("reset", seconds=0.2), int),
        ):
            begin()
            await eventually(lambda: not client.connected, "hung up")
            client.close()
            end()
            await asyncio.sleep(0.4)
            assert await client.connect()
            assert (await client.read_input_registers(12, count=1, device_id=1)).registers == [0]


async def test_wrong_says_what_it_is_told() -> None:
    async with crane() as (device, client):
        device.fault("wrong", tag="wind_speed", value=25.0)
        assert (await client.read_input_registers(11, count=1, device_id=1)).registers == [250]
        with pytest.raises(UsageError, match="name of a state tag"):
            device.fault("wrong", tag="colour", value=1.0)


def test_a_map_that_it_cannot_lay_out_is_refused(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "map.toml"
    file.write_text(DEMO_MAP.read_text().replace('function = "input"', 'function = "holding"', 1))
    with pytest.raises(UsageError, match="input registers"):
        SimCrane("c", CranePlant(site=Ground(), slots=SLOTS), file)
