"""`gatectl probe gnss` on pseudo-terminals that answer at one speed only."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import termios
import tomllib
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial

from gatectl.cli import probe
from gatectl.cli.ports import SerialPort, holder, port_of, serial_ports
from gatectl.model import UsageError
from hil.devices.nmea import framed


def burst(number: int) -> bytes:
    clock = f"1200{number // 10 % 60:02d}.{number % 10}0"
    where = "2130.6000000,N,10642.7000000,E"
    return b"".join(
        (
            framed(f"GNGGA,{clock},{where},4,20,0.6,325.0,M,-25.0,M,0.8,0001"),
            framed(f"GNRMC,{clock},A,{where},0.0,,290224,,,R,V"),
            framed(f"PTNL,AVR,{clock},+52.1531,Yaw,-0.0806,Tilt,,,1.512,3,1.4,16"),
        )
    )


@asynccontextmanager
async def device(baud: int, send) -> AsyncIterator[str]:
    """A line at which send(n) comes ten times a second; who listens at another speed gets other bytes."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    speed = getattr(termios, f"B{baud}")

    async def run() -> None:
        number = 0
        while True:
            number += 1
            data = send(number)
            if termios.tcgetattr(slave)[5] != speed:
                data = bytes(byte * 7 + 3 & 0xFF for byte in data)
            try:
                os.write(master, data)
            except BlockingIOError:
                termios.tcflush(slave, termios.TCIFLUSH)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(run())
    try:
        yield os.ttyname(slave)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        os.close(master)
        os.close(slave)


async def look(*paths: str, bauds: list[int], seconds: float = 20.0) -> list[probe.PortResult]:
    told: list[str] = []
    found = await probe.probe_all(
        probe.probing_driver("gnss"),
        [port_of(path) for path in paths],
        bauds=bauds,
        seconds=seconds,
        tell=told.append,
    )
    assert all(
        any(path in text for text in told) or r.state == "busy" for path, r in zip(paths, found, strict=True)
    )
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(probe, "LISTEN_S", 0.6)


async def test_port_speed_and_protocol_are_found_and_make_a_device(capsys):
    async with device(38_400, burst) as path:
        (result,) = await look(path, bauds=[115_200, 38_400, 9_600])
    assert (result.state, result.baud) == ("found", 38_400)
    finding = result.finding
    assert finding is not None
    assert set(finding.messages) == {"GGA", "RMC", "PTNL,AVR"}
    assert finding.protocol == "NMEA 0183 + Trimble PTNL"
    table = tomllib.loads(probe.snippet("gnss", result))["device"][0]
    assert table["config"] == {
        "wire": {"port": path, "baud": 38_400},
        "rate_hz": 10.0,
        "baseline_m": 1.512,
    }
    probe.show([result], "gnss")
    shown = capsys.readouterr().out
    assert "38400" in shown
    assert "GST" in shown  # the note that sigmas are missing
    assert tomllib.loads("\n".join(shown.splitlines()[2:]))["device"][0] == table
    assert json.dumps(probe.as_json([result], "gnss"))


async def test_silent_ports_noise_and_ports_that_are_not_there():
    async with device(9_600, lambda n: b"") as silent, device(9_600, lambda n: b"hello\r\n" * 20) as other:
        results = await look(silent, other, "/dev/does-not-exist", bauds=[115_200, 9_600])
    assert [r.state for r in results] == ["silent", "nothing", "error"]
    assert "no such port" in results[2].text
    assert "9600" in results[1].text


async def test_a_port_that_somebody_has_locked_is_left_alone():
    async with device(115_200, burst) as path:
        with serial.Serial(path, exclusive=True):
            (result,) = await look(path, bauds=[115_200])
    assert result.state == "busy"
    assert "another program" in result.text


async def test_it_ends_in_time():
    async with device(4_800, burst) as path:
        (result,) = await look(path, bauds=[115_200, 38_400, 4_800], seconds=0.3)
    assert result.state == "late"
    assert "--seconds" in result.text


def test_a_driver_that_cannot_probe_is_refused_with_those_that_can():
    with pytest.raises(UsageError, match="scale") as caught:
        probe.probing_driver("scale")
    assert "gnss" in caught.value.remedy


def test_who_has_a_port_open_is_named_the_node_first(tmp_path: Path):
    for pid, words in (
        ("7", ["gpsd", "-N"]),
        ("9", ["python", "-m", "x", "process", "field", "/run/v-1/node.msgpack"]),
    ):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fd" / "3").symlink_to("/dev/ttyUSB7")
        (tmp_path / pid / "cmdline").write_bytes("\0".join(words).encode())
    (tmp_path / "11" / "fd").mkdir(parents=True)
    port = SerialPort("/dev/serial/by-id/x", "/dev/ttyUSB7", "")
    assert holder(port, tmp_path) == "the running node v-1 of gatectl (process 9)"
    (tmp_path / "9" / "fd" / "3").unlink()
    assert holder(port, tmp_path) == "process 7 (gpsd)"
    (tmp_path / "7" / "fd" / "3").unlink()
    assert holder(port, tmp_path) == ""


def test_ports_are_listed_by_their_stable_names(tmp_path: Path):
    for name in ("ttyUSB0", "ttyUSB10", "ttyUSB2", "ttyACM0", "null"):
        (tmp_path / name).touch()
    (tmp_path / "serial" / "by-id").mkdir(parents=True)
    (tmp_path / "serial" / "by-id" / "usb-maker_receiver-if00").symlink_to("../../ttyACM0")
    paths = [port.path.removeprefix(f"{tmp_path}/") for port in serial_ports(tmp_path)]
    assert paths == ["ttyUSB0", "ttyUSB2", "ttyUSB10", "serial/by-id/usb-maker_receiver-if00"]
