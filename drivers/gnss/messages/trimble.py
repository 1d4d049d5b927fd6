"""Trimble: PTNL,AVR (heading) and PTNL,GGK (position). Source: Trimble's NMEA-0183 message pages.

Their qualities are not GGA's: 3 is fixed and 4 is differential.
"""

from __future__ import annotations

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout, coded

# 2, 6, 8, 12 float (alone, network 3D and 2D, `location RTK`), 3, 7, 9 fixed, 4, 5, 11, 13 differential,
# 10, 14, 15 precise point positioning and what bridges a radio gap with it: no better than float.
QUALITY = {
    "1": 1, "2": 5, "3": 4, "4": 2, "5": 2, "6": 5, "7": 4, "8": 5,
    "9": 4, "10": 5, "11": 2, "12": 5, "13": 2, "14": 5, "15": 5,
}  # fmt: skip
AVR_QUALITY = {"1": 1, "2": 5, "3": 4, "4": 2}


def _height(fields: f.Fields, index: int) -> float | None:
    """`EHT370.269`: above the ellipsoid; without `EHT` it is not said above what."""
    text = fields[index].strip()
    return f.number([text[3:]], 0) if text.startswith("EHT") else None


def _labelled(label: str) -> f.Converter:
    """An angle whose label stands behind it; which of tilt and roll is sent depends on the antennas."""

    def convert(fields: f.Fields, index: int) -> float | None:
        for i in range(index, index + 4, 2):
            if fields[i + 1].strip() == label:
                return f.tilt(fields, i)
        return None

    return convert


LAYOUTS = (
    Layout(
        "PTNL,AVR",
        11,
        always=(("tod_ns", f.time_of_day, 0),),
        groups=(
            Group(
                lambda fields: AVR_QUALITY.get(fields[8].strip(), 0) if fields[2].strip() == "Yaw" else 0,
                (
                    ("heading_rad", f.signed_bearing, 1),
                    ("pitch_rad", _labelled("Tilt"), 3),
                    ("roll_rad", _labelled("Roll"), 3),
                    ("baseline_m", f.sigma, 7),
                ),
                "heading_quality",
            ),
        ),
    ),
    Layout(
        "PTNL,GGK",
        11,
        always=(("tod_ns", f.time_of_day, 0), ("satellites", f.count, 7)),
        groups=(
            Group(
                coded(6, QUALITY),
                (
                    ("day", f.day_mmddyy, 1),
                    ("latitude_deg", f.latitude, 2),
                    ("longitude_deg", f.longitude, 4),
                    ("height_m", _height, 9),
                ),
                "quality",
            ),
        ),
    ),
)
