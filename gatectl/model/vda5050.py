"""VDA 5050 2.1 as types: what the vehicle node speaks and the gate node (fleet control) understands.

Source: VDA 5050 version 2.1.0 and its JSON schemas. Field names are snake_case here and camelCase
on the wire. Header fields have defaults because the core, which has no clock, leaves them empty:
`gatectl.north` fills them when it publishes. Unknown keys from other makers' stacks are ignored.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field


class Vda(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=False):
    """Base of every VDA 5050 object."""


class Header(Vda, frozen=True, kw_only=True, rename="camel"):
    """The five fields that every topic begins with. timestamp: ISO 8601 UTC, ms."""

    header_id: int = 0
    timestamp: str = ""
    version: str = "2.1.0"
    manufacturer: str = ""
    serial_number: str = ""


class ActionParameter(Vda, frozen=True, kw_only=True, rename="camel"):
    key: str
    value: str | float | bool


class Action(Vda, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """actionType `pick` / `drop` (loadId), `cancelOrder`, `startPause`, `stopPause`, ..."""

    action_type: str
    action_id: str
    blocking_type: Literal["NONE", "SOFT", "HARD"]
    action_description: str = ""
    action_parameters: tuple[ActionParameter, ...] = ()


class NodePosition(Vda, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """x, y: m, theta: rad counter-clockwise from east, all in the site frame `map_id`."""

    x: float
    y: float
    map_id: str
    theta: float | None = None
    allowed_deviation_x_y: float | None = field(default=None, name="allowedDeviationXY")
    allowed_deviation_theta: float | None = None


class Node(Vda, frozen=True, kw_only=True, rename="camel"):
    """sequence_id is even. released: part of the base."""

    node_id: str
    sequence_id: int
    released: bool
    actions: tuple[Action, ...] = ()
    node_position: NodePosition | None = None


class Edge(Vda, frozen=True, kw_only=True, rename="camel"):
    """sequence_id is odd. max_speed: m/s. orientation: rad, of the vehicle on the edge; TANGENTIAL: against
    the path (pi = backwards), GLOBAL: against the map."""

    edge_id: str
    sequence_id: int
    released: bool
    start_node_id: str
    end_node_id: str
    actions: tuple[Action, ...] = ()
    max_speed: float | None = None
    orientation: float | None = None
    orientation_type: str = "TANGENTIAL"
    length: float | None = None


class Order(Header, frozen=True, kw_only=True, rename="camel"):
    """Fleet control -> vehicle. Base: released nodes and edges. Horizon: the rest."""

    order_id: str
    order_update_id: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class InstantActions(Header, frozen=True, kw_only=True, rename="camel"):
    actions: tuple[Action, ...]


class Connection(Header, frozen=True, kw_only=True, rename="camel"):
    connection_state: Literal["ONLINE", "OFFLINE", "CONNECTIONBROKEN"]


class NodeState(Vda, frozen=True, kw_only=True, rename="camel"):
    node_id: str
    sequence_id: int
    released: bool


class EdgeState(Vda, frozen=True, kw_only=True, rename="camel"):
    edge_id: str
    sequence_id: int
    released: bool


class AgvPosition(Vda, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """x, y: m; theta: rad ccw from east; deviation_range: the protection level in m."""

    x: float
    y: float
    theta: float
    map_id: str
    position_initialized: bool
    localization_score: float | None = None
    deviation_range: float | None = None


class Velocity(Vda, frozen=True, kw_only=True, rename="camel"):
    """vx: m/s along the vehicle; vy: m/s to its left; omega: rad/s ccw."""

    vx: float = 0.0
    vy: float = 0.0
    omega: float = 0.0


class Load(Vda, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    load_id: str = ""
    load_type: str = "container"
    weight: float | None = None


class ActionState(Vda, frozen=True, kw_only=True, rename="camel"):
    action_id: str
    action_status: Literal["WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED", "FAILED"]
    action_type: str = ""
    result_description: str = ""


class BatteryState(Vda, frozen=True, kw_only=True, rename="camel"):
    """battery_charge: percent."""

    battery_charge: float
    charging: bool


class ErrorReference(Vda, frozen=True, kw_only=True, rename="camel"):
    reference_key: str
    reference_value: str


class Error(Vda, frozen=True, kw_only=True, rename="camel"):
    error_type: str
    error_level: Literal["WARNING", "FATAL"]
    error_description: str = ""
    error_hint: str = ""
    error_references: tuple[ErrorReference, ...] = ()


class SafetyState(Vda, frozen=True, kw_only=True, rename="camel"):
    e_stop: Literal["AUTOACK", "MANUAL", "REMOTE", "NONE"]
    field_violation: bool


class State(Header, frozen=True, kw_only=True, rename="camel"):
    """Vehicle -> fleet control."""

    order_id: str
    order_update_id: int
    last_node_id: str
    last_node_sequence_id: int
    node_states: tuple[NodeState, ...]
    edge_states: tuple[EdgeState, ...]
    driving: bool
    action_states: tuple[ActionState, ...]
    battery_state: BatteryState
    operating_mode: Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL", "SERVICE", "TEACHIN"]
    errors: tuple[Error, ...]
    safety_state: SafetyState
    paused: bool = False
    new_base_request: bool = False
    distance_since_last_node: float = 0.0
    agv_position: AgvPosition | None = None
    velocity: Velocity | None = None
    loads: tuple[Load, ...] | None = None
