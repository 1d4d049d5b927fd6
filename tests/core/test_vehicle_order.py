from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from vehicle_loop import VehicleLoop

from gatectl.core.vehicle_order import OrderBook, OrderState, Standing
from gatectl.core.vehicle_order_rules import Place
from gatectl.model import vda5050

NODES = ["e_cn_crane", "e_cn_check", "e_line", "e_vn_entry"]


@pytest.fixture
def book() -> OrderBook:
    return VehicleLoop().core._book


def order(update: int, released: int, first: int = 0, **change: Any) -> vda5050.Order:
    names = NODES[first:]
    nodes = tuple(
        vda5050.Node(node_id=n, sequence_id=2 * (first + i), released=i < released)
        for i, n in enumerate(names)
    )
    edges = tuple(
        vda5050.Edge(
            edge_id=f"e{first + i}",
            sequence_id=2 * (first + i) + 1,
            released=i + 1 < released,
            start_node_id=names[i],
            end_node_id=names[i + 1],
        )
        for i in range(len(names) - 1)
    )
    made = vda5050.Order(order_id="T1", order_update_id=update, nodes=nodes, edges=edges)
    return msgspec.structs.replace(made, **change)


def at(s: float, still: bool = True, loaded: bool | None = False, now: int = 0, **change: Any) -> Standing:
    made = Standing(s=s, lateral=0.0, still=still, trusted=True, loaded=loaded, now_mono_ns=now)
    return made._replace(**change)


def near(_place: Place) -> float:
    return 0.1


def kinds(state: OrderState) -> list[str]:
    return [e.error_type for e in state.errors]


def with_action(made: vda5050.Order, node: str, kind: str) -> vda5050.Order:
    action = vda5050.Action(action_type=kind, action_id=f"{kind}1", blocking_type="HARD")
    nodes = tuple(
        msgspec.structs.replace(n, actions=(action,)) if n.node_id == node else n for n in made.nodes
    )
    return msgspec.structs.replace(made, nodes=nodes)


def test_base_and_horizon_shrink_as_nodes_are_passed(book: OrderBook) -> None:
    state = OrderState()
    assert book.receive(state, order(0, 3), near)
    assert book.end_of_authority(state) == 100.0
    assert book.progress(state, at(21.0))
    assert (state.last_node_id, len(state.nodes), len(state.edges)) == ("e_cn_crane", 3, 3)
    assert not book.progress(state, at(61.9, still=False))
    assert book.progress(state, at(62.01, still=False))
    assert state.last_node_id == "e_cn_check"
    assert not book.progress(state, at(100.1, still=False))  # the last base node is reached standing
    assert book.progress(state, at(100.1))
    assert book.end_of_authority(state) is None
    assert [n.node_id for n in state.nodes] == ["e_vn_entry"]
    assert not book.idle(state)


def test_updates_join_at_the_last_base_node(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, order(0, 2), near)
    book.progress(state, at(21.0))
    assert book.receive(state, order(1, 2, first=1), near)
    assert book.end_of_authority(state) == 100.0
    assert [n.node_id for n in state.nodes] == NODES[1:]
    assert [e.edge_id for e in state.edges] == ["e0", "e1", "e2"]
    book.progress(state, at(62.0, still=False))
    assert book.receive(state, order(2, 2, first=2), near)
    assert book.end_of_authority(state) == 228.07
    assert state.errors == []


def test_resends_are_ignored_and_conflicts_are_errors(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, order(1, 2), near)
    resend = msgspec.structs.replace(order(1, 2), header_id=7, timestamp="2026-01-01T00:00:00.000Z")
    assert not book.receive(state, resend, near)
    assert state.errors == []
    before = list(state.nodes)
    for wrong in (order(1, 3), order(0, 3), order(2, 2, first=2)):
        assert book.receive(state, wrong, near)
        assert kinds(state)[-1] == "orderUpdateError"
        assert state.nodes == before
        assert not book.receive(state, wrong, near)  # the same error is no news


def test_a_new_order_only_when_idle_and_only_from_where_the_vehicle_is(book: OrderBook) -> None:
    state = OrderState()
    assert book.receive(state, order(0, 2), lambda _: 0.5)
    assert kinds(state) == ["noRouteError"]
    assert state.order is None
    book.receive(state, order(0, 2), near)
    assert state.errors == []
    book.receive(state, order(0, 2, order_id="T2"), near)
    assert kinds(state) == ["orderError"]
    book.cancel(state)
    assert book.idle(state)
    book.receive(state, order(1, 2, first=1), near)
    assert kinds(state)[-1] == "orderUpdateError"
    book.receive(state, order(0, 2, order_id="T2"), near)
    assert state.order is not None
    assert state.order.order_id == "T2"


def test_before_the_position_is_known_an_order_waits(book: OrderBook) -> None:
    state = OrderState()
    assert book.receive(state, order(0, 2), lambda _: math.inf)
    assert state.pending == order(0, 2)
    assert state.order is None
    assert book.receive(state, order(0, 2), near)
    assert state.pending is None


BROKEN: dict[str, Callable[[vda5050.Order], vda5050.Order]] = {
    "no nodes": lambda o: msgspec.structs.replace(o, nodes=(), edges=()),
    "edge missing": lambda o: msgspec.structs.replace(o, edges=o.edges[1:]),
    "node sequence": lambda o: msgspec.structs.replace(
        o, nodes=(msgspec.structs.replace(o.nodes[0], sequence_id=1), *o.nodes[1:])
    ),
    "edge sequence": lambda o: msgspec.structs.replace(o, edges=o.edges[::-1]),
    "unknown node": lambda o: msgspec.structs.replace(
        o, nodes=(msgspec.structs.replace(o.nodes[0], node_id="nowhere"), *o.nodes[1:])
    ),
    "other lane": lambda o: msgspec.structs.replace(
        o, nodes=(*o.nodes[:-1], msgspec.structs.replace(o.nodes[-1], node_id="w_cn_yard"))
    ),
    "backwards": lambda o: msgspec.structs.replace(
        o, nodes=(*o.nodes[:-1], msgspec.structs.replace(o.nodes[-1], node_id="e_cn_crane"))
    ),
    "hole in the base": lambda o: msgspec.structs.replace(
        o, nodes=(*o.nodes[:-1], msgspec.structs.replace(o.nodes[-1], released=True))
    ),
    "nothing released": lambda o: msgspec.structs.replace(
        o, nodes=tuple(msgspec.structs.replace(n, released=False) for n in o.nodes)
    ),
    "unknown action": lambda o: with_action(o, "e_line", "dance"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_orders_are_refused_with_the_reason(book: OrderBook, name: str) -> None:
    state = OrderState()
    assert book.receive(state, BROKEN[name](order(0, 2)), near)
    assert kinds(state) == ["orderError"]
    assert state.errors[0].error_description
    assert state.order is None
    assert state.nodes == []


def test_pick_needs_alignment_runs_and_ends_a_second_after_the_load(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, with_action(order(0, 2), "e_cn_crane", "pick"), near)
    assert book.end_of_authority(state) == 21.0  # draws up first
    assert not book.progress(state, at(20.8))
    assert book.progress(state, at(21.0, lateral=0.2))
    assert state.actions[0].status == "WAITING"  # reached, but not aligned
    assert book.end_of_authority(state) is None
    assert book.blocking(state) is not None
    assert book.progress(state, at(21.0))
    assert state.actions[0].status == "RUNNING"
    second = 1_000_000_000
    assert not book.progress(state, at(21.0, loaded=True, now=second))
    assert not book.progress(state, at(21.0, loaded=None, now=2 * second))  # not known: starts again
    assert not book.progress(state, at(21.0, loaded=True, now=3 * second))
    assert not book.progress(state, at(21.0, loaded=True, now=4 * second - 1))
    assert book.progress(state, at(21.0, loaded=True, now=4 * second))
    assert state.actions[0].status == "FINISHED"
    assert book.end_of_authority(state) == 62.0


def test_pick_with_a_load_on_fails_openly(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, with_action(order(0, 2), "e_cn_crane", "pick"), near)
    book.progress(state, at(21.0, loaded=True))
    assert state.actions[0].status == "FAILED"
    assert state.errors[0].error_level == "FATAL"


def test_an_untrusted_position_reaches_nothing(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, order(0, 2), near)
    assert not book.progress(state, at(21.0, trusted=False))


def test_edges_limit_the_speed_ahead_in_time(book: OrderBook) -> None:
    made = order(0, 3)
    slow = msgspec.structs.replace(made.edges[1], max_speed=2.0)
    state = OrderState()
    book.receive(state, msgspec.structs.replace(made, edges=(made.edges[0], slow, made.edges[2])), near)
    assert book.speed_limits(state) == [(62.0, 2.0)]


def test_round_trip_of_the_state(book: OrderBook) -> None:
    state = OrderState()
    book.receive(state, with_action(order(0, 2), "e_cn_crane", "pick"), near)
    book.progress(state, at(21.0))
    packed = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(packed, type=OrderState) == state
