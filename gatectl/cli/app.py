"""The commands. Each imports what it needs when it runs, so that the small ones are quick."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gatectl import __version__
from gatectl.cli import gnss_commands
from gatectl.model import UsageError

app = typer.Typer(
    help="The control stack of a smart border gate. Supervisory control, not a certified safety function.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(gnss_commands.probe)
app.command()(gnss_commands.gnss)

NodeFile = Annotated[Path, typer.Argument(metavar="NODE.toml", help="the node's configuration")]
RuntimeDir = Annotated[Path | None, typer.Option(help="the running node's runtime_dir")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def run(node: NodeFile) -> None:
    """Run a node until SIGTERM or Ctrl-C."""
    from gatectl.cli.processes import run_node  # noqa: PLC0415 - start-up time

    raise typer.Exit(run_node(node))


@app.command()
def check(node: NodeFile) -> None:
    """Find every mistake in a node's configuration. Touches no device."""
    from gatectl.runtime.config import check_node, georeference_notes  # noqa: PLC0415 - start-up time

    findings = check_node(node)
    for note in georeference_notes(node):
        print(note)
    for finding in findings:
        print(finding.text())
    if findings:
        print(f"{len(findings)} mistake{'s' if len(findings) != 1 else ''} to correct", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{node}: no mistakes")


@app.command()
def status(
    node: Annotated[Path | None, typer.Argument(metavar="[NODE.toml]")] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """How a running node is: processes, devices, scan, what it does."""
    from gatectl.cli import show  # noqa: PLC0415 - start-up time
    from gatectl.runtime.control import request  # noqa: PLC0415 - start-up time
    from gatectl.runtime.image import Image  # noqa: PLC0415 - start-up time
    from gatectl.runtime.layout import load_layout  # noqa: PLC0415 - start-up time

    directory = _runtime_dir(node, runtime_dir)
    answer = request(directory, {"ask": "status"})
    layout = load_layout(directory / "layout.json")
    snapshot = Image.attach(directory / "image", layout).snapshot()
    answer["devices"] = show.device_rows(layout, snapshot, time.monotonic_ns())
    if as_json:
        _print_json(answer)
    else:
        show.status(answer)
    raise typer.Exit(0 if answer.get("ready") else 1)


@app.command()
def why(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE.toml] [SUBJECT]", help="such as drive, or transit T1; all if left out"),
    ] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
) -> None:
    """Why something waits or stopped: every reason, the first one marked, with its remedy."""
    from gatectl.cli import show  # noqa: PLC0415 - start-up time
    from gatectl.runtime.control import request  # noqa: PLC0415 - start-up time

    node, subject = _node_and_rest(words)
    directory = _runtime_dir(node, runtime_dir)
    answer = request(directory, {"ask": "why", "subject": subject})
    show.add_receiver_reasons(answer, directory)
    if as_json:
        _print_json(answer)
    else:
        show.explanations(answer)


@app.command()
def tags(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE.toml] [PREFIX]", help="such as crane1 or mcu.sp; all if left out"),
    ] = None,
    runtime_dir: RuntimeDir = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="every second, until Ctrl-C")] = False,
) -> None:
    """Values, qualities and ages of a running node's tags."""
    from gatectl.cli import show  # noqa: PLC0415 - start-up time
    from gatectl.runtime.image import Image  # noqa: PLC0415 - start-up time
    from gatectl.runtime.layout import load_layout  # noqa: PLC0415 - start-up time

    node, prefix = _node_and_rest(words)
    directory = _runtime_dir(node, runtime_dir)
    layout = load_layout(directory / "layout.json")
    if prefix and not any(name.startswith(prefix) for name in layout.names):
        devices = ", ".join(dict.fromkeys(block.name for block in layout.blocks))
        raise UsageError(f"no tag begins with {prefix!r}", f"devices are: {devices}")
    image = Image.attach(directory / "image", layout)
    while True:
        rows = show.tag_rows(layout, image.snapshot(), time.monotonic_ns(), prefix)
        if as_json:
            _print_json(rows)
        else:
            if watch and sys.stdout.isatty():
                print("\033[2J\033[H", end="")
            show.tags(rows)
        if not watch:
            return
        time.sleep(1.0)


@app.command()
def replay(file: Annotated[Path, typer.Argument(metavar="FILE.mcap")], as_json: AsJson = False) -> None:
    """Run the core again on a recording and compare every decision, bit by bit."""
    import msgspec  # noqa: PLC0415 - start-up time

    from gatectl.cli import show  # noqa: PLC0415 - start-up time
    from gatectl.runtime.replay import replay as run_replay  # noqa: PLC0415 - start-up time

    report = run_replay(file)
    if as_json:
        _print_json({"identical": report.identical, "speed": report.speed, **msgspec.to_builtins(report)})
    else:
        show.replayed(report)
    raise typer.Exit(0 if report.identical else 1)


@app.command()
def recover(
    file: Annotated[Path, typer.Argument(metavar="FILE.mcap")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="default: NAME-recovered.mcap")
    ] = None,
) -> None:
    """Save what is readable of a recording that was cut off or damaged."""
    from gatectl.cli import show  # noqa: PLC0415 - start-up time
    from gatectl.runtime.recover import recover as run_recover  # noqa: PLC0415 - start-up time

    show.recovered(run_recover(file, output))


@app.command()
def commission(
    node: NodeFile,
    *,
    recording: Annotated[
        list[Path] | None, typer.Option(help="use this drive (*.mcap, repeatable) instead of a new one")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the plot; default STATE_DIR/commissioning")
    ] = None,
    who: Annotated[str, typer.Option(help="who asks for it, for the journal; default the user")] = "",
    timeout_s: Annotated[float, typer.Option(help="how long to wait for the drive")] = 600.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="leave NODE.toml as it is")] = False,
) -> None:
    """Identify steering offset, dead times and lags of a vehicle on a test drive; write them."""
    from gatectl.cli.commission import run as run_commission  # noqa: PLC0415 - start-up time

    run_commission(node, recording or [], out, who, timeout_s, dry_run=dry_run)


@app.command()
def schema(directory: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write the JSON Schemas of node, site, interlocks and every installed driver's table."""
    from gatectl.runtime.schema import write_schemas  # noqa: PLC0415 - start-up time

    for path in write_schemas(directory):
        print(path)


@app.command()
def version() -> None:
    """The version of gatectl."""
    print(f"gatectl {__version__}")


def _runtime_dir(node: Path | None, runtime_dir: Path | None) -> Path:
    """The runtime directory that is meant. A node file is only asked for its `paths`, so that a
    file that was broken while the node runs does not hide the node."""
    if (node is None) == (runtime_dir is None):
        raise UsageError("which node?", "give either NODE.toml or --runtime-dir")
    if runtime_dir is not None:
        return runtime_dir
    assert node is not None
    from gatectl.runtime.config import runtime_dir_of  # noqa: PLC0415 - start-up time

    return runtime_dir_of(node)


def _node_and_rest(words: list[str] | None) -> tuple[Path | None, str]:
    """A node file, known by its ending, may come before the subject, which may be several words."""
    rest = list(words or ())
    node = Path(rest.pop(0)) if rest and rest[0].endswith(".toml") else None
    return node, " ".join(rest)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False), flush=True)
