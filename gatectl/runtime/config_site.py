"""Does the site make sense: names that refer to something, blocks without gaps, places with room."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gatectl.model import Finding
from gatectl.model.site import (
    BlockConfig,
    CraneConfig,
    CustomsConfig,
    Lane,
    NodeConfigPoint,
    RouteConfig,
    SpanConfig,
    TransponderConfig,
    VehicleEntry,
)
from gatectl.runtime.config_tables import Table, duplicates, table
from gatectl.runtime.config_walk import did_you_mean
from gatectl.runtime.geometry import length_m

SEAM_M = 0.005
"""Two blocks meet when their ends differ by no more than this (positions are given to 1 cm)."""

TRANSPONDER_OFF_M = 2.0
"""A transponder farther than this beside its lane's line is never under a vehicle's antenna."""

LANE_END_M = 0.05
"""How far the last block may end from the end of the lane's line."""


@dataclass(frozen=True)
class SiteView:
    """The well-formed parts of site.toml, and the lanes with their lengths (None: not known)."""

    file: str
    block: Table[BlockConfig]
    node: Table[NodeConfigPoint]
    crane: Table[CraneConfig]
    route: Table[RouteConfig]
    vehicle: Table[VehicleEntry]
    customs: Table[CustomsConfig]
    transponder: Table[TransponderConfig]
    lanes: dict[str, float | None] | None

    def fault(self, key: str, cause: str, remedy: str) -> Finding:
        return Finding(self.file, key, cause, remedy)


def view(file: str, raw: Any, lanes: list[Lane] | None) -> SiteView:
    """raw: parsed site.toml. lanes: None when the geometry could not be read at all."""
    lengths = None if lanes is None else {x.id: length_m(x) if x.points else None for x in lanes}
    return SiteView(
        file,
        table(raw, "block", BlockConfig),
        table(raw, "node", NodeConfigPoint),
        table(raw, "crane", CraneConfig),
        table(raw, "route", RouteConfig, "direction"),
        table(raw, "vehicle", VehicleEntry, "serial"),
        table(raw, "customs", CustomsConfig, "side"),
        table(raw, "transponder", TransponderConfig),
        lengths,
    )


def check_site(site: SiteView) -> list[Finding]:
    """Every mistake in a site that its types cannot see."""
    findings: list[Finding] = []
    for key, part in (
        ("block", site.block),
        ("node", site.node),
        ("crane", site.crane),
        ("transponder", site.transponder),
    ):
        findings += duplicates(part, site.file, key)
    findings += duplicates(site.vehicle, site.file, "vehicle", "serial")
    findings += duplicates(site.route, site.file, "route", "direction")
    findings += duplicates(site.customs, site.file, "customs", "side")
    for check in (_blocks, _lane_cover, _nodes, _routes, _cranes, _vehicles, _customs, _transponders):
        findings += check(site)
    return findings


def _unknown(site: SiteView, key: str, what: str, name: str, known: Iterable[str]) -> Iterator[Finding]:
    known = set(known)
    if name not in known:
        yield site.fault(key, f"there is no {what} called {name!r}", did_you_mean(name, known))


def _lane(site: SiteView, key: str, name: str) -> Iterator[Finding]:
    if site.lanes is not None:
        yield from _unknown(site, key, "lane", name, site.lanes)


def _blocks(site: SiteView) -> Iterator[Finding]:
    for key, block in site.block.rows:
        if block.kind == "crane" and not block.crane:
            yield site.fault(f"{key}.crane", "missing", "name the crane whose envelope this block is")
        if block.crane:
            if block.kind != "crane":
                remedy = 'set kind = "crane" or remove it'
                yield site.fault(f"{key}.crane", f"a block of kind {block.kind} has no crane", remedy)
            yield from _unknown(site, f"{key}.crane", "crane", block.crane, site.crane.names)
        for i, span in enumerate(block.spans):
            where = f"{key}.spans[{i} {span.lane}]"
            yield from _lane(site, f"{where}.lane", span.lane)
            if span.from_m >= span.to_m:
                cause = f"from_m {span.from_m:g} is not below to_m {span.to_m:g}"
                yield site.fault(f"{where}.to_m", cause, "positions grow along the lane; exchange them")


def _spans(site: SiteView, lane: str) -> list[tuple[str, BlockConfig, SpanConfig]]:
    found = [
        (f"{key}.spans[{i} {span.lane}]", block, span)
        for key, block in site.block.rows
        for i, span in enumerate(block.spans)
        if span.lane == lane and span.from_m < span.to_m
    ]
    return sorted(found, key=lambda item: item[2].from_m)


def _lane_cover(site: SiteView) -> Iterator[Finding]:
    """Blocks of a lane meet end to end, from its first point to its last."""
    if not site.block.whole or site.lanes is None:
        return
    for lane, length in site.lanes.items():
        spans = _spans(site, lane)
        if not spans:
            yield site.fault("block", f"lane {lane} has no blocks", "divide it into blocks, without gaps")
            continue
        end, before = 0.0, "the lane's first point"
        for where, block, span in spans:
            if span.from_m > end + SEAM_M:
                cause = f"gap on lane {lane} from {end:g} to {span.from_m:g} m, after {before}"
                yield site.fault(f"{where}.from_m", cause, f"let {block.id} begin at {end:g}")
            elif span.from_m < end - SEAM_M:
                cause = f"overlaps {before} on lane {lane} from {span.from_m:g} to {min(end, span.to_m):g} m"
                yield site.fault(f"{where}.from_m", cause, f"let {block.id} begin at {end:g}")
            if span.to_m > end:
                end, before = span.to_m, block.id
        if length is not None and abs(end - length) > LANE_END_M:
            cause = f"the blocks of lane {lane} end at {end:g} m, its line at {length:.2f} m"
            yield site.fault(f"{spans[-1][0]}.to_m", cause, f"let the last block end at {length:.2f}")


def overhang(site: SiteView, lane: str) -> tuple[float, float]:
    """(front, rear) in m of the longest vehicle of a lane; of all vehicles if none is at home there."""
    every = [v for _, v in site.vehicle.rows]
    here = [v for v in every if v.lane == lane] or every
    return max((v.front_m for v in here), default=0.0), max((v.rear_m for v in here), default=0.0)


def block_at(site: SiteView, lane: str, at_m: float) -> tuple[BlockConfig, SpanConfig] | None:
    """The block (and its span) in which a position of a lane lies."""
    for _, block, span in _spans(site, lane):
        if span.from_m <= at_m < span.to_m:
            return block, span
    return None


def _nodes(site: SiteView) -> Iterator[Finding]:
    for key, node in site.node.rows:
        yield from _lane(site, f"{key}.lane", node.lane)
        if node.kind == "crane" and not node.crane:
            yield site.fault(f"{key}.crane", "missing", "name the crane that loads here")
        if node.crane:
            if node.kind != "crane":
                remedy = 'set kind = "crane" or remove it'
                yield site.fault(f"{key}.crane", f"a node of kind {node.kind} has no crane", remedy)
            yield from _unknown(site, f"{key}.crane", "crane", node.crane, site.crane.names)
        for name in ("scale", "camera", "portal"):
            given = bool(getattr(node, name))
            if node.kind == "check" and not given:
                yield site.fault(f"{key}.{name}", "missing", f"name the {name} of this check")
            if node.kind != "check" and given:
                remedy = 'set kind = "check" or remove it'
                yield site.fault(f"{key}.{name}", f"a node of kind {node.kind} has no {name}", remedy)
        if site.block.whole and (site.lanes is None or node.lane in site.lanes):
            yield from _room(site, key, node)


def _room(site: SiteView, key: str, node: NodeConfigPoint) -> Iterator[Finding]:
    """A vehicle that stands at a node must be wholly inside the node's block."""
    found = block_at(site, node.lane, node.at_m)
    if found is None:
        cause = f"{node.at_m:g} m is in no block of lane {node.lane}"
        yield site.fault(f"{key}.at_m", cause, "move the node into a block")
        return
    block, span = found
    front, rear = overhang(site, node.lane)
    low, high = span.from_m + rear, span.to_m - front
    if not low - SEAM_M <= node.at_m <= high + SEAM_M:
        cause = (
            f"a vehicle there reaches from {node.at_m - rear:g} to {node.at_m + front:g} m, "
            f"out of its block {block.id} ({span.from_m:g} to {span.to_m:g} m)"
        )
        room = f"place it between {low:g} and {high:g}" if low <= high else "make the block longer"
        yield site.fault(f"{key}.at_m", cause, room)
    if node.kind == "crane" and node.crane and block.crane != node.crane:
        cause = f"lies in block {block.id}, which is not the envelope of {node.crane}"
        yield site.fault(f"{key}.at_m", cause, "move the node, or name the block's crane")
    if node.kind == "stop_line" and block.kind == "border":
        cause = f"a stop line must lie before the border block {block.id}, not in it"
        yield site.fault(f"{key}.at_m", cause, "move it before the border")


def _routes(site: SiteView) -> Iterator[Finding]:
    for key, route in site.route.rows:
        yield from _lane(site, f"{key}.lane", route.lane)
        known = True
        for i, name in enumerate(route.nodes):
            dangling = list(_unknown(site, f"{key}.nodes[{i}]", "node", name, site.node.names))
            yield from dangling
            known = known and not dangling
        nodes = [n for name in route.nodes if (n := site.node.get(name)) is not None]
        if not known or len(nodes) != len(route.nodes):
            continue
        for i, node in enumerate(nodes):
            if node.lane != route.lane:
                cause = f"{node.id} is on lane {node.lane}, the route on {route.lane}"
                yield site.fault(f"{key}.nodes[{i}]", cause, "a route stays on one lane")
            elif i and node.at_m <= nodes[i - 1].at_m and nodes[i - 1].lane == route.lane:
                last = nodes[i - 1]
                cause = f"{node.id} ({node.at_m:g} m) does not lie after {last.id} ({last.at_m:g} m)"
                yield site.fault(f"{key}.nodes[{i}]", cause, "give the nodes in driving order")
        for i in (0, len(nodes) - 1):
            if nodes[i].kind != "crane":
                place = "first" if i == 0 else "last"
                cause = f"the {place} node {nodes[i].id} is under no crane"
                yield site.fault(f"{key}.nodes[{i}]", cause, "begin and end the route at crane nodes")
        yield from _line_on_route(site, key, route, nodes)


def _line_on_route(
    site: SiteView, key: str, route: RouteConfig, nodes: list[NodeConfigPoint]
) -> Iterator[Finding]:
    """A container is checked, and its vehicle can be stopped, before the border block."""
    border = [s for _, b, s in _spans(site, route.lane) if b.kind == "border"]
    for kind, what in (("check", "check"), ("stop_line", "stop line")):
        before = [n for n in nodes if n.kind == kind and (not border or n.at_m < border[0].from_m)]
        if border and not before:
            cause = f"there is no {what} before the border block"
            yield site.fault(f"{key}.nodes", cause, f'put a node of kind "{kind}" before it')


def _cranes(site: SiteView) -> Iterator[Finding]:
    devices = [c.device for _, c in site.crane.rows]
    for key, crane in site.crane.rows:
        if devices.count(crane.device) > 1:
            cause = f"device {crane.device} is the device of another crane too"
            yield site.fault(f"{key}.device", cause, "give every crane its own device")
        for place in crane.slots:
            if site.lanes is not None and place != "yard":
                yield from _unknown(site, f"{key}.slots.{place}", "lane", place, {*site.lanes, "yard"})
        if "yard" not in crane.slots:
            yield site.fault(f"{key}.slots.yard", "missing", "give the trolley position of the yard")
        for lane in sorted({n.lane for _, n in site.node.rows if n.crane == crane.id} - set(crane.slots)):
            cause = f"missing, but a node of lane {lane} is under this crane"
            yield site.fault(f"{key}.slots.{lane}", cause, "give the trolley position above that lane")
        heights = (crane.yard_height_m, crane.vehicle_height_m, crane.travel_height_m)
        if not heights[0] < heights[2] > heights[1]:
            cause = f"{crane.travel_height_m:g} m is not above both landing heights"
            yield site.fault(f"{key}.travel_height_m", cause, "travel clear of everything")


def _vehicles(site: SiteView) -> Iterator[Finding]:
    starts: dict[str, str] = {}
    for key, vehicle in site.vehicle.rows:
        yield from _lane(site, f"{key}.lane", vehicle.lane)
        yield from _unknown(site, f"{key}.start_node", "node", vehicle.start_node, site.node.names)
        node = site.node.get(vehicle.start_node)
        if node is not None and node.lane != vehicle.lane:
            cause = f"{node.id} is on lane {node.lane}, the vehicle on {vehicle.lane}"
            yield site.fault(f"{key}.start_node", cause, "start it on its own lane")
        if vehicle.start_node in starts:
            cause = f"{starts[vehicle.start_node]} starts there too"
            yield site.fault(f"{key}.start_node", cause, "give every vehicle its own start")
        starts.setdefault(vehicle.start_node, vehicle.serial)


def _customs(site: SiteView) -> Iterator[Finding]:
    keys: dict[bytes, str] = {}
    for key, customs in site.customs.rows:
        try:
            raw = base64.b64decode(customs.public_key, validate=True)
        except (binascii.Error, ValueError) as error:
            yield site.fault(f"{key}.public_key", f"not base64: {error}", "give 32 bytes in base64")
            continue
        if len(raw) != 32:
            cause = f"is {len(raw)} bytes long, an Ed25519 public key has 32"
            yield site.fault(f"{key}.public_key", cause, "give the raw key, without PEM or DER wrapping")
        elif raw in keys:
            cause = f"is the key of {keys[raw]} too"
            yield site.fault(f"{key}.public_key", cause, "each customs signs with a key of its own")
        keys.setdefault(raw, customs.side)
    if site.customs.whole:
        for side in sorted({"cn", "vn"} - set(site.customs.names)):
            yield site.fault("customs", f"no key of {side}", f'add [[customs]] with side = "{side}"')


def _transponders(site: SiteView) -> Iterator[Finding]:
    for key, transponder in site.transponder.rows:
        yield from _lane(site, f"{key}.lane", transponder.lane)
        length = (site.lanes or {}).get(transponder.lane)
        if length is not None and transponder.at_m > length:
            cause = f"{transponder.at_m:g} m is beyond the end of lane {transponder.lane} ({length:.2f} m)"
            yield site.fault(f"{key}.at_m", cause, "measure along the lane's line from its first point")
        if abs(transponder.lateral_m) > TRANSPONDER_OFF_M:
            cause = f"{abs(transponder.lateral_m):g} m beside the lane no vehicle passes over it"
            yield site.fault(f"{key}.lateral_m", cause, "give metres, left of the lane's line positive")
