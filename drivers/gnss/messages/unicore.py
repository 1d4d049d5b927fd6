"""Unicore (N4 reference manual): KSXT, BESTNAVA, UNIHEADINGA. Bynav and ComNav send KSXT as well.

KSXT carries speeds in km/h, and statuses of its own for position and heading (1 single, 2 float, 3
fixed). Its height is above the ellipsoid. BESTNAVA is BESTPOSA with the velocity behind it.
"""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded
from drivers.gnss.messages.novatel import HEADING, POSITION, VELOCITY_TYPES, solution

KSXT_STATUS = {"1": 1, "2": 5, "3": 4}


def _ksxt_time(fields: f.Fields, index: int) -> int | None:
    """Of `yyyymmddhhmmss.ss`."""
    return f.time_of_day([fields[index].strip()[8:]], 0)


def _ksxt_day(fields: f.Fields, index: int) -> int | None:
    text = fields[index].strip()[:8]
    if len(text) != 8 or not text.isdecimal():
        return None
    return f.day_of(int(text[:4]), int(text[4:6]), int(text[6:]))


SENTENCES = (
    Layout(
        "KSXT",
        21,
        always=(("tod_ns", _ksxt_time, 0), ("satellites", f.count, 12)),
        groups=(
            Group(
                coded(9, KSXT_STATUS),
                (
                    ("day", _ksxt_day, 0),
                    ("longitude_deg", f.decimal_longitude, 1),
                    ("latitude_deg", f.decimal_latitude, 2),
                    ("height_m", f.number, 3),
                    ("course_rad", f.bearing, 6),
                    ("speed_mps", f.kmh, 7),
                    ("correction_age_s", f.positive, 19),
                ),
                "quality",
            ),
            Group(
                coded(10, KSXT_STATUS),
                (
                    ("heading_rad", f.bearing, 4),
                    ("pitch_rad", f.tilt, 5),
                    ("roll_rad", f.tilt, 8),
                ),
                "heading_quality",
            ),
        ),
    ),
)

LAYOUTS = (
    Layout(
        "BESTNAVA",
        30,
        always=(("satellites", f.count, 14),),
        groups=(
            Group(solution(0), POSITION, "quality"),
            Group(
                solution(21, VELOCITY_TYPES), (("speed_mps", f.positive, 25), ("course_rad", f.bearing, 26))
            ),
        ),
    ),
    Layout(
        "UNIHEADINGA",
        9,
        groups=(Group(solution(0), (*HEADING, ("station", f.name, 8)), "heading_quality"),),
    ),
)
