"""The command line: `gatectl run | check | status | why | probe | gnss | commission | replay | ...`.

Exit codes: 0 all well; 1 a problem or difference was found; 2 the command or the configuration is
wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gatectl.model import ConfigError, GatectlError, RecordingError, UsageError

__all__ = ["main"]


def main() -> None:
    """Entry point of `gatectl`. Errors that a user can cause are printed with cause and remedy."""
    try:
        if sys.argv[1:2] == ["process"]:
            # A process of a node, started by its supervisor: without the weight of the rest.
            sys.exit(_process(sys.argv[2:]))
        from gatectl.cli.app import app  # noqa: PLC0415 - start-up time

        app(prog_name="gatectl")
    except ConfigError as error:
        for finding in error.findings:
            print(finding.text(), file=sys.stderr)
        print(f"gatectl: {error.remedy}", file=sys.stderr)
        sys.exit(2)
    except GatectlError as error:
        print(f"gatectl: {error.text()}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError | RecordingError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is left to be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _process(arguments: list[str]) -> int:
    from gatectl.cli.processes import PROCESSES, run_process  # noqa: PLC0415 - start-up time

    parser = argparse.ArgumentParser(prog="gatectl process")
    parser.add_argument("kind", choices=PROCESSES)
    parser.add_argument("node", type=Path)
    parser.add_argument("--group", default="")
    given = parser.parse_args(arguments)
    return run_process(given.kind, given.node, given.group)
