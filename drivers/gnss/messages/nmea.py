"""Messages of NMEA 0183 4.11, and HPR, which several makers send under a plain talker id.

Not used: RMC's and GLL's position (GGA has it with its quality and height).
"""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded, unsaid

# 7 is manual input, 8 a simulator: neither is a measurement.
GGA_QUALITY = {str(quality): quality for quality in range(1, 7)}
# Positioning modes of RMC and VTG. N none, M manual and S simulator are not measurements; before NMEA
# 2.3 there was none. R and F are RTK, P is precise.
MODES = {"A": 1, "D": 2, "P": 3, "R": 4, "F": 5, "E": 6, "": 1}
# THS has a mode of its own, and it must be there.
THS_MODES = {"A": 1, "E": 6}


def _rmc_status(fields: f.Fields) -> int:
    # The navigational status behind the mode is `V` on every receiver that does not offer it.
    return MODES.get(fields[11].strip(), 0) if fields[1].strip() == "A" else 0


def _height(fields: f.Fields, index: int) -> float | None:
    """Above the ellipsoid: altitude and geoid separation, two fields on. Both must be there."""
    altitude_m, separation_m = f.number(fields, index), f.number(fields, index + 2)
    return None if altitude_m is None or separation_m is None else altitude_m + separation_m


def _zda_day(fields: f.Fields, index: int) -> int | None:
    day, month, year = (f.count(fields, index + i) for i in range(3))
    return None if day is None or month is None or year is None else f.day_of(year, month, day)


LAYOUTS = (
    Layout(
        "GGA",
        14,
        always=(("tod_ns", f.time_of_day, 0), ("satellites", f.count, 6)),
        groups=(
            Group(
                coded(5, GGA_QUALITY),
                (
                    ("latitude_deg", f.latitude, 1),
                    ("longitude_deg", f.longitude, 3),
                    ("height_m", _height, 8),
                    ("correction_age_s", f.positive, 12),
                    ("station", f.name, 13),
                ),
                "quality",
            ),
        ),
    ),
    Layout(
        "RMC",
        12,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                _rmc_status,
                (("day", f.day_ddmmyy, 8), ("speed_mps", f.knots, 6), ("course_rad", f.bearing, 7)),
            ),
        ),
    ),
    Layout(
        "GST",
        8,
        always=(
            ("tod_ns", f.time_of_day, 0),
            ("sigma_north_m", f.sigma, 5),
            ("sigma_east_m", f.sigma, 6),
            ("sigma_up_m", f.sigma, 7),
        ),
    ),
    Layout(
        "VTG",
        9,
        groups=(Group(coded(8, MODES), (("speed_mps", f.knots, 4), ("course_rad", f.bearing, 0))),),
    ),
    Layout("ZDA", 4, always=(("tod_ns", f.time_of_day, 0), ("day", _zda_day, 1))),
    Layout("THS", 2, groups=(Group(coded(1, THS_MODES), (("heading_rad", f.bearing, 0),)),)),
    Layout("HDT", 2, groups=(Group(unsaid, (("heading_rad", f.bearing, 0),)),)),
    Layout(
        "HPR",  # Unicore, Bynav: heading, pitch, roll, quality on GGA's scale, satellites, age, station
        7,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                coded(4, GGA_QUALITY),
                (
                    ("heading_rad", f.bearing, 1),
                    ("pitch_rad", f.tilt, 2),
                    ("roll_rad", f.tilt, 3),
                ),
                "heading_quality",
            ),
        ),
    ),
)
