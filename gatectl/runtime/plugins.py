"""Drivers, found by entry point (group `gatectl.drivers`), so that third parties can add theirs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from functools import cache
from pathlib import Path

import msgspec

import gatectl
from gatectl.model import ConfigError, Finding, TagSpec, UsageError
from gatectl.model.device import Driver
from gatectl.model.node import DeviceConfig

GROUP = "gatectl.drivers"
_OWN_PACKAGE = "drivers"


@cache
def available() -> dict[str, importlib.metadata.EntryPoint]:
    """Entry point by driver name. Raises UsageError if two distributions offer the same name."""
    found: dict[str, importlib.metadata.EntryPoint] = {}
    # importlib lists a distribution once for every place on sys.path that shows it: one and the
    # same claim (name, target, distribution) is no conflict.
    claims: dict[str, tuple[str, str]] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        owner = entry.dist.name if entry.dist else "?"
        claim = (owner, entry.value)
        if claims.setdefault(entry.name, claim) != claim:
            raise UsageError(
                f"two drivers are called {entry.name}: {claims[entry.name][1]} of "
                f"{claims[entry.name][0]} and {entry.value} of {owner}",
                "uninstall one of the two distributions",
            )
        found[entry.name] = entry
    return found


def check_own_drivers() -> None:
    """Raises UsageError if `import drivers` would give somebody else's package."""
    spec = importlib.util.find_spec(_OWN_PACKAGE)
    here = Path(gatectl.__file__).resolve().parent.parent / _OWN_PACKAGE
    places = [Path(p).resolve() for p in (spec.submodule_search_locations or [])] if spec else []
    if places != [here]:
        shown = ", ".join(map(str, places)) or "nowhere"
        raise UsageError(
            f"the package `{_OWN_PACKAGE}` is not the one of gatectl: found {shown}, expected {here}",
            "install gatectl in a virtual environment of its own",
        )


def driver_class(name: str, *, where: str = "") -> type[Driver]:
    """The driver's class. Raises UsageError: unknown name, or it cannot be imported."""
    entries = available()
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none (is gatectl installed?)"
        raise UsageError(f"there is no driver called {name}", f"use one of: {known}", where=where)
    entry = entries[name]
    if entry.module.split(".")[0] == _OWN_PACKAGE:
        check_own_drivers()
    try:
        loaded = entry.load()
    except Exception as error:
        # A third party's module may fail in any way; the user must learn whose it is.
        raise UsageError(
            f"driver {name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}",
            "repair or uninstall the distribution that offers it",
            where=where,
        ) from error
    missing = [
        a for a in ("Config", "tags", "configure", "run", "make_safe", "close") if not hasattr(loaded, a)
    ]
    if missing:
        raise UsageError(
            f"driver {name} ({entry.value}) is not a driver: it lacks {', '.join(missing)}",
            "see gatectl.model.device.Driver",
            where=where,
        )
    driver: type[Driver] = loaded
    return driver


def device_config(file: str, device: DeviceConfig) -> tuple[type[Driver], msgspec.Struct]:
    """A device's driver class and its typed configuration. file: for the error's text.

    Raises ConfigError for a config that the driver refuses, UsageError as `driver_class`.
    """
    driver = driver_class(device.driver, where=f"{file}: device.{device.name}.driver")
    try:
        return driver, msgspec.convert(device.config, driver.Config)
    except msgspec.ValidationError as error:
        raise ConfigError(
            [Finding(file, f"device.{device.name}.config", str(error), f"see the driver {device.driver}")]
        ) from error


def device_tags(file: str, device: DeviceConfig) -> tuple[TagSpec, ...]:
    """Every tag of a device. Raises as `device_config`."""
    driver, config = device_config(file, device)
    return driver.tags(config)
