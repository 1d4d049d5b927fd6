"""Sentences as values: what is empty or damaged is None, never 0.0."""

import math
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gnss.sentences import Gga, Gst, Heading, Rmc, Vtg, kind_of, parse
from gatectl.model import WireError

KNOT = 1852 / 3600


def read(body: str):
    return parse(f"${body}*{reduce(xor, body.encode(), 0):02X}")


def test_gga_in_si_units_with_ellipsoidal_height():
    gga = read("GNGGA,235959.9,4552.5,S,17030.25,W,4,12,0.7,14.2,M,1.8,M,0.9,0001")
    assert gga == Gga(86_399_900_000_000, -45.875, -(170 + 30.25 / 60), 16.0, 4, 12, 0.9)


def test_an_empty_gga_has_no_position():
    assert read("GNGGA,021417.00,,,,,0,00,99.99,,,,,,") == Gga(8057 * 10**9, None, None, None, 0, 0, None)


@pytest.mark.parametrize("quality", [0, 1, 2, 4, 5, 6])
def test_quality_is_kept_as_it_is(quality):
    assert read(f"GNGGA,021417.00,3725.5,N,12205.6,W,{quality},12,0.76,4.4,M,-30.0,M,,").quality == quality


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("3725.5,X", "12205.6,W"),
        ("3725.5,N", "18000.1,E"),
        ("9000.1,N", "12205.6,W"),
        ("3760.0,N", "12260.0,W"),
        ("nan,N", "inf,E"),
        ("37x5.5,N", "-2205.6,E"),
        ("5.5,N", ".6,E"),
    ],
)
def test_a_damaged_position_is_none(latitude, longitude):
    gga = read(f"GNGGA,021417.00,{latitude},{longitude},4,12,0.7,4.4,M,-30.0,M,,")
    assert gga.latitude_deg is None or gga.longitude_deg is None


def test_numbers_that_python_would_take_and_nmea_would_not():
    gga = read("GNGGA,021417.00,3725.5,N,12205.6,W,4,1_2,0.7,1e3,M,nan,M,-1,")
    assert gga.satellites is None
    assert gga.height_m is None
    assert gga.correction_age_s is None


def test_height_needs_the_geoid_separation():
    assert read("GNGGA,021417.00,3725.5,N,12205.6,W,1,12,0.7,4.4,M,,M,,").height_m is None


def test_rmc_date_velocity_and_validity():
    rmc = read("GNRMC,000000.00,A,3725.5,N,12205.6,W,10.0,90.0,290224,13.06,E,F,V")
    assert rmc == Rmc(0, 19_782, True, False, pytest.approx(10 * KNOT), pytest.approx(math.pi / 2))
    assert not read("GNRMC,000000.00,V,,,,,,,290224,,,N").valid
    assert not read("GNRMC,000000.00,A,,,,,,,290224,,,S").valid
    assert read("GNRMC,000000.00,A,,,,,,,290224,,,E").estimated


@pytest.mark.parametrize("date", ["300223", "320124", "011324", "0101", "", "a10124"])
def test_a_date_that_is_none(date):
    assert read(f"GNRMC,000000.00,A,3725.5,N,12205.6,W,1,1,{date},,,A").day is None


@pytest.mark.parametrize("clock", ["240000", "006000", "000061", "0000", "", "12345x"])
def test_a_time_that_is_none(clock):
    assert read(f"GNGST,{clock},,,,,1,1,1").tod_ns is None


def test_a_leap_second_is_a_time():
    assert read("GNGST,235960.00,,,,,1,1,1").tod_ns == 86_400 * 10**9


def test_gst_sigmas_by_axis():
    assert read("GNGST,235647.00,0.003,0.054,0.044,139.7,0.050,0.049,0.070") == Gst(
        86_207 * 10**9, 0.050, 0.049
    )


def test_vtg_and_empty_course():
    assert read("GNVTG,180.0,T,,M,10.0,N,18.52,K,D") == Vtg(
        True, False, pytest.approx(10 * KNOT), pytest.approx(math.pi)
    )
    assert read("GNVTG,,T,,M,0.025,N,0.045,K,A").course_rad is None
    assert not read("GNVTG,,,,,,,,,N").valid


@pytest.mark.parametrize(
    ("body", "degrees", "estimated"),
    [
        ("GNTHS,244.28,A", 244.28, False),
        ("GNTHS,244.28,E", 244.28, True),
        ("GNTHS,244.28,V", None, False),
        ("GNTHS,244.28,M", None, False),
        ("GNTHS,244.28,", None, False),
        ("GPTHS,,V", None, False),
        ("GNTHS,361.00,A", None, False),
        ("GNTHS,360.00,A", 0.0, False),
        ("GNHDT,244.28,T", 244.28, False),
        ("GNHDT,,T", None, False),
    ],
)
def test_heading_only_when_vouched_for(body, degrees, estimated):
    radians = None if degrees is None else pytest.approx(math.radians(degrees))
    assert read(body) == Heading(radians, estimated)


def test_real_lines_with_their_own_checksums():
    assert parse("$GNTHS,244.28,A*11") == Heading(pytest.approx(math.radians(244.28)), False)
    assert parse("$GNHDT,244.28,T*13").heading_rad == pytest.approx(math.radians(244.28))
    for wrong in ("$GNTHS,244.28,A*12", "$GNTHS,244.28,A", "$GNHDT,244.28,T*14", "$GNHDT,244.28,T"):
        with pytest.raises(WireError):
            parse(wrong)


def test_other_kinds_are_named_and_not_read():
    assert read("PTNL,GGK,235647.00,122017") is None
    assert kind_of("$PTNL,GGK*00") == "PTNL"
    assert kind_of("$GPGSV,1*00") == "GSV"
    assert kind_of("$*00") == ""


@given(
    st.sampled_from(["GNGGA", "GNRMC", "GNGST", "GNVTG", "GNTHS", "GNHDT", "P", "", "GGA", "A", "GNGGAX"]),
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$*,")), max_size=16
    ),
)
def test_any_text_with_a_right_checksum_is_read_or_refused(head, fields):
    """Only WireError may come out, and numbers are finite."""
    try:
        sentence = read(",".join([head, *fields]))
    except WireError:
        return
    for value in sentence or ():
        assert value is None or math.isfinite(value)
