"""NovAtel's ASCII logs (OEM7 commands and logs), which Bynav and Unicore also send.

`#NAME,head;body*crc`. Fields are those of the body. A position is valid when its solution status is
SOL_COMPUTED; what it is worth is its type.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.gnss.messages import fields as f
from drivers.gnss.messages.layout import Group, Layout

POSITION_TYPES = {
    "SINGLE": 1, "INS_PSRSP": 1,
    "PSRDIFF": 2, "WAAS": 2, "SBAS": 2, "INS_PSRDIFF": 2, "INS_SBAS": 2, "OMNISTAR": 2,
    "L1_INT": 4, "WIDE_INT": 4, "NARROW_INT": 4, "RTK_DIRECT_INS": 4, "INS_RTKFIXED": 4,
    "L1_FLOAT": 5, "IONOFREE_FLOAT": 5, "NARROW_FLOAT": 5, "INS_RTKFLOAT": 5,
    "PPP": 5, "PPP_CONVERGING": 5, "INS_PPP": 5, "INS_PPP_CONVERGING": 5,
    "PPP_BASIC": 2, "PPP_BASIC_CONVERGING": 2, "OMNISTAR_HP": 5, "OMNISTAR_XP": 5,
    "PROPAGATED": 6, "PROPOGATED": 6, "INS": 6,
}  # fmt: skip
# FIXEDPOS and FIXEDHEIGHT are typed in, not measured. A Doppler velocity is a velocity.
VELOCITY_TYPES = POSITION_TYPES | {"DOPPLER_VELOCITY": 1}
# INS_ALIGNMENT_COMPLETE: the heading may still be wrong; INS_SOLUTION_FREE: satellites are distrusted.
INS_STATUS = {"INS_SOLUTION_GOOD": None, "INS_SOLUTION_FREE": 6}


def solution(index: int, types: dict[str, int] = POSITION_TYPES) -> Callable[[f.Fields], int]:
    """Status from the solution status at `index` and the type behind it."""
    return lambda fields: (
        types.get(fields[index + 1].strip(), 0) if fields[index].strip() == "SOL_COMPUTED" else 0
    )


def _ins(fields: f.Fields) -> int:
    status = fields[0].strip()
    if status not in INS_STATUS:
        return 0
    quality = POSITION_TYPES.get(fields[1].strip(), 0)
    return quality and (INS_STATUS[status] or quality)


def height(fields: f.Fields, index: int) -> float | None:
    """Above the ellipsoid: above mean sea level plus the undulation behind it."""
    sea_level_m, undulation_m = f.number(fields, index), f.number(fields, index + 1)
    return None if sea_level_m is None or undulation_m is None else sea_level_m + undulation_m


def horizontal_speed(fields: f.Fields, index: int) -> float | None:
    """m/s from velocity north and east."""
    north, east = f.number(fields, index), f.number(fields, index + 1)
    return None if north is None or east is None else (north**2 + east**2) ** 0.5


POSITION = (
    ("latitude_deg", f.decimal_latitude, 2),
    ("longitude_deg", f.decimal_longitude, 3),
    ("height_m", height, 4),
    ("sigma_north_m", f.sigma, 7),
    ("sigma_east_m", f.sigma, 8),
    ("sigma_up_m", f.sigma, 9),
    ("station", f.name, 10),
    ("correction_age_s", f.positive, 11),
)
HEADING = (
    ("baseline_m", f.sigma, 2),  # -1: not known
    ("heading_rad", f.bearing, 3),
    ("pitch_rad", f.tilt, 4),
    ("sigma_heading_rad", f.sigma_degrees, 6),
)

LAYOUTS = (
    Layout(
        "BESTPOSA",
        15,
        always=(("satellites", f.count, 14),),
        groups=(Group(solution(0), POSITION, "quality"),),
    ),
    Layout(
        "HEADING2A",
        10,
        groups=(Group(solution(0), (*HEADING, ("station", f.name, 9)), "heading_quality"),),
    ),
    Layout(
        "INSPVAXA",
        21,
        groups=(
            Group(
                _ins,
                (
                    ("latitude_deg", f.decimal_latitude, 2),
                    ("longitude_deg", f.decimal_longitude, 3),
                    ("height_m", height, 4),
                    ("speed_mps", horizontal_speed, 6),
                    ("roll_rad", f.tilt, 9),
                    ("pitch_rad", f.tilt, 10),
                    ("heading_rad", f.bearing, 11),
                    ("sigma_north_m", f.sigma, 12),
                    ("sigma_east_m", f.sigma, 13),
                    ("sigma_up_m", f.sigma, 14),
                    ("sigma_heading_rad", f.sigma_degrees, 20),
                ),
                "quality",
            ),
        ),
    ),
)
