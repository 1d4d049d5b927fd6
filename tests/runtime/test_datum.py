"""Ways between datums: against published points and parameters, never a ballpark one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from gatectl.model.site import Origin, Velocity
from gatectl.runtime.datum import Refused, frame, way

BORDER = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
BEIJING = Origin(latitude_deg=39.6, longitude_deg=115.9, height_m=100.0)
LANGSON_MM = {"east_mm": 32.0, "north_mm": -11.0, "sigma_mm": 1.0}


def named(crs: str, epoch: float):
    return frame(crs, epoch, crs_key="crs", epoch_key="epoch")


def find(survey, receiver, origin=BORDER, **more):
    return way(named(*survey), named(*receiver), origin, more.pop("velocity", None), **more)


def cartesian(lon, lat, height=0.0):
    """WGS 84 ellipsoid; textbook formula."""
    a, f = 6378137.0, 1 / 298.257223563
    phi, lam, e2 = math.radians(lat), math.radians(lon), f * (2 - f)
    n = a / math.sqrt(1 - e2 * math.sin(phi) ** 2)
    return np.array(
        [
            (n + height) * math.cos(phi) * math.cos(lam),
            (n + height) * math.cos(phi) * math.sin(lam),
            (n * (1 - e2) + height) * math.sin(phi),
        ]
    )


def horizontal(off, lon, lat) -> float:
    """Length of a vector in ECEF without its part along the ellipsoid's normal (heights are not carried)."""
    phi, lam = math.radians(lat), math.radians(lon)
    up = np.array([math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)])
    return float(np.linalg.norm(off - up * (off @ up)))


def test_vn_2000_goes_by_the_seven_published_parameters():
    """EPSG:6960, coordinate frame rotation; as issued by the ministry (decision 05/2007/QD-BTNMT)."""
    shift = np.array([-191.90441429, -39.30318279, -111.45032835])
    rx, ry, rz = np.radians(np.array([-0.00928836, 0.01975479, -0.00427372]) / 3600)
    scale = 1 + 0.252906278e-6
    turn = np.array([[1, rz, -ry], [-rz, 1, rx], [ry, -rx, 1]])  # EPSG method 9607
    there = find(("EPSG:4756", 2000.0), ("EPSG:4326", 2026.9))
    [lon], [lat] = there.go([(106.712, 21.976)])
    expected = shift + scale * turn @ cartesian(106.712, 21.976)
    assert horizontal(cartesian(lon, lat) - expected, lon, lat) < 0.001
    assert there.accuracy_m == pytest.approx(1.0)
    assert "VN-2000 to WGS 84 (2)" in there.text


def test_a_zone_of_vn_2000_is_unprojected_first():
    """Lang Son's own zone: central meridian 107 15 E, three degrees wide, scale 0.9999."""
    zone = Transformer.from_crs("EPSG:4756", "EPSG:9215", always_xy=True)
    x, y = zone.transform(106.712, 21.976)
    plain = find(("EPSG:4756", 2000.0), ("EPSG:4326", 2026.9)).go([(106.712, 21.976)])
    zoned = find(("EPSG:9215", 2000.0), ("EPSG:4326", 2026.9)).go([(x, y)])
    assert np.array(zoned) == pytest.approx(np.array(plain), abs=1e-10)


def test_vn_2000_to_a_realisation_goes_by_the_ensemble_and_is_charged_for_it():
    there = find(("EPSG:3405", 2000.0), ("EPSG:9000", 2020.0))
    assert there.accuracy_m == pytest.approx(3.01)
    assert len(there.parts) == 2


@pytest.mark.parametrize(
    ("survey", "receiver", "accuracy"),
    [
        (("EPSG:9215", 2000.0), ("EPSG:4490", 2000.0), 1.0 + 2.01 + 0.01 + 0.03),
        (("EPSG:4490", 2000.0), ("EPSG:4756", 2000.0), 1.0 + 2.01 + 0.01 + 0.03),
        (("EPSG:4490", 2000.0), ("EPSG:4326", 2000.0), 2.01 + 0.01 + 0.03),
    ],
)
def test_across_the_border_there_is_a_way_and_its_price_calls_for_a_calibration(survey, receiver, accuracy):
    found = find(survey, receiver)
    assert found.accuracy_m == pytest.approx(accuracy, abs=0.02)
    points = [(500_000.0, 2_431_000.0)] if survey[0] == "EPSG:9215" else [(106.712, 21.976)]
    [lon], [lat] = found.go(points)
    back = find(receiver, survey)
    [lon2], [lat2] = back.go([(lon, lat)])
    [lon0], [lat0] = find(survey, survey).go(points)
    assert np.linalg.norm(cartesian(lon2, lat2) - cartesian(lon0, lat0)) < 0.001


def test_several_operations_and_the_one_that_the_surveyor_names():
    delta = Origin(latitude_deg=10.0, longitude_deg=106.0, height_m=0.0)
    found = find(("EPSG:4756", 2000.0), ("EPSG:4326", 2000.0), delta, wanted="VN-2000 to WGS 84 (1)")
    other = find(("EPSG:4756", 2000.0), ("EPSG:4326", 2000.0), delta, wanted="VN-2000 to WGS 84 (2)")
    assert found.go([(106.0, 10.0)]) != other.go([(106.0, 10.0)])
    with pytest.raises(Refused, match="not available"):
        find(("EPSG:4756", 2000.0), ("EPSG:4326", 2000.0), wanted="VN-2000 to Mars")


def test_itrf_2014_to_2020_by_the_published_fourteen_parameters():
    """IERS / IGN, Transformation parameters from ITRF2020 to ITRF2014, epoch 2015.0, inverted here."""
    t = np.array([-1.4, -0.9, 1.4]) + np.array([0.0, -0.1, 0.2]) * (2026.0 - 2015.0)  # mm
    scale = -0.42e-9
    at = cartesian(106.712, 21.976)
    expected = (at - t / 1000) / (1 + scale)
    there = find(("EPSG:9000", 2026.0), ("EPSG:9990", 2026.0))
    [lon], [lat] = there.go([(106.712, 21.976)])
    assert horizontal(cartesian(lon, lat) - expected, lon, lat) < 0.0002
    assert there.accuracy_m <= 0.001


def test_cgcs2000_is_itrf97_at_2000_and_the_ground_has_moved_since():
    """Beijing Fangshan (BJFS, ITRF2014 velocity about 30.5 mm east, -10.5 mm north a year)."""
    velocity = Velocity(east_mm=30.5, north_mm=-10.5, sigma_mm=1.0)
    survey, receiver = ("EPSG:4490", 2000.0), ("EPSG:9000", 2026.0)
    there = find(survey, receiver, BEIJING, velocity=velocity)
    [lon], [lat] = there.go([(115.8925, 39.6086)])
    east = math.radians(lon - 115.8925) * 6378137 * math.cos(math.radians(39.6086))
    north = math.radians(lat - 39.6086) * 6371000
    assert east == pytest.approx(0.0305 * 26, abs=0.03)  # the frames differ by up to 3 cm
    assert north == pytest.approx(-0.0105 * 26, abs=0.03)
    assert there.accuracy_m == pytest.approx(0.026 + 0.03 + 0.01)
    unknown = find(survey, receiver, BEIJING)
    assert unknown.accuracy_m == pytest.approx(2.6 + 0.04)
    assert "unknown motion" in unknown.text


@pytest.mark.parametrize(
    ("survey", "receiver", "accuracy"),
    [
        (("EPSG:4326", 2026.9), ("EPSG:4326", 2026.9), 0.0),
        (("EPSG:32648", 2026.9), ("EPSG:4979", 2026.9), 0.0),
        (("EPSG:4326", 2026.9), ("EPSG:4326", 2026.5), 0.04),  # the plate moves in WGS 84
        (("EPSG:4490", 2000.0), ("EPSG:4545", 2000.0), 0.0),
        (("EPSG:4756", 2000.0), ("EPSG:3405", 2026.9), 0.0),  # VN-2000 moves with the plate
        (("EPSG:9000", 2010.0), ("EPSG:9000", 2026.0), 1.6),
    ],
)
def test_what_a_way_is_charged(survey, receiver, accuracy):
    found = find(survey, receiver)
    assert found.accuracy_m == pytest.approx(accuracy, abs=1e-9)
    assert bool(found.text)


@pytest.mark.parametrize(
    ("survey", "receiver", "key"),
    [
        (("EPSG:4490", 2026.9), ("EPSG:9000", 2026.9), "epoch"),  # CGCS2000 has one epoch
        (("EPSG:4214", 2000.0), ("EPSG:9000", 2020.0), "crs"),  # Beijing 1954
        (("GCJ-02", 2026.9), ("EPSG:4326", 2026.9), "crs"),
        (("+proj=longlat +ellps=GRS80", 2026.9), ("EPSG:4326", 2026.9), "crs"),
        (("+proj=tmerc +lon_0=107 +ellps=WGS84 +towgs84=0,0,0", 2026.9), ("EPSG:4326", 2026.9), "crs"),
        (("EPSG:4978", 2026.9), ("EPSG:4326", 2026.9), "crs"),
        (("EPSG:99999", 2026.9), ("EPSG:4326", 2026.9), "crs"),
    ],
)
def test_refused_with_cause_and_remedy(survey, receiver, key):
    with pytest.raises(Refused) as caught:
        find(survey, receiver)
    assert caught.value.key == key
    assert caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("EPSG:4756", 2000.0), ("EPSG:4326", 2026.9)),
        (("EPSG:4490", 2000.0), ("EPSG:9000", 2026.9)),
        (("EPSG:9000", 2015.0), ("EPSG:9755", 2026.9)),
        (("EPSG:4756", 2000.0), ("EPSG:9990", 2026.9)),
        (("EPSG:4326", 2020.0), ("EPSG:4326", 2026.9)),
    ],
)
def test_there_and_back_is_the_same_place(one, other):
    velocity = Velocity(**LANGSON_MM)
    there, back = (find(a, b, velocity=velocity) for a, b in ((one, other), (other, one)))

    @given(st.floats(106.6, 106.8), st.floats(21.9, 22.05))
    def round_trip(lon, lat):
        [lon2], [lat2] = back.go([*zip(*there.go([(lon, lat)]), strict=True)])
        assert np.linalg.norm(cartesian(lon2, lat2) - cartesian(lon, lat)) < 0.001

    round_trip()
