"""Text fields as values in SI units. What is empty, damaged or out of range is None, never 0.0.

Every converter takes the fields of a message and the index of its own (some use the next ones too), so
that a layout can name it. Python's own conversions take more than the formats do (`1e3`, `nan`, `1_2`).
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from functools import lru_cache

MPS_PER_KNOT = 1852.0 / 3600.0
KMH_PER_MPS = 3.6
DAY_NS = 86_400 * 10**9
ABSURD = 1e9  # do-not-use values are larger (Septentrio: -2e10)

Fields = list[str]
Converter = Callable[[Fields, int], float | int | str | None]


def number(fields: Fields, index: int) -> float | None:
    text = fields[index]
    if not text or text.strip("+-.0123456789"):
        text = text.strip()  # some receivers pad with blanks
        if not text or text.strip("+-.0123456789"):
            return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if -ABSURD < value < ABSURD else None


def positive(fields: Fields, index: int) -> float | None:
    """A number that is not below zero."""
    value = number(fields, index)
    return value if value is not None and value >= 0.0 else None


def sigma(fields: Fields, index: int) -> float | None:
    """A standard deviation, m. Zero is not one: receivers send it for `not available`."""
    value = number(fields, index)
    return value if value is not None and value > 0.0 else None


def sigma_degrees(fields: Fields, index: int) -> float | None:
    """A standard deviation in degrees, as rad."""
    value = sigma(fields, index)
    return None if value is None else math.radians(value)


def count(fields: Fields, index: int) -> int | None:
    text = fields[index]
    if not text.isdecimal():
        text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 10 else None


def name(fields: Fields, index: int) -> str | None:
    """Text, without quotation marks."""
    return fields[index].strip(' "') or None


def knots(fields: Fields, index: int) -> float | None:
    value = positive(fields, index)
    return None if value is None else value * MPS_PER_KNOT


def kmh(fields: Fields, index: int) -> float | None:
    value = positive(fields, index)
    return None if value is None else value / KMH_PER_MPS


def bearing(fields: Fields, index: int) -> float | None:
    """Degrees from 0 to 360, as rad from 0 to 2 pi."""
    value = number(fields, index)
    return math.radians(value) % math.tau if value is not None and 0.0 <= value <= 360.0 else None


def signed_bearing(fields: Fields, index: int) -> float | None:
    """Degrees from -180 to 360, as rad from 0 to 2 pi."""
    value = number(fields, index)
    return math.radians(value) % math.tau if value is not None and -180.0 <= value <= 360.0 else None


def tilt(fields: Fields, index: int) -> float | None:
    """Pitch or roll: degrees from -180 to 180, as rad."""
    value = number(fields, index)
    return math.radians(value) if value is not None and -180.0 <= value <= 180.0 else None


def latitude(fields: Fields, index: int) -> float | None:
    """`ddmm.mmmm` and N or S as signed degrees."""
    return _degrees_minutes(fields[index], fields[index + 1], "N", "S", 90.0)


def longitude(fields: Fields, index: int) -> float | None:
    """`dddmm.mmmm` and E or W as signed degrees."""
    return _degrees_minutes(fields[index], fields[index + 1], "E", "W", 180.0)


def decimal_latitude(fields: Fields, index: int) -> float | None:
    value = number(fields, index)
    return value if value is not None and -90.0 <= value <= 90.0 else None


def decimal_longitude(fields: Fields, index: int) -> float | None:
    value = number(fields, index)
    return value if value is not None and -180.0 <= value <= 180.0 else None


def _degrees_minutes(text: str, side: str, plus: str, minus: str, limit: float) -> float | None:
    dot = text.find(".")
    whole = dot if dot >= 0 else len(text)
    degrees = text[: whole - 2]
    if whole < 4 or whole > 5 or not degrees.isdecimal() or text.strip(".0123456789"):
        stripped = text.strip()
        return _degrees_minutes(stripped, side, plus, minus, limit) if stripped != text else None
    try:
        minutes = float(text[whole - 2 :])
    except ValueError:
        return None
    value = int(degrees) + minutes / 60.0
    if minutes >= 60.0 or value > limit:
        return None
    side = side.strip()
    return value if side == plus else -value if side == minus else None


def time_of_day(fields: Fields, index: int) -> int | None:
    """`hhmmss.sss` as ns since midnight; a leap second is 86400 s and more."""
    return _time(fields[index])


def day_ddmmyy(fields: Fields, index: int) -> int | None:
    """Days since 1970; this century."""
    return _date(fields[index], 0, 2, 4)


def day_mmddyy(fields: Fields, index: int) -> int | None:
    """Days since 1970; this century."""
    return _date(fields[index], 2, 0, 4)


@lru_cache(16)
def day_of(year: int, month: int, day: int) -> int | None:
    """Days since 1970 of a date that exists, else None."""
    if (
        not 1970 <= year <= 9999
        or not 1 <= month <= 12
        or not 1 <= day <= calendar.monthrange(year, month)[1]
    ):
        return None
    return calendar.timegm((year, month, day, 0, 0, 0)) // 86_400


@lru_cache(256)  # the messages of an epoch carry the same time, and those of a day the same date
def _time(text: str) -> int | None:
    text = text.strip()
    whole, _, part = text.partition(".")
    if len(whole) != 6 or not whole.isdecimal() or len(part) > 9 or (part and not part.isdecimal()):
        return None
    hour, minute, second = int(whole[:2]), int(whole[2:4]), int(whole[4:])
    if hour > 23 or minute > 59 or second > 60:
        return None
    return (hour * 3600 + minute * 60 + second) * 10**9 + int(part.ljust(9, "0"))


@lru_cache(16)
def _date(text: str, day_at: int, month_at: int, year_at: int) -> int | None:
    text = text.strip()
    if len(text) != 6 or not text.isdecimal():
        return None
    year, month, day = (int(text[i : i + 2]) for i in (year_at, month_at, day_at))
    return day_of(2000 + year, month, day)
