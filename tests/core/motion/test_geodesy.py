from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from gatectl.core.motion import SiteFrame
from gatectl.model.site import Origin

FRAME = SiteFrame(Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0))
NEAR = st.floats(-20_000.0, 20_000.0)


@given(x=NEAR, y=NEAR, up=st.floats(-500.0, 3000.0))
def test_there_and_back(x: float, y: float, up: float) -> None:
    point = FRAME.to_site(*FRAME.to_geodetic(x, y, up))
    assert math.dist((point.x, point.y, point.up), (x, y, up)) < 1e-4


@given(
    lat=st.floats(-89.9, 89.9), lon=st.floats(-179.9, 179.9), x=NEAR, y=NEAR, height=st.floats(-100.0, 4000.0)
)
def test_any_origin(lat: float, lon: float, x: float, y: float, height: float) -> None:
    frame = SiteFrame(Origin(latitude_deg=lat, longitude_deg=lon, height_m=height))
    point = frame.to_site(*frame.to_geodetic(x, y, 10.0))
    assert math.dist((point.x, point.y, point.up), (x, y, 10.0)) < 1e-4


@pytest.mark.parametrize(
    ("dlat", "dlon", "height"), [(0.0, 0.0, 300.0), (0.01, -0.02, 310.0), (-0.2, 0.3, 0.0)]
)
def test_agrees_with_proj(dlat: float, dlon: float, height: float) -> None:
    proj = Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 "
        "+step +proj=topocentric +ellps=WGS84 +lon_0=106.712 +lat_0=21.976 +h_0=300"
    )
    expected = proj.transform(106.712 + dlon, 21.976 + dlat, height)
    point = FRAME.to_site(21.976 + dlat, 106.712 + dlon, height)
    assert (point.x, point.y, point.up) == pytest.approx(expected, abs=1e-6)


def test_convergence_is_the_direction_of_north() -> None:
    lat, lon, height = FRAME.to_geodetic(10_000.0, 0.0, 0.0)
    here, north = FRAME.to_site(lat, lon, height), FRAME.to_site(lat + 1e-4, lon, height)
    left_of_y = math.atan2(-(north.x - here.x), north.y - here.y)
    assert here.convergence == pytest.approx(left_of_y, abs=1e-6)
    assert here.convergence > 0.0
