"""Do a node's devices fit its role and its site: what a vehicle and what a gate cannot do without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gatectl.model import Finding
from gatectl.model.node import AntennaConfig, MqttConfig, ScanConfig, VehicleConfig
from gatectl.model.site import Limits
from gatectl.runtime.config_devices import Tags
from gatectl.runtime.config_site import SiteView
from gatectl.runtime.config_walk import did_you_mean

# What the cores read (docs/architecture.md): it tells a crane from a scale whoever made the driver.
_NEEDS: dict[str, tuple[str, ...]] = {
    "gnss": ("latitude", "longitude", "height", "fix", "sigma_north", "sigma_east", "epoch_utc"),
    "mcu": ("armed", "estop", "speed", "steer_angle", "standstill", "enable", "steer", "accel", "brake"),
    "crane": ("mode", "estop", "hoist_height", "trolley_position", "locked", "landed", "job", "job_echo"),
    "transponder": ("count", "id", "lateral", "age"),
    "scale": ("gross", "stable"),
    "camera": ("alive",),
    "portal": ("alive",),
}

Fault = tuple[str, str, str]

ARM_MAX_M = 10.0
"""No gate vehicle is so long or high that its antenna could be farther from the control point."""


def check_role(file: str, raw: dict[str, Any], tags: Tags, site: SiteView, limits: Limits) -> list[Finding]:
    """file, raw: the node file. tags: by device. Findings name the file that has to be changed."""
    findings = [Finding(file, *fault) for fault in _connections(raw)]
    match raw.get("role"):
        case "vehicle":
            findings += [Finding(file, *fault) for fault in _vehicle(raw, tags, site, limits)]
        case "gate":
            if "vehicle" in raw:
                findings.append(Finding(file, "vehicle", "a gate node is no vehicle", "remove the table"))
            findings += [Finding(site.file, *fault) for fault in _gate(tags, site)]
    return findings


def _part(raw: dict[str, Any], key: str, type_: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.convert(raw.get(key), type_)
    except msgspec.ValidationError:
        return None


def _connections(raw: dict[str, Any]) -> Iterator[Fault]:
    mqtt: MqttConfig | None = _part(raw, "mqtt", MqttConfig)
    if mqtt is not None:
        if bool(mqtt.cert_file) != bool(mqtt.key_file):
            key = "key_file" if mqtt.cert_file else "cert_file"
            yield f"mqtt.{key}", "missing", "a client certificate needs both cert_file and key_file"
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(mqtt, key) and not mqtt.tls:
                yield f"mqtt.{key}", "given, but tls is off", "set tls = true, or remove it"
        if mqtt.password_file and not mqtt.username:
            yield "mqtt.username", "missing", "a password needs a username"
    scan: ScanConfig | None = _part(raw, "scan", ScanConfig)
    if scan is not None and scan.command_timeout_ms < 2 * scan.period_ms:
        cause = f"{scan.command_timeout_ms:g} ms is shorter than two scans of {scan.period_ms:g} ms"
        yield "scan.command_timeout_ms", cause, f"give at least {2 * scan.period_ms:g}"


def _vehicle(raw: dict[str, Any], tags: Tags, site: SiteView, limits: Limits) -> Iterator[Fault]:
    if "vehicle" not in raw:
        yield "vehicle", "missing: a vehicle node must know its vehicle", "add the table [vehicle]"
        return
    vehicle: VehicleConfig | None = _part(raw, "vehicle", VehicleConfig)
    if vehicle is None:
        return
    for key in ("gnss", "mcu"):
        yield from _device(f"vehicle.{key}", key, getattr(vehicle, key), tags)
    yield from _antenna(vehicle.antenna)
    if vehicle.transponder:
        yield from _device("vehicle.transponder", "transponder", vehicle.transponder, tags)
        if not site.transponder.names:
            cause = "the site has no transponders"
            yield "vehicle.transponder", cause, "add [[transponder]] to the site file, or remove this key"
    if site.vehicle.rows or site.vehicle.whole:
        if vehicle.serial not in site.vehicle.names:
            cause = f"the site knows no vehicle {vehicle.serial!r}"
            yield "vehicle.serial", cause, did_you_mean(vehicle.serial, site.vehicle.names)
        known = site.vehicle.get(vehicle.serial, "serial")
        if known is not None and known.manufacturer != vehicle.manufacturer:
            cause = f"the site says {known.manufacturer!r} for {vehicle.serial}"
            yield "vehicle.manufacturer", cause, "make the two agree: both are part of its MQTT topics"
    if vehicle.speed_max_mps < limits.curve_speed_mps:
        cause = (
            f"{vehicle.speed_max_mps:g} m/s is below the site's curve speed {limits.curve_speed_mps:g} m/s"
        )
        yield "vehicle.speed_max_mps", cause, "correct the one that is wrong"


def _antenna(antenna: AntennaConfig) -> Iterator[Fault]:
    """An arm in centimetres or in the wrong frame is metres of error in every position."""
    for key in ("forward_m", "left_m", "up_m"):
        arm_m = getattr(antenna, key)
        if abs(arm_m) > ARM_MAX_M:
            cause = f"the antenna is {arm_m:g} m from the control point"
            yield f"vehicle.antenna.{key}", cause, "measure it in metres from the vehicle's control point"


def _gate(tags: Tags, site: SiteView) -> Iterator[Fault]:
    for key, crane in site.crane.rows:
        yield from _device(f"{key}.device", "crane", crane.device, tags)
    for key, node in site.node.rows:
        for name in ("scale", "camera", "portal"):
            if getattr(node, name):
                yield from _device(f"{key}.{name}", name, getattr(node, name), tags)


def _device(key: str, what: str, name: str, tags: Tags) -> Iterator[Fault]:
    if name not in tags:
        yield key, f"the node has no device called {name!r}", did_you_mean(name, tags)
        return
    known = tags[name]
    missing = [tag for tag in _NEEDS[what] if known is not None and tag not in known]
    if missing:
        cause = f"device {name} is no {what}: it has no tag {', '.join(missing)}"
        yield key, cause, f"name a device whose driver offers what a {what} has"
