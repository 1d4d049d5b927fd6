"""Lanes from GeoJSON into the site frame.

The file is a FeatureCollection of LineStrings, one per lane (`properties.lane`), and must say in
which CRS (`crs.properties.name`, the member of the 2008 GeoJSON specification) and of which epoch
(`coordinateEpoch`, decimal year) its coordinates are: without them a coordinate is worth 200 m here.
Axis order is GeoJSON's: east (longitude) first, whatever the CRS's own order is.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from gatectl.model import Finding
from gatectl.model.site import Lane, Origin
from gatectl.runtime.config_walk import entry, kind_of

ACCURACY_NEEDED_M = 0.1
"""A transformation that its publisher calls worse than this is taken only if the file names it."""

MAX_DISTANCE_M = 20_000.0
"""Farther from the origin than this is a wrong CRS, swapped axes, or another gate."""

MIN_STEP_M = 0.001

_PROJ_ERRORS = (CRSError, ProjError, ValueError, TypeError)


class _Refused(Exception):
    """A mistake in the file: key, cause, remedy."""


def read_lanes(data: Any, origin: Origin, file: str) -> tuple[list[Lane], list[Finding]]:
    """The lanes of a parsed GeoJSON file, (x, y) in m in the site frame, and every mistake in it.

    The coordinates are transformed by PROJ to WGS 84 with no ballpark steps, then through ECEF into
    the tangent plane at `origin`, taken at the origin's height (a lane 50 m higher would shift by
    1.6 mm per 200 m). Where PROJ knows several operations or only one of stated accuracy worse than
    0.1 m (VN-2000: two, which differ by 0.67 m), the file must name the one that the surveyor used
    in its top-level member `transformation`. CGCS2000 has no published non-ballpark operation and
    is refused; GCJ-02 and BD-09 are never accepted.

    The coordinate epoch is required and recorded; plate motion between it and the epoch of the GNSS
    corrections is not yet compensated (about 3 cm a year here): survey in the frame and epoch of
    the correction service.
    """
    findings: list[Finding] = []

    def refuse(key: str, cause: str, remedy: str) -> None:
        findings.append(Finding(file, key, cause, remedy))

    if not isinstance(data, dict) or data.get("type") != "FeatureCollection":
        refuse("type", "is not a GeoJSON FeatureCollection", 'give {"type": "FeatureCollection", ...}')
        return [], findings
    epoch = data.get("coordinateEpoch")
    if isinstance(epoch, bool) or not isinstance(epoch, int | float) or not 1980 <= epoch <= 2200:
        cause = "missing" if epoch is None else f"{epoch!r} is no decimal year"
        refuse("coordinateEpoch", cause, "give the epoch of the survey, such as 2026.9")
    crs = to_wgs84 = None
    try:
        crs = _crs(data)
        to_wgs84 = _to_wgs84(crs, data.get("transformation"), origin)
    except _Refused as error:
        refuse(*error.args)
    lanes: list[Lane] = []
    features = data.get("features")
    if not isinstance(features, list) or not features:
        refuse("features", "there is no lane", "give a LineString feature for each lane")
        return [], findings
    for i, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        key = entry("features", i, properties)
        try:
            name, points = _line(feature, key)
            if any(lane.id == name for lane in lanes):
                raise _Refused(f"{key}.properties.lane", f"lane {name} is there twice", "rename one")
            lane = Lane(id=name, points=())
            if crs is not None and to_wgs84 is not None:
                lane = Lane(id=name, points=_to_site(points, crs, to_wgs84, origin, key))
            lanes.append(lane)
        except _Refused as error:
            refuse(*error.args)
    return lanes, findings


def length_m(lane: Lane) -> float:
    """Length of the lane's centre line."""
    return sum(math.dist(a, b) for a, b in pairwise(lane.points))


def _crs(data: dict[str, Any]) -> CRS:
    member = data.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    example = '{"type": "name", "properties": {"name": "EPSG:4326"}}'
    if not isinstance(name, str) or not name:
        raise _Refused("crs", "no coordinate reference system is named", f"give {example}")
    key = "crs.properties.name"
    plain = name.upper().replace("-", "").replace("_", "").replace(" ", "")
    if any(word in plain for word in ("GCJ", "BD09", "MARS")):
        raise _Refused(
            key,
            f"{name} is an obfuscated system (up to 500 m off) and is never accepted",
            "survey the lane, or have it exported in CGCS2000 or WGS 84 coordinates by its surveyor",
        )
    try:
        crs = CRS.from_user_input(name)
    except _PROJ_ERRORS as error:
        raise _Refused(key, f"{name!r} is no known CRS", "give an EPSG code, such as EPSG:4326") from error
    if not (crs.is_geographic or crs.is_projected) or crs.is_bound:
        raise _Refused(key, f"{crs.name} is neither geographic nor projected", "give such a CRS")
    return crs


def _to_wgs84(crs: CRS, wanted: Any, origin: Origin) -> Transformer:
    """CRS -> longitude, latitude in WGS 84, deg."""
    area = AreaOfInterest(
        max(origin.longitude_deg - 0.1, -180.0),
        max(origin.latitude_deg - 0.1, -90.0),
        min(origin.longitude_deg + 0.1, 180.0),
        min(origin.latitude_deg + 0.1, 90.0),
    )
    key = "crs.properties.name"
    try:
        group = TransformerGroup(
            crs, "EPSG:4326", always_xy=True, area_of_interest=area, allow_ballpark=False
        )
        known = {_operation(t): t for t in group.transformers}
    except _PROJ_ERRORS as error:
        raise _Refused(key, f"no way from {crs.name} to WGS 84: {error}", "export in EPSG:4326") from error
    if not known:
        raise _Refused(
            key,
            f"PROJ has no exact transformation from {crs.name} to WGS 84 (a ballpark one is not accepted)",
            "calibrate on control points shared with the GNSS corrections and export in EPSG:4326",
        )
    if wanted is not None:
        if not isinstance(wanted, str) or wanted not in known:
            raise _Refused("transformation", f"{wanted!r} is not available", f"known are: {'; '.join(known)}")
        return known[wanted]
    best = group.transformers[0]
    if group.best_available and 0 <= best.accuracy <= ACCURACY_NEEDED_M:
        return best
    listed = "; ".join(f'"{name}" ({t.accuracy:g} m)' for name, t in known.items())
    raise _Refused(
        "transformation",
        f"the way from {crs.name} to WGS 84 is not exact: {listed}",
        'name the one the surveyor used ("transformation": ...), or better export in EPSG:4326',
    )


def _operation(transformer: Transformer) -> str:
    """The published name without PROJ's own steps: `VN-2000 to WGS 84 (2)`."""
    steps = [s for s in transformer.description.split(" + ") if not s.startswith("axis order change")]
    datum = [s for s in steps if " to " in s]
    return datum[-1] if datum else transformer.description


def _line(feature: Any, key: str) -> tuple[str, list[tuple[float, float]]]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise _Refused(key, "is not a GeoJSON Feature", 'give {"type": "Feature", ...}')
    properties = feature.get("properties")
    name = properties.get("lane") if isinstance(properties, dict) else None
    if not isinstance(name, str) or not name:
        raise _Refused(f"{key}.properties.lane", "missing", "give the lane's id as a text")
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "LineString":
        raise _Refused(f"{key}.geometry", "is not a LineString", "draw the lane's centre line as one line")
    raw = geometry.get("coordinates")
    if not isinstance(raw, list) or len(raw) < 2:
        raise _Refused(f"{key}.geometry.coordinates", "a line needs two points", "give [[x, y], [x, y], ...]")
    points: list[tuple[float, float]] = []
    for i, pair in enumerate(raw):
        numbers = isinstance(pair, list) and 2 <= len(pair) <= 3 and all(map(_is_number, pair))
        if not numbers:
            shown = pair if isinstance(pair, list) else kind_of(pair)
            raise _Refused(f"{key}.geometry.coordinates[{i}]", f"{shown} is no position", "give [x, y]")
        points.append((float(pair[0]), float(pair[1])))
    return name, points


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _to_site(
    points: list[tuple[float, float]], crs: CRS, to_wgs84: Transformer, origin: Origin, key: str
) -> tuple[tuple[float, float], ...]:
    where = f"{key}.geometry.coordinates"
    if crs.is_geographic and any(abs(x) > 180 or abs(y) > 90 for x, y in points):
        raise _Refused(
            where, "outside +-180, +-90 degrees", "give longitude first, in degrees, or correct crs"
        )
    try:
        lon, lat = to_wgs84.transform([p[0] for p in points], [p[1] for p in points], errcheck=True)
        site = _enu(lon, lat, origin)
    except _PROJ_ERRORS as error:
        raise _Refused(where, f"cannot be transformed: {error}", "correct crs or coordinates") from error
    far = max(math.hypot(x, y) for x, y in site)
    if not far <= MAX_DISTANCE_M:
        raise _Refused(
            where,
            f"lies {far / 1000:.0f} km from the site's origin",
            "longitude comes first; check crs and origin",
        )
    for i, (a, b) in enumerate(pairwise(site)):
        if math.dist(a, b) < MIN_STEP_M:
            raise _Refused(f"{where}[{i + 1}]", "is the same point as the one before", "remove it")
    return tuple(site)


def _enu(lon: list[float], lat: list[float], origin: Origin) -> list[tuple[float, float]]:
    """Geodetic at the origin's height -> east, north of the tangent plane at the origin, m."""
    to_ecef = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True, allow_ballpark=False)
    x0, y0, z0 = to_ecef.transform(origin.longitude_deg, origin.latitude_deg, origin.height_m)
    xs, ys, zs = to_ecef.transform(lon, lat, [origin.height_m] * len(lon), errcheck=True)
    phi, lam = math.radians(origin.latitude_deg), math.radians(origin.longitude_deg)
    sin_phi, cos_phi, sin_lam, cos_lam = math.sin(phi), math.cos(phi), math.sin(lam), math.cos(lam)
    site = []
    for x, y, z in zip(xs, ys, zs, strict=True):
        dx, dy, dz = x - x0, y - y0, z - z0
        east = -sin_lam * dx + cos_lam * dy
        north = -sin_phi * cos_lam * dx - sin_phi * sin_lam * dy + cos_phi * dz
        site.append((east, north))
    return site
