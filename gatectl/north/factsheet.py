"""The VDA 5050 2.1 factsheet and visualization of our vehicle."""

from __future__ import annotations

import math

from msgspec import field

from gatectl.model.node import VehicleConfig
from gatectl.model.site import SiteConfig
from gatectl.model.tags import Layout, Snapshot
from gatectl.model.vda5050 import AgvPosition, Header, Vda, Velocity

# A container chassis; the node file does not carry it and nothing of ours computes with it.
WIDTH_M = 2.5
VISUALIZATION_S = 0.5


class TypeSpecification(Vda, frozen=True, kw_only=True, rename="camel"):
    """VDA 5050 2.1 knows no localisation by satellite, so localization_types is empty."""

    series_name: str = "gatectl vehicle node"
    agv_kinematic: str = "THREEWHEEL"
    agv_class: str = "CARRIER"
    max_load_mass: float
    localization_types: tuple[str, ...] = ()
    navigation_types: tuple[str, ...] = ("VIRTUAL_LINE_GUIDED",)


class PhysicalParameters(Vda, frozen=True, kw_only=True, rename="camel"):
    """m, m/s, m/s2."""

    speed_min: float = 0.0
    speed_max: float
    acceleration_max: float
    deceleration_max: float
    height_max: float
    width: float = WIDTH_M
    length: float


class Timing(Vda, frozen=True, kw_only=True, rename="camel"):
    """s."""

    min_order_interval: float = 0.1
    min_state_interval: float = 0.02
    default_state_interval: float = 1.0
    visualization_interval: float = VISUALIZATION_S


class ProtocolLimits(Vda, frozen=True, kw_only=True, rename="camel"):
    """No limits on strings and arrays but the size of a message."""

    max_string_lens: dict[str, int] = field(default_factory=dict)
    max_array_lens: dict[str, int] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)


class AgvActionParameter(Vda, frozen=True, kw_only=True, rename="camel"):
    key: str
    value_data_type: str
    is_optional: bool = True


class AgvAction(Vda, frozen=True, kw_only=True, rename="camel"):
    action_type: str
    action_scopes: tuple[str, ...]
    action_parameters: tuple[AgvActionParameter, ...] = ()


_LOAD = (AgvActionParameter(key="loadId", value_data_type="STRING"),)


class OptionalParameter(Vda, frozen=True, kw_only=True, rename="camel"):
    parameter: str
    support: str = "SUPPORTED"
    description: str = ""


_ALWAYS = (
    OptionalParameter(parameter="order.nodes.nodePosition.allowedDeviationXY"),
    OptionalParameter(parameter="order.edges.maxSpeed"),
)
_REVERSE = OptionalParameter(
    parameter="order.edges.orientation",
    description="TANGENTIAL 0 or pi: pi is driven backwards, to a node behind on the same lane",
)


class ProtocolFeatures(Vda, frozen=True, kw_only=True, rename="camel"):
    optional_parameters: tuple[OptionalParameter, ...] = _ALWAYS
    agv_actions: tuple[AgvAction, ...] = (
        AgvAction(action_type="pick", action_scopes=("NODE",), action_parameters=_LOAD),
        AgvAction(action_type="drop", action_scopes=("NODE",), action_parameters=_LOAD),
        AgvAction(action_type="cancelOrder", action_scopes=("INSTANT",)),
        AgvAction(action_type="startPause", action_scopes=("INSTANT",)),
        AgvAction(action_type="stopPause", action_scopes=("INSTANT",)),
    )


class Factsheet(Header, frozen=True, kw_only=True, rename="camel"):
    type_specification: TypeSpecification
    physical_parameters: PhysicalParameters
    protocol_limits: ProtocolLimits = field(default_factory=ProtocolLimits)
    protocol_features: ProtocolFeatures = field(default_factory=ProtocolFeatures)
    agv_geometry: dict[str, str] = field(default_factory=dict)
    load_specification: dict[str, str] = field(default_factory=dict)


class Visualization(Header, frozen=True, kw_only=True, rename="camel"):
    agv_position: AgvPosition | None = None
    velocity: Velocity | None = None


def factsheet(vehicle: VehicleConfig, site: SiteConfig) -> Factsheet:
    """From the node's own data and what the site knows of it (length, heights, load)."""
    entry = next((v for v in site.vehicle if v.serial == vehicle.serial), None)
    length_m = entry.front_m + entry.rear_m if entry else vehicle.wheelbase_m
    return Factsheet(
        type_specification=TypeSpecification(max_load_mass=site.limits.container_gross_max_kg),
        physical_parameters=PhysicalParameters(
            speed_max=min(vehicle.speed_max_mps, site.limits.speed_mps),
            acceleration_max=vehicle.accel_max_mps2,
            deceleration_max=vehicle.brake_mps2,
            height_max=max((c.vehicle_height_m for c in site.crane), default=0.0),
            length=length_m,
        ),
        protocol_features=ProtocolFeatures(
            optional_parameters=(*_ALWAYS, _REVERSE) if vehicle.reverse_speed_max_mps > 0.0 else _ALWAYS
        ),
    )


def visualization(layout: Layout, snapshot: Snapshot, now_mono_ns: int, map_id: str) -> Visualization:
    """From the core's tags; what they do not vouch for is left out."""

    def value(name: str) -> float | None:
        index = layout.index.get(f"core.{name}")
        if index is None:
            return None
        sample = snapshot.sample(index, layout.stale_after_ns[index], now_mono_ns)
        return sample.value if sample.usable and math.isfinite(sample.value) else None

    x, y, yaw, localised, level = (value(n) for n in ("x", "y", "yaw", "localised", "protection_level"))
    speed, yaw_rate = value("speed"), value("yaw_rate")
    position = None
    if x is not None and y is not None and yaw is not None:
        position = AgvPosition(
            x=x,
            y=y,
            theta=math.remainder(yaw, math.tau),
            map_id=map_id,
            position_initialized=bool(localised),
            deviation_range=level,
        )
    velocity = None if speed is None else Velocity(vx=speed, omega=yaw_rate or 0.0)
    return Visualization(agv_position=position, velocity=velocity)
