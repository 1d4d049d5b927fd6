"""Writing NMEA 0183: a measurement as the burst of sentences that a receiver sends."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor

from hil.plant.gnss import Fix, Measurement

MPS_PER_KNOT = 1852.0 / 3600.0
SEPARATION_M = -25.0  # geoid below the ellipsoid; any constant does, the driver adds it again
COURSE_FROM_MPS = 0.1  # below it receivers leave the course empty


def framed(body: str) -> bytes:
    """`$body*hh` CR LF. Checksum: XOR of the body (NMEA 0183, 5.2.2)."""
    return f"${body}*{reduce(xor, body.encode('ascii'), 0):02X}\r\n".encode("ascii")


def sentences(measured: Measurement, utc_s: float) -> list[bytes]:
    """GGA, RMC, VTG, GST and THS of one epoch. utc_s: of the epoch, since 1970; sent to 10 ms."""
    hundredths = round(utc_s * 100)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=hundredths // 100)
    clock = f"{moment:%H%M%S}.{hundredths % 100:02d}"
    if measured.fix is Fix.NONE:
        return [
            framed(f"GNGGA,{clock},,,,,0,00,99.99,,,,,,"),
            framed(f"GNRMC,{clock},V,,,,,,,{moment:%d%m%y},,,N,V"),
            framed("GNVTG,,,,,,,,,N"),
            framed(f"GNGST,{clock},,,,,,,"),
            framed("GNTHS,,V"),
        ]
    m = measured
    where = f"{_angle(m.latitude_deg, 2, 'NS')},{_angle(m.longitude_deg, 3, 'EW')}"
    course = f"{math.degrees(m.course_rad) % 360:.2f}" if m.speed_mps >= COURSE_FROM_MPS else ""
    mode = {Fix.FIXED: "R", Fix.FLOAT: "F"}.get(m.fix, "A")
    age = "" if m.fix is Fix.SINGLE else f"{m.correction_age_s:.1f}"
    vtg_mode = "A" if m.fix is Fix.SINGLE else "D"  # VTG knows no RTK modes
    knots = m.speed_mps / MPS_PER_KNOT
    heading = "GNTHS,,V" if m.heading_rad is None else f"GNTHS,{math.degrees(m.heading_rad) % 360:.2f},A"
    return [
        framed(
            f"GNGGA,{clock},{where},{m.fix:d},{m.satellites:02d},0.60,"
            f"{m.height_m - SEPARATION_M:.3f},M,{SEPARATION_M:.3f},M,{age},0001"
        ),
        framed(f"GNRMC,{clock},A,{where},{knots:.3f},{course},{moment:%d%m%y},,,{mode},V"),
        framed(f"GNVTG,{course},T,,M,{knots:.3f},N,{m.speed_mps * 3.6:.3f},K,{vtg_mode}"),
        framed(f"GNGST,{clock},{m.sigma_m:.3f},,,,{m.sigma_m:.3f},{m.sigma_m:.3f},{1.8 * m.sigma_m:.3f}"),
        framed(heading),
    ]


def _angle(degrees: float, width: int, sides: str) -> str:
    """`ddmm.mmmmmmm,N`: seven minute digits, 0.2 mm. Rounded as a whole, so never 60 minutes."""
    units = round(abs(degrees) * 60 * 10**7)
    whole, minute_units = divmod(units, 60 * 10**7)
    side = sides[0] if degrees >= 0 else sides[1]
    return f"{whole:0{width}d}{minute_units // 10**7:02d}.{minute_units % 10**7:07d},{side}"
