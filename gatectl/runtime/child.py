"""What every process of a node has in common: its place, its log, its heartbeat, its end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from gatectl.model import GatectlError
from gatectl.runtime.frames import Beat, encode
from gatectl.runtime.link import Endpoint
from gatectl.runtime.realtime import dead_man, die_with_parent

EXIT_REFUSED = 1
EXIT_FAILED = 70  # EX_SOFTWARE of sysexits.h
SUPERVISOR_ENV = "GATECTL_SUPERVISOR_PID"
BEAT_PERIOD_S = 0.5

# Ends a process whose main loop no longer turns, even if nobody is left to kill it.
_DEAD_MAN_S = 20.0
# So long an ordered stop of one process may take in all.
STOP_LIMIT_S = 8.0

_SYSLOG_LEVEL = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Places:
    """The files of a node's runtime directory."""

    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.image = runtime_dir / "image"
        self.layout = runtime_dir / "layout.json"
        self.node = runtime_dir / "node.msgpack"
        self.scan = runtime_dir / "scan.sock"
        self.north = runtime_dir / "north.sock"
        self.recorder = runtime_dir / "recorder.sock"
        self.supervisor = runtime_dir / "supervisor.sock"
        self.control = runtime_dir / "control.sock"
        self.lock = runtime_dir / "lock"

    def field(self, group: str) -> Path:
        """The socket of a device group's process."""
        return self.runtime_dir / f"field-{group}.sock"


class LineFormatter(logging.Formatter):
    """One line per event, with the level as sd-daemon(3) has it: `<4>text`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line; line breaks (tracebacks) become ` | `."""
        text = " | ".join(super().format(record).splitlines())
        return f"<{_SYSLOG_LEVEL.get(record.levelno, 6)}>{text}"


def make_log(name: str) -> logging.Logger:
    """The process's log, on stderr. A log that cannot be written never stops its process."""
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("%(message)s"))
    log = logging.getLogger(f"gatectl.{name}")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)
    return log


def run_child(child: Child, body: Callable[[], int]) -> int:
    """Run a process's body; whatever it raises becomes one log line and an exit code."""
    try:
        return body()
    except GatectlError as error:
        child.log.error("%s", error.text())
        return EXIT_REFUSED
    except Exception:
        child.log.exception("failed, ending")
        return EXIT_FAILED
    finally:
        child.close()


class Child:
    """One process of the node below the supervisor (or by itself, in tests)."""

    def __init__(self, name: str, places: Places, endpoint: Endpoint) -> None:
        """name: scan, north, recorder or field-GROUP. endpoint: this process's socket."""
        self.name = name
        self.places = places
        self.endpoint = endpoint
        self.log = make_log(name)
        self.stopping = False
        self._parent = int(os.environ.get(SUPERVISOR_ENV, "0"))
        self._next_beat_s = 0.0
        self._last_state = ""
        if self._parent:
            die_with_parent(self._parent)
            # A supervisor that does not read must not make the scan wait: the log line is lost instead.
            os.set_blocking(sys.stderr.fileno(), False)

    def catch_signals(self) -> None:
        """SIGTERM and SIGINT set `stopping` (for processes without an event loop)."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def beat(self, state: str, detail: dict[str, str | int | float | bool] | None = None) -> None:
        """Tell the supervisor that the main loop turns, at most every BEAT_PERIOD_S or on a new state.

        Stops this process (in order) when the supervisor is gone.
        """
        now_s = time.monotonic()
        if now_s < self._next_beat_s and state == self._last_state:
            return
        self._next_beat_s, self._last_state = now_s + BEAT_PERIOD_S, state
        if not self.stopping:
            dead_man(_DEAD_MAN_S)
        if self._parent and (os.getppid() != self._parent or not self.places.supervisor.exists()):
            if not self.stopping:
                self.log.error("the supervisor is gone: stopping")
            self.stopping = True
        beat = Beat(self.name, os.getpid(), state, detail or {})
        self.endpoint.send(self.places.supervisor, encode(beat))

    def begin_stop(self) -> None:
        """From now on the process has STOP_LIMIT_S to end; then the kernel ends it."""
        self.stopping = True
        dead_man(STOP_LIMIT_S)

    def close(self) -> None:
        """Release the socket; the last thing a process does."""
        dead_man(0)
        self.endpoint.close()
