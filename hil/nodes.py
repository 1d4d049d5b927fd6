"""Real `gatectl run` daemons as child processes of the rig."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from gatectl.model import UsageError
from gatectl.runtime import control
from hil.children import die_with_parent

STOP_TIMEOUT_S = 15.0
WATCH_S = 0.2


class Daemon:
    """One node's daemon. file: its NODE.toml; its output goes to log_file.

    last: its newest status, kept by `watch`; None while it does not answer. Whoever lives in the rig's
    event loop reads this: asking waits for the daemon, and the simulated devices would wait with it.
    """

    def __init__(self, name: str, file: Path, runtime_dir: Path, log_file: Path) -> None:
        self.name = name
        self.file = file
        self.runtime_dir = runtime_dir
        self.log_file = log_file
        self.exit_codes: list[int] = []
        self.last: dict[str, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, env: dict[str, str] | None = None) -> None:
        """Start `gatectl run`; returns at once."""
        self.last = None
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gatectl.cli", "run", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, takes no lock
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """True while the supervisor lives."""
        return self._process is not None and self._process.poll() is None

    def ask(self, what: str, **more: str) -> dict[str, Any] | None:
        """The node's own answer over its control socket, or None while it cannot answer."""
        try:
            return control.request(self.runtime_dir, {"ask": what, **more})
        except (UsageError, OSError):
            return None

    async def watch(self) -> None:
        """Keep `last` fresh until cancelled."""
        while True:
            self.last = await asyncio.to_thread(self.ask, "status")
            await asyncio.sleep(WATCH_S)

    @property
    def ready(self) -> bool:
        """As it said itself last."""
        return bool((self.last or {}).get("ready"))

    def pids(self) -> dict[str, int]:
        """Process ids by name (`scan`, `field-gnss`, ..., and `supervisor`), as of `last`."""
        answer = self.last
        if answer is None:
            return {}
        found = {p["name"]: p["pid"] for p in answer["processes"] if p["pid"]}
        found["supervisor"] = answer["pid"]
        return found

    def kill(self, process: str) -> int:
        """SIGKILL one process of the node by name; returns its pid."""
        pids = self.pids()
        if process not in pids:
            raise UsageError(
                f"{self.name} has no process {process}",
                f"one of: {', '.join(sorted(pids)) or 'none is running'}",
            )
        os.kill(pids[process], signal.SIGKILL)
        return pids[process]

    async def wait_gone(self, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """Wait for the supervisor's end; its exit code, or None on time-out."""
        if self._process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = await asyncio.to_thread(self._process.wait, timeout_s)
            self.exit_codes.append(code)
            return code
        return None

    async def stop(self) -> int | None:
        """SIGTERM and wait; SIGKILL the whole session if it does not end in time."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
        code = await self.wait_gone()
        if code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        self._process = None
        return code
