"""The simulated receiver, read by the real driver over its pseudo-terminal."""

import asyncio
import math
import os
import stat
from contextlib import asynccontextmanager

import msgspec
import pytest
from device_port import FakePort, eventually
from hypothesis import given
from hypothesis import strategies as st

from drivers.gnss import GnssConfig, GnssDriver
from drivers.gnss.messages import Reader
from drivers.gnss.wire import Framer
from gatectl.core.motion import SiteFrame
from gatectl.model import Cause, UsageError
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin
from hil.device import SimDevice
from hil.devices.gnss import GnssReceiver
from hil.devices.nmea import sentences
from hil.plant.gnss import Fix, GnssNoise, Measurement, VehicleTruth

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
ANTENNA = AntennaConfig(forward_m=4.0, up_m=3.2)
TRUTH = VehicleTruth(100.0, 50.0, 0.3, speed=2.0)


class Bench:
    """Receiver and driver, running."""

    def __init__(self, **options) -> None:
        self.asked: list[float] = []
        self.receiver = GnssReceiver(
            "gnss", self.truth, GnssNoise(), origin=ORIGIN, antenna=ANTENNA, **options
        )

    def truth(self) -> VehicleTruth:
        self.asked.append(self.receiver._utc_s())
        return TRUTH

    @property
    def commits(self):
        return self.port.commits

    async def more(self, count: int) -> None:
        goal = len(self.commits) + count
        await eventually(lambda: len(self.commits) >= goal, "epochs")


@asynccontextmanager
async def bench(**options):
    it = Bench(**options)
    device: SimDevice = it.receiver
    wire = await device.start()
    config = msgspec.convert({"wire": wire}, GnssConfig)
    it.port = FakePort("gnss", GnssDriver.tags(config))
    it.driver = GnssDriver("gnss", config, it.port)
    tasks = [asyncio.create_task(device.run()), asyncio.create_task(it.driver.run())]
    try:
        await it.more(2)
        yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await device.stop()
        await device.stop()


async def test_the_driver_reads_what_the_plant_says():
    async with bench() as it:
        await it.more(3)
        port, asked = it.port, list(it.asked)
    at = SiteFrame(ORIGIN).to_site(port.value("latitude"), port.value("longitude"), port.value("height"))
    assert at.x == pytest.approx(100 + 4 * math.cos(0.3), abs=0.06)
    assert at.y == pytest.approx(50 + 4 * math.sin(0.3), abs=0.06)
    assert at.up == pytest.approx(3.2, abs=0.15)
    assert port.value("heading") == pytest.approx(math.pi / 2 - 0.3, abs=math.radians(1))
    assert port.value("course") == pytest.approx(math.pi / 2 - 0.3, abs=0.06)
    assert port.value("speed") == pytest.approx(2.0, abs=0.1)
    assert port.value("fix") == 4
    assert 0.0 <= port.value("correction_age") <= 1.0
    epochs = [commit["epoch_utc"].value for commit in it.commits]
    assert all(round(e * 10) == pytest.approx(e * 10, abs=1e-4) for e in epochs)  # aligned to UTC
    assert epochs == sorted(set(epochs))
    # The truth is that of the epoch, not of the moment of sending 60 ms later.
    late = [min(when - epoch for when in asked if when >= epoch) for epoch in epochs]
    assert sorted(late)[len(late) // 2] < 0.055
    assert it.driver.rejected == {}


async def test_no_satellites_is_no_position_and_it_comes_back_as_float():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("off")
        await eventually(lambda: it.port.samples["latitude"].cause is Cause.NOT_VALID, "no position")
        assert it.port.value("fix") == 0
        assert it.port.bad("heading") is Cause.NOT_VALID
        assert it.port.value("alive") == 1
        it.receiver.clear()
        await eventually(lambda: it.port.samples["latitude"].good, "position again")
        assert it.port.value("fix") == 5


async def test_stuck_is_seen_as_frozen():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("stuck")
        await eventually(lambda: it.port.samples["epoch_utc"].cause is Cause.FROZEN, "frozen")
        it.receiver.clear()
        await eventually(lambda: it.port.samples["epoch_utc"].good, "moving again")


async def test_a_delay_shows_in_the_age():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("delay", seconds=0.2)
        await eventually(lambda: it.port.samples["epoch_age"].value > 0.2, "older")
        it.receiver.clear()


@pytest.mark.parametrize("mode", ["garbage", "corrupt", "drop"])
async def test_spoilt_lines_are_refused_and_never_believed(mode):
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault(mode)
        await it.more(15)
        it.receiver.clear()
        await it.more(3)
    latitudes = [commit["latitude"] for commit in it.commits]
    assert sum(s.good for s in latitudes) > 5
    assert all(abs(s.value - 21.97646) < 1e-4 for s in latitudes if s.good)
    if mode == "drop":
        assert any(not s.good for commit in it.commits for s in commit.values())
    else:
        assert sum(it.driver.rejected.values()) > 0


async def test_wrong_is_off_by_what_was_asked_and_still_called_fixed():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("wrong", east_m=30.0)
        await eventually(lambda: it.port.samples["longitude"].value > 106.71325, "30 m east")
        assert it.port.bad("longitude") is Cause.CONFLICT  # no vehicle moves so far in an epoch
        assert it.port.value("fix") == 4
        it.receiver.fault("wrong", fix="float")
        await eventually(lambda: it.port.samples["fix"].value == 5, "float")


async def test_reset_is_silent_then_has_to_find_its_fix():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("reset", seconds=0.3)
        await asyncio.sleep(0.15)
        count = len(it.commits)
        await asyncio.sleep(0.1)
        assert len(it.commits) == count
        await it.more(1)
        assert it.port.value("fix") == 5


async def test_slow_sends_fewer_epochs():
    async with bench(rate_hz=20.0) as it:
        it.receiver.fault("slow", factor=4)
        await it.more(4)
    epochs = [commit["epoch_utc"].value for commit in it.commits]
    assert epochs[-1] - epochs[-2] == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize(
    ("mode", "params"),
    [
        ("explode", {}),
        ("off", {"seconds": 1.0}),
        ("delay", {"seconds": "long"}),
        ("wrong", {"fix": "perfect"}),
    ],
)
def test_what_it_cannot_do_is_refused_with_what_it_can(mode, params):
    receiver = GnssReceiver("gnss", lambda: TRUTH, GnssNoise(), origin=ORIGIN, antenna=ANTENNA)
    with pytest.raises(UsageError) as caught:
        receiver.fault(mode, **params)
    assert caught.value.remedy


async def test_nothing_is_left_behind_and_nobody_listening_is_no_problem():
    receiver = GnssReceiver("gnss", lambda: TRUTH, GnssNoise(), origin=ORIGIN, antenna=ANTENNA, rate_hz=50.0)
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names of open descriptors
    wire = await receiver.start()
    assert stat.S_ISCHR(os.stat(wire["port"]).st_mode)  # noqa: PTH116 - no disk behind it
    task = asyncio.create_task(receiver.run())
    await asyncio.sleep(0.5)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await receiver.stop()
    await asyncio.sleep(0.1)  # a burst that was under way finds the wire closed
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@given(
    st.floats(-89.9, 89.9),
    st.floats(-180, 180),
    st.floats(946_684_800, 4_102_444_000),
    st.sampled_from([Fix.FIXED, Fix.FLOAT, Fix.SINGLE]),
)
def test_what_is_written_reads_back_to_a_fifth_of_a_millimetre(latitude, longitude, utc_s, fix):
    measured = Measurement(fix, latitude, longitude, 123.456, 1.0, 2.0, 3.0, 0.012, 0.7, 22)
    frames = Framer().feed(b"".join(sentences(measured, utc_s)), 0)
    gga, rmc, vtg, gst, ths = map(Reader().read, frames)
    assert gga.latitude_deg == pytest.approx(latitude, abs=1e-9)
    assert gga.longitude_deg == pytest.approx(longitude, abs=1e-9)
    assert gga.height_m == pytest.approx(123.456, abs=1e-3)
    assert gga.quality == fix
    assert rmc.day * 86_400 + rmc.tod_ns * 1e-9 == pytest.approx(utc_s, abs=0.006)
    assert gga.tod_ns == rmc.tod_ns == gst.tod_ns
    assert vtg.speed_mps == rmc.speed_mps == pytest.approx(1.0, abs=1e-3)
    assert ths.heading_rad == pytest.approx(3.0, abs=1e-4)
