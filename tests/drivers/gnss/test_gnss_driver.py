"""The driver on real pseudo-terminals and sockets."""

import asyncio
import math
import os
import pty
import tty
from collections.abc import Callable
from functools import reduce
from operator import xor

import msgspec
import pytest
from device_port import FakePort, eventually

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.model import Cause, DeviceError, Quality
from gatectl.model.device import Wire
from gatectl.model.tags import check_tag_names

MEASURED = ("latitude", "longitude", "height", "fix", "speed", "course", "heading", "epoch_utc", "epoch_age")


def line(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


def burst(number: int, *, quality: int = 4, status: str = "A", mode: str = "A") -> bytes:
    """Epoch `number` tenths after 12:00:00 on 2024-02-29; the number is in the latitude's minutes."""
    clock = f"1200{number // 10:02d}.{number % 10}0"
    where = f"2130.60{number:02d}000,N,10642.7000000,E"
    return b"".join(
        (
            line(f"GNGGA,{clock},{where},{quality},20,0.6,325.0,M,-25.0,M,0.8,0001"),
            line(f"GNRMC,{clock},{status},{where},10.000,90.00,290224,,,R,V"),
            line(f"GNGST,{clock},0.01,,,,0.011,0.012,0.02"),
            line(f"GNTHS,{90 + number}.50,{mode}"),
        )
    )


def latitude(number: int) -> float:
    """Of `burst(number)`: 19 cm farther each time, slower than its speed says."""
    return pytest.approx(21 + (30.6 + number * 1e-4) / 60, abs=1e-10)


class Rig:
    """A driver, its port, and the device's side of a pty or a socket."""

    def __init__(self, wire: Wire, **config) -> None:
        self.config = GnssConfig(wire=wire, **({"gap_s": 0.01, "silence_s": 5.0} | config))
        self.port = FakePort("gnss", GnssDriver.tags(self.config))
        self.driver = GnssDriver("gnss", self.config, self.port)
        self.send: Callable[[bytes], object] = lambda data: None

    async def __aenter__(self) -> "Rig":
        await self.driver.configure()
        self.task = asyncio.create_task(self.driver.run())
        return self

    async def __aexit__(self, *_) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.driver.make_safe()
        await self.driver.close()
        await self.driver.close()

    async def epochs(self, count: int) -> None:
        await eventually(lambda: len(self.port.commits) >= count, f"{count} commits")

    async def play(self, *parts: bytes) -> None:
        """Send parts with the silence of a real receiver between them."""
        for part in parts:
            self.send(part)
            await asyncio.sleep(0.03)


def open_pty(rig_path) -> int:
    """A new master; rig_path becomes a link to its slave."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    rig_path.unlink(missing_ok=True)
    rig_path.symlink_to(os.ttyname(slave))
    os.close(slave)
    return master


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ttyGNSS"


@pytest.fixture
async def rig(path):
    master = open_pty(path)
    rig = Rig(Wire(port=str(path)))
    rig.send = lambda data: os.write(master, data)
    async with rig:
        await asyncio.sleep(0.02)
        yield rig
    os.close(master)


async def test_an_epoch_is_one_commit_in_si_units(rig):
    before = rig.port.mono_ns()
    await rig.play(burst(1))
    await rig.epochs(1)
    port = rig.port
    assert len(port.commits) == 1
    assert port.value("alive") == 1
    assert port.value("latitude") == latitude(1)
    assert port.value("longitude") == pytest.approx(106 + 42.7 / 60, abs=1e-12)
    assert port.value("height") == 300.0
    assert port.value("fix") == 4
    assert port.value("sigma_north") == 0.011
    assert port.value("sigma_east") == 0.012
    assert port.value("speed") == pytest.approx(10 * 1852 / 3600)
    assert port.value("course") == pytest.approx(math.pi / 2)
    assert port.value("heading") == pytest.approx(math.radians(91.5))
    assert port.value("correction_age") == 0.8
    assert port.value("satellites") == 20
    assert port.value("epoch_utc") == pytest.approx(1_709_208_000.1, abs=1e-6)
    assert port.value("epoch_age") == 0.06
    stamps = {sample.stamp_mono_ns for sample in port.samples.values()}
    assert len(stamps) == 1
    assert before <= stamps.pop() <= port.mono_ns()


async def test_garbage_half_lines_and_wrong_checksums_cost_only_themselves(rig):
    spoilt = burst(2).replace(b"21", b"31", 1)
    for number, part in enumerate(
        (burst(1), b"\xb5\x62\x01$GNGG" + burst(3), spoilt, burst(4)[:31] + burst(5))
    ):
        await rig.play(part)
        await rig.epochs(number + 1)
    latitudes = [commit["latitude"] for commit in rig.port.commits]
    assert [s.quality for s in latitudes] == [Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.GOOD]
    assert latitudes[2].cause is Cause.STALE
    assert max(s.value for s in latitudes) < 22
    assert rig.driver.rejected == {"stray_bytes": 3, "torn": 2, "checksum": 1}
    assert rig.driver.received == {"GGA": 3, "RMC": 4, "GST": 4, "THS": 4}


async def test_what_the_receiver_does_not_vouch_for_is_bad(rig):
    await rig.play(burst(1), burst(2, quality=0, status="V", mode="V"))
    await rig.epochs(2)
    for tag in ("latitude", "longitude", "height", "speed", "course", "heading", "sigma_north"):
        assert rig.port.bad(tag) is Cause.NOT_VALID
    assert rig.port.value("fix") == 0
    assert rig.port.value("alive") == 1


async def test_a_frozen_receiver_is_seen(rig):
    await rig.play(burst(1), burst(1), burst(1), burst(2))
    await rig.epochs(4)
    frozen = [{commit[tag].cause for tag in MEASURED} for commit in rig.port.commits]
    assert frozen == [{Cause.NONE}, {Cause.FROZEN}, {Cause.FROZEN}, {Cause.NONE}]


async def test_no_date_no_epoch_utc(rig):
    await rig.play(line("GNGGA,120000.00,2130.0,N,10642.0,E,4,20,0.6,325.0,M,-25.0,M,0.8,1"))
    await rig.epochs(1)
    assert rig.port.bad("epoch_utc") is Cause.NOT_VALID
    assert rig.port.bad("heading") is Cause.NOT_CONFIGURED
    assert rig.port.value("latitude") == 21.5


async def test_the_tail_of_a_burst_publishes_nothing(rig):
    await rig.play(burst(1)[-70:], burst(2))
    await rig.epochs(1)
    assert len(rig.port.commits) == 1
    assert rig.port.value("latitude") == latitude(2)


async def test_unplug_and_replug(path):
    master = open_pty(path)
    rig = Rig(Wire(port=str(path)))
    async with rig:
        await asyncio.sleep(0.02)
        os.write(master, burst(1) + burst(2)[:40])
        await rig.epochs(1)
        os.close(master)
        await eventually(lambda: rig.port.samples["latitude"].cause is Cause.LINK_DOWN, "the loss is seen")
        assert {s.cause for t, s in rig.port.samples.items() if t != "alive"} == {Cause.LINK_DOWN}
        assert rig.port.value("alive") == 0
        master = open_pty(path)

        def again() -> bool:
            os.write(master, burst(3))
            return rig.port.samples["latitude"].good

        await eventually(again, "the driver comes back by itself")
        assert rig.port.value("heading") == pytest.approx(math.radians(93.5))
    os.close(master)
    levels = [level for level, _ in rig.port.logs]
    assert levels[:2] == ["info", "warning"]
    assert levels[-1] == "info"
    assert "check cable" in rig.port.logs[1][1]


async def test_tcp_peer_that_goes_away_comes_back():
    writers: list[asyncio.StreamWriter] = []

    async def serve(_, writer):
        writers.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    rig = Rig(Wire(host="127.0.0.1", tcp_port=server.sockets[0].getsockname()[1]))
    async with rig:
        for number in (1, 2):
            await eventually(lambda number=number: len(writers) == number, "connected")
            writers[-1].write(burst(number))
            await eventually(lambda: rig.port.samples["latitude"].good, "an epoch")
            assert rig.port.value("latitude") == latitude(number)
            writers[-1].close()
            await eventually(
                lambda: rig.port.samples["latitude"].cause is Cause.LINK_DOWN, "the loss is seen"
            )
    server.close()
    await server.wait_closed()


async def test_noise_without_a_sentence_is_a_lost_link_that_says_baud(path):
    master = open_pty(path)
    os.set_blocking(master, False)
    rig = Rig(Wire(port=str(path)), silence_s=0.2)
    async with rig:

        def noise() -> bool:
            os.write(master, b"\xff\x00\x9c")
            return bool(rig.port.logs)

        await eventually(noise, "it gives up")
    os.close(master)
    assert rig.port.value("alive") == 0
    assert "baud" in rig.port.logs[0][1]


async def test_a_port_that_is_not_there_is_told_once_and_waited_for(path):
    rig = Rig(Wire(port=str(path)))
    async with rig:
        await rig.epochs(2)
    assert [level for level, _ in rig.port.logs] == ["warning"]
    assert "no such port" in rig.port.logs[0][1]


async def test_alive_is_told_again_while_nothing_is_heard(path):
    """GOOD 0, as every driver's: it knows that the device is not heard, and must not grow stale."""
    rig = Rig(Wire(port=str(path)))
    async with rig:
        await rig.epochs(3)  # one for the loss, then `alive` alone
    stamps = [commit["alive"].stamp_mono_ns for commit in rig.port.commits]
    assert stamps == sorted(set(stamps))
    assert rig.port.value("alive") == 0
    assert {c["latitude"].cause for c in rig.port.commits} == {Cause.LINK_DOWN}


async def test_an_open_port_without_a_receiver_is_not_alive(path):
    """An adapter with nothing behind it opens every time: that alone is no life, however often."""
    master = open_pty(path)
    rig = Rig(Wire(port=str(path)), silence_s=0.3)
    async with rig:
        await asyncio.sleep(0.02)
        os.write(master, burst(1))
        await eventually(lambda: rig.port.samples["alive"].value == 1, "heard")
        await eventually(lambda: rig.port.samples["alive"].value == 0, "silent")
        before = len(rig.port.commits)
        await rig.epochs(before + 6)
    os.close(master)
    assert {commit["alive"].value for commit in rig.port.commits[before:]} == {0.0}


async def test_messages_without_an_epoch_keep_the_receiver_alive(rig):
    """A receiver that is set to send GSV alone is heard, although it gives no position."""
    rig.send(line("GPGSV,1,1,01,05,45,090,44"))
    await eventually(lambda: rig.port.samples["alive"].good, "alive")
    assert rig.port.value("alive") == 1
    assert rig.port.samples["latitude"].quality is Quality.BAD


async def test_a_pulse_gives_the_age_and_its_loss_only_costs_that(rig):
    """No PPS device here: the pulse is a reader of our own."""
    driver, port = rig.driver, rig.port
    begin = port.mono_ns()

    class Pulses:
        lost = False

        def mono_ns(self):
            if self.lost:
                raise DeviceError("no pulse can be read", "check the cable", where="/dev/pps9")
            return begin - 910_000_000  # the epoch below, 0.1 s after its second, was 0.81 s before `begin`

    driver._pulses = pulses = Pulses()
    await rig.play(burst(1))
    await rig.epochs(1)
    stamp = port.samples["epoch_age"].stamp_mono_ns
    assert port.value("epoch_age") == pytest.approx(((stamp - begin) * 1e-9 + 0.81) % 1.0, abs=1e-6)
    pulses.lost = True
    await rig.play(burst(2))
    await rig.epochs(2)
    assert port.value("epoch_age") >= 0.06
    assert [text for level, text in port.logs if level == "warning"] == [
        "/dev/pps9: no pulse can be read - check the cable"
    ]


def test_tags_are_named_and_go_stale_after_two_missing_epochs():
    tags = GnssDriver.tags(GnssConfig(wire=Wire(port="/dev/ttyS1"), rate_hz=5.0))
    assert check_tag_names("node.toml", "gnss", tags) == []
    assert {tag.stale_after_s for tag in tags if tag.name != "alive"} == {0.5}
    assert {tag.name for tag in tags} >= {*MEASURED, "alive", "sigma_north", "sigma_east", "correction_age"}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"wire": {}}, ["wire"]),
        ({"gap_s": 0.1}, ["gap_s"]),
        ({"gap_s": 0.05, "rate_hz": 20.0, "silence_s": 0.2}, ["gap_s"]),
        ({"rate_hz": 1.0}, ["silence_s"]),
    ],
)
def test_mistakes_in_the_config_are_found(changes, keys):
    config = msgspec.convert({"wire": {"port": "/dev/ttyS1"}} | changes, GnssConfig)
    found = GnssDriver.check(config)
    assert [key for key, _, _ in found] == keys
    assert all(cause and remedy for _, cause, remedy in found)


@pytest.mark.parametrize(
    "changes", [{"rate": 10}, {"rate_hz": 0.0}, {"rate_hz": math.nan}, {"latency_s": 5.0}, {"gap_s": -1.0}]
)
def test_unknown_keys_and_values_out_of_range_are_refused(changes):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"wire": {"port": "/dev/ttyS1"}} | changes, GnssConfig)
