"""What a message says, as one record for every vendor. SI units; nothing that is not vouched for."""

from __future__ import annotations

from msgspec import Struct

# Qualities on the scale of GGA (NMEA 0183 4.11), into which the vendors' own scales are mapped.
NONE, SINGLE, DIFFERENTIAL, PPS, FIXED, FLOAT, ESTIMATED = range(7)
USABLE = frozenset({SINGLE, DIFFERENTIAL, PPS, FIXED, FLOAT, ESTIMATED})


class Report(Struct, frozen=True, kw_only=True, gc=False):
    """One message. None: not in this message, empty, damaged, or not vouched for by the receiver.

    message: its name as sent (`GGA`, `PTNL,AVR`, `UBX-NAV-PVT`). tod_ns: UTC time of day of the epoch, ns; a
    leap second is 86400e9 and more. day: days since 1970, UTC. itow_ms: GPS time of week where the
    message is stamped with it.
    valid: False if the message says that nothing in it is a valid solution, True if it vouches for
    something, None if it does not say. estimated: dead-reckoned by the receiver.
    quality, heading_quality: of position and of heading, on GGA's scale; 0 is none.
    latitude_deg, longitude_deg: WGS 84, north and east positive. height_m: above the ellipsoid.
    sigma_*_m: standard deviations as claimed. receiver_level_m: horizontal protection level as claimed.
    course_rad, heading_rad: clockwise from true north, 0 to 2 pi; heading is of the antenna baseline as
    the receiver gives it. pitch_rad, roll_rad: up and right down positive, as the receiver gives them.
    baseline_m: distance of the two antennas as measured. station: the reference station's id.
    """

    message: str
    tod_ns: int | None = None
    day: int | None = None
    itow_ms: int | None = None
    valid: bool | None = None
    estimated: bool = False
    quality: int | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    height_m: float | None = None
    satellites: int | None = None
    correction_age_s: float | None = None
    station: str | None = None
    sigma_north_m: float | None = None
    sigma_east_m: float | None = None
    sigma_up_m: float | None = None
    speed_mps: float | None = None
    course_rad: float | None = None
    heading_rad: float | None = None
    pitch_rad: float | None = None
    roll_rad: float | None = None
    sigma_heading_rad: float | None = None
    heading_quality: int | None = None
    baseline_m: float | None = None
    receiver_level_m: float | None = None
