"""UBX messages: built by pyubx2, read back by the driver, and compared with what pyubx2 reads."""

import math

import pytest
from gnss_wire import ubx
from hypothesis import given, settings
from hypothesis import strategies as st
from pyubx2 import UBXReader

from drivers.gnss.checksums import fletcher8
from drivers.gnss.messages import Reader, Report
from drivers.gnss.messages.fields import DAY_NS
from drivers.gnss.wire import Framer

DAY = 20_493  # 2026-02-09
MOMENT = {"year": 2026, "month": 2, "day": 9, "hour": 10, "min": 3, "second": 10, "nano": 800_000_123}
KNOWN = {"validDate": 1, "validTime": 1, "fullyResolved": 1}
FIX = {"fixType": 3, "gnssFixOk": 1}
# 2026-02-09 is a Monday: seconds since Sunday, GPS time being 18 s ahead.
ITOW_MS = ((86_400 + 10 * 3600 + 3 * 60 + 10 + 18) * 1000) + 800
TOD_NS = (10 * 3600 + 3 * 60 + 10) * 10**9 + 800 * 10**6
PLACE = {"lat": 21.976_012_3, "lon": -106.712_345_6, "height": 300_123, "hAcc": 14, "vAcc": 20}
HEADING = {
    "version": 1, "relPosLength": 147, "_HPrelPosLength": 0.23, "relPosHeading": 179.0284,
    "accHeading": 0.8259,
    "gnssFixOK": 1, "diffSoln": 1, "relPosValid": 1, "carrSoln": 2, "isMoving": 1, "relPosHeadingValid": 1,
    "refStationID": 7,
}  # fmt: skip


def read(data: bytes, reader: Reader | None = None) -> Report | None:
    (frame,) = Framer().feed(data, 0)
    return (reader or Reader()).read(frame)


def pvt(**fields: object) -> Report:
    given = {"iTOW": ITOW_MS, **MOMENT, **KNOWN, **FIX, **PLACE, **fields}
    report = read(ubx("NAV-PVT", **given))
    assert report is not None
    return report


def test_nav_pvt_in_si_units():
    report = pvt(
        numSV=31, gSpeed=2345, headMot=123.45678, diffSoln=1, carrSoln=2, lastCorrectionAge=2
    )  # fmt: skip
    assert report == Report(
        message="UBX-NAV-PVT",
        itow_ms=ITOW_MS,
        tod_ns=TOD_NS,
        day=DAY,
        valid=True,
        quality=4,
        latitude_deg=pytest.approx(21.976_012_3, abs=1e-10),
        longitude_deg=pytest.approx(-106.712_345_6, abs=1e-10),
        height_m=pytest.approx(300.123),
        satellites=31,
        correction_age_s=2.0,
        sigma_north_m=0.014,
        sigma_east_m=0.014,
        sigma_up_m=0.02,
        speed_mps=pytest.approx(2.345),
        course_rad=pytest.approx(math.radians(123.45678)),
    )


@pytest.mark.parametrize(
    ("flags", "quality"),
    [
        ({}, 1),
        ({"diffSoln": 1}, 2),
        ({"diffSoln": 1, "carrSoln": 1}, 5),
        ({"diffSoln": 1, "carrSoln": 2}, 4),
        ({"fixType": 2}, 1),
        ({"fixType": 4, "carrSoln": 2}, 4),
        ({"fixType": 1}, 6),
        ({"fixType": 1, "carrSoln": 2}, 6),
        ({"fixType": 0, "carrSoln": 2}, 0),
        ({"fixType": 5, "carrSoln": 2}, 0),
        ({"gnssFixOk": 0, "carrSoln": 2}, 0),
        ({"fixType": 6}, 0),
        ({"carrSoln": 3}, 1),
    ],
)
def test_quality_on_ggas_scale(flags, quality):
    report = pvt(**flags)
    assert report.quality == quality
    assert report.valid is (quality != 0)
    assert report.estimated is (quality == 6)
    assert (report.latitude_deg is None) == (quality == 0)
    assert (report.speed_mps is None) == (quality == 0)


def test_an_invalid_position_of_a_fix_is_none():
    report = pvt(invalidLlh=1, gSpeed=1000)
    assert report.latitude_deg is report.longitude_deg is report.height_m is report.sigma_north_m is None
    assert report.speed_mps == 1.0


@pytest.mark.parametrize(
    ("code", "age_s"), [(0, None), (1, 1.0), (3, 5.0), (11, 120.0), (12, 86_400.0), (15, 86_400.0)]
)
def test_correction_age_is_the_upper_end_of_its_class(code, age_s):
    assert pvt(lastCorrectionAge=code).correction_age_s == age_s


@pytest.mark.parametrize(
    ("changes", "tod_ns", "day"),
    [
        ({"validTime": 0}, None, DAY),
        ({"validDate": 0}, TOD_NS, None),
        ({"fullyResolved": 0}, TOD_NS, None),  # leap seconds may still be wrong: no date from this one
        ({"month": 13}, TOD_NS, None),
        ({"day": 30}, TOD_NS, None),
        ({"hour": 0, "min": 0, "second": 0, "nano": -400_000}, 0, DAY),
        ({"hour": 0, "min": 0, "second": 0, "nano": -100_400_000}, DAY_NS - 100 * 10**6, DAY - 1),
        ({"hour": 23, "min": 59, "second": 59, "nano": 999_999_000}, 0, DAY + 1),
        ({"hour": 23, "min": 59, "second": 60, "nano": 0}, DAY_NS, DAY),
        ({"hour": 24}, None, None),
    ],
)
def test_time_and_date(changes, tod_ns, day):
    report = pvt(**changes)
    assert report.tod_ns == tod_ns
    assert report.day == (None if tod_ns is None else day)


def test_the_week_time_becomes_the_same_utc_as_that_of_nav_pvt():
    reader = Reader()
    reports = [
        read(ubx(identity, iTOW=ITOW_MS, **fields), reader)
        for identity, fields in (
            ("NAV-PVT", MOMENT | KNOWN | FIX | PLACE),
            ("NAV-HPPOSLLH", PLACE),
            ("NAV-RELPOSNED", HEADING),
            ("NAV-PL", {"version": 1, "plPosValid": 1, "plPosFrame": 3, "plPos1": 300}),
        )
    ]
    assert {(report.tod_ns, report.itow_ms) for report in reports} == {(TOD_NS, ITOW_MS)}


def test_leap_seconds_are_learnt_from_nav_pvt_but_not_before_it_knows_them():
    """A receiver after a cold start, and one of a year with 19 leap seconds."""
    reader = Reader()
    early = dict(MOMENT, second=12)
    read(ubx("NAV-PVT", iTOW=ITOW_MS, **early, validDate=1, validTime=1), reader)
    assert reader.leap_seconds == 18
    read(ubx("NAV-PVT", iTOW=ITOW_MS + 1000, **MOMENT, **KNOWN), reader)
    assert reader.leap_seconds == 19
    assert read(ubx("NAV-HPPOSLLH", iTOW=ITOW_MS + 1000, **PLACE), reader).tod_ns == TOD_NS


def test_the_week_begins_on_saturday_evening_utc():
    report = read(ubx("NAV-HPPOSLLH", iTOW=0, **PLACE))
    assert report.tod_ns == DAY_NS - 18 * 10**9


def test_hpposllh_adds_the_tenths_of_millimetres():
    fields = {"lat": 21.9760123, "lon": -106.7123456, "height": 300_123}
    data = bytearray(ubx("NAV-HPPOSLLH", iTOW=ITOW_MS, **fields, hAcc=14.2, vAcc=20.1))
    body = bytes(data)
    there = UBXReader.parse(body)
    report = read(body)
    assert report.latitude_deg == pytest.approx(there.lat, abs=1e-12)
    assert report.longitude_deg == pytest.approx(there.lon, abs=1e-12)
    assert report.height_m == pytest.approx(there.height / 1000, abs=1e-9)
    assert report.sigma_north_m == pytest.approx(there.hAcc / 1000)
    assert report.sigma_north_m > 0.014
    assert report.quality is None
    assert report.valid is None


def test_an_invalid_hpposllh_has_no_position():
    report = read(ubx("NAV-HPPOSLLH", iTOW=ITOW_MS, invalidLlh=1, **PLACE))
    assert report == Report(message="UBX-NAV-HPPOSLLH", itow_ms=ITOW_MS, tod_ns=TOD_NS, valid=False)


def test_relposned_as_heading_and_baseline():
    report = read(ubx("NAV-RELPOSNED", iTOW=ITOW_MS, **HEADING))
    there = UBXReader.parse(ubx("NAV-RELPOSNED", iTOW=ITOW_MS, **HEADING))
    assert report == Report(
        message="UBX-NAV-RELPOSNED",
        itow_ms=ITOW_MS,
        tod_ns=TOD_NS,
        valid=True,
        station="7",
        heading_rad=pytest.approx(math.radians(179.0284)),
        sigma_heading_rad=pytest.approx(math.radians(there.accHeading)),
        heading_quality=4,
        baseline_m=pytest.approx(there.relPosLength / 100, abs=1e-9),
    )
    assert report.baseline_m > 1.47


@pytest.mark.parametrize(
    "flag",
    [{"gnssFixOK": 0}, {"relPosValid": 0}, {"relPosHeadingValid": 0}, {"carrSoln": 0}, {"isMoving": 0}],
)
def test_relposned_without_all_of_its_flags_is_no_heading(flag):
    report = read(ubx("NAV-RELPOSNED", iTOW=ITOW_MS, **(HEADING | flag)))
    assert report == Report(
        message="UBX-NAV-RELPOSNED", itow_ms=ITOW_MS, tod_ns=TOD_NS, valid=False, heading_quality=0
    )


def test_a_float_an_extrapolated_and_a_normalised_vector():
    assert read(ubx("NAV-RELPOSNED", **(HEADING | {"carrSoln": 1}))).heading_quality == 5
    old = read(ubx("NAV-RELPOSNED", **(HEADING | {"refObsMiss": 1})))
    assert (old.heading_quality, old.estimated) == (6, True)
    assert read(ubx("NAV-RELPOSNED", **(HEADING | {"relPosNormalized": 1}))).baseline_m is None


@pytest.mark.parametrize(
    ("frame", "valid", "level_m"),
    [(1, 1, 0.5), (2, 1, 0.5), (3, 1, 0.4), (0, 1, None), (4, 1, None), (3, 0, None), (1, 0, None)],
)
def test_the_receivers_own_protection_level(frame, valid, level_m):
    fields = {
        "version": 1,
        "plPosValid": valid,
        "plPosFrame": frame,
        "plPos1": 400,
        "plPos2": 300,
        "plPos3": 900,
    }
    report = read(ubx("NAV-PL", iTOW=ITOW_MS, **fields))
    assert report.receiver_level_m == (None if level_m is None else pytest.approx(level_m))
    assert report.valid is (level_m is not None)


def test_versions_and_lengths_that_are_not_known_are_counted():
    reader = Reader()
    assert read(ubx("NAV-RELPOSNED", **(HEADING | {"version": 0})), reader) is None
    assert read(ubx("NAV-PL", version=9), reader) is None
    assert read(ubx("NAV-HPPOSLLH", version=1), reader) is None
    assert read(ubx("NAV-EOE", iTOW=1), reader) is None
    assert reader.unused == {"unreadable": 3, "not used": 1}
    assert reader.received["UBX-01-61"] == 1


@settings(deadline=None)
@given(st.binary(min_size=92, max_size=92))
def test_any_nav_pvt_is_what_pyubx2_reads_or_nothing(payload):
    body = b"\x01\x07\x5c\x00" + payload
    data = b"\xb5\x62" + body + fletcher8(body)
    there, report = UBXReader.parse(data), read(data)
    assert report.itow_ms == there.iTOW
    assert report.tod_ns is None or 0 <= report.tod_ns < DAY_NS + 10**9
    if report.latitude_deg is not None:
        assert there.gnssFixOk
        assert not there.invalidLlh
        assert report.latitude_deg == pytest.approx(there.lat, abs=1e-9)
    if report.longitude_deg is not None:
        assert report.longitude_deg == pytest.approx(there.lon, abs=1e-9)
    if report.speed_mps is not None:
        assert report.speed_mps == pytest.approx(there.gSpeed / 1000)
    if report.quality == 4:
        assert (there.carrSoln, there.gnssFixOk) == (2, 1)


@settings(deadline=None)
@given(st.binary(min_size=64, max_size=64))
def test_any_relposned_has_a_heading_only_with_its_flags(payload):
    body = b"\x01\x3c\x40\x00\x01" + payload[1:]
    data = b"\xb5\x62" + body + fletcher8(body)
    there, report = UBXReader.parse(data), read(data)
    vouched = there.relPosHeadingValid and there.relPosValid and there.gnssFixOK and there.isMoving
    if report.heading_rad is None:
        assert not (vouched and there.carrSoln in (1, 2) and 0 <= there.relPosHeading <= 360)
    else:
        assert vouched
        assert math.degrees(report.heading_rad) % 360 == pytest.approx(there.relPosHeading % 360, abs=1e-6)
