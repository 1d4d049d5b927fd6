"""The transponder driver against the simulated reader, on a real pty and over TCP."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from device_port import FakePort, eventually

from drivers.transponder import TransponderDriver, TransponderReaderConfig
from gatectl.model import Cause, DeviceError, Quality
from gatectl.model.device import Probing, Wire
from gatectl.model.site import Transponder
from hil.devices.transponder import SimTransponderReader, telegram
from hil.plant.gnss import VehicleTruth
from hil.plant.transponder import ReaderParams, ReaderPlant

PLACES = (Transponder(17, 10.0, 0.05), Transponder(18, 20.0, -0.1))


@dataclass
class Rig:
    """A vehicle that drives along x; the antenna is 2 m before its control point."""

    device: SimTransponderReader
    port: FakePort
    x: list[float]

    def go(self, x: float) -> None:
        self.x[0] = x


async def stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def reader(**config: float) -> AsyncIterator[Rig]:
    x = [0.0]
    plant = ReaderPlant(ReaderParams(forward_m=2.0), PLACES)
    device = SimTransponderReader("reader", lambda: VehicleTruth(x[0], 0.0, 0.0), time.monotonic, plant)
    conf = TransponderReaderConfig(wire=Wire(**await device.start()), **config)
    port = FakePort("reader", TransponderDriver.tags(conf))
    driver = TransponderDriver("reader", conf, port)
    tasks = [asyncio.create_task(driver.run()), asyncio.create_task(device.run())]
    try:
        await eventually(lambda: port.samples["alive"].value == 1.0, "alive")
        yield Rig(device, port, x)
    finally:
        await stopped(*tasks)
        await driver.close()
        await device.stop()
        await device.stop()


def near(rig: Rig) -> None:
    """Stand just before the first transponder."""
    rig.go(7.9)


async def settled(rig: Rig) -> None:
    """Let the driver learn how fast telegrams come."""
    await eventually(lambda: rig.port.samples["lost"].quality is Quality.GOOD, "told")
    await asyncio.sleep(0.6)


async def passes(rig: Rig, x: float, count: int) -> None:
    """Go there and let the reader look."""
    rig.go(x)
    await asyncio.sleep(0.03)
    await crossed(rig, float(count))


async def crossed(rig: Rig, count: float) -> None:
    await eventually(lambda: rig.port.samples["count"].value == count, f"crossing {count}")


async def test_before_the_first_crossing_nothing_is_known() -> None:
    async with reader() as rig:
        assert rig.port.value("count") == 0.0
        assert {rig.port.bad(tag) for tag in ("id", "lateral", "age", "signal")} == {Cause.NOT_VALID}


async def test_a_crossing_is_told_with_its_time_and_then_grows_old() -> None:
    async with reader() as rig:
        near(rig)
        await settled(rig)
        rig.go(8.1)
        await crossed(rig, 1.0)
        assert rig.port.value("id") == 17.0
        assert rig.port.value("lateral") == pytest.approx(0.05)
        assert rig.port.value("signal") > 0.9
        true_ns = rig.device.crossings[0].time_s * 1e9
        for _ in range(3):
            commits = len(rig.port.commits)
            await eventually(lambda n=commits: len(rig.port.commits) > n, "told again")
            told = rig.port.samples["age"]
            assert told.stamp_mono_ns - told.value * 1e9 == pytest.approx(true_ns, abs=300e6)
        assert len({c["count"].value for c in rig.port.commits[-3:]}) == 1


async def test_backwards_and_again_are_crossings_too() -> None:
    async with reader() as rig:
        for x, count in ((7.9, 0), (8.1, 1), (7.9, 2), (17.9, 2), (18.1, 3)):
            await passes(rig, x, count)
        assert rig.port.value("id") == 18.0
        assert rig.port.value("lateral") == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("mode", "params", "tag", "quality", "cause"),
    [
        ("wrong", {"unread": 1.0}, "id", Quality.BAD, Cause.NOT_VALID),
        ("wrong", {"signal": 0.1}, "lateral", Quality.UNCERTAIN, Cause.UNSTABLE),
        ("wrong", {"offset_m": 0.4}, "lateral", Quality.BAD, Cause.OUT_OF_RANGE),
        ("wrong", {"antenna": 1.0}, "lateral", Quality.BAD, Cause.DEVICE_FAULT),
    ],
)
async def test_a_doubtful_crossing_is_not_good(
    mode: str, params: dict[str, float], tag: str, quality: Quality, cause: Cause
) -> None:
    async with reader() as rig:
        near(rig)
        await asyncio.sleep(0.03)
        rig.go(8.1)
        await crossed(rig, 1.0)
        rig.device.fault(mode, **params)
        await eventually(lambda: rig.port.samples[tag][1:3] == (quality, cause), "doubtful")
        assert rig.port.value("alive") == 1.0
        rig.device.clear()
        await eventually(lambda: rig.port.samples[tag].quality is Quality.GOOD, "good again")


async def test_unplugged_it_is_down_and_comes_back() -> None:
    async with reader() as rig:
        rig.go(8.1)
        rig.device.fault("off")
        await eventually(lambda: rig.port.samples["alive"].value == 0.0, "down")
        assert rig.port.bad("count") is Cause.LINK_DOWN
        stamp = rig.port.samples["alive"].stamp_mono_ns
        await eventually(lambda: rig.port.samples["alive"].stamp_mono_ns > stamp, "told before it is stale")
        rig.device.clear()
        await eventually(lambda: rig.port.samples["count"].quality is Quality.GOOD, "back")
        assert rig.port.value("count") == 0.0, "a reader that boots counts anew"
        assert len([text for _, text in rig.port.logs if "port" in text or "wire" in text]) >= 1


async def test_a_reader_that_restarts_counts_anew() -> None:
    async with reader(silence_s=0.15) as rig:
        near(rig)
        await passes(rig, 7.9, 0)
        await passes(rig, 8.1, 1)
        rig.device.fault("reset", seconds=0.3)
        await eventually(lambda: rig.port.samples["count"].cause is Cause.LINK_DOWN, "silent")
        await passes(rig, 8.1, 0)
        assert rig.port.bad("id") is Cause.NOT_VALID


async def test_a_slow_reader_loses_no_crossing() -> None:
    async with reader() as rig:
        await passes(rig, 7.9, 0)
        rig.device.fault("slow", seconds=0.1)
        await asyncio.sleep(0.15)
        rig.go(8.1)
        await crossed(rig, 1.0)
        assert rig.port.value("id") == 17.0


@pytest.mark.parametrize(("mode", "cause"), [("stuck", Cause.FROZEN), ("garbage", Cause.NOT_VALID)])
async def test_a_reader_that_hangs_or_raves_is_not_alive(mode: str, cause: Cause) -> None:
    async with reader(silence_s=0.1) as rig:
        rig.device.fault(mode)
        await eventually(lambda: rig.port.samples["count"].cause is cause, "noticed")
        assert rig.port.value("alive") == 0.0
        logged = len(rig.port.logs)
        await asyncio.sleep(0.3)
        assert len(rig.port.logs) == logged, "said once"
        rig.device.clear()
        await eventually(lambda: rig.port.samples["count"].quality is Quality.GOOD, "well again")


@pytest.mark.parametrize("mode", ["corrupt", "drop"])
async def test_lost_telegrams_lose_no_crossing(mode: str) -> None:
    async with reader(silence_s=1.0) as rig:
        rig.device.fault(mode, share=0.5)
        for count, x in enumerate((7.9, 8.1, 7.9, 8.1)):
            await passes(rig, x, count)
        await eventually(lambda: rig.port.value("lost") > 0.0, "counted")
        assert rig.port.value("lateral") == pytest.approx(0.05)


async def test_telegrams_that_come_late_make_the_crossing_older() -> None:
    async with reader(silence_s=5.0) as rig:
        await settled(rig)
        near(rig)
        await asyncio.sleep(0.05)
        rig.device.fault("delay", seconds=1.0)
        rig.go(8.1)
        await crossed(rig, 1.0)
        told = rig.port.samples["age"]
        true_ns = rig.device.crossings[0].time_s * 1e9
        assert told.value > 0.9
        assert told.stamp_mono_ns - told.value * 1e9 == pytest.approx(true_ns, abs=400e6)


async def test_a_burst_after_a_stall_tells_its_newest_telegram() -> None:
    """A serial server that held a second of telegrams back: the crossing is not taken for a fresh one."""
    conf = TransponderReaderConfig(wire=Wire(port="/dev/none"))
    port = FakePort("reader", TransponderDriver.tags(conf))
    now_ns = [10**12]
    port.mono = lambda: now_ns[0]
    driver = TransponderDriver("reader", conf, port)
    begin, count = 200, 100
    steady = [(10 * n, telegram(n & 0xFF, 2, 0, 0, 0.0, 0xFFFF, 100 * n, 0.0)) for n in range(begin)]
    late = [
        telegram((begin + n) & 0xFF, 2, 1, 42, 0.0, 100 * n, 100 * (begin + n), 0.5) for n in range(count)
    ]
    stream = Chunks([*steady, (10 * (begin + count - 1), b"".join(late))], now_ns)
    with pytest.raises(DeviceError):
        await driver._listen(stream)  # type: ignore[arg-type]  # what it uses of a stream
    assert port.value("age") == pytest.approx(0.01 * (count - 1), abs=1e-3)
    assert port.value("lost") == 0.0
    assert port.commits[-1]["count"].value == 1.0
    assert port.commits[-2]["count"].value == 0.0, "the telegrams before the newest are not told"


async def test_until_the_fastest_is_known_an_age_is_uncertain() -> None:
    async with reader() as rig:
        await passes(rig, 7.9, 0)
        await passes(rig, 8.1, 1)
        seen = [commit["age"][1:3] for commit in rig.port.commits]
        assert (Quality.UNCERTAIN, Cause.ESTIMATED) in seen
        await eventually(lambda: rig.port.samples["age"].quality is Quality.GOOD, "known")


class Chunks:
    """A stream that gives bytes at moments (ms), and is then lost."""

    def __init__(self, chunks: list[tuple[int, bytes]], now_ns: list[int]) -> None:
        self._chunks, self._now_ns, self._begin_ns = chunks, now_ns, now_ns[0]

    async def read(self) -> bytes:
        if not self._chunks:
            raise DeviceError("lost", "plug it in")
        at_ms, data = self._chunks.pop(0)
        self._now_ns[0] = self._begin_ns + at_ms * 1_000_000
        return data


async def test_over_tcp() -> None:
    ended = asyncio.Event()

    async def serve(listener: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        with suppress(ConnectionError):
            while not listener.at_eof():
                number += 1
                writer.write(telegram(number & 0xFF, 2, 1, 42, 0.007, number * 100, number * 100, 0.5))
                with suppress(TimeoutError):
                    await asyncio.wait_for(listener.read(1), 0.01)  # ends when the driver hangs up
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, tcp_port = server.sockets[0].getsockname()[:2]
    conf = TransponderReaderConfig(wire=Wire(host=host, tcp_port=tcp_port))
    port = FakePort("reader", TransponderDriver.tags(conf))
    task = asyncio.create_task(TransponderDriver("reader", conf, port).run())
    try:
        await eventually(lambda: port.samples["id"].value == 42.0, "read")
        assert port.value("lateral") == pytest.approx(0.007)
        assert math.isclose(port.value("signal"), 0.5, abs_tol=0.01)
    finally:
        await stopped(task)
        await asyncio.wait_for(ended.wait(), 5.0)
        server.close()
        await asyncio.sleep(0)


async def test_probing_finds_a_reader_and_nothing_else() -> None:
    assert isinstance(TransponderDriver, Probing)
    plant = ReaderPlant(ReaderParams(), PLACES)
    device = SimTransponderReader("reader", lambda: VehicleTruth(0.0, 0.0, 0.0), time.monotonic, plant)
    wire = Wire(**await device.start())
    running = asyncio.create_task(device.run())
    try:
        found = await TransponderDriver.probe(wire, 0.3)
        assert found.protocol == "transponder reader"
        assert found.messages["telegram"] >= 3
        assert found.used_bytes >= 0.8 * found.heard_bytes
        assert found.config == {"wire": {"port": wire.port, "baud": 115_200}}
        assert any("no transponder" in note for note in found.notes)
        device.fault("garbage")
        await asyncio.sleep(0.05)
        other = await TransponderDriver.probe(wire, 0.3)
        assert (other.protocol, other.used_bytes, other.config) == ("", 0, {})
        assert other.heard_bytes > 0
        device.clear()
        device.fault("wrong", antenna=1.0)
        await asyncio.sleep(0.05)
        assert "antenna" in (await TransponderDriver.probe(wire, 0.3)).notes[0]
    finally:
        await stopped(running)
        await device.stop()


def test_check_finds_a_missing_wire() -> None:
    assert TransponderDriver.check(TransponderReaderConfig(wire=Wire(port="/dev/ttyS7"))) == []
    found = TransponderDriver.check(TransponderReaderConfig(wire=Wire()))
    assert [key for key, _, _ in found] == ["wire"]
