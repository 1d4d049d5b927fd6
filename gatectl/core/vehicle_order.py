"""The vehicle's order book after VDA 5050 2.1: base, horizon, updates, node actions.

Pure bookkeeping over `OrderState`: where the vehicle is comes in, where its authority ends comes out.
An order that cannot be carried out is refused with an error in the state and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from gatectl.core.motion.joint import Joint
from gatectl.core.vehicle_order_rules import Place, Ways, backwards, problem
from gatectl.model import vda5050
from gatectl.model.site import Limits, Site

LOAD_AGREES_NS = 1_000_000_000
ERRORS_MAX = 8
DRAWN_UP_M = 0.06  # above what the speed law leaves standing
Status = Literal["WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED", "FAILED"]


class ActionProgress(Struct):
    """An action of the order. sequence_id: of its node. since_mono_ns: load agrees since, 0 = not."""

    action: vda5050.Action
    sequence_id: int
    status: Status = "WAITING"
    since_mono_ns: int = 0
    result: str = ""

    @property
    def open(self) -> bool:
        """Neither finished nor failed."""
        return self.status not in ("FINISHED", "FAILED")


class OrderState(Struct):
    """lane: the vehicle is on. nodes, edges: not yet reached, base first. last_base: the node where an update
    must join. pending: an order that came before the position was known."""

    order: vda5050.Order | None = None
    lane: str = ""
    nodes: list[vda5050.Node] = []
    edges: list[vda5050.Edge] = []
    actions: list[ActionProgress] = []
    last_base: vda5050.Node | None = None
    last_node_id: str = ""
    last_sequence_id: int = 0
    load_id: str = ""
    cancelled: bool = False
    pending: vda5050.Order | None = None
    errors: list[vda5050.Error] = []


class Standing(NamedTuple):
    """What the order book needs to know of the vehicle. s m as places of the lane it is on; lateral m;
    still: braked, not moving; trusted: the position may be acted on; loaded: None while not known."""

    s: float
    lateral: float
    still: bool
    trusted: bool
    loaded: bool | None
    now_mono_ns: int


class OrderBook:
    """Orders of one vehicle on one site. Constant. joints: by (lane, lane); reverse: it may drive
    backwards."""

    def __init__(
        self, site: Site, joints: Mapping[tuple[str, str], Joint] | None = None, reverse: bool = False
    ) -> None:
        self.places = {n.id: Place(n.lane, n.at_m) for n in site.config.node}
        self._joints = joints or {}
        self._ways = Ways(self.places, self._joints, reverse)
        self._limits: Limits = site.config.limits

    # ---- receiving ----------------------------------------------------------------------------

    def receive(self, state: OrderState, order: vda5050.Order, distance_to: Callable[[Place], float]) -> bool:
        """Take an order or an update; True if the state changed. distance_to: m from the vehicle to a
        place, infinite while the position is not known."""
        held = state.order
        if held is not None and order.order_id == held.order_id:
            if _body(order) == _body(held):
                return False  # a resend
            why = problem(order, self._ways) or self._update_problem(state, held, order)
            if why:
                return self.refuse(state, "orderUpdateError", why, order)
            self._extend(state, order)
        else:
            why = problem(order, self._ways)
            if not why and not self.idle(state):
                why = "the vehicle still has an order; cancel it or wait until it is done"
            if why:
                return self.refuse(state, "orderError", why, order)
            distance = distance_to(self.places[order.nodes[0].node_id])
            if distance == float("inf"):
                state.pending = order
                return True
            if distance > self._deviation(order.nodes[0]) and order.nodes[0].node_id != state.last_node_id:
                return self.refuse(
                    state,
                    "noRouteError",
                    f"the first node is {distance:.2f} m away, outside its deviation range",
                    order,
                )
            state.nodes, state.edges = list(order.nodes), list(order.edges)
            state.actions = [ActionProgress(a, n.sequence_id) for n in order.nodes for a in n.actions]
            state.lane = self.places[order.nodes[0].node_id].lane
            state.cancelled = False
        state.order, state.pending = order, None
        state.last_base = [n for n in order.nodes if n.released][-1]
        state.errors = []
        return True

    def refuse(self, state: OrderState, kind: str, why: str, order: vda5050.Order) -> bool:
        """Keep the error for the state; a repetition is not a change."""
        references = (
            vda5050.ErrorReference(reference_key="orderId", reference_value=order.order_id),
            vda5050.ErrorReference(reference_key="orderUpdateId", reference_value=str(order.order_update_id)),
        )
        return note(state, kind, why, references)

    def _deviation(self, node: vda5050.Node) -> float:
        given = node.node_position.allowed_deviation_x_y if node.node_position else None
        return max(given or 0.0, self._limits.node_reached_m)

    def _update_problem(self, state: OrderState, held: vda5050.Order, order: vda5050.Order) -> str:
        if order.order_update_id == held.order_update_id:
            return "the same order update id came with other content"
        if order.order_update_id < held.order_update_id:
            return f"update {order.order_update_id} is older than {held.order_update_id}"
        if state.cancelled:
            return "the order was cancelled and takes no more updates"
        base, joint = state.last_base, order.nodes[0]
        if base is None or (joint.node_id, joint.sequence_id) != (base.node_id, base.sequence_id):
            return f"it does not begin at the last base node {base.node_id if base else 'of the order'}"
        return ""

    def _extend(self, state: OrderState, order: vda5050.Order) -> None:
        kept = [n for n in state.nodes if n.released]
        horizon = {n.sequence_id for n in state.nodes if not n.released}
        state.actions = [a for a in state.actions if a.sequence_id not in horizon]
        state.nodes = kept + list(order.nodes[1:])
        state.edges = [e for e in state.edges if e.released] + list(order.edges)
        state.actions += [ActionProgress(a, n.sequence_id) for n in order.nodes[1:] for a in n.actions]

    # ---- driving ------------------------------------------------------------------------------

    def idle(self, state: OrderState) -> bool:
        """Nothing left to do: a new order may come."""
        return not state.nodes and not any(a.open for a in state.actions)

    def blocking(self, state: OrderState) -> ActionProgress | None:
        """The action at the node reached that forbids driving, if any."""
        if not self._started(state):
            return None
        for action in state.actions:
            here = action.sequence_id <= state.last_sequence_id
            if here and action.open and action.action.blocking_type != "NONE":
                return action
        return None

    def _started(self, state: OrderState) -> bool:
        """The order's first node was reached, so that `last_sequence_id` belongs to this order."""
        return state.order is not None and (
            not state.nodes or state.nodes[0].sequence_id > state.last_sequence_id
        )

    def end_of_authority(self, state: OrderState) -> float | None:
        """m along the way where the base, or the next place to act or to turn round at, ends; None = nowhere
        to go."""
        if self.blocking(state) is not None:
            return None
        end = None
        for node, at in self._ahead(state):
            if not node.released:
                break
            end = at
            if self._stands_at(state, node):
                break
        return end

    def _stands_at(self, state: OrderState, node: vda5050.Node) -> bool:
        """The vehicle has to stand there: something is to be done, or it goes on in the other direction."""
        if any(a.action.blocking_type != "NONE" for a in self._open_at(state, node)):
            return True
        beside = [backwards(e) for e in state.edges if abs(e.sequence_id - node.sequence_id) == 1]
        return len(beside) == 2 and beside[0] != beside[1]

    def backwards(self, state: OrderState) -> bool | None:
        """Whether what comes next is driven backwards; None if nothing does."""
        return backwards(state.edges[0]) if state.edges else None

    def _ahead(self, state: OrderState) -> list[tuple[vda5050.Node, float]]:
        """The nodes still to come and where they are, as places of the lane that the vehicle is on."""
        lane, shift = state.lane, 0.0
        out: list[tuple[vda5050.Node, float]] = []
        for node in state.nodes:
            place = self.places[node.node_id]
            if place.lane != lane:
                joint = self._joints.get((lane, place.lane))
                if joint is None:
                    break
                lane, shift = place.lane, shift + joint.shift
            out.append((node, place.at_m + shift))
        return out

    def onward(self, state: OrderState) -> tuple[str, ...]:
        """The lanes that follow the one the vehicle is on."""
        lanes = [state.lane]
        for node in state.nodes:
            lane = self.places[node.node_id].lane
            if lane != lanes[-1]:
                lanes.append(lane)
        return tuple(lanes[1:])

    def place_of(self, state: OrderState, node_id: str) -> float | None:
        """m of a node that was reached, as a place of the lane that the vehicle is on."""
        place = self.places.get(node_id)
        if place is None or place.lane == state.lane:
            return place.at_m if place else None
        back = self._joints.get((place.lane, state.lane))
        on = self._joints.get((state.lane, place.lane))
        return place.at_m - back.shift if back else place.at_m + on.shift if on else None

    def speed_limits(self, state: OrderState) -> list[tuple[float | None, float]]:
        """From where on (m along the way; None = here) which limit (m/s) of an edge holds."""
        at = {n.sequence_id: m for n, m in self._ahead(state)}
        return [
            (at.get(e.sequence_id - 1), e.max_speed)
            for e in state.edges
            if e.max_speed is not None and e.released
        ]

    def _open_at(self, state: OrderState, node: vda5050.Node) -> list[ActionProgress]:
        return [a for a in state.actions if a.sequence_id == node.sequence_id and a.open]

    def progress(self, state: OrderState, vehicle: Standing) -> bool:
        """Pass nodes and carry actions on; True if something changed."""
        changed = False
        while state.nodes and state.nodes[0].released and self._reached(state, vehicle):
            node = state.nodes.pop(0)
            state.edges = [e for e in state.edges if e.sequence_id > node.sequence_id]
            state.last_node_id, state.last_sequence_id = node.node_id, node.sequence_id
            changed = True
        if self._started(state):
            for action in state.actions:
                if action.open and action.sequence_id == state.last_sequence_id:
                    changed = self._act(state, action, vehicle) or changed
        return changed

    def _reached(self, state: OrderState, vehicle: Standing) -> bool:
        ahead = self._ahead(state)
        if not vehicle.trusted or not ahead:
            return False
        node, at = ahead[0]
        away = vehicle.s - at if self.backwards(state) else at - vehicle.s
        acts = bool(self._open_at(state, node))
        if vehicle.still and abs(away) <= self._limits.node_reached_m:
            # Where a load is handled a vehicle that was stopped short still has to draw up.
            return not acts or away <= DRAWN_UP_M
        last = len(state.nodes) == 1 or not state.nodes[1].released
        return away <= 0.0 and not last and not acts and not self._stands_at(state, node)

    def _act(self, state: OrderState, item: ActionProgress, vehicle: Standing) -> bool:
        wanted = item.action.action_type == "pick"
        if item.status == "WAITING":
            if not self.aligned(state, vehicle) or vehicle.loaded is None:
                return False
            if vehicle.loaded == wanted:
                item.status = "FAILED"
                item.result = "there is a load already" if wanted else "there is no load to take off"
                note(state, f"{item.action.action_type}Error", item.result, _of(item), "FATAL")
                return True
            item.status = "RUNNING"
            return True
        if vehicle.loaded is None or vehicle.loaded != wanted or not vehicle.still:
            item.since_mono_ns = 0
            return False
        if not item.since_mono_ns:
            item.since_mono_ns = vehicle.now_mono_ns
        if vehicle.now_mono_ns - item.since_mono_ns < LOAD_AGREES_NS:
            return False
        item.status = "FINISHED"
        names = [p.value for p in item.action.action_parameters if p.key == "loadId"]
        state.load_id = str(names[0]) if wanted and names else ""
        return True

    def aligned(self, state: OrderState, vehicle: Standing) -> bool:
        """Standing, braked and within the site's tolerance at the last node reached."""
        at = self.place_of(state, state.last_node_id)
        return (
            at is not None
            and vehicle.still
            and vehicle.trusted
            and abs(vehicle.s - at) <= self._limits.align_along_m
            and abs(vehicle.lateral) <= self._limits.align_across_m
        )

    def cancel(self, state: OrderState) -> None:
        """The vehicle stands: nothing of the order remains, and no update will be taken."""
        state.nodes, state.edges, state.pending = [], [], None
        for action in state.actions:
            if action.open:
                action.status, action.result = "FAILED", "the order was cancelled"
        state.cancelled = True


def note(
    state: OrderState,
    kind: str,
    why: str,
    references: tuple[vda5050.ErrorReference, ...] = (),
    level: Literal["WARNING", "FATAL"] = "WARNING",
) -> bool:
    """Keep an error for the state; False if it is there already."""
    error = vda5050.Error(
        error_type=kind, error_level=level, error_description=why, error_references=references
    )
    if error in state.errors:
        return False
    state.errors = [*state.errors[-(ERRORS_MAX - 1) :], error]
    return True


def _of(item: ActionProgress) -> tuple[vda5050.ErrorReference, ...]:
    return (vda5050.ErrorReference(reference_key="actionId", reference_value=item.action.action_id),)


def _body(order: vda5050.Order) -> tuple[object, ...]:
    """What makes an order: everything but the header."""
    return order.order_id, order.order_update_id, order.nodes, order.edges
