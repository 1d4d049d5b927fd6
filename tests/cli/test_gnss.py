"""`gatectl gnss`: the view of a receiver on a pseudo-terminal, and of a running node's tags."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
import time
import tty
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.cli import gnss, gnss_plots, gnss_view
from gatectl.cli.gnss_history import History, Scatter
from gatectl.cli.gnss_source import Look, NodeSource, PortSource, viewing_driver
from gatectl.model import Block, Cause, Direction, Layout, Quality, Sample, UsageError, pack_quality
from gatectl.model.device import ReceiverView, Satellite, Wire
from gatectl.runtime.image import Image
from gatectl.runtime.layout import save_layout
from hil.devices.nmea import framed

ROOT = Path(__file__).parents[2]
TAGS = GnssDriver.tags(GnssConfig(wire=Wire(port="/dev/ttyS1"), rate_hz=10.0))
GSV = framed("GPGSV,1,1,04,05,45,090,44,12,10,270,31,24,80,000,50,30,05,180,") + framed(
    "GNGSA,A,3,05,24,,,,,,,,,,,1.2,0.6,1.0,1"
)


def burst(number: int) -> bytes:
    clock = f"1200{number // 10 % 60:02d}.{number % 10}0"
    where = f"2130.60{number % 100:02d}000,N,10642.7000000,E"
    return (
        framed(f"GNGGA,{clock},{where},4,20,0.6,325.0,M,-25.0,M,0.8,0001")
        + framed(f"GNRMC,{clock},A,{where},10.0,0.0,290224,,,R,V")
        + framed(f"GNGST,{clock},0.01,,,,0.011,0.012,0.02")
        + framed(f"GNHPR,{clock},{number % 360:03d}.5,1.0,000.0,4,20,0.0,0999")
        + (GSV if number % 10 == 1 else b"")
    )


@pytest.fixture
async def receiver():
    """Sends ten epochs a second until the test is over."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)

    async def run() -> None:
        number = 0
        while True:
            number += 1
            with suppress(BlockingIOError):
                os.write(master, burst(number))
            await asyncio.sleep(0.1)

    task = asyncio.create_task(run())
    yield os.ttyname(slave)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    os.close(master)
    os.close(slave)


def port_source(path: str) -> PortSource:
    return PortSource(viewing_driver("gnss"), {"wire": {"port": path, "baud": 115_200}, "rate_hz": 10.0})


def shown(renderable) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, highlight=False).print(renderable)
    return out.getvalue().splitlines()


async def test_a_receivers_port_is_shown_within_80_by_24(receiver, capsys):
    assert await gnss.watch_port(port_source(receiver), seconds=1.6, once=True, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in (
        "RTK fixed",
        "UTC",
        "G05",
        "g12",
        "21.51",
        "GGA",
        "20 used of 4 in view",
        "0.8 s old",
        "N 1.1 cm",
    ):
        assert part in text, text
    assert "baseline    NOT_CONFIGURED" in text


async def test_the_same_for_programs(receiver, capsys):
    assert await gnss.watch_port(port_source(receiver), seconds=1.6, once=False, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["tags"]["fix"] == found["tags"]["fix"] | {"value": 4, "quality": "GOOD", "cause": ""}
    assert found["epoch_rate_hz"] > 0
    assert found["message_rates_hz"]["GGA"] > 0
    assert found["satellites"][0] == {
        "name": "G05", "elevation_deg": 45.0, "azimuth_deg": 90.0, "cn0_dbhz": 44.0, "used": True,
    }  # fmt: skip
    assert found["scatter"]["epochs"] > 1


async def test_nothing_on_the_port_says_what_to_do(capsys):
    assert not await gnss.watch_port(
        port_source("/dev/does-not-exist"), seconds=0.1, once=True, as_json=False
    )
    out = capsys.readouterr().out
    assert "no such port" in out
    assert "LINK_DOWN" in out


async def test_a_port_that_vanishes_says_so(capsys):
    master, slave = pty.openpty()
    tty.setraw(slave)
    source = port_source(os.ttyname(slave))

    async def send_and_go() -> None:
        for number in range(1, 11):
            os.write(master, burst(number))
            await asyncio.sleep(0.1)
        os.close(slave)
        os.close(master)

    sending = asyncio.create_task(send_and_go())
    assert not await gnss.watch_port(source, seconds=2.0, once=True, as_json=False)
    await sending
    out = capsys.readouterr().out
    assert "LINK_DOWN" in out
    assert "check" in out.splitlines()[-1] + out.splitlines()[-2]


@pytest.fixture
def node(tmp_path):
    """A node's runtime directory; returns a function that writes its gnss tags."""
    layout = Layout([Block("gnss", Direction.STATE, TAGS), Block("core", Direction.STATE, ())])
    save_layout(tmp_path / "layout.json", layout)
    writer = Image.create(tmp_path / "image", layout).writer("gnss/state")

    def write(**values: float) -> Path:
        good = pack_quality(Quality.GOOD, Cause.NONE)
        bad = pack_quality(Quality.BAD, Cause.FROZEN)
        now = time.monotonic_ns()
        writer.write(
            [values.get(tag.name, 0.0) for tag in TAGS],
            bytes(good if tag.name in values else bad for tag in TAGS),
            [now] * len(TAGS),
        )
        return tmp_path

    return write


async def test_a_nodes_tags_are_shown_with_their_quality(node, capsys):
    directory = node(latitude=21.5, longitude=106.7, fix=5.0, epoch_utc=1.7e9)
    source = NodeSource(directory)
    assert await gnss.watch(source, seconds=0.05, once=True, as_json=False, note=lambda: "")
    text = capsys.readouterr().out
    assert "RTK float" in text
    assert "heading     FROZEN" in text


async def test_a_node_whose_receiver_went_silent(node, capsys):
    node(latitude=21.5, longitude=106.7, fix=4.0)
    assert not await gnss.watch(
        NodeSource(node()), seconds=0.05, once=True, as_json=False, note=lambda: "why not"
    )
    text = capsys.readouterr().out
    assert "no data" in text
    assert "why not" in text


def test_which_receiver(node):
    directory = node()
    with pytest.raises(UsageError, match="called rover"):
        NodeSource(directory, "rover")
    layout = Layout([Block(name, Direction.STATE, TAGS) for name in ("front", "rear")])
    save_layout(directory / "layout.json", layout)
    Image.create(directory / "image", layout)
    with pytest.raises(UsageError, match="2 receivers") as caught:
        NodeSource(directory)
    assert "front, rear" in caught.value.remedy
    assert NodeSource(directory, "rear").where.startswith("rear")


def look(at_s: float, utc: float, north_m: float = 0.0) -> Look:
    stamp = round(at_s * 1e9)
    values = {"latitude": 21.5 + north_m / 111_320, "longitude": 106.7, "epoch_utc": utc}
    return Look(
        mono_ns=stamp,
        tags={name: Sample(value, Quality.GOOD, Cause.NONE, stamp) for name, value in values.items()},
        view=ReceiverView(messages={"GGA": round(at_s * 10)}, rejected={}),
    )


def test_rates_and_scatter_over_many_looks():
    history = History()
    assert (history.epoch_rate_hz, history.scatter(), history.message_rates()) == (None, None, {})
    for n in range(150):
        history.add(look(n * 0.1, n // 2 * 0.2, north_m=0.01 * (n // 2 % 2)))  # each epoch is seen twice
    assert history.epoch_rate_hz == pytest.approx(5.0, rel=0.01)
    assert history.message_rates()["GGA"] == pytest.approx(10.0, rel=0.02)
    found = history.scatter()
    assert found is not None
    assert len(found.points) == 75
    assert found.half_m == pytest.approx(0.005, rel=0.05)


def test_the_sky_has_north_up_and_east_right():
    def where(azimuth: float, elevation: float = 40.0) -> tuple[int, int]:
        satellite = Satellite(name="G07", elevation_deg=elevation, azimuth_deg=azimuth, cn0_dbhz=45.0)
        rows = gnss_plots.sky([satellite], 37, 15).plain.split("\n")
        (found,) = [(row.index("G07"), y) for y, row in enumerate(rows) if "G07" in row]
        return found

    (_, north), (east, level), (_, south), (west, _) = (where(a) for a in (0, 90, 180, 270))
    assert north < level < south
    assert west < east
    assert where(0, 90.0)[1] == level
    crowd = [
        Satellite(name=f"E{n:02d}", elevation_deg=n, azimuth_deg=7 * n, cn0_dbhz=40.0) for n in range(90)
    ]
    rows = gnss_plots.sky(crowd, 37, 15).plain.split("\n")
    assert {len(row) for row in rows} == {37}
    assert len(rows) == 15


def test_the_scatter_picture_keeps_its_size_whatever_the_spread():
    for spread in (0.0, 0.01, 5.0, 1e5):
        points = [(spread * x, spread * y) for x, y in ((-1, 0), (1, 0), (0, 1), (0, -1))]
        rows = gnss_plots.scatter(Scatter(points, spread, spread), 37, 15).plain.split("\n")
        assert {len(row) for row in rows} == {37}
        assert len(rows) == 15
        assert any(char > chr(0x2800) for row in rows[:-1] for char in row)


def test_faults_and_long_texts_stay_within_the_width():
    here = look(1.0, 1.0)
    here.view = ReceiverView(
        messages={"X" * 20: 5}, rejected={"checksum": 2}, faults=(("f" * 100, "r" * 100),)
    )
    history = History()
    history.add(here)
    lines = shown(gnss_view.render(here, history, "w" * 200, "n" * 300))
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "gatectl.cli", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("gnss",), "which receiver?"),
        (("gnss", "--port", "/dev/x", "--runtime-dir", "/x"), "which receiver?"),
        (("gnss", "--runtime-dir", "/nonexistent"), "gatectl run"),
        (("gnss", "--port", "/dev/x", "--driver", "scale"), "nothing to show"),
        (("gnss", "--port", "/dev/x", "--baud", "5"), "baud"),
        (("probe", "scale"), "cannot look for its device"),
        (("probe", "nothing"), "there is no driver"),
    ],
)
def test_mistakes_end_with_a_remedy_and_without_a_traceback(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
