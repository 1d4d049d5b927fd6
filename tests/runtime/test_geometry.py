"""Lanes from GeoJSON into the site frame."""

from __future__ import annotations

from typing import Any

import pytest
from pyproj import Transformer

from gatectl.model.site import Origin
from gatectl.runtime.geometry import length_m, read_lanes

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)


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
    [lane], findings = read_lanes(collection("EPSG:4326", POINTS), ORIGIN, "f")
    assert not findings
    assert lane.points[0] == pytest.approx((0.0, 0.0), abs=1e-6)
    # one milli-degree of longitude on the WGS 84 ellipsoid at this latitude and height
    assert length_m(lane) == pytest.approx(103.29, abs=0.02)
    assert abs(lane.points[1][1]) < 0.001


def test_projected_coordinates_give_the_same_lane() -> None:
    utm = Transformer.from_crs("EPSG:4326", "EPSG:32648", always_xy=True)
    points = [list(utm.transform(*p)) for p in POINTS]
    [lane], findings = read_lanes(collection("EPSG:32648", points), ORIGIN, "f")
    [same], _ = read_lanes(collection("EPSG:4326", POINTS), ORIGIN, "f")
    assert not findings
    for a, b in zip(lane.points, same.points, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_vn_2000_needs_its_operation_named() -> None:
    _, findings = read_lanes(collection("EPSG:4756", POINTS), ORIGIN, "f")
    assert [f.key for f in findings] == ["transformation"]
    named = collection("EPSG:4756", POINTS, transformation="VN-2000 to WGS 84 (2)")
    [lane], findings = read_lanes(named, ORIGIN, "f")
    assert not findings
    assert 200 < abs(complex(*lane.points[0])) < 250


@pytest.mark.parametrize(
    "crs", ["EPSG:4490", "EPSG:4545", "GCJ-02", "BD-09", "EPSG:4978", "nonsense", "", "EPSG:4756"]
)
def test_refused_with_a_remedy(crs: str) -> None:
    lanes, findings = read_lanes(collection(crs, POINTS), ORIGIN, "f")
    assert all(not lane.points for lane in lanes)
    assert findings
    assert findings[0].remedy


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
    _, findings = read_lanes(collection("EPSG:4326", points), ORIGIN, "f")
    assert any(text in f.cause for f in findings), findings


@pytest.mark.parametrize("data", [None, [], {}, {"type": "FeatureCollection", "features": [3, None, {}]}, 7])
def test_no_geojson_never_raises(data: Any) -> None:
    assert read_lanes(data, ORIGIN, "f")[1]
