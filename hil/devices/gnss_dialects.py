"""Writing a measurement as receivers of different makers send it: one burst, as bytes, per epoch.

Written from the makers' layouts, independently of the driver that reads them. GPS time is 18 s ahead of UTC.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hil.devices.nmea import SEPARATION_M, framed, sentences
from hil.plant.gnss import Fix, Measurement

LEAP_SECONDS = 18
GPS_EPOCH_S = 315_964_800
WEEK_MS = 7 * 86_400_000
BASELINE_M = 1.5
SIGMA_HEADING_DEG = 0.2
LEVEL_SIGMAS = 5.3  # the protection level that a u-blox claims, against its sigma

Dialect = Callable[[Measurement, float], list[bytes]]

_TRIMBLE = {Fix.NONE: 0, Fix.SINGLE: 1, Fix.FLOAT: 2, Fix.FIXED: 3}
_UNICORE = {Fix.NONE: 0, Fix.SINGLE: 1, Fix.FLOAT: 2, Fix.FIXED: 3}
_LOG_TYPE = {Fix.NONE: "NONE", Fix.SINGLE: "SINGLE", Fix.FLOAT: "NARROW_FLOAT", Fix.FIXED: "NARROW_INT"}
_CARRIER = {Fix.NONE: 0, Fix.SINGLE: 0, Fix.FLOAT: 1, Fix.FIXED: 2}


def septentrio(m: Measurement, utc_s: float) -> list[bytes]:
    """GGA, RMC, VTG, GST and PSSN,HRP."""
    moment, clock = _moment(utc_s)
    burst = [line for line in sentences(m, utc_s) if b"THS" not in line]
    heading = _heading_deg(m)
    if heading is None:
        return [*burst, framed(f"PSSN,HRP,{clock},{moment:%d%m%y},,,,,,,00,0,,")]
    angles = f"{heading:.3f},,0.500,{SIGMA_HEADING_DEG:.3f},,0.300"
    return [*burst, framed(f"PSSN,HRP,{clock},{moment:%d%m%y},{angles},{m.satellites},2,4.865,W")]


def trimble(m: Measurement, utc_s: float) -> list[bytes]:
    """PTNL,GGK and PTNL,AVR, with VTG and GST."""
    moment, clock = _moment(utc_s)
    vtg, gst = (line for line in sentences(m, utc_s) if b"VTG" in line or b"GST" in line)
    place = ",,,,0,00,," if m.fix is Fix.NONE else _ggk_place(m)
    heading = _heading_deg(m)
    yaw = ",,,,,,,0,," if heading is None else f"{heading:+09.4f},Yaw,+00.5000,Tilt,,,{BASELINE_M:.3f},3,1.4"
    return [
        framed(f"PTNL,GGK,{clock},{moment:%m%d%y},{place},M"),
        framed(f"PTNL,AVR,{clock},{yaw},{m.satellites:02d}"),
        vtg,
        gst,
    ]


def ksxt(m: Measurement, utc_s: float) -> list[bytes]:
    """KSXT with a CRC-32, and GST."""
    moment, clock = _moment(utc_s)
    gst = next(line for line in sentences(m, utc_s) if b"GST" in line)
    stamp = f"{moment:%Y%m%d}{clock}"
    if m.fix is Fix.NONE:
        return [_crc(f"$KSXT,{stamp},,,,,,,,,0,0,0,0,,,,,,,,,"), gst]
    heading = _heading_deg(m)
    kmh = 3.6 * m.speed_mps
    angles = "," if heading is None else f"{heading:.2f},0.50"
    course = _degrees(m.course_rad)
    velocity = f"{kmh * math.sin(m.course_rad):.3f},{kmh * math.cos(m.course_rad):.3f},0.000"
    age = "" if m.fix is Fix.SINGLE else f"{m.correction_age_s:.1f}"
    return [
        _crc(
            f"$KSXT,{stamp},{m.longitude_deg:.9f},{m.latitude_deg:.9f},{m.height_m:.4f},{angles},{course:.2f},"
            f"{kmh:.3f},,{_UNICORE[m.fix]},{0 if heading is None else 3},{m.satellites},{m.satellites},,,,"
            f"{velocity},{age},{m.satellites},"
        ),
        gst,
    ]


def unicore(m: Measurement, utc_s: float) -> list[bytes]:
    """BESTNAVA and UNIHEADINGA."""
    week, ms = _gps(utc_s)
    head = f"97,GPS,FINE,{week},{ms},0,0,{LEAP_SECONDS},16"
    computed = "INSUFFICIENT_OBS" if m.fix is Fix.NONE else "SOL_COMPUTED"
    velocity = "NONE" if m.fix is Fix.NONE else "DOPPLER_VELOCITY"
    return [
        _crc(
            f"#BESTNAVA,{head};{_log_place(m)},{m.satellites},{m.satellites},0,0,0,12,12,41,{computed},{velocity},"
            f"0.000,0.000,{m.speed_mps:.4f},{_degrees(m.course_rad):.6f},0.0000,0.02,0.02"
        ),
        _crc(f'#UNIHEADINGA,{head};{_log_heading(m)},"999",{m.satellites},{m.satellites},0,0,3,01,3,f3'),
    ]


def novatel(m: Measurement, utc_s: float) -> list[bytes]:
    """BESTPOSA and HEADING2A, with RMC for the velocity."""
    week, ms = _gps(utc_s)
    head = f"COM1,0,60.0,FINESTEERING,{week},{ms / 1000:.3f},02000000,b1f6,16809"
    rmc = next(line for line in sentences(m, utc_s) if b"RMC" in line)
    count = m.satellites
    return [
        _crc(f"#BESTPOSA,{head};{_log_place(m)},{count},{count},{count},{count},00,06,00,33"),
        rmc,
        _crc(f'#HEADING2A,{head};{_log_heading(m)},"R222","AAAA",{count},{count},{count},{count},0,01,0,33'),
    ]


def ublox(m: Measurement, utc_s: float) -> list[bytes]:
    """UBX NAV-PVT, HPPOSLLH, RELPOSNED of a moving base and PL."""
    _, itow_ms = _gps(utc_s)
    moment, _ = _moment(utc_s)
    nano = round(utc_s * 100) % 100 * 10**7
    fixed = m.fix is not Fix.NONE
    lat, lat_hp = divmod(round(m.latitude_deg * 1e9) + 50, 100)
    lon, lon_hp = divmod(round(m.longitude_deg * 1e9) + 50, 100)
    height_mm, height_hp = divmod(round(m.height_m * 1e4) + 5, 10)
    sigma_mm = m.sigma_m * 1e3
    age_class = next((i for i, s in enumerate((1, 2, 5, 10, 15, 20), 1) if m.correction_age_s < s), 7)
    pvt = struct.pack(
        "<IHBBBBBBIiBBBBiiiiIIiiiiiIIHHIihH",
        itow_ms, moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, 7, 30,
        nano, 3 if fixed else 0, (_CARRIER[m.fix] << 6 | (m.fix in (Fix.FLOAT, Fix.FIXED)) << 1 | fixed),
        0xE0, m.satellites, lon, lat, height_mm, height_mm - round(SEPARATION_M * 1000), round(sigma_mm),
        round(1.8 * sigma_mm), 0, 0, 0, round(m.speed_mps * 1e3), round(_degrees(m.course_rad) * 1e5), 50, 0,
        120, (0 if m.fix is Fix.SINGLE else age_class) << 1 | (not fixed), 0, 0, 0, 0,
    )  # fmt: skip
    tenths = round(sigma_mm * 10)
    high = struct.pack(
        "<BHBIiiiibbbbII", 0, 0, int(not fixed), itow_ms, lon, lat, height_mm, height_mm,
        lon_hp - 50, lat_hp - 50, height_hp - 5, 0, tenths, round(1.8 * tenths),
    )  # fmt: skip
    heading = _heading_deg(m)
    flags = 0 if heading is None else 1 | 2 | 4 | 2 << 3 | 1 << 5 | 1 << 8
    vector = struct.pack(
        "<BBHIiiiiiIbbbbIIIIIII", 1, 0, 1, itow_ms, 0, 0, 0, round(BASELINE_M * 100),
        round((heading or 0.0) * 1e5), 0, 0, 0, 0, 0, 20, 20, 40, 20, round(SIGMA_HEADING_DEG * 1e5),
        0, flags,
    )  # fmt: skip
    level_mm = round(LEVEL_SIGMAS * sigma_mm)
    level = struct.pack(
        "<BBbBBBBB4xIIIIIIIHHI4x", 1, 1, -5, int(fixed), 3, 0, 0, 0, itow_ms, level_mm, level_mm,
        2 * level_mm, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    return [_ubx(0x07, pvt), _ubx(0x14, high), _ubx(0x3C, vector), _ubx(0x62, level)]


DIALECTS: dict[str, Dialect] = {
    "nmea": sentences,
    "septentrio": septentrio,
    "trimble": trimble,
    "ksxt": ksxt,
    "unicore": unicore,
    "novatel": novatel,
    "ublox": ublox,
}


def _moment(utc_s: float) -> tuple[datetime, str]:
    """The date, and the time as `hhmmss.ss`."""
    hundredths = round(utc_s * 100)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=hundredths // 100)
    return moment, f"{moment:%H%M%S}.{hundredths % 100:02d}"


def _gps(utc_s: float) -> tuple[int, int]:
    """GPS week and milliseconds in it, of an epoch that is sent to 10 ms."""
    return divmod(round(utc_s * 100) * 10 - (GPS_EPOCH_S - LEAP_SECONDS) * 1000, WEEK_MS)


def _degrees(angle_rad: float) -> float:
    return math.degrees(angle_rad) % 360.0


def _heading_deg(m: Measurement) -> float | None:
    return None if m.heading_rad is None or m.fix is Fix.NONE else _degrees(m.heading_rad)


def _ggk_place(m: Measurement) -> str:
    place = []
    for degrees, width, sides in ((m.latitude_deg, 2, "NS"), (m.longitude_deg, 3, "EW")):
        whole, part = divmod(round(abs(degrees) * 60 * 10**8), 60 * 10**8)
        place.append(f"{whole:0{width}d}{part // 10**8:02d}.{part % 10**8:08d},{sides[degrees < 0]}")
    return f"{','.join(place)},{_TRIMBLE[m.fix]},{m.satellites:02d},1.2,EHT{m.height_m:.3f}"


def _log_place(m: Measurement) -> str:
    if m.fix is Fix.NONE:
        return 'INSUFFICIENT_OBS,NONE,0.0,0.0,0.0,0.0,WGS84,0.0,0.0,0.0,"",0.000,0.000'
    sigmas = f"{m.sigma_m:.4f},{m.sigma_m:.4f},{1.8 * m.sigma_m:.4f}"
    age_s = 0.0 if m.fix is Fix.SINGLE else m.correction_age_s
    return (
        f"SOL_COMPUTED,{_LOG_TYPE[m.fix]},{m.latitude_deg:.11f},{m.longitude_deg:.11f},"
        f'{m.height_m - SEPARATION_M:.4f},{SEPARATION_M:.4f},WGS84,{sigmas},"0001",{age_s:.3f},0.000'
    )


def _log_heading(m: Measurement) -> str:
    heading = _heading_deg(m)
    if heading is None:
        return "INSUFFICIENT_OBS,NONE,0.0,0.0,0.0,0.0,0.0,0.0"
    return (
        f"SOL_COMPUTED,NARROW_INT,{BASELINE_M:.4f},{heading:.4f},0.5000,0.0000,{SIGMA_HEADING_DEG:.4f},0.4000"
    )


def _crc(text: str) -> bytes:
    """With the CRC-32 of NovAtel and Unicore (no inversions) behind a star."""
    value = zlib.crc32(text[1:].encode("ascii"), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return f"{text}*{value:08x}\r\n".encode("ascii")


def _ubx(identity: int, payload: bytes) -> bytes:
    """A message of class NAV with its Fletcher checksum."""
    body = struct.pack("<BBH", 1, identity, len(payload)) + payload
    a = b = 0
    for byte in body:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return b"\xb5\x62" + body + bytes((a, b))
