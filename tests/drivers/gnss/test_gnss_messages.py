"""Messages of every vendor as records: real ones with their own checksums, and what must not be believed."""

import math

import pytest
from gnss_wire import log, long_nmea, nmea

from drivers.gnss.messages import Reader, Report
from drivers.gnss.messages.fields import DAY_NS
from drivers.gnss.wire import Framer

S = 10**9


def read(data: bytes) -> Report | None:
    (frame,) = Framer().feed(data + b"\r\n", 0)
    return Reader().read(frame)


def said(report: Report | None) -> dict[str, object]:
    """What the record holds; angles in degrees, so that they can be compared with the message."""
    assert report is not None
    values = {name: getattr(report, name) for name in report.__struct_fields__}
    for name in [name for name in values if name.endswith("_rad")]:
        angle = values.pop(name)
        values[name.removesuffix("_rad")] = None if angle is None else math.degrees(angle)
    return {name: value for name, value in values.items() if value is not None and value is not False}


def close(**values: object) -> dict[str, object]:
    return {k: pytest.approx(v, rel=1e-12, abs=1e-9) if type(v) is float else v for k, v in values.items()}


def clock(hour: int, minute: int, second: float) -> int:
    return round((hour * 3600 + minute * 60 + second) * 1000) * 10**6


def days(year: int, month: int, day: int) -> int:
    """By the julian day number, not by the driver's calendar."""
    a = (14 - month) // 12
    y, m = year + 4800 - a, month + 12 * a - 3
    return day + (153 * m + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400 - 32045 - 2440588


# Messages from receivers and manuals, with the checksums that they came with.
REAL = [
    (
        "$PTNL,AVR,212405.20,+52.1531,Yaw,-0.0806,Tilt,,,12.575,3,1.4,16*39",
        {"message": "PTNL,AVR", "tod_ns": clock(21, 24, 5.2), "valid": True, "heading": 52.1531,
         "pitch": -0.0806, "baseline_m": 12.575, "heading_quality": 4},
    ),
    (
        "$PTNL,AVR,212604.30,+52.1800,Yaw,,,-0.0807,Roll,12.579,3,1.4,16*21",
        {"message": "PTNL,AVR", "tod_ns": clock(21, 26, 4.3), "valid": True, "heading": 52.18,
         "roll": -0.0807, "baseline_m": 12.579, "heading_quality": 4},
    ),
    (
        "$PTNL,GGK,235720.00,122017,3403.47007871,N,11711.80931237,W,4,10,3.5,EHT370.269,M*6E",
        {"message": "PTNL,GGK", "tod_ns": clock(23, 57, 20), "day": days(2017, 12, 20), "valid": True,
         "quality": 2, "satellites": 10, "latitude_deg": 34 + 3.47007871 / 60,
         "longitude_deg": -(117 + 11.80931237 / 60), "height_m": 370.269},
    ),
    (
        "$KSXT,20211016083433.00,116.31296102,39.95817066,49.4911,223.57,-11.32,330.19,0.024,,1,3,28,27,,,,"
        "-0.012,0.021,0.020,,*2D",
        {"message": "KSXT", "tod_ns": clock(8, 34, 33), "day": days(2021, 10, 16), "valid": True,
         "quality": 1, "longitude_deg": 116.31296102, "latitude_deg": 39.95817066, "height_m": 49.4911,
         "satellites": 27, "heading": 223.57, "pitch": -11.32, "heading_quality": 4, "course": 330.19,
         "speed_mps": 0.024 / 3.6},
    ),
    (
        "$KSXT,20201222075720.00,119.17084152,32.07387900,83.5770,269.94,1.19,207.28,0.001,,3,3,25,25,-3.617,"
        "-4.468,-7.860,-0.000,-0.001,-0.022,1.0,56,*33736701",
        {"message": "KSXT", "tod_ns": clock(7, 57, 20), "day": days(2020, 12, 22), "valid": True,
         "quality": 4, "longitude_deg": 119.17084152, "latitude_deg": 32.073879, "height_m": 83.577,
         "satellites": 25,
         "heading": 269.94, "pitch": 1.19, "heading_quality": 4, "course": 207.28, "speed_mps": 0.001 / 3.6,
         "correction_age_s": 1.0},
    ),
    (
        "$PSSN,HRP,100310.80,090226,44.748,,0.412,0.143,,0.365,34,2,4.865,W*2B",
        {"message": "PSSN,HRP", "tod_ns": clock(10, 3, 10.8), "day": days(2026, 2, 9), "valid": True,
         "heading": 44.748, "pitch": 0.412, "sigma_heading": 0.143, "heading_quality": 4},
    ),
    ("$GNTHS,244.28,A*11", {"message": "THS", "valid": True, "heading": 244.28}),
    ("$GPTHS,,V*0E", {"message": "THS"}),
    ("$GNHDT,244.28,T*13", {"message": "HDT", "heading": 244.28}),
    (
        "$GNHPR,074615.00,320.9610,-66.1712,000.0000,4,47,0.00,0999*45",
        {"message": "HPR", "tod_ns": clock(7, 46, 15), "valid": True, "heading": 320.961, "pitch": -66.1712,
         "roll": 0.0, "heading_quality": 4},
    ),
    (
        "$PSAT,HPR,044551.80,161.54,-2.84,1.4,N*3A",
        {"message": "PSAT,HPR", "tod_ns": clock(4, 45, 51.8), "valid": True, "heading": 161.54,
         "pitch": -2.84, "roll": 1.4},
    ),
    (
        "$PSTI,035,003832.000,290322,A,R,-0.815,-0.393,0.044,0.906,244.28,,,,,*17",
        {"message": "PSTI,035", "tod_ns": clock(0, 38, 32), "day": days(2022, 3, 29), "valid": True,
         "baseline_m": 0.906, "heading": 244.28, "heading_quality": 4},
    ),
    (
        "$PSTI,036,003832.000,290322,244.28,2.77,0.00,R*5D",
        {"message": "PSTI,036", "tod_ns": clock(0, 38, 32), "day": days(2022, 3, 29), "valid": True,
         "heading": 244.28, "pitch": 2.77, "roll": 0.0, "heading_quality": 4},
    ),
    (
        "#UNIHEADINGA,78,GPS,FINE,2428,116060000,0,0,18,11;SOL_COMPUTED,NARROW_INT,1.4773,179.0284,-2.4202,"
        '0.0000,0.8259,1.0921,"999",27,21,21,15,3,01,3,f3*5d424350',
        {"message": "UNIHEADINGA", "tod_ns": clock(8, 14, 2), "day": days(2026, 7, 20), "valid": True,
         "baseline_m": 1.4773, "heading": 179.0284, "pitch": -2.4202, "sigma_heading": 0.8259,
         "station": "999", "heading_quality": 4},
    ),
    (
        "#HEADING2A,COM1,0,39.5,FINESTEERING,1622,422892.200,02040000,f9bf,6521;SOL_COMPUTED,NARROW_INT,"
        '0.927607417,178.347869873,-1.3037414550,0,0.261901051,0.391376048,"R222","AAAA",18,17,17,16,0,01,0,33'
        "*8c48d77c",
        {"message": "HEADING2A", "tod_ns": clock(21, 27, 54.2), "day": days(2011, 2, 10), "valid": True,
         "baseline_m": 0.927607417, "heading": 178.347869873, "pitch": -1.3037414550,
         "sigma_heading": 0.261901051, "station": "AAAA", "heading_quality": 4},
    ),
    (
        "#BESTPOSA,USB1,0,51.5,FINESTEERING,2404,603797.000,03000800,cdba,18018;SOL_COMPUTED,NARROW_INT,"
        "51.07899643518,-114.13251416136,1114.2977,-16.6000,WGS84,0.0079,0.0056,0.0141,"
        '"3920",1.000,0.000,34,31,31,30,00,21,7f,37*a5cec5c7',
        {"message": "BESTPOSA", "tod_ns": clock(23, 42, 59), "day": days(2026, 2, 7), "valid": True,
         "quality": 4, "latitude_deg": 51.07899643518, "longitude_deg": -114.13251416136,
         "height_m": 1114.2977 - 16.6, "sigma_north_m": 0.0079, "sigma_east_m": 0.0056, "sigma_up_m": 0.0141,
         "station": "3920", "correction_age_s": 1.0, "satellites": 31},
    ),
    (
        "#INSPVAXA,COM1,0,73.5,FINESTEERING,1695,309428.000,00000040,4e77,43562;INS_SOLUTION_GOOD,INS_PSRSP,"
        "51.11637873403,-114.03825114994,1063.6093,-16.9000,-0.0845,-0.0464,-0.0127,0.138023492,0.069459386,"
        "90.000923268,0.9428,0.6688,1.4746,0.0430,0.0518,0.0521,0.944295466,0.944567084,1.000131845,3,0"
        "*e877c178",
        {"message": "INSPVAXA", "tod_ns": clock(13, 56, 50), "day": days(2012, 7, 4), "valid": True,
         "quality": 1, "latitude_deg": 51.11637873403, "longitude_deg": -114.03825114994,
         "height_m": 1063.6093 - 16.9, "sigma_north_m": 0.9428, "sigma_east_m": 0.6688, "sigma_up_m": 1.4746,
         "speed_mps": math.hypot(0.0845, 0.0464), "roll": 0.138023492, "pitch": 0.069459386,
         "heading": 90.000923268, "sigma_heading": 1.000131845},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), REAL, ids=[expected["message"] for _, expected in REAL])
def test_real_messages(line, expected):
    assert said(read(line.encode())) == close(**expected)


@pytest.mark.parametrize(("line", "expected"), REAL, ids=[expected["message"] for _, expected in REAL])
def test_a_real_message_with_any_digit_changed_is_not_read(line, expected):
    data = line.encode()
    for at in [i for i, byte in enumerate(data) if 0x30 <= byte <= 0x39]:
        spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        framer = Framer()
        assert framer.feed(spoilt + b"\r\n", 0) == []
        assert framer.rejected["checksum"] == 1


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
