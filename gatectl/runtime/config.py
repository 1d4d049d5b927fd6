"""The configuration of a node: NODE.toml, its site, interlock matrix and geometry, read and checked.

Every mistake is found in one go; every key is read or refused. A checked configuration becomes a
`Node`, which holds the texts it was made from, so that a recording can rebuild it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gatectl import core
from gatectl.model import ConfigError, Finding
from gatectl.model.node import DeviceConfig, Node, NodeConfig, PathsConfig
from gatectl.model.site import DatumConfig, InterlockConfig, Lane, Origin, Site, SiteConfig
from gatectl.runtime import config_devices as devices
from gatectl.runtime.config_files import Files, Table
from gatectl.runtime.config_interlocks import TagView, check_interlocks
from gatectl.runtime.config_roles import check_role
from gatectl.runtime.config_site import SiteView, check_site, view
from gatectl.runtime.config_tables import duplicates, limits_of, table
from gatectl.runtime.config_walk import walk
from gatectl.runtime.geometry import read_lanes


def load_node(path: str | Path) -> Node:
    """The node of this file, checked. Raises ConfigError with every mistake found."""
    node, findings = _load(Files(Path(path)))
    if node is None or findings:
        raise ConfigError(findings)
    return node


def check_node(path: str | Path) -> list[Finding]:
    """Every mistake in the node's files; empty when `load_node` would succeed. Never raises."""
    return _load(Files(Path(path)))[1]


def georeference_notes(path: str | Path) -> list[str]:
    """How the site's lanes came from the survey's datum into the receiver's, and how exact that is.

    Lines for people; empty where the geometry could not be read at all. Never raises.
    """
    return _read(Files(Path(path))).notes


def load_node_from_sources(
    sources: Mapping[str, str], file: str = "", lanes: tuple[Lane, ...] | None = None
) -> Node:
    """The node that a recording holds, equal to the one that ran. Drivers need not be installed (the
    `base_dir` of a driver's table is only filled in where its driver is).

    sources: `Node.sources` (the node file comes first). file: `Node.file` of the one that ran.
    lanes: its resolved lanes; without them they are computed again, which another version of PROJ
    may do with different last digits. Raises ConfigError.
    """
    name = next(iter(sources), "node.toml")
    path = Path(file) if file else Path(name)
    parts = _read(Files(path.with_name(Path(name).name), recorded=sources), lanes)
    files = parts.files
    for recorded in sources:
        files.text(recorded)
    if files.findings or parts.findings:
        raise ConfigError(files.findings + parts.findings)
    return _node(parts)


def runtime_dir_of(path: str | Path) -> Path:
    """`paths.runtime_dir` of a node file, whatever else may be wrong in it. Raises ConfigError."""
    files = Files(Path(path))
    raw = files.toml(files.node_name)
    if raw is None:
        raise ConfigError(files.findings)
    findings = walk(raw.get("paths"), PathsConfig, files.node_name, "paths")
    if findings:
        raise ConfigError(findings)
    return Path(raw["paths"]["runtime_dir"])


@dataclass
class _Parts:
    """The parsed files of a node, with what is wrong with their syntax and types."""

    files: Files
    node: Table = field(default_factory=dict)
    site: Table = field(default_factory=dict)
    interlocks: Table = field(default_factory=dict)
    lanes: list[Lane] | None = None
    site_name: str = "site.toml"
    interlocks_name: str = "interlocks.toml"
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _read(files: Files, lanes: tuple[Lane, ...] | None = None) -> _Parts:
    parts = _Parts(files, lanes=None if lanes is None else list(lanes))
    node = files.toml(files.node_name)
    if node is None:
        return parts
    parts.node = node
    parts.findings += walk(node, NodeConfig, files.node_name)
    if not isinstance(node.get("site"), str):
        return parts
    parts.site_name = files.name_beside(files.node_name, node["site"])
    site = files.toml(parts.site_name, key="site", by=files.node_name)
    if site is None:
        return parts
    parts.site = site
    parts.findings += walk(site, SiteConfig, parts.site_name)
    if isinstance(site.get("interlocks"), str):
        parts.interlocks_name = files.name_beside(parts.site_name, site["interlocks"])
        interlocks = files.toml(parts.interlocks_name, key="interlocks", by=parts.site_name)
        if interlocks is not None:
            parts.interlocks = interlocks
            parts.findings += walk(interlocks, InterlockConfig, parts.interlocks_name)
    if isinstance(site.get("geometry"), str):
        name = files.name_beside(parts.site_name, site["geometry"])
        data = files.json(name, key="geometry", by=parts.site_name)
        if data is not None and parts.lanes is None:
            _read_geometry(parts, data, name)
    return parts


def _read_geometry(parts: _Parts, data: Any, name: str) -> None:
    try:
        origin = msgspec.convert(parts.site.get("origin"), Origin)
    except msgspec.ValidationError:
        return  # the walk has reported the origin
    if "datum" not in parts.site:
        cause = "missing: in which datum are the receiver's positions?"
        remedy = 'give [datum] crs = "EPSG:..." and epoch = ... as the correction service states them'
        parts.findings.append(Finding(parts.site_name, "datum", cause, remedy))
        return
    try:
        datum = msgspec.convert(parts.site["datum"], DatumConfig)
    except msgspec.ValidationError:
        return  # the walk has reported the datum
    geometry = read_lanes(data, origin, datum, name, parts.site_name)
    parts.lanes = geometry.lanes
    parts.findings += geometry.findings
    parts.notes += geometry.notes


def _load(files: Files) -> tuple[Node | None, list[Finding]]:
    parts = _read(files)
    findings = parts.findings
    if not parts.node:
        return None, files.findings + findings
    name = files.node_name
    rows = table(parts.node, "device", DeviceConfig, "name")
    findings += duplicates(rows, name, "device", "name")
    found, tags = devices.check_devices(name, files.base, rows)
    findings += found
    if parts.site:
        site = view(parts.site_name, parts.site, parts.lanes)
        findings += check_site(site) + check_role(name, parts.node, tags, site, limits_of(parts.site))
        node = _node(parts) if not files.findings and not findings else None
        findings += _check_matrix(parts, site, tags, node)
    findings = list(dict.fromkeys(files.findings + findings))
    if findings:
        return None, findings
    for _, device in rows.rows:
        raw = devices.with_base_dir(device.config, devices.driver_of(device), files.base)
        for text in devices.files_of(raw):
            files.text(os.path.relpath(Path(raw["base_dir"]) / text, files.base))
    return (None, files.findings) if files.findings else (_node(parts), [])


def _check_matrix(parts: _Parts, site: SiteView, tags: devices.Tags, node: Node | None) -> list[Finding]:
    if not parts.interlocks:
        return []
    core_tags = None
    if node is not None:
        core_tags = frozenset(spec.name for spec in core.tags(node.config, node.site))
    cranes = tuple(sorted({c.device for _, c in site.crane.rows if c.device in tags}))
    known = TagView({**tags, "core": core_tags, "scan": None}, cranes, str(parts.node.get("role")))
    return check_interlocks(parts.interlocks_name, parts.interlocks, known)


def _node(parts: _Parts) -> Node:
    """The node of parts without findings."""
    files = parts.files
    config = msgspec.convert(parts.node, NodeConfig)
    resolved = tuple(
        msgspec.structs.replace(
            device, config=devices.with_base_dir(device.config, devices.driver_of(device), files.base)
        )
        for device in config.device
    )
    return Node(
        file=str(files.base / files.node_name),
        digest=files.digest(),
        config=msgspec.structs.replace(config, device=resolved),
        site=Site(
            config=msgspec.convert(parts.site, SiteConfig),
            lanes=tuple(parts.lanes or ()),
            interlocks=msgspec.convert(parts.interlocks, InterlockConfig),
        ),
        sources=dict(files.texts),
    )
