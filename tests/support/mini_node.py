"""A whole node with a tiny core and a tiny north side, for the tests of the processes.

`python -m mini_node run NODE.msgpack` is the supervisor; it starts its processes from this file too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from gatectl.model import Layout, TagSpec
from gatectl.model.messages import (
    Checkpoint,
    ContainerRead,
    Explanation,
    Fact,
    OperatorCommand,
    Receipt,
    Status,
)
from gatectl.model.node import DeviceConfig, MqttConfig, Node, NodeConfig, PathsConfig, ScanConfig
from gatectl.model.ports import NorthPort
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs
from gatectl.model.site import InterlockConfig, Lane, Origin, Site, SiteConfig

SUPPORT = Path(__file__).resolve().parent


class CountState(Struct):
    """applied: ids of the facts that were applied, in order; from checkpoints after a restart."""

    applied: list[str]
    boot_no: int = 0
    cold: bool = False
    made: int = 0
    open: bool = False
    told_scan: int = 0


class CountCore:
    """Applies every fact once, answers it with a receipt, and opens its valves when told `resume`."""

    state_type = CountState

    def __init__(self, layout: Layout) -> None:
        self._commands = len(layout.commands())

    def start(self, recovered: Recovered) -> CountState:
        applied: list[str] = []
        for checkpoint in recovered.checkpoints:
            applied = msgspec.msgpack.decode(checkpoint.body, type=list[str])
        return CountState(applied, recovered.boot_no, recovered.cold)

    def scan(self, state: CountState, inputs: ScanInputs, dt_ns: int) -> tuple[CountState, ScanOutputs]:
        out = []
        for message in inputs.messages:
            if not isinstance(message, Fact):
                continue
            state.applied.append(message.id)
            state.made += 1
            stem = f"mini-{state.boot_no}-{state.made}"
            container = message.container if isinstance(message, ContainerRead) else ""
            out.append(
                Receipt(
                    id=stem,
                    to=container,
                    correlation=message.id,
                    accepted=True,
                    at_utc_ns=inputs.now_utc_ns,
                )
            )
            body = msgspec.msgpack.encode(state.applied)
            out.append(Checkpoint(id=f"{stem}c", key="applied", body=body))
            if isinstance(message, OperatorCommand):
                if message.value == "explode":
                    raise RuntimeError("told to explode")
                if message.value == "hang":
                    while True:
                        pass
                state.open = message.command == "resume"
        if inputs.scan_no % 25 == 1:
            explanation = Explanation(subject="valve", state="open" if state.open else "shut", summary="so")
            detail = {"applied": str(len(state.applied)), "cold": str(state.cold)}
            status_id = f"mini-{state.boot_no}-s{inputs.scan_no}"
            out.append(
                Status(id=status_id, scan_no=inputs.scan_no, explanations=(explanation,), detail=detail)
            )
        value = 1.0 if state.open else 0.0
        outputs = ScanOutputs(
            commands=[value] * self._commands,
            core_values=[float(len(state.applied))],
            core_qualities=bytes([GOOD_BYTE]),
            messages=out,
        )
        return state, outputs

    def shutdown(self, state: CountState) -> list[float]:
        return [-1.0] * self._commands


CORE_TAGS = (TagSpec(name="applied", stale_after_s=0.5),)


def build_core(node: Node, layout: Layout) -> CountCore:
    return CountCore(layout)


async def serve(node: Node, port: NorthPort) -> None:
    """Facts come as files in state_dir/inbox (name: the key); what goes out is appended to a file."""
    inbox = Path(node.config.paths.state_dir) / "inbox"
    published = Path(node.config.paths.state_dir) / "published"

    async def publish() -> None:
        async for entry, message in port.outgoing():
            if entry is not None:
                with published.open("a") as file:
                    file.write(json.dumps([entry, message.correlation, message.to]) + "\n")
                port.published(entry)

    task = asyncio.create_task(publish())
    try:
        while True:
            for path in sorted(inbox.glob("*.json")):
                fact = msgspec.json.decode(path.read_bytes(), type=OperatorCommand)
                port.accept(fact, path.stem)
                path.unlink()
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with published.open("a") as file:
            file.write('"OFFLINE"\n')


def make_node(directory: Path, devices: Sequence[DeviceConfig], fifo_priority: int = 0) -> Node:
    """A node whose files are all below directory."""
    config = NodeConfig(
        name="mini",
        role="gate",
        site="site.toml",
        paths=PathsConfig(state_dir=str(directory / "state"), runtime_dir=str(directory / "run")),
        mqtt=MqttConfig(),
        scan=ScanConfig(period_ms=20.0, fifo_priority=fifo_priority),
        device=tuple(devices),
    )
    site = SiteConfig(
        name="mini",
        map_id="mini",
        geometry="lane.geojson",
        interlocks="interlocks.toml",
        origin=Origin(latitude_deg=21.0, longitude_deg=106.0, height_m=0.0),
        block=(),
        node=(),
        crane=(),
        route=(),
        vehicle=(),
        customs=(),
    )
    lane = Lane(id="east", points=((0.0, 0.0), (100.0, 0.0)))
    interlocks = InterlockConfig(cause=(), effect=())
    resolved = Site(config=site, lanes=(lane,), interlocks=interlocks)
    return Node(file=str(directory / "mini.toml"), digest="0" * 64, config=config, site=resolved, sources={})


def install_driver(directory: Path, name: str = "mini", distribution: str = "minidriver") -> None:
    """What `pip install` of a third party's driver leaves: metadata with an entry point."""
    info = directory / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gatectl.drivers]\n{name} = mini_driver:MiniDriver\n")


def environment(plugins: Path) -> dict[str, str]:
    """For a process that shall find the driver and this module."""
    paths = [str(plugins), str(SUPPORT), str(SUPPORT.parent.parent)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def argv_of(kind: str, node_file: Path, group: str) -> list[str]:
    return [sys.executable, "-m", "mini_node", kind, str(node_file), group]


def main(kind: str, node_file: Path, group: str) -> int:
    node = msgspec.msgpack.decode(node_file.read_bytes(), type=Node)
    match kind:
        case "run":
            from gatectl.runtime.layout import build_layout
            from gatectl.runtime.member import Timing
            from gatectl.runtime.supervisor import run_supervisor

            timing = Timing(hang_s=2.0)
            return run_supervisor(node, build_layout(node, CORE_TAGS), argv_of, timing)
        case "scan":
            from gatectl.runtime.scan_process import run_scan

            return run_scan(node, build_core)
        case "north":
            from gatectl.runtime.north_process import run_north

            return run_north(node, serve)
        case "field":
            from gatectl.runtime.field_process import run_field

            return run_field(node, group)
        case "recorder":
            from gatectl.runtime.recorder_process import run_recorder

            return run_recorder(node)
    raise SystemExit(f"no process {kind}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), (*sys.argv[3:], "")[0]))
