"""What the black box shows to people, in JSON: tags at a few hertz and every message.

Replay does not use these; they exist so that Foxglove and the mcap tools need none of our code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gatectl.model import Layout, unpack_quality
from gatectl.model.quality import GOOD_BYTE
from gatectl.runtime.records import ScanRecord, unpack_floats

SCAN_FIELDS = {
    "format": "msgpack array, fields in this order (gatectl.runtime.records.ScanRecord)",
    "fields": ",".join(ScanRecord.__struct_fields__),
    "arrays": "values, commands, core_values: <f8; stamps: <i8; qualities: bytes; order: /layout",
}

MESSAGES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "scan_no": {"type": "integer"},
        "direction": {"enum": ["in", "out"]},
        "message": {"type": "object", "properties": {"type": {"type": "string"}, "id": {"type": "string"}}},
    },
}


def messages_json(record: ScanRecord) -> Iterator[bytes]:
    """One object per message that went into or came out of the scan."""
    for direction, messages in (("in", record.messages), ("out", record.out_messages)):
        for message in messages:
            yield msgspec.json.encode({"scan_no": record.scan_no, "direction": direction, "message": message})


def tags_json(record: ScanRecord, layout: Layout) -> bytes:
    """The snapshot of a scan: values by device and tag (null: not finite), and all that is not GOOD."""
    values: dict[str, Any] = {}
    not_good: dict[str, str] = {}
    numbers = unpack_floats(record.values)
    for name, number, byte in zip(layout.names, numbers, record.qualities, strict=False):
        block, _, tag = name.partition(".")
        values.setdefault(block, {})[tag] = number
        if byte != GOOD_BYTE:
            not_good[name] = quality_text(byte)
    return msgspec.json.encode({"scan_no": record.scan_no, "values": values, "not_good": not_good})


def quality_text(byte: int) -> str:
    """`GOOD`, `BAD STALE`; a byte that no writer produces is shown as a number."""
    try:
        quality, cause = unpack_quality(byte)
    except ValueError:
        return f"0x{byte:02x}"
    return quality.name if byte == GOOD_BYTE else f"{quality.name} {cause.name}"


def tags_schema(layout: Layout) -> dict[str, Any]:
    """JSON Schema of `tags_json`, with every tag's unit and meaning."""
    blocks: dict[str, Any] = {}
    for name, spec in zip(layout.names, layout.specs, strict=True):
        block, _, tag = name.partition(".")
        entry = blocks.setdefault(block, {"type": "object", "properties": {}})
        text = f"{spec.doc} [{spec.unit}]" if spec.unit else spec.doc
        entry["properties"][tag] = {"type": ["number", "null"], "description": text}
    return {
        "type": "object",
        "properties": {
            "scan_no": {"type": "integer"},
            "values": {"type": "object", "properties": blocks},
            "not_good": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
