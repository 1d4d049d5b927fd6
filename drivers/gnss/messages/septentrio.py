"""Septentrio: PSSN,HRP, the attitude of a receiver with two antennas (mosaic reference guide).

Mode: 1 and 2 heading and pitch, 3 and 4 with roll (three antennas), odd float, even fixed; 5 from the
velocity, which is a course and no heading. Roll stands before pitch.
"""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded

MODES = {"1": 5, "2": 4, "3": 5, "4": 4}

LAYOUTS = (
    Layout(
        "PSSN,HRP",
        10,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                coded(9, MODES),
                (
                    ("day", f.day_ddmmyy, 1),
                    ("heading_rad", f.bearing, 2),
                    ("roll_rad", f.tilt, 3),
                    ("pitch_rad", f.tilt, 4),
                    ("sigma_heading_rad", f.sigma_degrees, 5),
                ),
                "heading_quality",
            ),
        ),
    ),
)
