"""Messages of every maker as records: scales, units, and what must not be believed."""

import math

import pytest
from gnss_reports import clock, close, days, read, said
from gnss_wire import log, long_nmea, nmea

from drivers.gnss.messages import Reader, Report
from drivers.gnss.messages.fields import DAY_NS
from drivers.gnss.wire import Framer

S = 10**9

BESTNAV = (
    "BESTNAVA,97,GPS,FINE,2294,472312000,0,0,18,16;{0},{1},40.0789588272,116.2365102982,65.8312,-8.4925,WGS84,"
    '1.2221,1.1053,2.1970,"0",0.400,0.200,50,28,28,0,1,12,12,41,{2},{3},0.000,0.000,0.0046,335.592288,0.0045,'
    "0.0194,0.0123"
)


def test_bestnava_has_position_and_velocity_each_with_its_status():
    whole = said(
        read(log(BESTNAV.format("SOL_COMPUTED", "NARROW_FLOAT", "SOL_COMPUTED", "DOPPLER_VELOCITY")))
    )
    assert whole == close(
        message="BESTNAVA", tod_ns=clock(11, 11, 34), day=days(2023, 12, 29), valid=True, quality=5,
        latitude_deg=40.0789588272, longitude_deg=116.2365102982, height_m=65.8312 - 8.4925,
        sigma_north_m=1.2221, sigma_east_m=1.1053, sigma_up_m=2.197, station="0", correction_age_s=0.4,
        satellites=28, speed_mps=0.0046, course=335.592288,
    )  # fmt: skip
    placed = said(read(log(BESTNAV.format("SOL_COMPUTED", "NARROW_INT", "INSUFFICIENT_OBS", "NONE"))))
    assert placed["quality"] == 4
    assert "speed_mps" not in placed
    assert "course" not in placed
    moving = said(read(log(BESTNAV.format("INSUFFICIENT_OBS", "NONE", "SOL_COMPUTED", "DOPPLER_VELOCITY"))))
    assert moving.keys() == {
        "message",
        "tod_ns",
        "day",
        "valid",
        "quality",
        "satellites",
        "speed_mps",
        "course",
    }
    nothing = read(log(BESTNAV.format("COLD_START", "NONE", "COLD_START", "NONE")))
    assert nothing.valid is False


# A position or heading that the message itself does not vouch for: the record has none of it.
UNVOUCHED = {
    "AVR without a fix": nmea("PTNL,AVR,212405.20,+52.1531,Yaw,-0.0806,Tilt,,,12.575,0,1.4,16"),
    "AVR of an unknown quality": nmea("PTNL,AVR,212405.20,+52.1531,Yaw,-0.0806,Tilt,,,12.575,9,1.4,16"),
    "AVR whose angle lost its label": nmea("PTNL,AVR,212405.20,+52.1531,,-0.0806,Tilt,,,12.575,3,1.4,16"),
    "GGK without a fix": nmea("PTNL,GGK,235720.00,122017,3403.4,N,11711.8,W,0,10,3.5,EHT370.269,M"),
    "GGK of an unknown quality": nmea("PTNL,GGK,235720.00,122017,3403.4,N,11711.8,W,16,10,3.5,EHT370.269,M"),
    "KSXT of no status": nmea(
        "KSXT,20211016083433.00,116.3,39.9,49.4,223.57,-11.3,330.1,0.02,,0,0,28,27,,,,,,,,"
    ),
    "HRP of mode 0": nmea("PSSN,HRP,100310.80,090226,44.748,,0.412,0.143,,0.365,34,0,4.865,W"),
    "HRP from the velocity": nmea("PSSN,HRP,100310.80,090226,44.748,,0.412,0.143,,0.365,34,5,4.865,W"),
    "HRP of do-not-use values": nmea(
        "PSSN,HRP,100310.80,090226,-20000000000.000,-2e10,-20000000000,,,,34,2,,W"
    ),
    "THS void": nmea("GNTHS,244.28,V"),
    "THS simulated": nmea("GNTHS,244.28,S"),
    "THS typed in": nmea("GNTHS,244.28,M"),
    "THS without a mode": nmea("GNTHS,244.28,"),
    "HDT empty": nmea("GNHDT,,T"),
    "HPR without a fix": nmea("GNHPR,074615.00,320.9610,-66.1712,000.0000,0,47,0.00,0999"),
    "HPR simulated": nmea("GNHPR,074615.00,320.9610,-66.1712,000.0000,8,47,0.00,0999"),
    "PSAT of no source": nmea("PSAT,HPR,044551.80,161.54,-2.84,1.4,"),
    "PSTI,035 void": nmea("PSTI,035,003832.000,290322,V,R,-0.815,-0.393,0.044,0.906,244.28,,,,,"),
    "PSTI,035 of no RTK": nmea("PSTI,035,003832.000,290322,A,A,-0.815,-0.393,0.044,0.906,244.28,,,,,"),
    "PSTI,036 not valid": nmea("PSTI,036,003832.000,290322,244.28,2.77,0.00,N"),
    "heading not computed": log(
        'UNIHEADINGA,78,GPS,FINE,2428,116060000,0,0,18,11;INSUFFICIENT_OBS,NONE,1.4,179.0,-2.4,0,0.8,1.0,"9",27'
    ),
    "heading of an unknown type": log(
        'HEADING2A,COM1,0,39.5,FINE,1622,422892.200,0,0,0;SOL_COMPUTED,MAGIC,1.4,179.0,-2.4,0,0.8,1.0,"9","1",27'
    ),
    "a position that was typed in": log(
        'BESTPOSA,COM2,0,91,FINE,2164,52077.0,0,0,0;SOL_COMPUTED,FIXEDPOS,32.0,118.8,68.5,2.0,WGS84,0,0,0,"",0,0'
    ),
    "INS that still aligns": log(
        "INSPVAXA,COM1,0,73.5,FINE,1695,309428.0,0,0,0;INS_ALIGNMENT_COMPLETE,INS_RTKFIXED,28.2,112.8,82.7,-17.0,"
        "0,0,0,179.7,-0.3,1.4,0.02,0.01,0.02,0,0,0,0.05,0.05,1.08,0,0"
    ),
    "GGA invalid": nmea("GNGGA,021417.00,3725.5,N,12205.6,W,0,12,0.76,4.4,M,-30.0,M,0.0,2000"),
    "GGA typed in": nmea("GNGGA,021417.00,3725.5,N,12205.6,W,7,12,0.76,4.4,M,-30.0,M,0.0,2000"),
    "GGA simulated": nmea("GNGGA,021417.00,3725.5,N,12205.6,W,8,12,0.76,4.4,M,-30.0,M,0.0,2000"),
    "GGA without a quality": nmea("GNGGA,021417.00,3725.5,N,12205.6,W,,12,0.76,4.4,M,-30.0,M,0.0,2000"),
    "RMC void": nmea("GNRMC,000000.00,V,3725.5,N,12205.6,W,10.0,90.0,290224,,,A"),
    "RMC not valid": nmea("GNRMC,000000.00,A,3725.5,N,12205.6,W,10.0,90.0,290224,,,N"),
    "RMC simulated": nmea("GNRMC,000000.00,A,3725.5,N,12205.6,W,10.0,90.0,290224,,,S"),
    "VTG not valid": nmea("GNVTG,180.0,T,,M,10.0,N,18.52,K,N"),
}
MEASURED = (
    "latitude_deg", "longitude_deg", "height_m", "speed_mps", "course_rad", "heading_rad", "pitch_rad",
    "roll_rad", "day", "correction_age_s",
)  # fmt: skip


@pytest.mark.parametrize("data", UNVOUCHED.values(), ids=UNVOUCHED)
def test_what_is_not_vouched_for_never_becomes_a_number(data):
    report = read(data)
    if report.message in ("HEADING2A", "UNIHEADINGA", "BESTPOSA", "INSPVAXA"):
        assert report.day is not None  # from the head of the log
        report = Report(**{k: getattr(report, k) for k in report.__struct_fields__ if k != "day"})
    if report.valid is None or (
        report.valid and "do-not-use" in next(k for k, v in UNVOUCHED.items() if v == data)
    ):
        assert report.message in ("HDT", "PSSN,HRP")  # they are empty, and that is all they say
        assert report.heading_rad is report.pitch_rad is report.roll_rad is None
    else:
        assert report.valid is False
        assert {getattr(report, name) for name in MEASURED} == {None}
        assert not report.quality
        assert not report.heading_quality


@pytest.mark.parametrize(
    ("code", "quality"),
    [("1", 1), ("2", 5), ("3", 4), ("4", 2), ("5", 2), ("6", 5), ("7", 4), ("8", 5), ("9", 4), ("12", 5)],
)
def test_trimbles_quality_is_not_ggas(code, quality):
    line = nmea(f"PTNL,GGK,235720.00,122017,3403.4,N,11711.8,W,{code},10,3.5,EHT370.269,M")
    assert read(line).quality == quality


def test_trimbles_date_is_month_first_and_its_height_says_above_what():
    first = read(nmea("PTNL,GGK,000000.00,020326,3403.4,N,11711.8,W,3,10,3.5,EHT-6.777,M"))
    assert (first.day, first.height_m) == (days(2026, 2, 3), -6.777)
    assert read(nmea("PTNL,GGK,000000.00,130226,3403.4,N,11711.8,W,3,10,3.5,6.777,M")).day is None
    assert read(nmea("PTNL,GGK,000000.00,020326,3403.4,N,11711.8,W,3,10,3.5,6.777,M")).height_m is None


@pytest.mark.parametrize("frame", [nmea, long_nmea])
def test_ksxt_judges_position_and_heading_apart_in_either_checksum(frame):
    def ksxt(position: int, heading: int) -> Report:
        return read(
            frame(
                "KSXT,20261231235959.90,106.712,21.976,300.5,90.00,1.00,91.00,36.0,-2.00,"
                f"{position},{heading},20,30,1.0,2.0,3.0,0.0,36.0,0.0,0.8,30,"
            )
        )

    both = ksxt(3, 2)
    assert (both.quality, both.heading_quality) == (4, 5)
    assert both.speed_mps == pytest.approx(10.0)
    assert both.tod_ns == DAY_NS - S // 10
    assert both.day == days(2026, 12, 31)
    only_position = ksxt(3, 0)
    assert only_position.latitude_deg == 21.976
    assert only_position.heading_rad is only_position.pitch_rad is only_position.roll_rad is None
    assert only_position.heading_quality == 0
    assert only_position.valid
    only_heading = ksxt(0, 3)
    assert only_heading.heading_rad == pytest.approx(math.pi / 2)
    assert only_heading.latitude_deg is only_heading.speed_mps is only_heading.day is None
    assert only_heading.quality == 0


@pytest.mark.parametrize(("mode", "quality"), [("1", 5), ("2", 4), ("3", 5), ("4", 4)])
def test_septentrios_modes(mode, quality):
    line = nmea(f"PSSN,HRP,104751.00,230324,23.455,1.954,0.0125,0.123,0.0234,0.03765,11,{mode},4.56453,W")
    report = read(line)
    assert report.heading_quality == quality
    assert report.roll_rad == pytest.approx(math.radians(1.954))  # roll stands before pitch
    assert report.pitch_rad == pytest.approx(math.radians(0.0125))


def test_a_gyro_heading_is_an_estimate():
    assert read(nmea("PSAT,HPR,044551.80,161.54,-2.84,1.4,G")).estimated
    assert read(nmea("GNTHS,161.54,E")).estimated
    assert not read(nmea("PSAT,HPR,044551.80,161.54,-2.84,1.4,N")).estimated


@pytest.mark.parametrize(
    ("kind", "quality"),
    [("SINGLE", 1), ("PSRDIFF", 2), ("NARROW_FLOAT", 5), ("L1_FLOAT", 5), ("NARROW_INT", 4), ("L1_INT", 4),
     ("WIDE_INT", 4), ("INS_RTKFIXED", 4), ("INS_RTKFLOAT", 5), ("PROPAGATED", 6)],
)  # fmt: skip
def test_position_types_of_logs(kind, quality):
    report = read(
        log(
            f'BESTPOSA,COM1,0,1,FINE,2404,1.0,0,0,0;SOL_COMPUTED,{kind},51.0,-114.1,1114.2,-16.6,WGS84,1,1,1,"1",1,0'
        )
    )
    assert report.quality == quality
    assert report.estimated == (quality == 6)
    assert (report.correction_age_s is None) == (quality == 1)  # a single position was corrected by nothing


def test_an_unknown_baseline_length_is_none():
    body = (
        "HEADING2A,SPECIAL,0,23.5,FINE,2078,516279.000,0,0,0;SOL_COMPUTED,NARROW_INT,{0},239.9,-0.6,0,0.2,0.3"
    )
    assert read(log(body.format("-1.000000000"))).baseline_m is None
    assert read(log(body.format("1.5"))).baseline_m == 1.5


# Second antennas, vectors from the reference station, and what is not position at all.
@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (nmea("GNGGAH,021417.00,3725.5,N,12205.6,W,4,12,0.76,4.4,M,-30,M,,"), "GGAH", "second antenna"),
        (nmea("GPRMCH,000000.00,A,3725.5,N,12205.6,W,10.0,90.0,290224,,,A"), "RMCH", "second antenna"),
        (log(BESTNAV.replace("BESTNAVA", "BESTNAVHA")), "BESTNAVHA", "second antenna"),
        (log(BESTNAV.replace("BESTNAVA", "OBSVMA")), "OBSVMA", "not used"),
        (nmea("PSTI,032,033010.0,111219,A,R,-4.96,-10.81,-1.84,12.0,204.67,,,,,"), "PSTI,032", "not used"),
        (nmea("GPGSV,1,1,01,02,25,181,42"), "GSV", "not used"),
        (nmea("PXGGA,021417.00,3725.5,N,12205.6,W,4"), "PXGGA,021417.00", "not used"),
    ],
)  # fmt: skip
def test_what_must_not_be_taken_for_the_position(data, name, reason):
    reader = Reader()
    (frame,) = Framer().feed(data, 0)
    assert reader.read(frame) is None
    assert reader.unused == {reason: 1}
    assert reader.received.total() == 1
    assert set(reader.received) <= {name, "other"}


def test_ths_and_hdt_end_in_letters_that_mean_nothing():
    """`...H` is the second antenna, but THS, HDT and HPR are no `...H` sentences."""
    assert read(nmea("GNTHS,1.0,A")).heading_rad is not None
    assert read(nmea("GPHPR,074615.00,1.0,2.0,0.0,4,47,0.00,0999")).heading_rad is not None


def test_names_of_noise_are_not_kept_without_end():
    reader = Reader()
    for number in range(1000):
        for frame in Framer().feed(nmea(f"P{number:03d}X,{number}") + log(f"N{number}A,1;2"), 0):
            assert reader.read(frame) is None
    assert len(reader.received) <= 202
    assert reader.received.total() == 2000
