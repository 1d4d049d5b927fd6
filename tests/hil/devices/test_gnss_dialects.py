"""Every maker's dialect: what is written is read back by the driver, and by pyubx2 where it can."""

import asyncio
import math

import msgspec
import pytest
from device_port import FakePort, eventually
from hypothesis import given, settings
from hypothesis import strategies as st
from pyubx2 import UBXReader

from drivers.gnss import GnssConfig, GnssDriver
from drivers.gnss.messages import Reader
from drivers.gnss.wire import UBX, Framer
from gatectl.model import Cause
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin
from hil.devices.gnss import GnssReceiver
from hil.devices.gnss_dialects import DIALECTS, LEVEL_SIGMAS
from hil.plant.gnss import Fix, GnssNoise, Measurement, VehicleTruth

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
ANTENNA = AntennaConfig(forward_m=4.0, up_m=3.2)
# What a dialect does not say.
SILENT = {
    "trimble": {"age", "sigma_heading"},
    "nmea": {"baseline", "sigma_heading"},
    "septentrio": {"baseline"},
    "ksxt": {"baseline", "sigma_heading"},
    "unicore": set(),
    "novatel": set(),
    "ublox": set(),
}


def read(dialect: str, measured: Measurement, utc_s: float) -> dict[str, object]:
    """Everything that the burst says, by the first message that says it."""
    framer, reader = Framer(), Reader()
    frames = framer.feed(b"".join(DIALECTS[dialect](measured, utc_s)), 0)
    assert not framer.rejected
    reports = [reader.read(frame) for frame in frames]
    assert not reader.unused
    found: dict[str, object] = {}
    # The position that is sent with more digits counts.
    for report in sorted(reports, key=lambda r: r.message != "UBX-NAV-HPPOSLLH"):
        for name in report.__struct_fields__:
            value = getattr(report, name)
            if value is not None:
                found.setdefault(name, value)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-89.9, 89.9),
    st.floats(-179.9, 179.9),
    st.integers(94_668_480_000, 410_244_400_000).map(lambda n: n / 100),
    st.sampled_from([Fix.FIXED, Fix.FLOAT, Fix.SINGLE]),
    st.floats(0.0, math.tau - 1e-6),
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_written_reads_back(dialect, latitude, longitude, utc_s, fix, heading):
    measured = Measurement(fix, latitude, longitude, 123.456, 1.0, 2.0, heading, 0.012, 0.7, 22)
    found = read(dialect, measured, utc_s)
    assert found["latitude_deg"] == pytest.approx(latitude, abs=2e-9)
    assert found["longitude_deg"] == pytest.approx(longitude, abs=2e-9)
    assert found["height_m"] == pytest.approx(123.456, abs=1e-3)
    assert found["quality"] == fix
    assert found["satellites"] == 22
    assert found["speed_mps"] == pytest.approx(1.0, abs=1e-3)
    assert found["course_rad"] == pytest.approx(2.0, abs=1e-4)
    turn = math.remainder(found["heading_rad"] - heading, math.tau)
    assert turn == pytest.approx(0.0, abs=1e-4)
    assert found["sigma_north_m"] == found["sigma_east_m"] == pytest.approx(0.012, abs=1e-4)
    assert found["day"] * 86_400 + found["tod_ns"] * 1e-9 == pytest.approx(utc_s, abs=1e-6)
    silent = SILENT[dialect]
    assert ("baseline_m" in found) == ("baseline" not in silent)
    assert ("sigma_heading_rad" in found) == ("sigma_heading" not in silent)
    assert ("correction_age_s" in found) == ("age" not in silent and fix is not Fix.SINGLE)
    if dialect == "ublox":
        assert found["receiver_level_m"] == pytest.approx(LEVEL_SIGMAS * 0.012, abs=1e-3)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_fix_there_is_no_value(dialect):
    found = read(dialect, Measurement(Fix.NONE, 21.0, 106.0, 3.0, 1.0, 2.0, 3.0, 0.01, 0.7, 22), 1.7e9)
    assert found["quality"] == 0
    for name in ("latitude_deg", "longitude_deg", "height_m", "speed_mps", "course_rad", "heading_rad"):
        assert name not in found
    assert "receiver_level_m" not in found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_baseline_there_is_no_heading(dialect):
    found = read(dialect, Measurement(Fix.FIXED, 21.0, 106.0, 3.0, 1.0, 2.0, None, 0.01, 0.7, 22), 1.7e9)
    assert found["latitude_deg"] == pytest.approx(21.0)
    assert "heading_rad" not in found


def test_pyubx2_reads_the_same():
    measured = Measurement(Fix.FIXED, 21.976012345, -106.712345678, 300.1234, 1.5, 2.0, 3.0, 0.012, 0.7, 22)
    messages = [UBXReader.parse(data) for data in DIALECTS["ublox"](measured, 1_770_631_390.8)]
    pvt, high, vector, level = messages
    assert [m.identity for m in messages] == ["NAV-PVT", "NAV-HPPOSLLH", "NAV-RELPOSNED", "NAV-PL"]
    assert (pvt.year, pvt.month, pvt.day, pvt.hour, pvt.min, pvt.second) == (2026, 2, 9, 10, 3, 10)
    assert (pvt.carrSoln, pvt.gnssFixOk, pvt.numSV, pvt.gSpeed, pvt.lastCorrectionAge) == (2, 1, 22, 1500, 1)
    assert high.lat == pytest.approx(21.976012345, abs=1e-9)
    assert high.lon == pytest.approx(-106.712345678, abs=1e-9)
    assert high.height == pytest.approx(300_123.4, abs=0.05)
    assert vector.relPosHeading == pytest.approx(math.degrees(3.0), abs=1e-5)
    assert (vector.relPosLength, vector.relPosHeadingValid, vector.isMoving) == (150, 1, 1)
    assert level.plPosValid == 1


def test_only_the_binary_dialect_is_binary():
    measured = Measurement(Fix.FIXED, 21.0, 106.0, 3.0, 1.0, 2.0, 3.0, 0.01, 0.7, 22)
    for name, dialect in DIALECTS.items():
        forms = {frame.form for frame in Framer().feed(b"".join(dialect(measured, 1.7e9)), 0)}
        assert (forms == {UBX}) == (name == "ublox")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_driver_reads_it_from_a_pty(dialect):
    receiver = GnssReceiver(
        "gnss",
        lambda: VehicleTruth(100.0, 50.0, 0.3, speed=2.0),
        GnssNoise(),
        origin=ORIGIN,
        antenna=ANTENNA,
        rate_hz=20.0,
        dialect=dialect,
    )
    wire = await receiver.start()
    config = msgspec.convert({"wire": wire, "rate_hz": 20.0}, GnssConfig)
    port = FakePort("gnss", GnssDriver.tags(config))
    driver = GnssDriver("gnss", config, port)
    tasks = [asyncio.create_task(receiver.run()), asyncio.create_task(driver.run())]
    try:
        good = (
            "latitude",
            "longitude",
            "height",
            "fix",
            "speed",
            "course",
            "heading",
            "epoch_utc",
            "sigma_north",
        )
        await eventually(lambda: all(port.samples[tag].good for tag in good), "a whole epoch")
        assert port.value("latitude") == pytest.approx(21.97646, abs=1e-4)
        assert port.value("heading") == pytest.approx(math.pi / 2 - 0.3, abs=math.radians(1))
        assert port.value("speed") == pytest.approx(2.0, abs=0.1)
        assert port.value("fix") == 4
        receiver.fault("off")
        await eventually(lambda: port.samples["latitude"].cause is Cause.NOT_VALID, "no position")
        assert not port.samples["heading"].good
        assert not driver.rejected
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await receiver.stop()
