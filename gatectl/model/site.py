"""The site: geometry, blocks, stations, cranes, routes, limits, customs keys. Shared by all nodes.

These structs are the shape of site.toml (every key is read or refused) and, resolved into `Site`,
what the core is built from. Frame: site ENU, x east, y north, metres, origin as configured; yaw in
rad counter-clockwise from east. Positions along a lane (`_m`) count from its first point.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct, field

from gatectl.model.messages import Side

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
# An id is used in MQTT topics, VDA 5050 ids, file names and tag names.
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
TagName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Meta(min_length=1)]


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configuration tables."""


class Origin(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Origin of the site frame, in the datum of the receivers' positions: deg, deg, m above the ellipsoid."""

    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)]
    height_m: Annotated[float, Meta(ge=-500, le=9000)]


class Velocity(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the ground moves in a recent ITRF, mm a year: of the nearest permanent station, or a plate model.

    sigma_mm: how far it may be off, of the whole vector.
    """

    east_mm: Annotated[float, Meta(ge=-150, le=150)]
    north_mm: Annotated[float, Meta(ge=-150, le=150)]
    sigma_mm: Annotated[float, Meta(gt=0, le=100)]


class ControlPoint(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mark known twice. x, y: as surveyed, in the geometry file's CRS, east or longitude first.

    latitude_deg, longitude_deg: as a receiver of the gate measures it with the corrections that the
    vehicles use, fixed, the mean of some minutes.
    """

    id: Id
    x: float
    y: float
    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)]


class DatumConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The datum of the receivers' positions: that of the base stations' coordinates, not the survey's.

    crs: as the correction service states it (EPSG:9000 ITRF2014, EPSG:9755 WGS 84 (G2139),
    EPSG:4490 CGCS2000, EPSG:4756 VN-2000). epoch: of its coordinates, decimal year; a service whose
    coordinates move with the date (PPP) is not supported.
    accuracy_m: how far lanes may be off in this datum; worse is refused.
    velocity: needed where survey and service are of different epochs.
    point: control points of a site calibration (none, or at least three), needed where no published
    transformation is good enough. residual_max_m: none of them may fit worse.
    """

    crs: Text
    epoch: Annotated[float, Meta(ge=1980, le=2200)]
    accuracy_m: Positive = 0.1
    velocity: Velocity | None = None
    residual_max_m: Positive = 0.03
    point: tuple[ControlPoint, ...] = ()


class Limits(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Site-wide limits; every number of the domain is configuration.

    alert_limit_m: a vehicle does not move with a larger protection level.
    integrity_risk_per_h: how often an hour an error may be larger than its protection level;
    gnss_fault_rate_per_h: how often GNSS positions are assumed wrong without the receiver telling.
    weight_tolerance: allowed relative deviation of the weighed from the declared container mass.
    """

    speed_mps: Positive = 6.9
    curve_speed_mps: Positive = 3.0
    lateral_accel_mps2: Positive = 0.8
    alert_limit_m: Positive = 0.5
    integrity_risk_per_h: Annotated[float, Meta(ge=1e-9, le=1e-1)] = 1e-4
    gnss_fault_rate_per_h: Annotated[float, Meta(ge=1e-6, le=10.0)] = 1e-2
    weight_tolerance: Fraction = 0.05
    container_gross_max_kg: Positive = 35_000.0
    identity_confidence_min: Fraction = 0.8
    verdict_age_max_s: Positive = 600.0
    lease_valid_s: Positive = 3.0
    vehicle_silent_after_s: Positive = 3.0
    align_along_m: Positive = 0.15
    align_across_m: Positive = 0.10
    node_reached_m: Positive = 0.30


class SpanConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of a lane."""

    lane: str
    from_m: NonNegative
    to_m: Positive


class BlockConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch that one holder may have: one span, or several that share the ground.

    kind crane: the envelope of a crane (`crane` names it); border: contains the line.
    """

    id: Id
    spans: Annotated[tuple[SpanConfig, ...], Meta(min_length=1)]
    kind: Literal["track", "crane", "border"] = "track"
    crane: str = ""


class NodeConfigPoint(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where a vehicle may be told to stop (a VDA 5050 node): its control point stands there.

    kind check: weighed and read here; crane: loaded and unloaded here; stop_line: before the line.
    """

    id: Id
    lane: str
    at_m: NonNegative
    kind: Literal["crane", "check", "stop_line", "way"] = "way"
    side: Side
    crane: str = ""
    scale: str = ""
    camera: str = ""
    portal: str = ""


class CraneConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A crane of the site, by its device's name on the gate node.

    slots: trolley position (m) by place: a lane id, or `yard`. Heights are of the spreader above
    ground: travel_height_m clear of everything, vehicle_height_m landed on a container that stands
    on a vehicle, yard_height_m landed on one in the yard.
    """

    id: Id
    device: TagName
    side: Side
    slots: dict[str, float]
    travel_height_m: Positive = 8.0
    vehicle_height_m: Positive = 4.1
    yard_height_m: Positive = 2.6
    wind_max_mps: Positive = 20.0
    load_max_kg: Positive = 41_000.0
    position_tolerance_m: Positive = 0.05


class RouteConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The nodes that a loaded container's vehicle passes, in order, for one direction.

    The first is under the crane that loads, the last under the one that grounds.
    """

    direction: Literal["import", "export"]
    lane: str
    nodes: Annotated[tuple[str, ...], Meta(min_length=2)]


class VehicleEntry(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle that the gate knows. front_m / rear_m: overhang from the control point."""

    serial: Id
    manufacturer: Id
    lane: str
    start_node: str
    tare_kg: Positive
    front_m: NonNegative = 10.5
    rear_m: NonNegative = 2.5


class CustomsConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """public_key: Ed25519, base64 of the 32 raw bytes."""

    side: Side
    public_key: str


class TransponderConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transponder or coded magnet in the ground, by the code that the reader reports.

    at_m, lateral_m: of its centre, along the lane's line as drawn (straight between its points) and to
    the left of it.
    """

    id: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    lane: str
    at_m: NonNegative
    lateral_m: Annotated[float, Meta(ge=-10, le=10)] = 0.0


class InterlockCause(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition that is true when all is well. tag: `device.tag` or `core.tag`.

    In a matrix shared by several devices of one kind `{device}` in the tag stands for the effect's
    device. limit: a number; or limit_key: a key of `[limits]`. on_delay_s: how long the condition
    must hold before it counts as true; off_delay_s: how long it may fail before it counts as false.
    """

    id: TagName
    tag: str
    op: Literal["is_true", "is_false", "<=", ">=", "==", "!="]
    limit: float = 0.0
    limit_key: str = ""
    on_delay_s: NonNegative = 0.0
    off_delay_s: NonNegative = 0.0
    text: Text
    remedy: Text


class InterlockEffect(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the matrix permits or stops: `drive` on a vehicle, `motion` of each crane on a gate.

    permissives: needed to start; interlocks: needed all the time, non-latching; trips: latched
    until a rising-edge reset. All three name causes.
    """

    id: TagName
    role: Literal["vehicle", "gate"]
    permissives: tuple[str, ...] = ()
    interlocks: tuple[str, ...] = ()
    trips: tuple[str, ...] = ()


class SiteConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """site.toml. geometry, interlocks: files beside it. map_id: VDA 5050 map.

    datum: compulsory in the file; only recordings from before it was may lack it.
    """

    name: Id
    map_id: Id
    geometry: str
    interlocks: str
    origin: Origin
    datum: DatumConfig | None = None
    limits: Limits = field(default_factory=Limits)
    block: tuple[BlockConfig, ...]
    node: tuple[NodeConfigPoint, ...]
    crane: tuple[CraneConfig, ...]
    route: tuple[RouteConfig, ...]
    vehicle: tuple[VehicleEntry, ...]
    customs: tuple[CustomsConfig, ...]
    transponder: tuple[TransponderConfig, ...] = ()


class InterlockConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """interlocks.toml."""

    cause: tuple[InterlockCause, ...]
    effect: tuple[InterlockEffect, ...]


class Lane(Struct, frozen=True, kw_only=True):
    """A lane's centre line in the site frame: N points (x, y) in m, N >= 2, in driving direction."""

    id: str
    points: tuple[tuple[float, float], ...]


class Transponder(NamedTuple):
    """Where a transponder lies in the site frame, m."""

    id: int
    x: float
    y: float


class Site(Struct, frozen=True, kw_only=True):
    """The resolved site: what the core is built from."""

    config: SiteConfig
    lanes: tuple[Lane, ...]
    interlocks: InterlockConfig

    def transponders(self) -> tuple[Transponder, ...]:
        """All transponders, in the order of site.toml. Raises KeyError for a lane that does not exist."""
        lanes = {lane.id: lane.points for lane in self.lanes}
        return tuple(
            Transponder(t.id, *_beside(lanes[t.lane], t.at_m, t.lateral_m)) for t in self.config.transponder
        )


def _beside(points: tuple[tuple[float, float], ...], at_m: float, lateral_m: float) -> tuple[float, float]:
    """The point at_m along a line and lateral_m to its left; beyond its end on its last piece's straight."""
    left_m = at_m
    for (x0, y0), (x1, y1) in pairwise(points):
        length_m = math.dist((x0, y0), (x1, y1))
        ux, uy = (x1 - x0) / length_m, (y1 - y0) / length_m
        place = (x0 + left_m * ux - lateral_m * uy, y0 + left_m * uy + lateral_m * ux)
        if left_m <= length_m:
            break
        left_m -= length_m
    return place
