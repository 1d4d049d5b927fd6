"""What an order must be for this vehicle to take it, and what its edges mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from gatectl.core.motion.joint import Joint
from gatectl.model import vda5050

ORIENTATION_RAD = 0.1  # so near to 0 or pi an orientation says forwards or backwards


class Place(NamedTuple):
    """Where a node is: m along a lane."""

    lane: str
    at_m: float


class Ways(NamedTuple):
    """places: of the site's nodes; joints: by (lane, lane); reverse: the vehicle may drive backwards."""

    places: Mapping[str, Place]
    joints: Mapping[tuple[str, str], Joint]
    reverse: bool


def backwards(edge: vda5050.Edge) -> bool:
    """True if the edge is driven tail first: its orientation, tangential to the path, is half a turn."""
    return edge.orientation is not None and abs(math.remainder(edge.orientation, math.tau)) > 0.5 * math.pi


def problem(order: vda5050.Order, ways: Ways) -> str:
    """Why this order cannot be carried out, "" if it can."""
    nodes, edges = order.nodes, order.edges
    if not nodes or not nodes[0].released:
        return "it has no released node"
    if len(edges) != len(nodes) - 1:
        return "it must have one edge fewer than nodes"
    first = nodes[0].sequence_id
    if first % 2 or [n.sequence_id for n in nodes] != list(range(first, first + 2 * len(nodes), 2)):
        return "node sequence ids are not even and continuous"
    if [e.sequence_id for e in edges] != list(range(first + 1, first + 2 * len(edges), 2)):
        return "edge sequence ids are not odd and continuous"
    released = [x.released for pair in zip(nodes[1:], edges, strict=True) for x in reversed(pair)]
    if any(b and not a for a, b in pairwise(released)):
        return "a released part follows one that is not"
    unknown = [n.node_id for n in nodes if n.node_id not in ways.places]
    if unknown:
        return f"the site has no node {', '.join(unknown)}"
    places = [ways.places[n.node_id] for n in nodes]
    for (a, b), edge in zip(pairwise(places), edges, strict=True):
        why = _edge_problem(a, b, edge, ways)
        if why:
            return why
    actions = (*(a for n in nodes for a in n.actions), *(a for e in edges for a in e.actions))
    for action in actions:
        if action.action_type not in ("pick", "drop"):
            return f"this vehicle cannot {action.action_type}"
    if any(e.actions for e in edges):
        return "this vehicle does pick and drop at nodes only"
    return ""


def _edge_problem(a: Place, b: Place, edge: vda5050.Edge, ways: Ways) -> str:
    if edge.orientation is not None:
        if edge.orientation_type != "TANGENTIAL":
            return f"edge {edge.edge_id}: this vehicle takes an orientation along the path only (TANGENTIAL)"
        turn = abs(math.remainder(edge.orientation, math.tau))
        if min(turn, math.pi - turn) > ORIENTATION_RAD:
            return f"edge {edge.edge_id}: this vehicle drives forwards (0) or backwards (pi), not at an angle"
    if backwards(edge):
        if not ways.reverse:
            return f"edge {edge.edge_id}: this vehicle may not drive backwards"
        if a.lane != b.lane or b.at_m >= a.at_m:
            return f"edge {edge.edge_id}: backwards leads to a node behind on the same lane only"
        return ""
    if a.lane == b.lane:
        if b.at_m > a.at_m:
            return ""
        return (
            "its nodes do not lie on one lane in driving direction; an edge that is to be driven backwards "
            "has the orientation pi"
        )
    joint = ways.joints.get((a.lane, b.lane))
    if joint is None:
        return f"its nodes do not lie on one lane, and lane {b.lane} does not go on from lane {a.lane}"
    if a.at_m > joint.leave_s + 0.01 or b.at_m + joint.shift < joint.leave_s - 0.01:
        return f"edge {edge.edge_id}: {a.lane} goes over into {b.lane} at {joint.leave_s:.2f} m, not between"
    return ""
