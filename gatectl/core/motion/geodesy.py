"""WGS 84 geodetic coordinates and the site frame (ENU at the site's origin), in plain floats.

Formulas: IOGP Guidance Note 7-2, geographic/geocentric (EPSG 9602) and topocentric (EPSG 9837);
the way back from geocentric after B. R. Bowring, Survey Review 181 (1976).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gatectl.model.site import Origin

SEMI_MAJOR_M = 6378137.0
FLATTENING = 1 / 298.257223563
_E2 = FLATTENING * (2 - FLATTENING)
_SEMI_MINOR_M = SEMI_MAJOR_M * (1 - FLATTENING)
_EP2 = _E2 / (1 - _E2)


class SitePoint(NamedTuple):
    """x east, y north, up: m in the site frame. convergence: rad, the direction of true north here,
    counter-clockwise from the frame's y axis."""

    x: float
    y: float
    up: float
    convergence: float


class SiteFrame:
    """The tangent frame at `origin` (WGS 84)."""

    def __init__(self, origin: Origin) -> None:
        lat, self._lon = math.radians(origin.latitude_deg), math.radians(origin.longitude_deg)
        self._sin_lat, self._cos_lat = math.sin(lat), math.cos(lat)
        self._sin_lon, self._cos_lon = math.sin(self._lon), math.cos(self._lon)
        self._x0, self._y0, self._z0 = _geocentric(lat, self._lon, origin.height_m)

    def to_site(self, latitude_deg: float, longitude_deg: float, height_m: float) -> SitePoint:
        """Geodetic (deg, deg, m above the ellipsoid) to the site frame."""
        lon = math.radians(longitude_deg)
        x, y, z = _geocentric(math.radians(latitude_deg), lon, height_m)
        dx, dy, dz = x - self._x0, y - self._y0, z - self._z0
        out = self._cos_lon * dx + self._sin_lon * dy
        return SitePoint(
            -self._sin_lon * dx + self._cos_lon * dy,
            -self._sin_lat * out + self._cos_lat * dz,
            self._cos_lat * out + self._sin_lat * dz,
            math.remainder(lon - self._lon, math.tau) * self._sin_lat,
        )

    def to_geodetic(self, x: float, y: float, up: float) -> tuple[float, float, float]:
        """Site frame (m) to latitude deg, longitude deg, height m; below 0.1 mm within 100 km."""
        out = self._cos_lat * up - self._sin_lat * y
        gx = self._x0 - self._sin_lon * x + self._cos_lon * out
        gy = self._y0 + self._cos_lon * x + self._sin_lon * out
        gz = self._z0 + self._cos_lat * y + self._sin_lat * up
        radius = math.hypot(gx, gy)
        beta = math.atan2(gz * SEMI_MAJOR_M, radius * _SEMI_MINOR_M)
        lat = math.atan2(
            gz + _EP2 * _SEMI_MINOR_M * math.sin(beta) ** 3, radius - _E2 * SEMI_MAJOR_M * math.cos(beta) ** 3
        )
        normal = SEMI_MAJOR_M / math.sqrt(1 - _E2 * math.sin(lat) ** 2)
        # Stable at the poles, unlike radius / cos(lat) - normal.
        height = radius * math.cos(lat) + gz * math.sin(lat) - SEMI_MAJOR_M**2 / normal
        return math.degrees(lat), math.degrees(math.atan2(gy, gx)), height


def _geocentric(lat: float, lon: float, height: float) -> tuple[float, float, float]:
    sin_lat, cos_lat = math.sin(lat), math.cos(lat)
    normal = SEMI_MAJOR_M / math.sqrt(1 - _E2 * sin_lat * sin_lat)
    flat = (normal + height) * cos_lat
    return flat * math.cos(lon), flat * math.sin(lon), (normal * (1 - _E2) + height) * sin_lat
