"""What a caster offers: its sourcetable (RTCM 10410.1, 5). No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

from gatectl.model.errors import DeviceError

END = b"ENDSOURCETABLE"
_EARTH_RADIUS_KM = 6371.0
_SHOWN = 12


class Mount(Struct, frozen=True, kw_only=True):
    """One STR line. place: latitude, longitude in deg, None if not given (0, 0 counts as not given).

    carrier: 0 code only, 1 L1, 2 L1 and L2, -1 not given. needs_gga: it wants to know where we are.
    """

    name: str
    format: str
    carrier: int
    country: str
    place: tuple[float, float] | None
    needs_gga: bool


def parse(table: bytes) -> list[Mount]:
    """The mount points of a sourcetable, in its order. Lines of other kinds and broken ones are skipped."""
    mounts = []
    for line in table.decode("utf-8", "replace").splitlines():
        fields = line.strip().split(";")
        if fields[0] == "STR" and len(fields) >= 5 and fields[1]:
            fields += [""] * (12 - len(fields))
            carrier = fields[5].strip()
            mounts.append(
                Mount(
                    name=fields[1].strip(),
                    format=fields[3].strip(),
                    carrier=int(carrier) if carrier in ("0", "1", "2") else -1,
                    country=fields[8].strip().upper(),
                    place=_place(fields[9], fields[10]),
                    needs_gga=fields[11].strip() == "1",
                )
            )
    return mounts


def nearest(
    mounts: Iterable[Mount], place: tuple[float, float], *, country: str = "", limit_km: float
) -> tuple[Mount, float]:
    """The mount point for RTK nearest to `place` (latitude, longitude in deg), and its distance in km.

    Raises DeviceError when none offers RTCM 3 with carrier phase, in that country and near enough.
    """
    fit = [
        (distance_km(place, mount.place), mount)
        for mount in mounts
        if mount.place is not None
        and mount.format.upper().replace(" ", "").startswith("RTCM3")
        and mount.carrier != 0
        and (not country or mount.country == country.upper())
    ]
    if not fit:
        wanted = f" in {country.upper()}" if country else ""
        raise DeviceError(
            f"no mount point{wanted} offers RTCM 3 with carrier phase and says where it is",
            "name the mount point in ntrip.mountpoint",
        )
    distance, mount = min(fit, key=lambda pair: (pair[0], pair[1].name))
    if distance > limit_km:
        raise DeviceError(
            f"the nearest mount point, {mount.name}, is {distance:.0f} km away",
            f"name a mount point, or raise ntrip.max_distance_km (now {limit_km:g})",
        )
    return mount, distance


def names(mounts: Iterable[Mount]) -> str:
    """The mount points for a message: the first dozen, and how many more."""
    known = [mount.name for mount in mounts]
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return (", ".join(known[:_SHOWN]) + more) if known else "none"


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance between (latitude, longitude) in deg; within 0.5 %."""
    phi_a, phi_b = math.radians(a[0]), math.radians(b[0])
    half = math.sin((phi_b - phi_a) / 2) ** 2
    half += math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def _place(latitude: str, longitude: str) -> tuple[float, float] | None:
    try:
        lat, lon = float(latitude), float(longitude)
    except ValueError:
        return None
    if not (-90 <= lat <= 90 and -360 <= lon <= 360) or (lat == 0 and lon == 0):
        return None
    return lat, (lon + 180) % 360 - 180  # some tables count to 360 degrees east
