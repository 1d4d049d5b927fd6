"""The published contract of the gate topics, generated from the types that the code uses.

`python -m gatectl.north.asyncapi FOLDER` writes `gatectl.json` (AsyncAPI 3.0) and one JSON Schema
(draft 2020-12) per message. VDA 5050 topics have schemas of their own, published by the VDA.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from gatectl.north import topics
from gatectl.north.names import GATE_PREFIX

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Channel(NamedTuple):
    """One topic. action: what the gate node does with it."""

    name: str
    address: str
    message: type[topics.Wire]
    action: Literal["send", "receive"]
    qos: int
    retain: bool
    summary: str


CHANNELS = (
    Channel("preadvice", "preadvice", topics.PreAdviceMessage, "receive", 1, False, "Announce a container."),
    Channel(
        "customsRelease",
        "customs/{side}/release",
        topics.ReleaseMessage,
        "receive",
        1,
        False,
        "A signed customs decision.",
    ),
    Channel(
        "operatorCommand",
        "operator/command",
        topics.CommandMessage,
        "receive",
        1,
        False,
        "A person's command.",
    ),
    Channel(
        "customsReceipt",
        "customs/{side}/receipt",
        topics.ReceiptMessage,
        "send",
        1,
        False,
        "The answer to a customs decision.",
    ),
    Channel(
        "operatorReceipt",
        "operator/receipt",
        topics.ReceiptMessage,
        "send",
        1,
        False,
        "The answer to a command or pre-advice.",
    ),
    Channel("transit", "transit/{id}", topics.TransitMessage, "send", 1, True, "A transit's newest step."),
    Channel("block", "block/{id}", topics.BlockMessage, "send", 1, True, "Who holds a block."),
    Channel(
        "incident", "incident", topics.IncidentMessage, "send", 1, False, "Something a person must know of."
    ),
    Channel("lease", "lease/{serial}", topics.LeaseMessage, "send", 0, False, "A vehicle's right to blocks."),
    Channel(
        "nodeStatus",
        "node/{name}/status",
        topics.NodeStatusMessage,
        "send",
        0,
        True,
        "Presence of a node, and why it does what it does. Retained with a last will for a gate only.",
    ),
)
PARAMETERS: dict[str, dict[str, Any]] = {
    "site": {"description": "the site's name (site.toml)"},
    "side": {"description": "the customs office", "enum": ["cn", "vn"]},
    "id": {"description": "the transit's or block's id"},
    "serial": {"description": "the vehicle's serial number"},
    "name": {"description": "the node's name"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """One self-contained JSON Schema per message type, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(channel.message for channel in CHANNELS):
        schema = msgspec.json.schema(kind, ref_template="#/$defs/{name}")
        name = kind.__name__
        body = schema["$defs"].pop(name)
        if schema["$defs"]:
            body["$defs"] = schema["$defs"]
        found[name] = _tidy({"$schema": DRAFT, **body})
    return found


def document(version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document, from the gate node's point of view."""
    kinds = list(dict.fromkeys(channel.message for channel in CHANNELS))
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gatectl gate topics",
            "version": version,
            "license": {"name": "Apache-2.0"},
            "description": "Gate topics of a smart border gate, seen from the gate node. "
            "Vehicles are reached over VDA 5050 2.1 beside these topics.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {channel.name: _operation(channel) for channel in CHANNELS},
        "components": {
            "schemas": _tidy(components),
            "messages": {
                kind.__name__: {
                    "name": kind.__name__,
                    "contentType": "application/json",
                    "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
                }
                for kind in kinds
            },
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    address = f"{GATE_PREFIX}/{{site}}/{channel.address}"
    kind = channel.message.__name__
    return {
        "address": address,
        "description": channel.summary + (" Retained." if channel.retain else ""),
        "parameters": {k: v for k, v in PARAMETERS.items() if f"{{{k}}}" in address},
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    kind = channel.message.__name__
    return {
        "action": channel.action,
        "summary": channel.summary,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{kind}"}],
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
    }


def _tidy(value: Any) -> Any:
    """Docstrings as running text."""
    if isinstance(value, dict):
        return {
            k: " ".join(v.split()) if k == "description" and isinstance(v, str) else _tidy(v)
            for k, v in value.items()
        }
    return [_tidy(v) for v in value] if isinstance(value, list) else value


def files(version: str) -> dict[str, str]:
    """Every exported file's text, by its path below the folder."""
    out = {"gatectl.json": document(version)}
    out |= {f"schemas/{name}.json": schema for name, schema in schemas().items()}
    return {path: json.dumps(body, indent=2, ensure_ascii=False) + "\n" for path, body in out.items()}


def main(folder: Path, version: str) -> None:
    """Write all files."""
    for path, text in files(version).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1")
