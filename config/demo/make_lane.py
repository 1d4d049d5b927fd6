"""Writes lane.geojson: the declared synthetic demo lane (not a survey of any real place).

Two one-way lanes, 6 m apart in the yards, merge into one stretch at the border line and part
again; a 60 m bend lies on the Viet Nam side. Run it again after changing a number:
`python config/demo/make_lane.py`; it prints the lanes' lengths and the position of each given
reference station on both lanes, for the `at_m` and span values of site.toml.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from pyproj import Transformer

ORIGIN_LAT, ORIGIN_LON, ORIGIN_H = 21.976, 106.712, 300.0
STEP_M = 0.5
LENGTH_M = 330.0
OFFSET_M = 3.0
AXIS_RAD = math.radians(-40.0)  # the lane runs south-east, from China to Viet Nam
BEND = (215.0, 262.0, 1 / 60.0)  # from, to, curvature
MERGE = (113.0, 140.0, 180.0, 207.0)  # apart .. together .. together .. apart
STATIONS = (0, 21, 29, 40, 62, 66, 80, 100, 113, 160, 207, 222, 228, 245, 266, 268, 285, 301, 309, 330)


def smooth(u: np.ndarray) -> np.ndarray:
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10 - 15 * u + 6 * u * u)


def reference(s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, k = BEND
    kappa = k * smooth((s - a) / 10.0) * (1 - smooth((s - b) / 10.0))
    yaw = AXIS_RAD + np.concatenate([[0.0], np.cumsum(0.5 * (kappa[1:] + kappa[:-1]) * np.diff(s))])
    mid = 0.5 * (yaw[1:] + yaw[:-1])
    x = np.concatenate([[0.0], np.cumsum(np.cos(mid) * np.diff(s))])
    y = np.concatenate([[0.0], np.cumsum(np.sin(mid) * np.diff(s))])
    return x, y, yaw


def lanes() -> dict[str, np.ndarray]:
    s = np.arange(0.0, LENGTH_M + 1e-9, 0.05)
    x, y, yaw = reference(s)
    a, b, c, d = MERGE
    off = OFFSET_M * (1 - smooth((s - a) / (b - a)) + smooth((s - c) / (d - c)))
    left = np.column_stack([x - off * np.sin(yaw), y + off * np.cos(yaw)])
    right = np.column_stack([x + off * np.sin(yaw), y - off * np.cos(yaw)])
    keep = slice(None, None, round(STEP_M / 0.05))
    print("station_m  east_m  west_m")
    along = {
        k: np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(v, axis=0).T))])
        for k, v in (("east", left), ("west", right))
    }
    for station in STATIONS:
        i = round(station / 0.05)
        print(f"{station:9d} {along['east'][i]:7.2f} {along['west'][-1] - along['west'][i]:7.2f}")
    return {"east": left[keep], "west": right[::-1][keep]}


def main() -> None:
    to_ecef = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    to_geo = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    x0, y0, z0 = to_ecef.transform(ORIGIN_LON, ORIGIN_LAT, ORIGIN_H)
    la, lo = math.radians(ORIGIN_LAT), math.radians(ORIGIN_LON)
    east = np.array([-math.sin(lo), math.cos(lo), 0.0])
    north = np.array([-math.sin(la) * math.cos(lo), -math.sin(la) * math.sin(lo), math.cos(la)])
    features = []
    for lane, points in lanes().items():
        ecef = np.array([x0, y0, z0]) + points[:, :1] * east + points[:, 1:] * north
        lon, lat, _ = to_geo.transform(*ecef.T)
        coordinates = [[round(float(o), 10), round(float(a), 10)] for o, a in zip(lon, lat, strict=True)]
        features.append(
            {
                "type": "Feature",
                "properties": {"lane": lane},
                "geometry": {"type": "LineString", "coordinates": coordinates},
            }
        )
    out = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:4326"}},
        "coordinateEpoch": 2026.9,
        "note": "Declared synthetic lane near the Huu Nghi - Youyi Guan crossing; not surveyed.",
        "features": features,
    }
    one_line = json.dumps(out, indent=None, separators=(",", ":"))
    text = one_line.replace('{"type":"Feature"', '\n{"type":"Feature"')
    Path(__file__).with_name("lane.geojson").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
