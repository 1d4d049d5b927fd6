"""Standard sentences as records: what is empty or damaged is None, never 0.0."""

import math

import pytest
from gnss_wire import nmea

from drivers.gnss.messages import Reader, Report
from drivers.gnss.wire import Framer

KNOT = 1852 / 3600


def read(body: str) -> Report:
    (frame,) = Framer().feed(nmea(body), 0)
    report = Reader().read(frame)
    assert report is not None
    return report


def test_gga_in_si_units_with_ellipsoidal_height():
    assert read("GNGGA,235959.9,4552.5,S,17030.25,W,4,12,0.7,14.2,M,1.8,M,0.9,0001") == Report(
        message="GGA",
        tod_ns=86_399_900_000_000,
        valid=True,
        quality=4,
        latitude_deg=-45.875,
        longitude_deg=-(170 + 30.25 / 60),
        height_m=16.0,
        satellites=12,
        correction_age_s=0.9,
        station="0001",
    )


def test_an_empty_gga_has_no_position():
    assert read("GNGGA,021417.00,,,,,0,00,99.99,,,,,,") == Report(
        message="GGA", tod_ns=8057 * 10**9, valid=False, quality=0, satellites=0
    )


@pytest.mark.parametrize("quality", [1, 2, 3, 4, 5, 6])
def test_quality_is_kept_as_it_is(quality):
    report = read(f"GNGGA,021417.00,3725.5,N,12205.6,W,{quality},12,0.76,4.4,M,-30.0,M,,")
    assert report.quality == quality
    assert report.estimated == (quality == 6)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("3725.5,X", "12205.6,W"),
        ("3725.5,", "12205.6,W"),
        ("3725.5,N", "18000.1,E"),
        ("9000.1,N", "12205.6,W"),
        ("3760.0,N", "12260.0,W"),
        ("nan,N", "inf,E"),
        ("37x5.5,N", "-2205.6,E"),
        ("5.5,N", ".6,E"),
        ("37251.5,N", "122056.1,W"),
        ("3725.5.1,N", "12205..6,W"),
    ],
)
def test_a_damaged_position_is_none(latitude, longitude):
    report = read(f"GNGGA,021417.00,{latitude},{longitude},4,12,0.7,4.4,M,-30.0,M,,")
    assert report.latitude_deg is None or report.longitude_deg is None


def test_numbers_that_python_would_take_and_nmea_would_not():
    report = read("GNGGA,021417.00,3725.5,N,12205.6,W,4,1_2,0.7,1e3,M,nan,M,-1,")
    assert report.satellites is report.height_m is report.correction_age_s is report.station is None


def test_blanks_around_a_value_are_no_part_of_it():
    report = read("GNGGA, 021417.00,3725.5 ,N, 12205.6, W, 4 , 12,0.76, 4.4,M,-30.0 ,M,0.5 , 1")
    plain = read("GNGGA,021417.00,3725.5,N,12205.6,W,4,12,0.76,4.4,M,-30.0,M,0.5,1")
    assert report == plain


def test_height_needs_the_geoid_separation():
    assert read("GNGGA,021417.00,3725.5,N,12205.6,W,1,12,0.7,4.4,M,,M,,").height_m is None


def test_a_single_position_has_no_age_of_corrections():
    assert read("GNGGA,021417.00,3725.5,N,12205.6,W,1,12,0.7,4.4,M,1.0,M,0.0,").correction_age_s is None
    assert read("GNGGA,021417.00,3725.5,N,12205.6,W,2,12,0.7,4.4,M,1.0,M,0.0,").correction_age_s == 0.0


def test_a_cut_sentence_with_a_right_checksum_has_what_is_there():
    assert read("GNGGA,021417.00,3725.5,N,12205.6").longitude_deg is None
    assert read("GNGGA").tod_ns is None
    assert read("GNRMC,000000.00,A") == Report(message="RMC", tod_ns=0, valid=True)


def test_rmc_date_velocity_and_validity():
    report = read("GNRMC,000000.00,A,3725.5,N,12205.6,W,10.0,90.0,290224,13.06,E,F,V")
    assert report == Report(
        message="RMC",
        tod_ns=0,
        day=19_782,
        valid=True,
        speed_mps=pytest.approx(10 * KNOT),
        course_rad=pytest.approx(math.pi / 2),
    )
    assert read("GNRMC,000000.00,A,,,,,,,290224,,,E").estimated
    assert read("GNRMC,000000.00,A,,,,,1.0,2.0,290224").speed_mps  # before NMEA 2.3 there was no mode


@pytest.mark.parametrize("mode", ["A", "D", "P", "R", "F", "E"])
def test_modes_that_are_measurements(mode):
    assert read(f"GNRMC,000000.00,A,3725.5,N,12205.6,W,1.0,2.0,290224,,,{mode}").valid
    assert read(f"GNVTG,180.0,T,,M,10.0,N,18.52,K,{mode}").valid


@pytest.mark.parametrize("date", ["300223", "320124", "011324", "0101", "", "a10124"])
def test_a_date_that_is_none(date):
    assert read(f"GNRMC,000000.00,A,3725.5,N,12205.6,W,1,1,{date},,,A").day is None


@pytest.mark.parametrize(
    "clock", ["240000", "006000", "000061", "0000", "", "12345x", "120000.1x", "1200000"]
)
def test_a_time_that_is_none(clock):
    assert read(f"GNGST,{clock},,,,,1,1,1").tod_ns is None


def test_a_leap_second_is_a_time():
    assert read("GNGST,235960.00,,,,,1,1,1").tod_ns == 86_400 * 10**9


def test_gst_sigmas_by_axis():
    assert read("GNGST,235647.00,0.003,0.054,0.044,139.7,0.050,0.049,0.070") == Report(
        message="GST", tod_ns=86_207 * 10**9, sigma_north_m=0.050, sigma_east_m=0.049, sigma_up_m=0.070
    )
    assert read("GNGST,235647.00,,,,,0.000,-1.0,0.070").sigma_north_m is None  # nobody is that good


def test_vtg_and_empty_course():
    report = read("GNVTG,180.0,T,,M,10.0,N,18.52,K,D")
    assert (report.speed_mps, report.course_rad) == (pytest.approx(10 * KNOT), pytest.approx(math.pi))
    assert report.tod_ns is None
    assert read("GNVTG,,T,,M,0.025,N,0.045,K,A").course_rad is None


def test_zda_is_a_date_and_a_time():
    assert read("GNZDA,000000.05,29,02,2024,00,00") == Report(message="ZDA", tod_ns=50_000_000, day=19_782)
    assert read("GNZDA,000000.05,30,02,2024,00,00").day is None
    assert read("GNZDA,,,,,00,00") == Report(message="ZDA")


@pytest.mark.parametrize(
    ("body", "degrees", "estimated"),
    [
        ("GNTHS,244.28,A", 244.28, False),
        ("GNTHS,244.28,E", 244.28, True),
        ("GNTHS,361.00,A", None, False),
        ("GNTHS,-0.01,A", None, False),
        ("GNTHS,360.00,A", 0.0, False),
        ("GNHDT,244.28,T", 244.28, False),
        ("GNHPR,074615.00,90.0,1.0,0.0,6,47,0.00,0999", 90.0, True),
    ],
)
def test_headings(body, degrees, estimated):
    report = read(body)
    assert report.heading_rad == (None if degrees is None else pytest.approx(math.radians(degrees)))
    assert report.estimated == estimated
