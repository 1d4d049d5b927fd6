"""The commands `gatectl probe` and `gatectl gnss`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gatectl.model import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Ports = Annotated[list[str] | None, typer.Option("--port", help="only this one; may be given again")]
Bauds = Annotated[list[int] | None, typer.Option("--baud", help="only this speed; may be given again")]


def probe(
    driver: Annotated[str, typer.Argument(metavar="DRIVER", help="what to look for, such as gnss")],
    port: Ports = None,
    baud: Bauds = None,
    seconds: Annotated[float, typer.Option(help="for each port at most", min=1, max=600)] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Find a device: listen on every serial port at every usual speed, and print its [[device]].

    Writes nothing to a port. Opening one raises its DTR line, at which some boards restart: do it while
    the machine stands.
    """
    import json  # noqa: PLC0415 - start-up time

    from gatectl.cli import probe as probing  # noqa: PLC0415 - start-up time

    kind = probing.probing_driver(driver)
    ports = probing.chosen_ports(port or [])
    quiet = as_json or not sys.stderr.isatty()
    results = asyncio.run(
        probing.probe_all(
            kind,
            ports,
            bauds=baud or [],
            seconds=seconds,
            tell=_nothing if quiet else lambda text: print(f"listening: {text}", file=sys.stderr),
        )
    )
    if as_json:
        print(json.dumps(probing.as_json(results, driver), indent=2, ensure_ascii=False))
    else:
        probing.show(results, driver)
    raise typer.Exit(0 if any(r.state == "found" for r in results) else 1)


def gnss(
    node: Annotated[Path | None, typer.Argument(metavar="[NODE.toml]")] = None,
    runtime_dir: Annotated[Path | None, typer.Option(help="the running node's runtime_dir")] = None,
    device: Annotated[str, typer.Option(help="which one, if the node has several")] = "",
    port: Annotated[str, typer.Option(help="a receiver's own port, without a node")] = "",
    baud: Annotated[int, typer.Option(help="with --port", min=300)] = 115_200,
    rate_hz: Annotated[float, typer.Option(help="with --port: epochs a second", min=0.2, max=50)] = 1.0,
    driver: Annotated[str, typer.Option(help="with --port")] = "gnss",
    seconds: Annotated[float, typer.Option(help="with --once or --json", min=0.1, max=600)] = 3.0,
    once: Annotated[bool, typer.Option("--once", help="one view, then end")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch a receiver: sky, position, heading, ages, rates; of a running node, or straight from its port."""
    from gatectl.cli import gnss as watching  # noqa: PLC0415 - start-up time
    from gatectl.cli.gnss_source import viewing_driver  # noqa: PLC0415 - start-up time

    if bool(port) == (node is not None or runtime_dir is not None):
        raise UsageError("which receiver?", "give NODE.toml (or --runtime-dir) of a running node, or --port")
    if port:
        config: dict[str, Any] = {"wire": {"port": port, "baud": baud}, "rate_hz": rate_hz}
        config |= {"silence_s": max(2.0, 4.0 / rate_hz), "speed_max_mps": 60.0}
        source = watching.PortSource(viewing_driver(driver), config)
        comes = asyncio.run(watching.watch_port(source, seconds=seconds, once=once, as_json=as_json))
    else:
        from gatectl.runtime.config import runtime_dir_of  # noqa: PLC0415 - start-up time

        if node is not None and runtime_dir is not None:
            raise UsageError("which node?", "give either NODE.toml or --runtime-dir")
        directory = runtime_dir if runtime_dir is not None else runtime_dir_of(node or Path())
        comes = asyncio.run(
            watching.watch(
                watching.NodeSource(directory, device),
                seconds=seconds,
                once=once,
                as_json=as_json,
                note=lambda: "no epochs: gatectl status shows whether the receiver answers",
            )
        )
    raise typer.Exit(0 if comes else 1)


def _nothing(_: str) -> None:
    """Nobody wants to be told."""
