"""Every maker's mixture of messages becomes whole epochs: position, heading and date of one moment."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from device_port import FakePort
from gnss_wire import log, nmea, ubx

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.model import Cause, DeviceError
from gatectl.model.device import Wire

BEGIN = datetime(2026, 11, 23, 23, 59, 59, 500_000, tzinfo=UTC)  # over midnight UTC, a Monday to a Tuesday
GPS_LEAP_S = 18
EPOCHS = 10


def heading(number: int) -> float:
    return 90.0 + number


class Moment:
    """Epoch `number`, ten a second, 10 cm northwards each."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.at = BEGIN + timedelta(milliseconds=100 * number)
        self.clock = self.at.strftime("%H%M%S.%f")[:-4]
        self.latitude = 21.5 + number * 0.1 / 111_320
        minutes = (self.latitude - 21) * 60
        self.place = f"21{minutes:010.7f},N,10642.0000000,E"
        gps = self.at + timedelta(seconds=GPS_LEAP_S) - datetime(1980, 1, 6, tzinfo=UTC)
        self.week, seconds = divmod(round(gps.total_seconds() * 1000), 604_800_000)
        self.itow = seconds


def classic(m: Moment) -> bytes:
    return (
        nmea(f"GNGGA,{m.clock},{m.place},4,20,0.6,325.0,M,-25.0,M,0.8,0001")
        + nmea(f"GNRMC,{m.clock},A,{m.place},2.0,0.0,{m.at:%d%m%y},,,R,V")
        + nmea(f"GNGST,{m.clock},0.01,,,,0.011,0.012,0.02")
        + nmea(f"GNTHS,{heading(m.number):.2f},A")
    )


def septentrio(m: Moment) -> bytes:
    gga = nmea(f"GNGGA,{m.clock},{m.place},4,20,0.6,325.0,M,-25.0,M,0.8,0001")
    return gga + nmea(
        f"PSSN,HRP,{m.clock},{m.at:%d%m%y},{heading(m.number):.3f},,0.412,0.143,,0.365,34,2,4.865,W"
    )


def ksxt(m: Moment) -> bytes:
    return nmea(
        f"KSXT,{m.at:%Y%m%d%H%M%S}.{m.at.microsecond // 10_000:02d},106.7,{m.latitude:.9f},300.0,"
        f"{heading(m.number):.2f},1.0,0.0,3.600,,3,3,25,25,,,,0.0,3.6,0.0,1.0,56,"
    )


def u_blox(m: Moment) -> bytes:
    scaled = {"lat": m.latitude, "lon": 106.7, "height": 300_000, "hAcc": 14, "vAcc": 20}
    t = {"iTOW": m.itow}
    return (
        ubx("NAV-RELPOSNED", version=1, relPosLength=147, relPosHeading=heading(m.number), accHeading=0.8,
            gnssFixOK=1, diffSoln=1, relPosValid=1, carrSoln=2, isMoving=1, relPosHeadingValid=1, **t)
        + ubx("NAV-PVT", year=m.at.year, month=m.at.month, day=m.at.day, hour=m.at.hour, min=m.at.minute,
              second=m.at.second, nano=m.at.microsecond * 1000, validDate=1, validTime=1, fullyResolved=1,
              fixType=3, gnssFixOk=1, difSoln=1, carrSoln=2, numSV=20, gSpeed=1000, lastCorrectionAge=1,
              **scaled, **t)
        + ubx("NAV-HPPOSLLH", version=0, **(scaled | {"hAcc": 14.0, "vAcc": 20.0}), **t)
    )  # fmt: skip


def unicore(m: Moment) -> bytes:
    head = f"78,GPS,FINE,{m.week},{m.itow},0,0,18,11"
    return log(
        f"UNIHEADINGA,{head};SOL_COMPUTED,NARROW_INT,1.4773,{heading(m.number):.4f},-2.4,0.0,0.8259,1.09,"
        '"999",27,21,21,15,3,01,3,f3'
    ) + log(
        f"BESTNAVA,{head};SOL_COMPUTED,NARROW_INT,{m.latitude:.11f},106.7,325.0,-25.0,WGS84,0.011,0.012,0.02,"
        '"1",0.8,0.0,30,20,0,0,0,00,0,0,SOL_COMPUTED,DOPPLER_VELOCITY,0.0,0.0,1.0,0.0,0.0,0.03,0.03'
    )


def trimble(m: Moment) -> bytes:
    return (
        nmea(f"PTNL,AVR,{m.clock},{heading(m.number):+.4f},Yaw,-0.08,Tilt,,,12.575,3,1.4,16")
        + nmea(f"PTNL,GGK,{m.clock},{m.at:%m%d%y},{m.place},3,10,3.5,EHT300.000,M")
        + nmea(f"GNGST,{m.clock},0.01,,,,0.011,0.012,0.02")
    )


MIXTURES = {f.__name__: f for f in (classic, septentrio, ksxt, u_blox, unicore, trimble)}


class Script:
    """A stream that gives these chunks, then is silent for a moment, then unplugged."""

    where = "script"

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def read(self) -> bytes:
        if not self._chunks:
            raise DeviceError("the wire is gone")
        return self._chunks.pop(0)


async def driven(chunks: list[bytes], **config) -> FakePort:
    settings = GnssConfig(wire=Wire(port="/dev/none"), **config)
    port = FakePort("gnss", GnssDriver.tags(settings))
    driver = GnssDriver("gnss", settings, port)
    with pytest.raises(DeviceError):
        await driver._session(Script(chunks))
    for epoch in driver._assembler.quiet():
        driver._publish(epoch)
    return port


@pytest.mark.parametrize("pieces", ["whole", "bytewise", "all at once"])
@pytest.mark.parametrize("name", MIXTURES)
async def test_epochs_are_whole_and_of_one_moment(name, pieces):
    moments = [Moment(n) for n in range(EPOCHS)]
    bursts = [MIXTURES[name](m) for m in moments]
    if pieces == "bytewise":
        bursts = [bytes([byte]) for data in bursts for byte in data]
    elif pieces == "all at once":
        bursts = [b"".join(bursts)]
    port = await driven(bursts)
    utc = [commit["epoch_utc"].value for commit in port.commits]
    assert utc == pytest.approx([m.at.timestamp() for m in moments], abs=1e-6)
    for commit, moment in zip(port.commits[2:], moments[2:], strict=True):  # the first ones teach the burst
        assert commit["latitude"].good
        assert commit["latitude"].value == pytest.approx(moment.latitude, abs=1.1e-7)  # UBX counts 1e-7 deg
        assert commit["height"].value == pytest.approx(300.0)
        assert commit["heading"].good
        assert math.degrees(commit["heading"].value) == pytest.approx(heading(moment.number), abs=1e-3)
        assert commit["fix"].value == 4
        assert commit["epoch_age"].good


@pytest.mark.parametrize("name", ["u_blox", "unicore", "trimble"])
async def test_a_baseline_that_is_not_the_configured_one_spoils_the_heading(name):
    bursts = [MIXTURES[name](Moment(n)) for n in range(4)]
    port = await driven(list(bursts), baseline_m=2.0)
    assert port.samples["heading"].cause is Cause.CONFLICT
    assert port.samples["latitude"].good
    assert [level for level, text in port.logs if "baseline" in text] == ["warning"]
    right = {"u_blox": 1.47, "unicore": 1.48, "trimble": 12.575}[name]
    assert (await driven(list(bursts), baseline_m=right)).samples["heading"].good


async def test_a_heading_of_another_moment_is_never_put_to_this_one():
    """The receiver's heading is one epoch behind throughout: it goes to its own epoch, or nowhere."""
    moments = [Moment(n) for n in range(EPOCHS)]
    bursts = []
    for earlier, now in pairwise(moments):
        gga, rmc = classic(now).splitlines(keepends=True)[:2]
        avr = trimble(earlier).splitlines(keepends=True)[0]
        bursts.append(gga + avr + rmc)
    port = await driven(bursts)
    for commit in port.commits:
        if commit["heading"].usable:
            number = round((commit["epoch_utc"].value - BEGIN.timestamp()) * 10)
            assert math.degrees(commit["heading"].value) == pytest.approx(heading(number), abs=1e-3)
    assert sum(commit["heading"].usable for commit in port.commits) >= 3


async def test_a_week_roll_is_corrected_and_told():
    rolled = BEGIN - timedelta(weeks=1024)
    body = f"GNRMC,{rolled:%H%M%S}.00,A,2130.0,N,10642.0,E,0.0,,{rolled:%d%m%y},,,A,V"
    settings = GnssConfig(wire=Wire(port="/dev/none"))
    port = FakePort("gnss", GnssDriver.tags(settings))
    port.utc = lambda: round(BEGIN.timestamp() * 1e9) + 3_600_000_000_000
    driver = GnssDriver("gnss", settings, port)
    with pytest.raises(DeviceError):
        await driver._session(Script([nmea(body)]))
    for epoch in driver._assembler.quiet():
        driver._publish(epoch)
    assert port.value("epoch_utc") == pytest.approx(BEGIN.timestamp(), abs=1.0)
    assert any("1024 weeks" in text for _, text in port.logs)
