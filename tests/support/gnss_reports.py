"""Reading single GNSS messages in tests, and saying what is expected of them."""

import math

import pytest

from drivers.gnss.messages import Reader, Report
from drivers.gnss.wire import Framer


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
