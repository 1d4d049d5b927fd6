"""Are the devices of a node what their drivers expect, and does everyone have a wire of its own?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gatectl.model import Finding, GatectlError
from gatectl.model.device import Driver, Wire
from gatectl.model.node import DeviceConfig
from gatectl.model.tags import check_tag_names
from gatectl.runtime import plugins
from gatectl.runtime.config_tables import Table
from gatectl.runtime.config_walk import did_you_mean, walk

RESERVED = ("core", "scan")
"""Blocks of the image that are not devices."""

Tags = dict[str, frozenset[str] | None]


def driver_of(device: DeviceConfig) -> type[Driver] | None:
    """The driver's class, or None if it is not installed or does not load."""
    try:
        return plugins.driver_class(device.driver)
    except GatectlError:
        return None


def with_base_dir(raw: dict[str, Any], driver: type[Driver] | None, base: Path) -> dict[str, Any]:
    """A device's `config` with `base_dir` filled in, for drivers that read files of their own."""
    if driver is not None and "base_dir" in driver.Config.__struct_fields__ and "base_dir" not in raw:
        return {**raw, "base_dir": str(base)}
    return raw


def files_of(config: dict[str, Any]) -> list[str]:
    """The files that a driver will read, as given: texts of a config with base_dir that name one."""
    base = config.get("base_dir")
    if not isinstance(base, str):
        return []
    texts = [v for k, v in config.items() if k != "base_dir" and isinstance(v, str) and v]
    return [text for text in texts if "\0" not in text and (Path(base) / text).is_file()]


def check_devices(file: str, base: Path, devices: Table[DeviceConfig]) -> tuple[list[Finding], Tags]:
    """Every mistake in the devices' tables, and the tags of each device (None: not known)."""
    findings: list[Finding] = []
    tags: Tags = dict.fromkeys(devices.names)
    for key, device in devices.rows:
        if device.name in RESERVED:
            findings.append(Finding(file, f"{key}.name", f"{device.name} is reserved", "choose another name"))
        found, names = _check_device(file, base, key, device)
        findings += found
        tags[device.name] = names
    findings += [Finding(file, *fault) for fault in _wires(devices)]
    return findings, tags


def _check_device(
    file: str, base: Path, key: str, device: DeviceConfig
) -> tuple[list[Finding], frozenset[str] | None]:
    try:
        available = plugins.available()
        if device.driver not in available:
            cause = f"there is no driver called {device.driver!r}"
            remedy = did_you_mean(device.driver, available)
            return [Finding(file, f"{key}.driver", cause, f"{remedy} Or install its distribution")], None
        driver = plugins.driver_class(device.driver)
    except GatectlError as error:
        return [Finding(file, f"{key}.driver", error.cause, error.remedy)], None
    raw = with_base_dir(device.config, driver, base)
    findings = walk(raw, driver.Config, file, f"{key}.config")
    if findings:
        return findings, None
    config = msgspec.convert(raw, driver.Config)
    try:
        for below, cause, remedy in driver.check(config):
            findings.append(Finding(file, f"{key}.config.{below}", cause, remedy))
        if findings:
            return findings, None
        specs = driver.tags(config)
    except Exception as error:
        # A third party's driver may fail in any way; the user must learn whose it is.
        text = f"driver {device.driver} fails on this configuration: {type(error).__name__}: {error}"
        return [Finding(file, f"{key}.config", text, "correct the configuration or the driver")], None
    findings += check_tag_names(file, f"{key}", specs)
    return findings, frozenset(spec.name for spec in specs)


def _wires(devices: Table[DeviceConfig]) -> Iterator[tuple[str, str, str]]:
    """Two devices cannot share a serial port, a server's port, or a port that we listen on."""
    taken: dict[tuple[str, ...], str] = {}
    for key, device in devices.rows:
        try:
            wire = msgspec.convert(device.config.get("wire"), Wire)
        except msgspec.ValidationError:
            continue
        for ends, field in _ends(wire):
            if ends in taken:
                cause = f"{' '.join(ends[1:])} is the wire of {taken[ends]} too"
                yield f"{key}.config.wire.{field}", cause, "give every device a wire of its own"
            else:
                taken[ends] = device.name


def _ends(wire: Wire) -> Iterator[tuple[tuple[str, ...], str]]:
    if wire.port:
        yield ("serial", os.path.normpath(wire.port)), "port"
    if wire.tcp_port:
        yield ("tcp", wire.host, str(wire.tcp_port)), "tcp_port"
    if wire.listen_port:
        # Whatever address it is bound to: 0.0.0.0 takes the port from all the others.
        yield ("listen", str(wire.listen_port)), "listen_port"
