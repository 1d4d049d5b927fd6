"""Orders and leases: how a vehicle is told what it may do.

One VDA 5050 order per transit: every node of the route, the base up to the last node that was
granted, the rest as horizon; each grant is an update that starts with the last base node
(VDA 5050 2.1, 6.6). Leases are short and end by themselves; they name the blocks the vehicle holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from gatectl.core.traffic.lanes import LaneLine
from gatectl.model import vda5050
from gatectl.model.messages import Lease
from gatectl.model.site import Limits, NodeConfigPoint, RouteConfig

LEASE_EVERY_NS = 1_000_000_000


class OrderState(Struct):
    """One vehicle's order. bases: index of the last released node, by orderUpdateId."""

    order_id: str
    transit_id: str
    load_id: str
    direction: str
    bases: list[int]

    @property
    def update_id(self) -> int:
        """The newest orderUpdateId."""
        return len(self.bases) - 1

    @property
    def base(self) -> int:
        """Index of the last released node."""
        return self.bases[-1]

    @property
    def pick_id(self) -> str:
        """Action id of the load at the first node."""
        return f"{self.order_id}-pick"

    @property
    def drop_id(self) -> str:
        """Action id of the unload at the last node."""
        return f"{self.order_id}-drop"


class LeaseState(Struct):
    """What was last sent to a vehicle. epoch: fencing number of this start of the gate."""

    epoch: int = 0
    sequence: int = 0
    sent_mono_ns: int = 0
    blocks: list[str] = field(default_factory=list)
    order_id: str = ""
    update_id: int = 0


class Dispatch:
    """Builds orders and leases for one site."""

    def __init__(
        self,
        routes: tuple[RouteConfig, ...],
        nodes: tuple[NodeConfigPoint, ...],
        lines: Mapping[str, LaneLine],
        map_id: str,
        limits: Limits,
    ) -> None:
        self.routes: dict[str, RouteConfig] = {r.direction: r for r in routes}
        self.nodes = {n.id: n for n in nodes}
        self._lines = lines
        self._map_id = map_id
        self._limits = limits

    def order(self, state: OrderState, known_update: int = -1) -> vda5050.Order:
        """The newest update, starting where a vehicle that knows `known_update` can continue.

        known_update -1: the vehicle knows nothing of this order and gets it whole.
        """
        route = self.routes[state.direction].nodes
        first = state.bases[known_update] if known_update >= 0 else 0
        nodes = tuple(self._node(state, route, i) for i in range(first, len(route)))
        edges = tuple(self._edge(state, route, i) for i in range(first, len(route) - 1))
        return vda5050.Order(
            order_id=state.order_id, order_update_id=state.update_id, nodes=nodes, edges=edges
        )

    def lease(
        self,
        state: LeaseState,
        serial: str,
        blocks: tuple[str, ...],
        order: OrderState | None,
        now: tuple[int, int],
    ) -> Lease | None:
        """A new lease when a second is over or anything in it changed. now: (monotonic, UTC) ns."""
        now_mono_ns, now_utc_ns = now
        order_id, update_id = (order.order_id, order.update_id) if order else ("", 0)
        same = (state.blocks, state.order_id, state.update_id) == (list(blocks), order_id, update_id)
        if same and state.sequence and now_mono_ns - state.sent_mono_ns < LEASE_EVERY_NS:
            return None
        state.sequence += 1
        state.sent_mono_ns = now_mono_ns
        state.blocks, state.order_id, state.update_id = list(blocks), order_id, update_id
        return Lease(
            serial=serial,
            order_id=order_id,
            order_update_id=update_id,
            blocks=blocks,
            epoch=state.epoch,
            sequence=state.sequence,
            issued_utc_ns=now_utc_ns,
            valid_for_ms=round(self._limits.lease_valid_s * 1000),
        )

    def _node(self, state: OrderState, route: tuple[str, ...], i: int) -> vda5050.Node:
        config = self.nodes[route[i]]
        x, y, yaw = self._lines[config.lane].point(config.at_m)
        kinds = {0: ("pick", state.pick_id), len(route) - 1: ("drop", state.drop_id)}
        actions: tuple[vda5050.Action, ...] = ()
        if i in kinds:
            load = vda5050.ActionParameter(key="loadId", value=state.load_id)
            actions = (
                vda5050.Action(
                    action_type=kinds[i][0],
                    action_id=kinds[i][1],
                    blocking_type="HARD",
                    action_parameters=(load,),
                ),
            )
        position = vda5050.NodePosition(
            x=x,
            y=y,
            theta=yaw,
            map_id=self._map_id,
            allowed_deviation_x_y=self._limits.node_reached_m,
        )
        return vda5050.Node(
            node_id=config.id,
            sequence_id=2 * i,
            released=i <= state.base,
            actions=actions,
            node_position=position,
        )

    def _edge(self, state: OrderState, route: tuple[str, ...], i: int) -> vda5050.Edge:
        start, end = self.nodes[route[i]], self.nodes[route[i + 1]]
        return vda5050.Edge(
            edge_id=f"{start.id}-{end.id}",
            sequence_id=2 * i + 1,
            released=i < state.base,
            start_node_id=start.id,
            end_node_id=end.id,
            max_speed=self._limits.speed_mps,
            length=end.at_m - start.at_m,
        )
