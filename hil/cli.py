"""`gatectl-hil`: the rig's command line."""

from __future__ import annotations

import asyncio
import datetime
import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gatectl.model import GatectlError, UsageError

app = typer.Typer(
    help="The hardware-in-the-loop rig: a whole gate against simulated equipment on real wires.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130

RunDir = Annotated[Path | None, typer.Option(help="folder for what the run leaves (new); default runs/TIME")]
BrokerName = Annotated[str, typer.Option(help="amqtt (embedded) or mosquitto")]


@app.command()
def demo(
    scenario: Annotated[
        str, typer.Argument(help="demo (with disturbances), crossing (without), commissioning")
    ] = "demo",
    run_dir: RunDir = None,
    broker: BrokerName = "amqtt",
    progress: Annotated[
        bool, typer.Option(help="show every few seconds who is where; without it, events only")
    ] = True,
) -> None:
    """Two containers cross the demo gate; prints timeline, figures and a verdict (about 6 minutes)."""
    from hil import scenarios  # noqa: PLC0415 - start-up time
    from hil.demo import run  # noqa: PLC0415

    chosen = scenarios.find(scenario)
    folder = _folder(run_dir)
    checks = run(chosen, folder, broker=_broker(broker), progress=progress)
    console = Console()
    if not checks.passed:
        for item in checks.failed():
            console.print(
                f"FAILED: {item.name}: {item.measured}", style="bold red", highlight=False, markup=False
            )
        console.print(
            f"demo failed: {len(checks.failed())} of {len(checks.items)} checks; see {folder}",
            highlight=False,
        )
        raise typer.Exit(1)
    console.print(
        f"demo passed: {len(checks.items)} checks; picture: {folder / 'paths.png'}", highlight=False
    )


@app.command()
def up(
    site: Annotated[
        Path | None, typer.Argument(metavar="[SITE_DIR]", help="folder with site.toml and node files")
    ] = None,
    run_dir: RunDir = None,
    broker: BrokerName = "amqtt",
    real: Annotated[
        list[str] | None, typer.Option(help="node.device that keeps its real wire (repeatable)")
    ] = None,
) -> None:
    """Bring a gate up with simulated equipment and leave it to you until Ctrl-C."""
    from hil.up import hold_up  # noqa: PLC0415 - start-up time

    asyncio.run(hold_up(_folder(run_dir), site, _broker(broker), real or []))


@app.command("replay-gnss")
def replay_gnss(
    data: Annotated[Path, typer.Option(help="folder with google_F9K_drive.nmea and its truth")] = Path(
        "../shared/data/gnss"
    ),
    speed: Annotated[float, typer.Option(help="times real time")] = 20.0,
    run_dir: RunDir = None,
) -> None:
    """Play the recorded car drive into the real driver and localiser; compare with the survey truth."""
    from hil.replay_gnss import run as replay  # noqa: PLC0415 - start-up time

    folder = _folder(run_dir)
    folder.mkdir(parents=True)
    print(replay(data, speed, folder).text())


def _folder(given: Path | None) -> Path:
    folder = given or Path("runs") / datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    if folder.exists():
        raise UsageError(f"{folder} exists", "name a new folder: nothing is overwritten")
    return folder.resolve()


def _broker(name: str) -> Literal["amqtt", "mosquitto"]:
    match name:
        case "amqtt" | "mosquitto":
            return name
    raise UsageError(f"no broker is called {name}", "use amqtt or mosquitto")


def main() -> None:
    """Entry point: errors are cause and remedy, exit codes 0 passed, 1 failed, 2 usage, 130 interrupted."""
    # `timeout`, systemd and CI end a run with SIGTERM: tear down as for Ctrl-C. A shell's background
    # job begins with SIGINT ignored, which would leave no way to end it in order.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress is progress in a log file, too
    try:
        app()
    except GatectlError as error:
        print(f"gatectl-hil: {error.text()}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer turns KeyboardInterrupt into this, without a word
            print("interrupted; everything was stopped", file=sys.stderr)
        raise
