"""Hemisphere: PSAT,HPR. The letter says where the heading comes from: N satellites, G gyro."""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded

SOURCES = {"N": 1, "G": 6}  # no RTK quality is given; the gyro's heading is dead-reckoned

LAYOUTS = (
    Layout(
        "PSAT,HPR",
        5,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                coded(4, SOURCES),
                (("heading_rad", f.bearing, 1), ("pitch_rad", f.tilt, 2), ("roll_rad", f.tilt, 3)),
            ),
        ),
    ),
)
