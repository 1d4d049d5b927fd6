"""The layout of a node's process image: made by the supervisor, loaded by everybody else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gatectl.model import Block, Direction, Kind, Layout, TagSpec, UsageError
from gatectl.model.node import Node
from gatectl.runtime.plugins import device_tags

SCAN_TAGS: tuple[TagSpec, ...] = (
    TagSpec(name="scan_no", kind=Kind.INT, doc="scans since the scan process started"),
    TagSpec(name="wake_late", unit="s", doc="how late after its deadline the last scan began"),
    TagSpec(name="exec_time", unit="s", doc="time that the last scan took"),
    TagSpec(name="overruns", kind=Kind.INT, doc="scans that missed a deadline"),
)


def build_layout(node: Node, core_tags: tuple[TagSpec, ...]) -> Layout:
    """Per device its state and command block, in the node file's order, then `core` and `scan`.

    core_tags: `gatectl.core.tags(node.config, node.site)`. Raises ConfigError (unknown driver,
    refused device config) and UsageError (two drivers of one name).
    """
    blocks: list[Block] = []
    for device in node.config.device:
        tags = device_tags(node.file, device)
        for direction in Direction:
            part = tuple(tag for tag in tags if tag.direction is direction)
            if part:
                blocks.append(Block(device.name, direction, part))
    blocks.append(Block("core", Direction.STATE, core_tags))
    blocks.append(Block("scan", Direction.STATE, SCAN_TAGS))
    return Layout(blocks)


def save_layout(path: Path, layout: Layout) -> None:
    """Write layout.json."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(layout.blocks)))


def load_layout(path: Path) -> Layout:
    """Read layout.json. Raises UsageError if it is absent or damaged."""
    try:
        return Layout(msgspec.json.decode(path.read_bytes(), type=tuple[Block, ...]))
    except OSError as error:
        raise UsageError(
            f"no layout: {error.strerror}", "start the node with `gatectl run`", where=str(path)
        ) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"damaged: {error}", "restart the node", where=str(path)) from error
