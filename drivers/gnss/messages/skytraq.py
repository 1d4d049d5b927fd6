"""SkyTraq: PSTI headings (PX1172R / PX1122R application notes).

035 is the vector between the two antennas of the vehicle, 036 the attitude from it. 032 has the same
layout as 035 but is the vector from the reference station: its course is no heading, so it is not used.
Nor is 030, whose position GGA has with the geoid separation.
"""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded

MODES = {"R": 4, "F": 5}  # a heading needs a carrier-phase solution; other letters are none


def _baseline_status(fields: f.Fields) -> int:
    return MODES.get(fields[3].strip(), 0) if fields[2].strip() == "A" else 0


LAYOUTS = (
    Layout(
        "PSTI,035",
        9,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                _baseline_status,
                (("day", f.day_ddmmyy, 1), ("baseline_m", f.sigma, 7), ("heading_rad", f.bearing, 8)),
                "heading_quality",
            ),
        ),
    ),
    Layout(
        "PSTI,036",
        6,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                coded(5, MODES),
                (
                    ("day", f.day_ddmmyy, 1),
                    ("heading_rad", f.bearing, 2),
                    ("pitch_rad", f.tilt, 3),
                    ("roll_rad", f.tilt, 4),
                ),
                "heading_quality",
            ),
        ),
    ),
)
