"""The site: geometry, blocks, stations, cranes, routes, limits, customs keys. Shared by all nodes.

These structs are the shape of site.toml (every key is read or refused) and, resolved into `Site`,
what the core is built from. Frame: site ENU, x east, y north, metres, origin as configured; yaw in
rad counter-clockwise from east. Positions along a lane (`_m`) count from its first point.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from gatectl.model.messages import Side


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configuration tables."""


class Origin(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Origin of the site frame: WGS 84 geodetic, deg, deg, m above the ellipsoid."""

    latitude_deg: float
    longitude_deg: float
    height_m: float


class Limits(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Site-wide limits; every number of the domain is configuration.

    alert_limit_m: a vehicle does not move with a larger protection level.
    weight_tolerance: allowed relative deviation of the weighed from the declared container mass.
    """

    speed_mps: float = 6.9
    curve_speed_mps: float = 3.0
    lateral_accel_mps2: float = 0.8
    alert_limit_m: float = 0.5
    weight_tolerance: float = 0.05
    container_gross_max_kg: float = 35_000.0
    identity_confidence_min: float = 0.8
    verdict_age_max_s: float = 600.0
    lease_valid_s: float = 3.0
    vehicle_silent_after_s: float = 3.0
    align_along_m: float = 0.15
    align_across_m: float = 0.10
    node_reached_m: float = 0.30


class SpanConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of a lane."""

    lane: str
    from_m: float
    to_m: float


class BlockConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch that one holder may have: one span, or several that share the ground.

    kind crane: the envelope of a crane (`crane` names it); border: contains the line.
    """

    id: str
    spans: tuple[SpanConfig, ...]
    kind: Literal["track", "crane", "border"] = "track"
    crane: str = ""


class NodeConfigPoint(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where a vehicle may be told to stop (a VDA 5050 node): its control point stands there.

    kind check: weighed and read here; crane: loaded and unloaded here; stop_line: before the line.
    """

    id: str
    lane: str
    at_m: float
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

    id: str
    device: str
    side: Side
    slots: dict[str, float]
    travel_height_m: float = 8.0
    vehicle_height_m: float = 4.1
    yard_height_m: float = 2.6
    wind_max_mps: float = 20.0
    load_max_kg: float = 41_000.0
    position_tolerance_m: float = 0.05


class RouteConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The nodes that a loaded container's vehicle passes, in order, for one direction.

    The first is under the crane that loads, the last under the one that grounds.
    """

    direction: Literal["import", "export"]
    lane: str
    nodes: tuple[str, ...]


class VehicleEntry(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle that the gate knows. front_m / rear_m: overhang from the control point."""

    serial: str
    manufacturer: str
    lane: str
    start_node: str
    tare_kg: float
    front_m: float = 10.5
    rear_m: float = 2.5


class CustomsConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """public_key: Ed25519, base64 of the 32 raw bytes."""

    side: Side
    public_key: str


class InterlockCause(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition that is true when all is well. tag: `device.tag` or `core.tag`.

    In a matrix shared by several devices of one kind `{device}` in the tag stands for the effect's
    device. limit: a number; or limit_key: a key of `[limits]`. on_delay_s: how long the condition
    must hold before it counts as true; off_delay_s: how long it may fail before it counts as false.
    """

    id: str
    tag: str
    op: Literal["is_true", "is_false", "<=", ">=", "==", "!="]
    limit: float = 0.0
    limit_key: str = ""
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    text: str
    remedy: str


class InterlockEffect(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the matrix permits or stops: `drive` on a vehicle, `motion` of each crane on a gate.

    permissives: needed to start; interlocks: needed all the time, non-latching; trips: latched
    until a rising-edge reset. All three name causes.
    """

    id: str
    role: Literal["vehicle", "gate"]
    permissives: tuple[str, ...] = ()
    interlocks: tuple[str, ...] = ()
    trips: tuple[str, ...] = ()


class SiteConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """site.toml. geometry, interlocks: files beside it. map_id: VDA 5050 map."""

    name: str
    map_id: str
    geometry: str
    interlocks: str
    origin: Origin
    limits: Limits = field(default_factory=Limits)
    block: tuple[BlockConfig, ...]
    node: tuple[NodeConfigPoint, ...]
    crane: tuple[CraneConfig, ...]
    route: tuple[RouteConfig, ...]
    vehicle: tuple[VehicleEntry, ...]
    customs: tuple[CustomsConfig, ...]


class InterlockConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """interlocks.toml."""

    cause: tuple[InterlockCause, ...]
    effect: tuple[InterlockEffect, ...]


class Lane(Struct, frozen=True, kw_only=True):
    """A lane's centre line in the site frame: N points (x, y) in m, N >= 2, in driving direction."""

    id: str
    points: tuple[tuple[float, float], ...]


class Site(Struct, frozen=True, kw_only=True):
    """The resolved site: what the core is built from."""

    config: SiteConfig
    lanes: tuple[Lane, ...]
    interlocks: InterlockConfig
