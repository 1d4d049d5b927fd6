"""The composition root: the one place where runtime, core and north are put together.

Imports are inside the functions: each process loads only what it needs, so that it is quickly up
again after it died.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from gatectl.model import UsageError
from gatectl.model.node import Node

PROCESSES = ("scan", "field", "north", "recorder")


def argv_of(kind: str, node_file: Path, group: str) -> list[str]:
    """How a process of the node is started: a fresh interpreter of the same installation."""
    argv = [sys.executable, "-m", "gatectl.cli", "process", kind, str(node_file)]
    return [*argv, "--group", group] if group else argv


def load(node_file: Path) -> Node:
    """The node from NODE.toml, or from the resolved `node.msgpack` that the supervisor wrote.

    Raises ConfigError (with every mistake) or UsageError.
    """
    if node_file.suffix != ".msgpack":
        from gatectl.runtime.config import load_node  # noqa: PLC0415 - start-up time

        return load_node(node_file)
    try:
        return msgspec.msgpack.decode(node_file.read_bytes(), type=Node)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"the resolved configuration cannot be read: {error}",
            "restart the node",
            where=str(node_file),
        ) from error


def run_node(node_file: Path) -> int:
    """`gatectl run NODE.toml`: supervise until SIGTERM or SIGINT. Returns the exit code.

    Raises ConfigError (with every mistake) and UsageError (directories, a node that runs already).
    """
    from gatectl import core  # noqa: PLC0415 - start-up time
    from gatectl.runtime.layout import build_layout  # noqa: PLC0415 - start-up time
    from gatectl.runtime.supervisor import run_supervisor  # noqa: PLC0415 - start-up time

    node = load(node_file)
    layout = build_layout(node, core.tags(node.config, node.site))
    return run_supervisor(node, layout, argv_of)


def run_process(kind: str, node_file: Path, group: str = "") -> int:
    """`gatectl process KIND NODE`: one process of a node, started by the supervisor.

    kind: one of PROCESSES; group: the device group of a field process. Returns the exit code.
    Raises ConfigError and UsageError.
    """
    node = load(node_file)
    match kind:
        case "scan":
            from gatectl import core  # noqa: PLC0415 - start-up time
            from gatectl.runtime.scan_process import run_scan  # noqa: PLC0415 - start-up time

            return run_scan(node, core.build)
        case "field":
            from gatectl.runtime.field_process import run_field  # noqa: PLC0415 - start-up time

            return run_field(node, group)
        case "north":
            from gatectl.north.service import serve  # noqa: PLC0415 - start-up time
            from gatectl.runtime.north_process import run_north  # noqa: PLC0415 - start-up time

            return run_north(node, serve)
        case "recorder":
            from gatectl.runtime.recorder_process import run_recorder  # noqa: PLC0415 - start-up time

            return run_recorder(node)
    raise UsageError(f"there is no process called {kind}", f"use one of: {', '.join(PROCESSES)}")
