"""Routes as the gate core uses them: what is where along a route."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from gatectl.core.traffic import BlockMap
from gatectl.model import ConfigError, Finding
from gatectl.model.messages import Side
from gatectl.model.site import NodeConfigPoint, RouteConfig, SiteConfig


@dataclass(frozen=True, slots=True)
class Plan:
    """One route. check, line: indices of the check node and of the stop line before the border.

    border: (from, to) in m along the lane; check_from_m: where the block of the check node begins.
    """

    direction: str
    lane: str
    origin: Side
    nodes: tuple[NodeConfigPoint, ...]
    check: int
    line: int
    border: tuple[float, float]
    border_block: str
    check_from_m: float

    @property
    def last(self) -> int:
        """Index of the node under the crane that grounds."""
        return len(self.nodes) - 1


def plans(config: SiteConfig, blocks: BlockMap) -> dict[str, Plan]:
    """The plans by direction. Raises ConfigError for a route on which a transit cannot be carried out."""
    wrong: list[Finding] = []
    found: dict[str, Plan] = {}
    nodes = {n.id: n for n in config.node}
    for i, route in enumerate(config.route):
        problems, plan = _plan(route, nodes, blocks)
        remedy = "order the route crane, check, stop_line, ..., crane along its lane, over one border block"
        wrong += [Finding("", f"route[{i}]", problem, remedy) for problem in problems]
        if plan is not None:
            found[route.direction] = plan
    if wrong:
        raise ConfigError(wrong)
    return found


def _plan(
    route: RouteConfig, nodes: dict[str, NodeConfigPoint], blocks: BlockMap
) -> tuple[list[str], Plan | None]:
    unknown = [name for name in route.nodes if name not in nodes]
    if unknown:
        return [f"names the nodes {', '.join(unknown)}, which nobody defines"], None
    points = tuple(nodes[name] for name in route.nodes)
    kinds = [p.kind for p in points]
    problems = []
    if len(points) < 4 or kinds[0] != "crane" or kinds[-1] != "crane":
        problems.append("does not begin and end under a crane")
    if "check" not in kinds or "stop_line" not in kinds or kinds.index("check") > kinds.index("stop_line"):
        problems.append("has no check node before a stop line")
    if any(p.lane != route.lane for p in points):
        problems.append(f"has nodes that are not on its lane {route.lane}")
    if any(b.at_m <= a.at_m for a, b in pairwise(points)):
        problems.append("has nodes that are not in driving direction")
    borders = [(b, span) for b in blocks.ids if b in blocks.border and (span := blocks.span(b, route.lane))]
    if len(borders) != 1:
        problems.append(f"has {len(borders)} border blocks on its lane, needed 1")
    if problems:
        return problems, None
    check = kinds.index("check")
    at = blocks.between(route.lane, points[check].at_m, points[check].at_m + 0.001)
    span = blocks.span(at[0], route.lane) if at else None
    if span is None:
        return [f"its check node {points[check].id} lies in no block"], None
    plan = Plan(
        direction=route.direction,
        lane=route.lane,
        origin=points[0].side,
        nodes=points,
        check=check,
        line=kinds.index("stop_line"),
        border=borders[0][1],
        border_block=borders[0][0],
        check_from_m=span[0],
    )
    return [], plan
