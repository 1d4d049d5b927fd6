"""Lanes from GeoJSON into the site frame."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyproj import Transformer

from gatectl.model.site import ControlPoint, DatumConfig, Origin, Velocity
from gatectl.runtime.geometry import Geometry, length_m, read_lanes

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
DATUM = DatumConfig(crs="EPSG:4326", epoch=2026.9)


def read(data: Any, datum: DatumConfig = DATUM) -> Geometry:
    return read_lanes(data, ORIGIN, datum, "f")


def lanes_of(data: Any, datum: DatumConfig = DATUM) -> list[Any]:
    found = read(data, datum)
    assert not found.findings, found.findings
    return found.lanes


def collection(crs: str, points: list[list[float]], **more: Any) -> dict[str, Any]:
    line = {"type": "LineString", "coordinates": points}
    return {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": crs}},
        "coordinateEpoch": 2026.9,
        "features": [{"type": "Feature", "properties": {"lane": "a"}, "geometry": line}],
        **more,
    }


POINTS = [[106.712, 21.976], [106.713, 21.976]]


def test_the_origin_is_zero_and_east_is_x() -> None:
    [lane] = lanes_of(collection("EPSG:4326", POINTS))
    assert lane.points[0] == pytest.approx((0.0, 0.0), abs=1e-6)
    # one milli-degree of longitude on the WGS 84 ellipsoid at this latitude and height
    assert length_m(lane) == pytest.approx(103.29, abs=0.02)
    assert abs(lane.points[1][1]) < 0.001


def test_projected_coordinates_give_the_same_lane() -> None:
    utm = Transformer.from_crs("EPSG:4326", "EPSG:32648", always_xy=True)
    points = [list(utm.transform(*p)) for p in POINTS]
    [lane] = lanes_of(collection("EPSG:32648", points))
    [same] = lanes_of(collection("EPSG:4326", POINTS))
    for a, b in zip(lane.points, same.points, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


CORNERS = ((106.7110, 21.9750), (106.7135, 21.9752), (106.7133, 21.9770), (106.7112, 21.9768))
"""Marks around the lane, in the survey's coordinates."""


def measured(crs: str, off_m: tuple[tuple[float, float], ...]) -> tuple[ControlPoint, ...]:
    """Marks as the receiver measures them: by the published operation, and off by so much east and north."""
    operation = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    points = []
    for number, ((x, y), (east, north)) in enumerate(zip(CORNERS, off_m, strict=True)):
        lon, lat = operation.transform(x, y)
        lat += math.degrees(north / 6_350_000)
        lon += math.degrees(east / (6_378_000 * math.cos(math.radians(lat))))
        points.append(ControlPoint(id=f"P{number}", x=x, y=y, latitude_deg=lat, longitude_deg=lon))
    return tuple(points)


def with_points(off_m: tuple[tuple[float, float], ...], **more: Any) -> DatumConfig:
    return DatumConfig(crs="EPSG:4326", epoch=2026.9, point=measured("EPSG:4756", off_m), **more)


def test_vn_2000_alone_is_not_exact_enough_and_says_what_helps() -> None:
    found = read(collection("EPSG:4756", POINTS))
    [finding] = found.findings
    assert (finding.file, finding.key) == ("site.toml", "datum.accuracy_m")
    assert "VN-2000 to WGS 84 (2) (1 m)" in finding.cause
    assert "three control points" in finding.remedy
    assert any("VN-2000" in note for note in found.notes)
    coarse = DatumConfig(crs="EPSG:4326", epoch=2026.9, accuracy_m=1.5)
    [lane] = lanes_of(collection("EPSG:4756", POINTS, transformation="VN-2000 to WGS 84 (2)"), coarse)
    assert 200 < abs(complex(*lane.points[0])) < 250


def test_a_site_calibration_makes_vn_2000_exact() -> None:
    """The service lies 0.4 m from the published parameters; errors of measurement are 1 cm."""
    errors = ((0.01, 0.0), (-0.01, 0.005), (0.0, -0.01), (0.005, 0.01))
    datum = with_points(tuple((0.35 + e, -0.2 + n) for e, n in errors))
    found = read(collection("EPSG:4756", POINTS), datum)
    assert not found.findings
    coarse = DatumConfig(crs="EPSG:4326", epoch=2026.9, accuracy_m=9.0)
    [plain] = lanes_of(collection("EPSG:4756", POINTS), coarse)
    for before, after in zip(plain.points, found.lanes[0].points, strict=True):
        assert after == pytest.approx((before[0] + 0.35, before[1] - 0.2), abs=0.02)
    text = "\n".join(found.notes)
    assert "site calibration on 4 points: shift 0.40" in text
    assert "worst residual 1" in text


def test_vn_2000_lanes_for_a_service_in_cgcs2000_are_calibrated_as_well() -> None:
    """Both sides of the border: the marks are what the published ways cannot know."""
    marks = measured("EPSG:4756", ((0.9, -0.5),) * 4)
    datum = DatumConfig(crs="EPSG:4490", epoch=2000.0, point=marks)
    found = read(collection("EPSG:4756", POINTS), datum)
    assert not found.findings
    coarse = DatumConfig(crs="EPSG:4326", epoch=2026.9, accuracy_m=9.0)
    [plain] = lanes_of(collection("EPSG:4756", POINTS), coarse)
    for before, after in zip(plain.points, found.lanes[0].points, strict=True):
        assert after == pytest.approx((before[0] + 0.9, before[1] - 0.5), abs=0.001)


@pytest.mark.parametrize(
    ("off_m", "more", "key", "text"),
    [
        (((0.3, 0.0),) * 3 + ((0.5, 0.0),), {}, "datum.point[", "does not fit the others"),
        (((9.0, 0.0),) * 4, {}, "datum.point", "shift of 9"),
        (((0.3, 0.0), (0.3, 0.9), (0.3, 0.9), (0.3, 0.0)), {"residual_max_m": 1.0}, "datum.point", "turn"),
        (((0.3, 0.0),) * 4, {"accuracy_m": 0.001}, "datum.accuracy_m", "the calibration leaves"),
    ],
)
def test_a_calibration_that_does_not_hold_is_refused(
    off_m: tuple[tuple[float, float], ...], more: dict[str, float], key: str, text: str
) -> None:
    [finding] = read(collection("EPSG:4756", POINTS), with_points(off_m, **more)).findings
    assert finding.key.startswith(key)
    assert text in finding.cause
    assert finding.remedy
    assert finding.file == "site.toml"


def test_points_that_are_too_few_or_twice_there_or_elsewhere() -> None:
    points = measured("EPSG:4756", ((0.3, 0.0),) * 4)
    for chosen, text in (
        (points[:2], "at least 3"),
        ((points[0],) * 3, "twice"),
        (
            (*points[:3], ControlPoint(id="Q", x=21.9, y=106.7, latitude_deg=21.9, longitude_deg=106.7)),
            "degrees",
        ),
    ):
        datum = DatumConfig(crs="EPSG:4326", epoch=2026.9, point=chosen)
        [finding] = read(collection("EPSG:4756", POINTS), datum).findings
        assert text in finding.cause + finding.remedy
        assert finding.key.startswith("datum.point")


def test_cgcs2000_for_a_service_in_cgcs2000_is_exact() -> None:
    service = DatumConfig(crs="EPSG:4490", epoch=2000.0)
    [lane] = lanes_of(collection("EPSG:4490", POINTS, coordinateEpoch=2000.0), service)
    assert lane.points[0] == pytest.approx((0.0, 0.0), abs=1e-6)


def test_cgcs2000_for_a_service_in_itrf_needs_velocity_or_points() -> None:
    survey = collection("EPSG:4490", POINTS, coordinateEpoch=2000.0)
    [finding] = read(survey, DatumConfig(crs="EPSG:9000", epoch=2026.9)).findings
    assert finding.key == "datum.accuracy_m"
    assert "unknown motion of the ground from epoch 2000 to 2026.9 (2.7 m)" in finding.cause
    assert "datum.velocity" in finding.remedy
    velocity = Velocity(east_mm=32.0, north_mm=-11.0, sigma_mm=1.0)
    [lane] = lanes_of(survey, DatumConfig(crs="EPSG:9000", epoch=2026.9, velocity=velocity))
    assert lane.points[0] == pytest.approx((26.9 * 0.032, -26.9 * 0.011), abs=0.03)


def test_the_receivers_datum_must_be_one_on_the_ellipsoid_of_gnss() -> None:
    for crs, epoch, key in (
        ("EPSG:4214", 2000.0, "crs"),
        ("EPSG:4490", 2026.9, "epoch"),
        ("x", 2000.0, "crs"),
    ):
        [finding] = read(collection("EPSG:4326", POINTS), DatumConfig(crs=crs, epoch=epoch)).findings
        assert (finding.file, finding.key) == ("site.toml", f"datum.{key}")


@pytest.mark.parametrize(
    "crs", ["EPSG:4490", "EPSG:4545", "GCJ-02", "BD-09", "EPSG:4978", "nonsense", "", "EPSG:4756"]
)
def test_refused_with_a_remedy(crs: str) -> None:
    found = read(collection(crs, POINTS))
    assert found.findings
    assert found.findings[0].remedy


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ([[21.976, 106.712], [21.977, 106.712]], "degrees"),
        ([[105.0, 21.976], [105.1, 21.976]], "km from"),
        ([POINTS[0], POINTS[0]], "same point"),
        ([POINTS[0], ["a", 1]], "no position"),
        ([POINTS[0]], "two points"),
    ],
)
def test_bad_coordinates(points: Any, text: str) -> None:
    findings = read(collection("EPSG:4326", points)).findings
    assert any(text in f.cause for f in findings), findings


@pytest.mark.parametrize("data", [None, [], {}, {"type": "FeatureCollection", "features": [3, None, {}]}, 7])
def test_no_geojson_never_raises(data: Any) -> None:
    assert read(data).findings
