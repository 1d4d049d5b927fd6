"""The position that a caster is told, as NMEA 0183 GGA. No I/O."""

from __future__ import annotations

from functools import reduce
from operator import xor

from msgspec import Struct


class Position(Struct, frozen=True, kw_only=True):
    """Where the antenna is. tod_ns: UTC time of day; quality: GGA scale, never 0 here."""

    tod_ns: int
    latitude_deg: float
    longitude_deg: float
    height_m: float
    quality: int
    satellites: int


def gga(position: Position) -> bytes:
    """One `$GPGGA` with CR LF.

    Height is given above the ellipsoid with geoid separation 0: a caster wants the approximate
    place only. HDOP is not known here and given as 1.0.
    """
    hundredths = position.tod_ns // 10_000_000
    seconds, fraction = divmod(hundredths, 100)
    clock = f"{seconds // 3600 % 24:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.{fraction:02d}"
    latitude = _angle(position.latitude_deg, 2, "NS")
    longitude = _angle(position.longitude_deg, 3, "EW")
    satellites = min(max(position.satellites, 0), 99)
    body = (
        f"GPGGA,{clock},{latitude},{longitude},{position.quality},{satellites:02d},1.0,"
        f"{position.height_m:.2f},M,0.00,M,,"
    )
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


def _angle(value_deg: float, digits: int, signs: str) -> str:
    """`2136.6000000,N`: degrees and minutes with seven decimals (0.2 mm)."""
    units = round(abs(value_deg) * 60e7)
    degrees, rest = divmod(units, 600_000_000)
    minutes, fraction = divmod(rest, 10_000_000)
    return f"{degrees:0{digits}d}{minutes:02d}.{fraction:07d},{signs[value_deg < 0]}"
