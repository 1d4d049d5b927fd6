"""u-blox: UBX NAV-PVT, HPPOSLLH, RELPOSNED and PL (interface description of F9 HPG 1.32 / F9R).

Time: NAV-PVT carries UTC; the others carry the time of week of the same epoch, which becomes UTC with the
leap seconds that NAV-PVT shows. All are rounded to the millisecond, as the time of week is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from drivers.gnss.messages.fields import DAY_NS, day_of
from drivers.gnss.messages.gpstime import NS_PER_MS, from_itow
from drivers.gnss.messages.report import DIFFERENTIAL, ESTIMATED, FIXED, FLOAT, NONE, SINGLE, Report

HEAD = 4  # class, id and length stand before the payload

# lastCorrectionAge of NAV-PVT, a class of ages: its upper end in s. Class 12 and above have none.
CORRECTION_AGE_S = dict(enumerate((1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0), 1))
OVER_120_S = 86_400.0
CARRIER = (NONE, FLOAT, FIXED, NONE)  # carrSoln
FIX_DEAD_RECKONING, FIX_TYPES = 1, frozenset({1, 2, 3, 4})  # 0 none, 5 time only

_PVT = Struct("<IHBBBBBBIiBBBBiiiiIIiiiiiIIHH4xihH")
_HPPOSLLH = Struct("<B2xBIiiiibbbbII")
_RELPOSNED = Struct("<BxHIiiiii4xbbbbIIIII4xI")
_PL = Struct("<BBbBBBBB4xIIIIIIIHHI4x")


def _pvt(body: bytes, _: int) -> Report:
    (
        itow_ms, year, month, day, hour, minute, second, valid, _t_acc, nano,
        fix_type, flags, _flags2, satellites, lon, lat, height, _msl, h_acc, v_acc,
        _vel_n, _vel_e, _vel_d, speed, course, _s_acc, _head_acc, _dop, flags3, _head_veh, _dec, _dec_acc,
    ) = _PVT.unpack_from(body, HEAD)  # fmt: skip
    tod_ns = since_1970 = None
    if valid & 2 and hour < 24 and minute < 60 and second < 61:
        tod_ns = (hour * 3600 + minute * 60 + second) * 10**9
        tod_ns += (nano + NS_PER_MS // 2) // NS_PER_MS * NS_PER_MS
        if valid & 5 == 5:  # the date is known, and so are the leap seconds
            since_1970 = day_of(year, month, day)
        if tod_ns < 0 or (tod_ns >= DAY_NS and second < 60):
            over = -1 if tod_ns < 0 else 1
            tod_ns -= over * DAY_NS
            since_1970 = None if since_1970 is None else since_1970 + over
    if not flags & 1 or fix_type not in FIX_TYPES:
        return Report(
            message="UBX-NAV-PVT", itow_ms=itow_ms, tod_ns=tod_ns, day=since_1970, valid=False,
            quality=NONE, satellites=satellites,
        )  # fmt: skip
    if fix_type == FIX_DEAD_RECKONING:
        quality = ESTIMATED
    else:
        quality = CARRIER[flags >> 6] or (DIFFERENTIAL if flags & 2 else SINGLE)
    placed = not flags3 & 1
    age = flags3 >> 1 & 15
    sigma_m = h_acc * 1e-3 if placed and h_acc else None  # no axis is worse than the whole
    return Report(
        message="UBX-NAV-PVT",
        itow_ms=itow_ms,
        tod_ns=tod_ns,
        day=since_1970,
        valid=True,
        estimated=quality == ESTIMATED,
        quality=quality,
        latitude_deg=lat * 1e-7 if placed and -900_000_000 <= lat <= 900_000_000 else None,
        longitude_deg=lon * 1e-7 if placed and -1_800_000_000 <= lon <= 1_800_000_000 else None,
        height_m=height * 1e-3 if placed else None,
        satellites=satellites,
        correction_age_s=CORRECTION_AGE_S.get(age, OVER_120_S) if age else None,
        sigma_north_m=sigma_m,
        sigma_east_m=sigma_m,
        sigma_up_m=v_acc * 1e-3 if placed and v_acc else None,
        speed_mps=speed * 1e-3 if speed >= 0 else None,
        course_rad=math.radians(course * 1e-5) % math.tau if -36_000_000 <= course <= 36_000_000 else None,
    )


def _hpposllh(body: bytes, leap_seconds: int) -> Report | None:
    version, flags, itow_ms, lon, lat, height, _msl, lon_hp, lat_hp, height_hp, _msl_hp, h_acc, v_acc = (
        _HPPOSLLH.unpack_from(body, HEAD)
    )
    if version != 0:
        return None
    tod_ns = from_itow(itow_ms, leap_seconds)
    latitude_deg, longitude_deg = lat * 1e-7 + lat_hp * 1e-9, lon * 1e-7 + lon_hp * 1e-9
    if flags & 1 or abs(latitude_deg) > 90.0 or abs(longitude_deg) > 180.0:
        return Report(message="UBX-NAV-HPPOSLLH", itow_ms=itow_ms, tod_ns=tod_ns, valid=False)
    return Report(
        message="UBX-NAV-HPPOSLLH",
        itow_ms=itow_ms,
        tod_ns=tod_ns,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        height_m=height * 1e-3 + height_hp * 1e-4,
        sigma_north_m=h_acc * 1e-4 or None,
        sigma_east_m=h_acc * 1e-4 or None,
        sigma_up_m=v_acc * 1e-4 or None,
    )


# Flags of RELPOSNED. A heading needs all of these: without isMoving the vector is from a reference station.
_FIX_OK, _POSITION_VALID, _MOVING, _HEADING_VALID, _NORMALIZED = 1, 4, 1 << 5, 1 << 8, 1 << 9
_HEADING_NEEDS = _FIX_OK | _POSITION_VALID | _MOVING | _HEADING_VALID
_EXTRAPOLATED = 1 << 6 | 1 << 7


def _relposned(body: bytes, leap_seconds: int) -> Report | None:
    (
        version, station, itow_ms, _n, _e, _d, length, heading, _n_hp, _e_hp, _d_hp, length_hp,
        _acc_n, _acc_e, _acc_d, _acc_length, acc_heading, flags,
    ) = _RELPOSNED.unpack_from(body, HEAD)  # fmt: skip
    if version != 1:
        return None
    tod_ns = from_itow(itow_ms, leap_seconds)
    quality = CARRIER[flags >> 3 & 3]
    if flags & _HEADING_NEEDS != _HEADING_NEEDS or not quality or not 0 <= heading <= 36_000_000:
        return Report(
            message="UBX-NAV-RELPOSNED", itow_ms=itow_ms, tod_ns=tod_ns, valid=False, heading_quality=NONE
        )
    if flags & _EXTRAPOLATED:  # from old data of the other antenna
        quality = ESTIMATED
    return Report(
        message="UBX-NAV-RELPOSNED",
        itow_ms=itow_ms,
        tod_ns=tod_ns,
        valid=True,
        estimated=quality == ESTIMATED,
        station=str(station),
        heading_rad=math.radians(heading * 1e-5) % math.tau,
        sigma_heading_rad=math.radians(acc_heading * 1e-5) or None,
        heading_quality=quality,
        # A normalised vector has length 1 and says nothing about the antennas.
        baseline_m=None if flags & _NORMALIZED else length * 1e-2 + length_hp * 1e-4,
    )


def _pl(body: bytes, leap_seconds: int) -> Report | None:
    """Frame 1: north, east, down; 2: along, across, vertical; 3: semi-major, semi-minor, vertical."""
    (
        version, _coeff, _exp, valid, frame, _vel_valid, _vel_frame, _time_valid, itow_ms,
        first_mm, second_mm, *_,
    ) = _PL.unpack_from(body, HEAD)  # fmt: skip
    if version != 1:
        return None
    tod_ns = from_itow(itow_ms, leap_seconds)
    if valid != 1 or frame not in (1, 2, 3):
        return Report(message="UBX-NAV-PL", itow_ms=itow_ms, tod_ns=tod_ns, valid=False)
    level_m = first_mm * 1e-3 if frame == 3 else math.hypot(first_mm, second_mm) * 1e-3
    return Report(message="UBX-NAV-PL", itow_ms=itow_ms, tod_ns=tod_ns, valid=True, receiver_level_m=level_m)


class UbxLayout(NamedTuple):
    """name; length: of the payload; read: (class to payload, leap seconds) -> record, or None for a
    version that is not known."""

    name: str
    length: int
    read: Callable[[bytes, int], Report | None]


# By class and id, as they stand in the message.
LAYOUTS = {
    b"\x01\x07": UbxLayout("UBX-NAV-PVT", 92, _pvt),
    b"\x01\x14": UbxLayout("UBX-NAV-HPPOSLLH", 36, _hpposllh),
    b"\x01\x3c": UbxLayout("UBX-NAV-RELPOSNED", 64, _relposned),
    b"\x01\x62": UbxLayout("UBX-NAV-PL", 52, _pl),
}


def leap_seconds_of(body: bytes) -> int | None:
    """GPS minus UTC as a NAV-PVT shows it; None if it does not know them (yet)."""
    itow_ms, hour, minute, second, valid, nano = _LEAP.unpack_from(body, HEAD)
    if valid & 6 != 6 or second > 59:
        return None
    leap = (itow_ms - nano // NS_PER_MS + 500) // 1000 - hour * 3600 - minute * 60 - second
    leap %= 86_400
    return leap if 0 < leap < 60 else None


_LEAP = Struct("<I4xBBBB4xi")
