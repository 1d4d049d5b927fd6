"""The simulated drive controller as a process on a pty; the host here is the bare session."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from device_port import eventually
from firmware_lib import firmware
from mcu_rig import McuRig, arm, mcu_driver, mcu_rig

from drivers._wire import ByteStream, open_stream
from firmware_bridge import Command, Expected, HelloAccepted, Session, State, Telemetry
from gatectl.model import DeviceError, UsageError
from hil.devices.firmware_build import build_firmware
from hil.devices.mcu import McuInputs

OUTPUTS = {"steer": 0.1, "accel": 0.4, "brake": 0.0}


ROOT = Path(__file__).parents[3]
RIG = """
import os, sys, time
from pathlib import Path
from hil.devices.firmware_process import FirmwareProcess
process = FirmwareProcess(Path(sys.argv[1]), os.openpty()[0])
print(process.pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    """Alive, and not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_there(port: Path) -> bool:
    return port.exists()


class Host:
    """A host that sends only what the test tells it to."""

    def __init__(self, stream: ByteStream, connection: int) -> None:
        self.stream = stream
        self.session = Session(connection, Expected())
        self.told: dict[str, float] = {}

    async def say(self, seconds: float, reset: int | None, enable: bool = True, noise: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while loop.time() < end_s:
            if self.session.dictionary is None:
                data = self.session.hello(self.now_ns())
            else:
                data = self.session.command(self.now_ns(), Command(enable, reset, OUTPUTS))
            self.stream.write(noise + data)
            await self.listen(0.01)

    async def listen(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while loop.time() < end_s:
            try:
                async with asyncio.timeout_at(end_s):
                    data = await self.stream.read()
            except TimeoutError:
                return
            for event in self.session.receive(data, self.now_ns()):
                if isinstance(event, Telemetry):
                    self.told = event.values
                assert not isinstance(event, HelloAccepted) or event.firmware

    def now_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9)


async def host(rig: McuRig, connection: int = 1) -> Host:
    return Host(await open_stream(rig.wire), connection)


async def test_boots_silent_and_braked() -> None:
    async with mcu_rig() as rig:
        caller = await host(rig)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await caller.stream.read()
        assert rig.braked
        caller.stream.close()


async def test_arms_drives_and_brakes_when_the_host_is_silent() -> None:
    async with mcu_rig() as rig:
        caller = await host(rig)
        await caller.say(0.1, reset=4)
        assert caller.session.state is State.ACTIVE
        assert rig.braked
        await caller.say(0.1, reset=5)
        assert rig.driving
        assert rig.out.accel_mps2 == pytest.approx(0.4)
        await caller.listen(0.15)
        await eventually(lambda: rig.braked, "brakes", within_s=2.0)
        assert not rig.out.armed
        await caller.listen(0.1)
        assert caller.told["host_timeout"] == 1.0
        caller.stream.close()


async def test_a_host_that_dies_is_braked_and_its_successor_needs_a_reset() -> None:
    async with mcu_rig() as rig:
        first = await host(rig)
        await first.say(0.1, reset=0)
        await first.say(0.1, reset=1)
        assert rig.driving
        first.stream.close()
        await eventually(lambda: rig.braked, "brakes", within_s=2.0)
        second = await host(rig, connection=2)
        await second.say(0.2, reset=1)
        assert second.session.state is State.ACTIVE
        assert rig.braked
        await second.say(0.1, reset=2)
        assert rig.driving
        second.stream.close()


async def test_mutated_bytes_are_tolerated() -> None:
    roll = random.Random(3)
    async with mcu_rig() as rig:
        caller = await host(rig)
        await caller.say(0.1, reset=0)
        await caller.say(0.1, reset=1)
        for _ in range(20):
            await caller.say(0.02, reset=1, noise=roll.randbytes(roll.randint(1, 30)) + b"\0")
            assert rig.out.accel_mps2 in (0.0, pytest.approx(0.4))
        assert rig.driving
        assert caller.told["rx_refused"] > 0
        caller.stream.close()


async def test_a_crash_brakes_and_the_watchdog_restarts_it() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await arm(rig, port)
        old = rig.device.pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await eventually(lambda: rig.braked and not rig.out.armed, "brakes")
        await eventually(lambda: rig.device.pid not in (None, old), "restarts")


async def test_sensor_faults() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        rig.inputs[0] = McuInputs(2.0, 0.0, 0.0)
        await eventually(lambda: port.samples["speed"].value == 2.0, "speed")
        rig.device.fault("wrong", factor=1.5)
        await eventually(lambda: port.value("speed") == 3.0, "wrong")
        rig.device.fault("stuck")
        rig.inputs[0] = McuInputs(1.0, 0.0, 0.0)
        await asyncio.sleep(0.1)
        assert port.value("speed") == 3.0
        rig.device.clear()
        await eventually(lambda: port.value("speed") == 1.0, "cleared")


async def test_slow_comes_in_bursts() -> None:
    async with mcu_rig() as rig, mcu_driver(rig.wire) as (_, port):
        await eventually(lambda: port.samples["alive"].value == 1.0, "alive")
        await asyncio.sleep(0.1)
        rig.device.fault("slow", period_s=0.12)
        await asyncio.sleep(0.2)
        at = len(port.commits)
        await asyncio.sleep(0.5)
        came_ns = [commit["alive"].stamp_mono_ns for commit in port.commits[at:]]
        gaps_ns = [after - before for before, after in pairwise(came_ns)]
        assert max(gaps_ns) > 60_000_000
        assert sorted(gaps_ns)[len(gaps_ns) // 2] < 5_000_000
        assert port.value("alive") == 1.0


async def test_the_port_has_one_name_and_leaves_nothing_behind() -> None:
    async with mcu_rig() as rig:
        port = Path(rig.wire.port)
        pid = rig.device.pid
        assert is_there(port)
        rig.device.fault("off")
        assert not is_there(port)
        rig.device.clear()
        assert is_there(port)
        assert rig.device.pid not in (None, pid)
        pid = rig.device.pid
    assert not is_there(port.parent)
    assert pid is not None
    assert not running(pid)
    await rig.device.stop()
    assert rig.braked


async def test_faults_that_make_no_sense_are_refused() -> None:
    async with mcu_rig() as rig:
        for mode, params in (("melt", {}), ("drop", {"chance": 1.0}), ("delay", {"delay_s": -1.0})):
            with pytest.raises(UsageError) as caught:
                rig.device.fault(mode, **params)
            assert caught.value.remedy
    with pytest.raises(UsageError, match="not started"):
        rig.device.fault("drop")


def test_the_firmware_ends_with_the_rig_however_the_rig_dies() -> None:
    rig = subprocess.Popen(
        [sys.executable, "-c", RIG, str(firmware().sim)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert rig.stdout is not None
    with rig, rig.stdout:
        pid = int(rig.stdout.readline())
        assert running(pid)
        rig.kill()
        rig.wait()
        deadline = time.monotonic() + 5.0
        while running(pid):
            assert time.monotonic() < deadline, "the firmware outlived the rig"
            time.sleep(0.01)


def test_no_compiler_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError) as caught:
        build_firmware(tmp_path / "build")
    assert "apt-get install gcc" in caught.value.remedy


def test_the_build_is_kept(tmp_path: Path) -> None:
    first = build_firmware(tmp_path)
    stamp = first.sim.stat().st_mtime_ns
    assert build_firmware(tmp_path).sim.stat().st_mtime_ns == stamp
    assert [place.name for place in tmp_path.iterdir()] == [first.sim.parent.name]
