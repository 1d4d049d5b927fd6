"""Messages of every maker from real receivers and manuals, with the checksums that they came with."""

import math

import pytest
from gnss_reports import clock, close, days, read, said

from drivers.gnss.wire import Framer

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
