"""GPS time as UTC: weeks, midnights, leap seconds, and heads that do not know the time."""

from datetime import UTC, datetime, timedelta

import pytest
from gnss_wire import log, nmea, rtcm
from hypothesis import given
from hypothesis import strategies as st

from drivers.gnss.decoder import Decoder
from drivers.gnss.messages import Reader, Report
from drivers.gnss.messages.gpstime import from_itow, from_week
from drivers.gnss.wire import Framer

BODY = 'SOL_COMPUTED,NARROW_INT,1.4773,179.0284,-2.4202,0,0.8259,1.0921,"999",27'
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unicore(head: str, reader: Reader | None = None) -> Report | None:
    (frame,) = Framer().feed(log(f"UNIHEADINGA,{head};{BODY}"), 0)
    return (reader or Reader()).read(frame)


def novatel(head: str, reader: Reader | None = None) -> Report | None:
    (frame,) = Framer().feed(log(f"HEADING2A,{head};{BODY}"), 0)
    return (reader or Reader()).read(frame)


@given(st.integers(1, 5000), st.integers(0, 604_799_999), st.integers(0, 30))
def test_weeks_and_milliseconds_as_the_calendar_has_them(week, ms, leap):
    tod_ns, day = from_week(week, ms, leap)
    moment = GPS_EPOCH + timedelta(weeks=week, milliseconds=ms, seconds=-leap)
    since = moment - UNIX_EPOCH
    assert day == since.days
    assert tod_ns == since.seconds * 10**9 + since.microseconds * 1000
    assert from_itow(ms, leap) == tod_ns


def test_the_first_second_of_a_week_belongs_to_saturday():
    report = novatel("COM1,0,60.0,FINESTEERING,2404,0.000,02000000,b1f6,16809")
    assert report.tod_ns == (86_400 - 18) * 10**9
    assert UNIX_EPOCH + timedelta(days=report.day) == datetime(2026, 1, 31, tzinfo=UTC)  # a Saturday
    later = novatel("COM1,0,60.0,FINESTEERING,2404,18.000,02000000,b1f6,16809")
    assert (later.tod_ns, later.day) == (0, report.day + 1)


def test_leap_seconds_come_from_the_configuration_until_a_head_carries_them():
    reader = Reader(leap_seconds=17)
    head = "COM1,0,60.0,FINESTEERING,2404,100.000,02000000,b1f6,16809"
    assert novatel(head, reader).tod_ns == 83 * 10**9
    assert unicore("78,GPS,FINE,2404,100000,0,0,19,11", reader).tod_ns == 81 * 10**9
    assert novatel(head, reader).tod_ns == 81 * 10**9
    assert unicore("78,GPS,FINE,2404,100000,0,0,0,11", reader).tod_ns == 81 * 10**9  # 0: does not know


@pytest.mark.parametrize("status", ["FINE", "FINESTEERING", "FINEADJUSTING"])
def test_fine_time_counts(status):
    assert novatel(f"COM1,0,60.0,{status},2404,100.000,0,0,0").tod_ns == 82 * 10**9


@pytest.mark.parametrize(
    "head",
    [
        "COM1,0,60.0,UNKNOWN,2404,100.000,0,0,0",
        "COM1,0,60.0,COARSE,2404,100.000,0,0,0",
        "COM1,0,60.0,FREEWHEELING,2404,100.000,0,0,0",
        "COM1,0,60.0,FINE,,100.000,0,0,0",
        "COM1,0,60.0,FINE,0,100.000,0,0,0",
        "COM1,0,60.0,FINE,2404,,0,0,0",
        "COM1,0,60.0,FINE,2404,1.2.3,0,0,0",
        "COM1,0,60.0,FINE,2404,-5,0,0,0",
        "COM1,0,60.0,FINE,2404,604801,0,0,0",
        "COM1,0,60.0,FINE,24x4,100.000,0,0,0",
        "COM1",
        "",
    ],
)
def test_a_head_that_does_not_know_the_time_has_none(head):
    report = novatel(head)
    assert report.tod_ns is report.day is None
    assert report.heading_rad is not None


@pytest.mark.parametrize("reference", ["BDS", "BDST"])
def test_beidou_time_is_not_taken_for_gps_time(reference):
    report = unicore(f"78,{reference},FINE,1048,100000,0,0,18,11")
    assert report.tod_ns is report.day is None


def test_a_decoder_counts_by_message_and_reason_and_knows_the_configured_leap_seconds():
    decoder = Decoder(leap_seconds=17)
    data = (
        log(f"HEADING2A,COM1,0,60.0,FINE,2404,100.000,0,0,0;{BODY}")
        + rtcm(b"\x43\x50\x00")
        + nmea("GNGGAH,021417.00,3725.5,N,12205.6,W,4")
        + nmea("GPGSV,1,1,01,02,25,181,42")
        + b"noise"
    )
    ((report, _),) = decoder.feed(data, 0)
    assert report.tod_ns == 83 * 10**9
    assert decoder.received == {"HEADING2A": 1, "GGAH": 1, "GSV": 1}
    assert decoder.unused == {"second antenna": 1, "not used": 1}
    assert decoder.skipped == {"RTCM 1077": 1}
    assert decoder.rejected == {"stray_bytes": 5}
