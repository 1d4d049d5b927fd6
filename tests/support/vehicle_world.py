"""The demo site, a vehicle node's image and the GNSS of the vehicle loop, without wires."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gatectl import core
from gatectl.core.motion import Route, SiteFrame
from gatectl.model import (
    Block,
    Direction,
    Kind,
    Layout,
    TagSpec,
)
from gatectl.model.node import Node, NodeConfig
from gatectl.model.site import InterlockConfig, Lane, Site, SiteConfig, SpanConfig
from hil.plant.vehicle import VehiclePlant

DEMO = Path(__file__).parents[2] / "config" / "demo"
ALL = ("cn_crane", "e_cn_check", "e_cn_queue", "border", "e_vn_entry", "e_vn_yard", "vn_crane")
NODES = ["e_cn_crane", "e_cn_check", "e_line", "e_vn_entry", "e_vn_yard", "e_vn_crane"]
UTC_NS = 1_790_000_000_000_000_000
GNSS = (
    *("latitude", "longitude", "height", "fix", "sigma_north", "sigma_east", "speed", "course"),
    *("heading", "correction_age", "satellites", "epoch_utc", "epoch_age", "alive"),
)
MCU = (
    *("armed", "estop", "fault", "speed", "steer_angle", "yaw_rate", "brake_applied", "standstill"),
    *("load_present", "host_timeout", "clamped", "battery", "alive", "reversing"),
)
TRANSPONDER = ("count", "id", "lateral", "age", "signal", "alive")
COMMANDS = ("enable", "steer", "accel", "brake", "reset_count", "reverse")


def demo_site() -> Site:
    """The demo site, resolved without the runtime."""
    config = msgspec.toml.decode((DEMO / "site.toml").read_bytes(), type=SiteConfig)
    frame = SiteFrame(config.origin)
    lanes = tuple(
        Lane(
            id=f["properties"]["lane"],
            points=tuple(
                frame.to_site(lat, lon, config.origin.height_m)[:2]
                for lon, lat in f["geometry"]["coordinates"]
            ),
        )
        for f in json.loads((DEMO / config.geometry).read_text())["features"]
    )
    interlocks = msgspec.toml.decode((DEMO / config.interlocks).read_bytes(), type=InterlockConfig)
    return Site(config=config, lanes=lanes, interlocks=interlocks)


def split_site(site: Site, at_m: float, gap_m: tuple[float, float] = (0.0, 0.0)) -> Site:
    """The same site with the lane `east` in two: `east`, then `east2` from at_m on.

    gap_m: by how much the second lane was surveyed off, along and to the left."""
    points = next(lane.points for lane in site.lanes if lane.id == "east")
    line = Route("east", points)
    cut = line.at(at_m)
    c, s = math.cos(cut.yaw), math.sin(cut.yaw)
    off = (gap_m[0] * c - gap_m[1] * s, gap_m[0] * s + gap_m[1] * c)
    before = [line.at(0.5 * i) for i in range(round(at_m / 0.5))] + [cut]
    after = [line.at(at_m + 0.5 * i) for i in range(int((line.length - at_m) / 0.5) + 1)]
    parts = {
        "east": tuple((p.x, p.y) for p in before),
        "east2": tuple((p.x + off[0], p.y + off[1]) for p in after),
    }
    lanes = tuple(lane for lane in site.lanes if lane.id != "east")
    lanes += tuple(Lane(id=k, points=p) for k, p in parts.items())

    def moved(span: SpanConfig) -> tuple[SpanConfig, ...]:
        if span.lane != "east" or span.to_m <= at_m:
            return (span,)
        late = msgspec.structs.replace(
            span, lane="east2", from_m=max(0.0, span.from_m - at_m), to_m=span.to_m - at_m
        )
        return (late,) if span.from_m >= at_m else (msgspec.structs.replace(span, to_m=at_m), late)

    config = msgspec.structs.replace(
        site.config,
        block=tuple(
            msgspec.structs.replace(b, spans=tuple(x for s in b.spans for x in moved(s)))
            for b in site.config.block
        ),
        node=tuple(
            msgspec.structs.replace(n, lane="east2", at_m=n.at_m - at_m)
            if n.lane == "east" and n.at_m >= at_m
            else n
            for n in site.config.node
        ),
    )
    return msgspec.structs.replace(site, config=config, lanes=lanes)


def demo_node(site: Site, name: str = "vehicle1.toml", **vehicle: Any) -> Node:
    """vehicle: keys of the vehicle's table that are to be others than the demo's."""
    config = msgspec.toml.decode((DEMO / name).read_bytes(), type=NodeConfig)
    config = msgspec.structs.replace(config, vehicle=msgspec.structs.replace(config.vehicle, **vehicle))
    return Node(file=str(DEMO / name), digest="", config=config, site=site, sources={})


def vehicle_layout(node: Node) -> Layout:
    """The image of a vehicle node, with the tags of docs/architecture.md."""
    gnss = tuple(TagSpec(name=n, stale_after_s=0.5) for n in GNSS)
    mcu = tuple(TagSpec(name=n, stale_after_s=0.2) for n in MCU)
    commands = tuple(
        TagSpec(
            name=n,
            direction=Direction.COMMAND,
            safe_value=1.0 if n == "brake" else 0.0,
            kind=Kind.FLOAT,
            stale_after_s=0.2,
        )
        for n in COMMANDS
    )
    assert node.config.vehicle is not None
    reader = node.config.vehicle.transponder
    tags = tuple(TagSpec(name=n, stale_after_s=0.5) for n in TRANSPONDER)
    return Layout(
        [
            Block("gnss", Direction.STATE, gnss),
            Block("mcu", Direction.STATE, mcu),
            *([Block(reader, Direction.STATE, tags)] if reader else []),
            Block("mcu", Direction.COMMAND, commands),
            Block("core", Direction.STATE, core.tags(node.config, node.site)),
        ]
    )


class GnssModel:
    """RTK, 10 Hz, 60 ms late: white 1 cm, slow 1.1 cm / 60 s per axis, heading 0.15 deg, velocity 2 cm/s."""

    def __init__(self, frame: SiteFrame, rng: np.random.Generator) -> None:
        self.frame, self.rng = frame, rng
        self.slow = rng.normal(0, 0.011, 2)
        self.silent = False
        self.fix = 4.0
        self.jump = (0.0, 0.0)
        self.due: list[tuple[int, dict[str, float]]] = []

    def epoch(self, now: int, plant: VehiclePlant, forward: float) -> None:
        keep = math.exp(-0.1 / 60.0)
        self.slow = self.slow * keep + self.rng.normal(0, 0.011 * math.sqrt(1 - keep * keep), 2)
        error = self.slow + self.rng.normal(0, 0.01, 2) + np.array(self.jump)
        turn = self.rng.normal(0, math.radians(0.15))
        swing = self.rng.normal(0, 0.02, 2)
        if self.silent:
            return
        across = forward * plant.yaw_rate + plant.side_mps
        east = plant.speed * math.cos(plant.yaw) - across * math.sin(plant.yaw) + float(swing[0])
        north = plant.speed * math.sin(plant.yaw) + across * math.cos(plant.yaw) + float(swing[1])
        lat, lon, height = self.frame.to_geodetic(
            plant.x + forward * math.cos(plant.yaw) + float(error[0]),
            plant.y + forward * math.sin(plant.yaw) + float(error[1]),
            3.0,
        )
        values = dict.fromkeys(GNSS, 0.0) | {
            "latitude": lat,
            "longitude": lon,
            "height": height,
            "fix": self.fix,
            "sigma_north": 0.012,
            "sigma_east": 0.012,
            "speed": math.hypot(east, north),
            "course": math.atan2(east, north) % math.tau,
            "heading": (0.5 * math.pi - plant.yaw + turn) % math.tau,
            "correction_age": 1.0,
            "satellites": 20.0,
            "epoch_utc": (UTC_NS + now) * 1e-9,
            "epoch_age": 0.06,
            "alive": 1.0,
        }
        self.due.append((now + 60_000_000, values))
