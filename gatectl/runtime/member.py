"""One supervised process: its start, its heartbeat, its end, its next start."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from typing import Any

from msgspec import Struct

from gatectl.runtime.child import SUPERVISOR_ENV
from gatectl.runtime.frames import Beat
from gatectl.runtime.logbook import ChildLog

# Numeric libraries start a thread per core, which nothing here needs and which disturbs the scan.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Timing(Struct, frozen=True, kw_only=True):
    """The supervisor's patience, s. start: until a process's first heartbeat; hang: without one."""

    start_s: float = 60.0
    hang_s: float = 8.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    healthy_after_s: float = 20.0
    stop_s: float = 9.0
    tick_s: float = 0.05


class Member:
    """state: starting, what the process says of itself, `waiting to start`, or `stopped`."""

    def __init__(self, name: str, argv: list[str], timing: Timing, log: logging.Logger) -> None:
        self.name = name
        self.state = "stopped"
        self.restarts = 0
        self.last_exit = ""
        self.detail: dict[str, str | int | float | bool] = {}
        self._argv = argv
        self._timing = timing
        self._log = log
        self._lines = ChildLog(log)
        self._process: subprocess.Popen[bytes] | None = None
        self._heard_s = 0.0
        self._beaten = False
        self._started_s = 0.0
        self._next_start_s = 0.0
        self._pause_s = timing.first_pause_s

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self, now_s: float, lock_fd: int) -> None:
        """Start it. lock_fd: inherited, so that the node counts as running while any process lives."""
        self._beaten = False
        self._started_s = self._heard_s = now_s
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | _ONE_THREAD | {SUPERVISOR_ENV: str(os.getpid())},
                start_new_session=True,  # a Ctrl-C goes to the supervisor alone
                pass_fds=(lock_fd,),
            )
        except OSError as error:
            self._ended(now_s, f"cannot be started: {error}")
            return
        self.state = "starting"
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        asyncio.get_running_loop().add_reader(self._process.stdout.fileno(), self._read_log)

    def heard(self, beat: Beat, now_s: float) -> None:
        """A heartbeat has come."""
        if beat.pid == self.pid:
            self._heard_s, self._beaten = now_s, True
            self.state, self.detail = beat.state, beat.detail

    def check(self, now_s: float, lock_fd: int) -> None:
        """Notice an end, end what hangs, start what is due."""
        if self._process is None:
            if now_s >= self._next_start_s:
                self.restarts += 1
                self.start(now_s, lock_fd)
            return
        if (code := self._process.poll()) is not None:
            self._reap()
            if now_s - self._started_s > self._timing.healthy_after_s:
                self._pause_s = self._timing.first_pause_s
            self._ended(now_s, describe_exit(code))
            return
        patience_s = self._timing.hang_s if self._beaten else self._timing.start_s
        if now_s - self._heard_s > patience_s:
            self._log.error("no heartbeat for %.1f s: killed", now_s - self._heard_s)
            self._process.kill()
            self._heard_s = now_s

    async def stop(self) -> bool:
        """SIGTERM, wait, SIGKILL. True if it ended by itself with exit code 0."""
        if self._process is None:
            return True
        self._process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(self._process.wait, self._timing.stop_s)
        except subprocess.TimeoutExpired:
            self._log.error("did not end within %g s: killed", self._timing.stop_s)
            self._process.kill()
            code = self._process.wait()
        self._reap()
        self.state, self.last_exit = "stopped", describe_exit(code)
        return code == 0

    def row(self) -> dict[str, Any]:
        """For the status answer."""
        return {
            "name": self.name,
            "pid": self.pid,
            "state": self.state,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
        }

    def _ended(self, now_s: float, how: str) -> None:
        self.last_exit = how
        self.state = "waiting to start"
        self._next_start_s = now_s + self._pause_s
        self._log.error("%s; starts again in %g s", how, self._pause_s)
        self._pause_s = min(self._pause_s * 2, self._timing.longest_pause_s)

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            data = os.read(self._process.stdout.fileno(), 65_536)
        except BlockingIOError:
            return
        if data:
            self._lines.feed(data)
        else:
            asyncio.get_running_loop().remove_reader(self._process.stdout.fileno())

    def _reap(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        asyncio.get_running_loop().remove_reader(fd)
        try:
            while data := os.read(fd, 65_536):
                self._lines.feed(data)
        except BlockingIOError:
            pass
        self._lines.feed(b"")
        self._process.stdout.close()
        self._process = None


def describe_exit(code: int) -> str:
    """`exit code 70` or `killed by SIGKILL`."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
