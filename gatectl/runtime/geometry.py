"""Lanes from GeoJSON into the site frame.

The file is a FeatureCollection of LineStrings, one per lane (`properties.lane`), and must say in
which CRS (`crs.properties.name`, the member of the 2008 GeoJSON specification) and of which epoch
(`coordinateEpoch`, decimal year) its coordinates are: without them a coordinate is worth 200 m here.
Axis order is GeoJSON's: east (longitude) first, whatever the CRS's own order is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pyproj import Transformer

from gatectl.model import Finding
from gatectl.model.site import DatumConfig, Lane, Origin
from gatectl.runtime import calibration
from gatectl.runtime.config_walk import entry, kind_of
from gatectl.runtime.datum import PROJ_ERRORS, WGS_84, Frame, Refused, Way, frame, way

MAX_DISTANCE_M = 20_000.0
"""Farther from the origin than this is a wrong CRS, swapped axes, or another gate."""

MIN_STEP_M = 0.001

ELLIPSOID_TOLERANCE_M = 0.01

Points = list[tuple[float, float]]


@dataclass
class Geometry:
    """What a geometry file gives: lanes in the site frame, every mistake, and what to tell people.

    notes: how the survey's coordinates became the receiver's, and how exact that is.
    """

    lanes: list[Lane] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_lanes(
    data: Any, origin: Origin, datum: DatumConfig, file: str, site_file: str = "site.toml"
) -> Geometry:
    """The lanes of a parsed GeoJSON file, (x, y) in m in the site frame.

    The coordinates go the way that `datum.way` finds to the receiver's datum, then through ECEF into
    the tangent plane at `origin`, taken at the origin's height (a lane 50 m higher would shift by
    1.6 mm per 200 m). Control points, if the site has some, correct what the way leaves. A lane
    that may be off by more than `datum.accuracy_m` after that is refused. Where several published
    operations exist, the file may name the surveyor's in its top-level member `transformation`.
    """
    found = Geometry()

    def refuse(key: str, cause: str, remedy: str) -> None:
        found.findings.append(Finding(file, key, cause, remedy))

    def note(error: Refused, where: str) -> None:
        found.findings.append(Finding(where, error.key, error.cause, error.remedy))

    if not isinstance(data, dict) or data.get("type") != "FeatureCollection":
        refuse("type", "is not a GeoJSON FeatureCollection", 'give {"type": "FeatureCollection", ...}')
        return found
    epoch = data.get("coordinateEpoch")
    if isinstance(epoch, bool) or not isinstance(epoch, int | float) or not 1980 <= epoch <= 2200:
        cause = "missing" if epoch is None else f"{epoch!r} is no decimal year"
        refuse("coordinateEpoch", cause, "give the epoch that the coordinates refer to, such as 2026.9")
        epoch = None
    survey = to_receiver = None
    try:
        name = _crs_name(data)
        survey = frame(
            name,
            datum.epoch if epoch is None else epoch,
            crs_key="crs.properties.name",
            epoch_key="coordinateEpoch",
        )
    except Refused as error:
        note(error, file)
    try:
        receiver = frame(datum.crs, datum.epoch, crs_key="datum.crs", epoch_key="datum.epoch")
        _check_receiver(receiver)
        if survey is not None and epoch is not None:
            to_receiver = _way(survey, receiver, origin, datum, data.get("transformation"))
    except Refused as error:
        note(error, site_file if error.key.startswith("datum.") else file)
    features = data.get("features")
    if not isinstance(features, list) or not features:
        refuse("features", "there is no lane", "give a LineString feature for each lane")
        return found
    for i, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        key = entry("features", i, properties)
        try:
            lane_name, points = _line(feature, key)
            if any(lane.id == lane_name for lane in found.lanes):
                raise Refused(f"{key}.properties.lane", f"lane {lane_name} is there twice", "rename one")
            lane = Lane(id=lane_name, points=())
            if survey is not None and to_receiver is not None:
                lane = Lane(id=lane_name, points=tuple(_to_site(points, survey, to_receiver, origin, key)))
            found.lanes.append(lane)
        except Refused as error:
            note(error, file)
    if survey is not None and to_receiver is not None and not found.findings:
        try:
            _refine(found, survey, to_receiver, origin, datum)
        except Refused as error:
            note(error, site_file)
    return found


def _way(survey: Frame, receiver: Frame, origin: Origin, datum: DatumConfig, wanted: Any) -> Way:
    try:
        return way(survey, receiver, origin, datum.velocity, wanted)
    except Refused as error:
        key = "crs.properties.name" if error.key == "crs" else error.key
        raise Refused(key, error.cause, error.remedy) from error


def _check_receiver(receiver: Frame) -> None:
    """The core turns latitude and longitude into metres on the WGS 84 ellipsoid."""
    ellipsoid = receiver.geographic.ellipsoid
    wgs84 = WGS_84.ellipsoid
    assert wgs84 is not None
    off_m = (
        math.inf
        if ellipsoid is None
        else max(
            abs(ellipsoid.semi_major_metre - wgs84.semi_major_metre),
            abs(ellipsoid.semi_minor_metre - wgs84.semi_minor_metre),
        )
    )
    if off_m > ELLIPSOID_TOLERANCE_M:
        raise Refused(
            "datum.crs",
            f"{receiver.crs.name} is not on the ellipsoid of WGS 84",
            "receivers give positions on it; name the datum of the correction service",
        )


def _refine(found: Geometry, survey: Frame, to_receiver: Way, origin: Origin, datum: DatumConfig) -> None:
    """Apply the site calibration if there is one, and refuse lanes that are not exact enough."""
    accuracy_m = to_receiver.accuracy_m
    found.notes.append(
        f"lanes: {survey.crs.name} at {survey.epoch:g} to {datum.crs} at {datum.epoch:g}: {to_receiver.text}"
    )
    if datum.point:
        fit = _fit(survey, to_receiver, origin, datum)
        found.lanes = [Lane(id=x.id, points=tuple(map(fit.apply, x.points))) for x in found.lanes]
        accuracy_m = max(fit.uncertainty_m(p) for lane in found.lanes for p in lane.points)
        worst = max(zip(fit.residuals_m, datum.point, strict=True), key=lambda pair: pair[0])
        found.notes.append(
            f"site calibration on {len(datum.point)} points: shift {fit.shift_m:.3f} m, turn "
            f"{fit.turn_rad * 1e6:+.0f} microrad, scale {fit.scale * 1e6:+.0f} ppm; "
            f"worst residual {worst[0] * 1000:.0f} mm ({worst[1].id})"
        )
    if accuracy_m > 0:
        found.notes.append(
            f"lanes are within {accuracy_m:.3f} m of the receiver's positions, allowed {datum.accuracy_m:g} m"
        )
    if accuracy_m <= datum.accuracy_m:
        return
    if datum.point:
        cause = f"the calibration leaves {accuracy_m:.2f} m at the lane point farthest from its points"
        remedy = "add control points around the lanes, not only at one end"
    else:
        cause = f"the lanes may be {accuracy_m:.2f} m off: {to_receiver.text}"
        remedy = "give at least three control points (datum.point)"
        if any("unknown motion" in part.text for part in to_receiver.parts):
            remedy += ", or the ground's velocity (datum.velocity)"
    raise Refused("datum.accuracy_m", f"{cause}; {datum.accuracy_m:g} m are allowed", remedy)


def _fit(survey: Frame, to_receiver: Way, origin: Origin, datum: DatumConfig) -> calibration.Fit:
    """The similarity from the control points, checked. Raises Refused."""
    points = datum.point
    names = [p.id for p in points]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise Refused(
                f"datum.point[{i} {name}].id", "is there twice", "give every point a name of its own"
            )
    surveyed: Points = []
    for i, point in enumerate(points):
        surveyed += _to_site(
            [(point.x, point.y)], survey, to_receiver, origin, f"datum.point[{i} {point.id}]", "x"
        )
    measured = _enu([p.longitude_deg for p in points], [p.latitude_deg for p in points], origin)
    try:
        fit = calibration.fit(surveyed, measured)
    except ValueError as error:
        raise Refused("datum.point", str(error), "give at least three, around the lanes") from error
    for i, (residual_m, point) in enumerate(zip(fit.residuals_m, points, strict=True)):
        if residual_m > datum.residual_max_m:
            raise Refused(
                f"datum.point[{i} {point.id}]",
                f"does not fit the others: {residual_m:.3f} m, allowed are {datum.residual_max_m:g} m "
                f"({', '.join(f'{n} {r:.3f}' for n, r in zip(names, fit.residuals_m, strict=True))})",
                "measure it again; the worst one need not be the wrong one",
            )
    expected_m = 3.0 * to_receiver.accuracy_m + datum.residual_max_m + 0.1
    if abs(fit.scale) > calibration.MAX_SCALE or abs(fit.turn_rad) > calibration.MAX_TURN_RAD:
        cause = f"turn {fit.turn_rad:.2g} rad and scale {fit.scale:+.2g} are no difference of datums"
    elif fit.shift_m > expected_m:
        cause = f"shift of {fit.shift_m:.2f} m, where {expected_m:.2f} m can be explained"
    else:
        return fit
    raise Refused("datum.point", cause, "check CRS, zone and epoch of both, and that no points are exchanged")


def length_m(lane: Lane) -> float:
    """Length of the lane's centre line."""
    return sum(math.dist(a, b) for a, b in pairwise(lane.points))


def _crs_name(data: dict[str, Any]) -> str:
    member = data.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    example = '{"type": "name", "properties": {"name": "EPSG:4326"}}'
    if not isinstance(name, str) or not name:
        raise Refused("crs", "no coordinate reference system is named", f"give {example}")
    return name


def _line(feature: Any, key: str) -> tuple[str, list[tuple[float, float]]]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Refused(key, "is not a GeoJSON Feature", 'give {"type": "Feature", ...}')
    properties = feature.get("properties")
    name = properties.get("lane") if isinstance(properties, dict) else None
    if not isinstance(name, str) or not name:
        raise Refused(f"{key}.properties.lane", "missing", "give the lane's id as a text")
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "LineString":
        raise Refused(f"{key}.geometry", "is not a LineString", "draw the lane's centre line as one line")
    raw = geometry.get("coordinates")
    if not isinstance(raw, list) or len(raw) < 2:
        raise Refused(f"{key}.geometry.coordinates", "a line needs two points", "give [[x, y], [x, y], ...]")
    points: list[tuple[float, float]] = []
    for i, pair in enumerate(raw):
        numbers = isinstance(pair, list) and 2 <= len(pair) <= 3 and all(map(_is_number, pair))
        if not numbers:
            shown = pair if isinstance(pair, list) else kind_of(pair)
            raise Refused(f"{key}.geometry.coordinates[{i}]", f"{shown} is no position", "give [x, y]")
        points.append((float(pair[0]), float(pair[1])))
    return name, points


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _to_site(
    points: Points,
    survey: Frame,
    to_receiver: Way,
    origin: Origin,
    key: str,
    below: str = "geometry.coordinates",
) -> Points:
    """Surveyed points in the site frame, m. Raises Refused for what cannot be there."""
    where = f"{key}.{below}"
    if survey.crs.is_geographic and any(abs(x) > 180 or abs(y) > 90 for x, y in points):
        raise Refused(
            where, "outside +-180, +-90 degrees", "give longitude first, in degrees, or correct crs"
        )
    try:
        site = _enu(*to_receiver.go(points), origin)
    except PROJ_ERRORS as error:
        raise Refused(where, f"cannot be transformed: {error}", "correct crs or coordinates") from error
    far = max(math.hypot(x, y) for x, y in site)
    if not far <= MAX_DISTANCE_M:
        raise Refused(
            where,
            f"lies {far / 1000:.0f} km from the site's origin",
            "longitude comes first; check crs and origin",
        )
    for i, (a, b) in enumerate(pairwise(site)):
        if math.dist(a, b) < MIN_STEP_M:
            raise Refused(f"{where}[{i + 1}]", "is the same point as the one before", "remove it")
    return site


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
