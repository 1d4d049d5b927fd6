"""NMEA sentences as typed values in SI units. What is empty or not a number is None.

pynmea2 splits and checks the sentence; its conversions are not used, because they turn an empty
position into 0.0 / 0.0, hand out the raw text where a number is damaged, and round times down. It
does not know THS, which is read here. Layouts: NMEA 0183 4.11.
"""

from __future__ import annotations

import calendar
import math
import re
from typing import NamedTuple

import pynmea2

from gatectl.model.errors import WireError

MPS_PER_KNOT = 1852.0 / 3600.0
DAY_NS = 86_400 * 10**9

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?|[+-]?\.\d+")
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d{0,9}))?")
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)")
_ANGLE = re.compile(r"(\d{2,3})(\d\d(?:\.\d*)?)")


class Gga(NamedTuple):
    """Position. tod_ns: UTC time of day. height_m: above the ellipsoid. quality: as sent."""

    tod_ns: int | None
    latitude_deg: float | None
    longitude_deg: float | None
    height_m: float | None
    quality: int | None
    satellites: int | None
    correction_age_s: float | None


class Rmc(NamedTuple):
    """Date and velocity. day: days since 1970. valid: status A and a mode that is a measurement."""

    tod_ns: int | None
    day: int | None
    valid: bool
    estimated: bool
    speed_mps: float | None
    course_rad: float | None


class Gst(NamedTuple):
    """Standard deviations as the receiver claims them."""

    tod_ns: int | None
    sigma_north_m: float | None
    sigma_east_m: float | None


class Vtg(NamedTuple):
    valid: bool
    estimated: bool
    speed_mps: float | None
    course_rad: float | None


class Heading(NamedTuple):
    """THS or HDT. heading_rad: clockwise from north; None where the receiver does not vouch for it."""

    heading_rad: float | None
    estimated: bool


Sentence = Gga | Rmc | Gst | Vtg | Heading
USED = frozenset({"GGA", "RMC", "GST", "VTG", "THS", "HDT"})


def kind_of(text: str) -> str:
    """`GGA` of `$GNGGA,...`; proprietary sentences are `P` and their maker, `PTNL`."""
    head = text[1:].split(",", 1)[0].split("*", 1)[0]
    return head if head.startswith("P") else head[-3:]


def parse(text: str) -> Sentence | None:
    """The sentence, or None for a kind that is not used.

    text: a whole line from `$` to its checksum. Raises WireError for one that does not hold.
    """
    kind = kind_of(text)
    if kind not in USED:
        return None
    if kind == "THS":
        return _ths(_split_checked(text))
    try:
        message = pynmea2.parse(text, check=True)
    except (pynmea2.ParseError, ValueError) as error:
        raise WireError(f"{kind} cannot be read: {error}", where=text) from error
    fields: list[str] = message.data
    field = _Fields(fields)
    if kind == "GGA":
        return _gga(field)
    if kind == "RMC":
        return _rmc(field)
    if kind == "GST":
        return Gst(_time(field[0]), _positive(field[5]), _positive(field[6]))
    if kind == "VTG":
        return _vtg(field)
    return Heading(_angle(field[0]), estimated=False)


class _Fields:
    """Fields by number; one that the sentence does not have is empty."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields

    def __getitem__(self, index: int) -> str:
        return self._fields[index].strip() if index < len(self._fields) else ""


def _split_checked(text: str) -> _Fields:
    body, _, digits = text[1:].partition("*")
    value = 0
    for char in body:
        value ^= ord(char)
    if digits.upper() != f"{value:02X}":
        raise WireError("checksum does not hold", where=text)
    return _Fields(body.split(",")[1:])


def _gga(field: _Fields) -> Gga:
    altitude_m, separation_m = _number(field[8]), _number(field[10])
    height_m = None if altitude_m is None or separation_m is None else altitude_m + separation_m
    return Gga(
        tod_ns=_time(field[0]),
        latitude_deg=_degrees(field[1], field[2], "N", "S", 90.0),
        longitude_deg=_degrees(field[3], field[4], "E", "W", 180.0),
        height_m=height_m,
        quality=_count(field[5]),
        satellites=_count(field[6]),
        correction_age_s=_positive(field[12]),
    )


def _rmc(field: _Fields) -> Rmc:
    knots = _positive(field[6])
    mode = field[11]
    return Rmc(
        tod_ns=_time(field[0]),
        day=_day(field[8]),
        # The navigational status behind the mode is `V` on every receiver that does not offer it.
        valid=field[1] == "A" and mode not in ("N", "S", "M"),
        estimated=mode == "E",
        speed_mps=None if knots is None else knots * MPS_PER_KNOT,
        course_rad=_angle(field[7]),
    )


def _vtg(field: _Fields) -> Vtg:
    knots = _positive(field[4])
    mode = field[8]
    return Vtg(
        valid=mode not in ("N", "S", "M"),
        estimated=mode == "E",
        speed_mps=None if knots is None else knots * MPS_PER_KNOT,
        course_rad=_angle(field[0]),
    )


def _ths(field: _Fields) -> Heading:
    mode = field[1]
    return Heading(_angle(field[0]) if mode in ("A", "E") else None, estimated=mode == "E")


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _positive(text: str) -> float | None:
    value = _number(text)
    return value if value is not None and value >= 0.0 else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _angle(text: str) -> float | None:
    """Degrees, 0 to 360, as rad."""
    value = _number(text)
    return math.radians(value) % math.tau if value is not None and 0.0 <= value <= 360.0 else None


def _degrees(text: str, side: str, positive: str, negative: str, limit: float) -> float | None:
    """`dddmm.mmmm` and its side as signed degrees."""
    match = _ANGLE.fullmatch(text)
    if match is None or side not in (positive, negative):
        return None
    minutes = float(match[2])
    value = float(match[1]) + minutes / 60.0
    if minutes >= 60.0 or value > limit:
        return None
    return value if side == positive else -value


def _time(text: str) -> int | None:
    """`hhmmss.sss` as ns since midnight; a leap second is 86400 s and more."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    if hour > 23 or minute > 59 or second > 60:
        return None
    return (hour * 3600 + minute * 60 + second) * 10**9 + int((match[4] or "0").ljust(9, "0"))


def _day(text: str) -> int | None:
    """`ddmmyy` (this century) as days since 1970."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = int(match[1]), int(match[2]), 2000 + int(match[3])
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, day, 0, 0, 0)) // 86_400
