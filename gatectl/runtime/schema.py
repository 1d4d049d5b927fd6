"""JSON Schemas of the configuration files, for editors and for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from gatectl.model import UsageError
from gatectl.model.node import NodeConfig
from gatectl.model.site import InterlockConfig, SiteConfig
from gatectl.runtime import plugins

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema 2020-12: node, site, interlocks, and every installed driver's table.

    Raises UsageError for a driver that cannot be loaded.
    """
    types: dict[str, Any] = {"node": NodeConfig, "site": SiteConfig, "interlocks": InterlockConfig}
    for name in sorted(plugins.available()):
        types[f"driver-{name}"] = plugins.driver_class(name).Config
    return {
        f"{name}.schema.json": {"$schema": _DIALECT, "title": f"gatectl {name}", **msgspec.json.schema(type_)}
        for name, type_ in types.items()
    }


def schema_text(schema: dict[str, Any]) -> str:
    """As it is written to a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(directory: Path) -> list[Path]:
    """Write all schemas into a directory; returns the files. Raises UsageError."""
    written: list[Path] = []
    every = schemas()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, schema in every.items():
            path = directory / name
            path.write_text(schema_text(schema), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}",
            "give a directory that can be written",
            where=str(directory),
        ) from error
    return written
