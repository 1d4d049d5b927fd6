"""The simulated indicator's bytes on its pty."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from device_port import eventually

from gatectl.model import UsageError
from hil.devices.scale import SimScale, mt_frame, xk3190_frame


@asynccontextmanager
async def listening(device: SimScale) -> AsyncIterator[bytearray]:
    """What arrives at the slave side."""
    heard = bytearray()
    wire = await device.start()
    fd = os.open(wire["port"], os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, lambda: heard.extend(os.read(fd, 4096)))
    task = asyncio.create_task(device.run())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        loop.remove_reader(fd)
        os.close(fd)
        await device.stop()
        await device.stop()  # idempotent


def test_frames_are_golden() -> None:
    assert xk3190_frame(1560.0, 10.0, False) == bytes.fromhex("022b30303135363030313903")
    frame = mt_frame(24560.0, 10.0, True)
    assert frame[:4] == bytes((0x02, 0x29, 0x38, 0x20))
    assert frame[4:17] == b"  2456     0\r"
    assert sum(frame) & 0x7F == 0


@pytest.mark.parametrize("protocol", ["mt_continuous", "xk3190"])
async def test_ten_whole_frames_a_second(protocol: str) -> None:
    device = SimScale("s", lambda: 0.0, protocol)  # type: ignore[arg-type]  # one of the two
    length = 18 if protocol == "mt_continuous" else 12
    async with listening(device) as heard:
        await eventually(lambda: len(heard) >= 4 * length, "frames")
        assert len(heard) % length == 0
        assert {heard[i] for i in range(0, len(heard), length)} == {2}


async def test_stuck_repeats_and_off_is_silent() -> None:
    weight = 0.0
    device = SimScale("s", lambda: weight, "xk3190")
    async with listening(device) as heard:
        await eventually(lambda: len(heard) >= 24, "frames")
        device.fault("stuck")
        weight = 9_000.0
        heard.clear()
        await eventually(lambda: len(heard) >= 36, "repeated")
        assert len({bytes(heard[i : i + 12]) for i in range(0, 36, 12)}) == 1
        device.clear()
        device.fault("off")
        await asyncio.sleep(0.02)
        heard.clear()
        await asyncio.sleep(0.3)
        assert heard == b""


async def test_nobody_listening_is_no_error() -> None:
    device = SimScale("s", lambda: 0.0)
    await device.start()
    task = asyncio.create_task(device.run())
    try:
        with suppress(BlockingIOError):  # the line is full: what comes now is lost
            while True:
                os.write(device._line.fd, b"x" * 1024)
        await asyncio.sleep(0.25)
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await device.stop()


def test_a_fault_keeps_its_defaults_and_refuses_others() -> None:
    device = SimScale("s", lambda: 1000.0)
    device.fault("wrong", unstable=50)
    assert device.plant.swing_kg == 50.0
    device.clear()
    assert device.plant.swing_kg == 0.0
    with pytest.raises(UsageError, match="does not take"):
        device.fault("wrong", factor="double")
    assert set(device.faults) == {"off", "stuck", "garbage", "wrong", "corrupt", "drop", "slow"}
