"""The supervisor: makes the node's places, starts its processes, restarts what dies, ends in order."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import gatectl
from gatectl.model import Layout, UsageError
from gatectl.model.messages import Status
from gatectl.model.node import Node
from gatectl.runtime import systemd
from gatectl.runtime.child import STOP_LIMIT_S, Places
from gatectl.runtime.control import serve_control
from gatectl.runtime.frames import Beat, Newest, decode
from gatectl.runtime.image import Image
from gatectl.runtime.layout import save_layout
from gatectl.runtime.link import Endpoint, check_place
from gatectl.runtime.logbook import open_log
from gatectl.runtime.member import Member, Timing

# argv of a process, from its name ("scan", "north", "recorder", "field"), the file that holds the
# resolved node, and the device group (for "field", else "").
ArgvOf = Callable[[str, Path, str], list[str]]

_UP = {"scanning", "active", "serving", "recording"}
_STATUS_PERIOD_S = 1.0


class Supervisor:
    """One run of a node."""

    def __init__(self, node: Node, layout: Layout, argv_of: ArgvOf, timing: Timing | None = None) -> None:
        """Raises UsageError: directories not writable, or the node runs already."""
        self._node = node
        self._timing = timing or Timing()
        self._places = Places(Path(node.config.paths.runtime_dir))
        state_dir = Path(node.config.paths.state_dir)
        groups = list(dict.fromkeys(device.group for device in node.config.device))
        for place in (self._places.supervisor, *map(self._places.field, groups)):
            check_place(place)
        for directory in (self._places.runtime_dir, state_dir, state_dir / "log", state_dir / "blackbox"):
            _make_directory(directory)
        self._lock_fd = _lock(self._places.lock)
        Image.create(self._places.image, layout)
        try:
            save_layout(self._places.layout, layout)
            # The children start from the configuration that was checked, whatever happens to the
            # files while the node runs.
            self._places.node.write_bytes(msgspec.msgpack.encode(node))
        except OSError as error:
            raise _unusable(self._places.runtime_dir, error) from error
        self._log = open_log(state_dir / "log", "supervisor")
        self._endpoint = Endpoint(self._places.supervisor)
        self._started_s = time.monotonic()
        self._status: Status | None = None
        self._status_s = 0.0
        self._ready = False
        self._exit_code = 0
        kinds = [("north", ""), ("recorder", ""), *(("field", group) for group in groups), ("scan", "")]
        self._members: dict[str, Member] = {}
        for kind, group in kinds:
            name = f"{kind}-{group}" if group else kind
            argv = argv_of(kind, self._places.node, group)
            self._members[name] = Member(name, argv, self._timing, open_log(state_dir / "log", name))

    async def run(self) -> int:
        """Supervise until SIGTERM, SIGINT or SIGHUP, then end everything in order. Returns the exit code."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, done.set)
        loop.add_reader(self._endpoint.fileno(), self._receive)
        config = self._node.config
        self._log.info("gatectl %s, node %s (%s)", gatectl.__version__, config.name, config.role)
        server = await serve_control(self._places.control, self._answer)
        clean = False
        try:
            for member in self._members.values():
                member.start(time.monotonic(), self._lock_fd)
            await self._supervise(done)
        finally:
            clean = await self._stop()
            server.close()
            loop.remove_reader(self._endpoint.fileno())
            self._release()
        self._log.info("stopped%s", "" if clean else ", not every process in order")
        return self._exit_code

    async def _supervise(self, done: asyncio.Event) -> None:
        watchdog_s = systemd.watchdog_interval_s()
        next_watchdog_s = next_status_s = 0.0
        while not done.is_set():
            now_s = time.monotonic()
            for member in self._members.values():
                member.check(now_s, self._lock_fd)
            if not self._ready and all(m.state in _UP for m in self._members.values()):
                self._ready = True
                self._log.info("ready after %.1f s", now_s - self._started_s)
                systemd.notify("READY=1")
            if watchdog_s is not None and now_s >= next_watchdog_s:
                next_watchdog_s = now_s + watchdog_s / 2
                systemd.notify("WATCHDOG=1")
            if now_s >= next_status_s:
                next_status_s = now_s + _STATUS_PERIOD_S
                systemd.notify(f"STATUS={self._line()}")
                if not self._places.supervisor.exists():
                    self._log.error("runtime_dir was removed under the running node: stopping")
                    self._exit_code = 1
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), self._timing.tick_s)

    async def _stop(self) -> bool:
        """Scan first (it commands the safe values), then the devices, then north, then the recorder."""
        systemd.notify("STOPPING=1", "STATUS=stopping")
        self._log.info("stopping: scan, devices, north, recorder")
        fields = [name for name in self._members if name.startswith("field-")]
        results: list[bool | BaseException] = []
        for step in (["scan"], fields, ["north"], ["recorder"]):
            stops = (self._members[name].stop() for name in step)
            results += await asyncio.gather(*stops, return_exceptions=True)
        return all(result is True for result in results)

    def _release(self) -> None:
        self._endpoint.close()
        places = self._places
        for path in (places.control, places.image, places.layout, places.node):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        os.close(self._lock_fd)

    def _receive(self) -> None:
        now_s = time.monotonic()
        for datagram in self._endpoint.receive():
            try:
                frame = decode(datagram)
            except msgspec.MsgspecError as error:
                self._log.error("dropped a datagram that is no frame: %s", error)
                continue
            if isinstance(frame, Beat) and frame.name in self._members:
                self._members[frame.name].heard(frame, now_s)
            elif isinstance(frame, Newest) and isinstance(frame.message, Status):
                self._status, self._status_s = frame.message, now_s

    def _line(self) -> str:
        waiting = [f"{m.name} {m.state}" for m in self._members.values() if m.state not in _UP]
        if waiting:
            return "waiting: " + ", ".join(waiting)
        return (
            f"{len(self._members)} processes up, {self._members['scan'].detail.get('overruns', 0)} overruns"
        )

    # ---- control.sock --------------------------------------------------------------------------

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"ask": "status"}:
                return self._describe()
            case {"ask": "why"}:
                return self._why(str(request.get("subject", "")))
        raise UsageError("unknown question", 'ask "status", or "why" with a "subject"')

    def _describe(self) -> dict[str, Any]:
        config = self._node.config
        scan = self._members["scan"].detail
        realtime = ("realtime", "fifo_priority", "memory_locked")
        return {
            "node": config.name,
            "role": config.role,
            "version": gatectl.__version__,
            "file": self._node.file,
            "digest": self._node.digest,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started_s, 3),
            "ready": self._ready,
            "summary": self._line(),
            "processes": [member.row() for member in self._members.values()],
            "scan": {key: value for key, value in scan.items() if key not in realtime},
            "realtime": {key: scan[key] for key in realtime if key in scan},
            "details": {name: m.detail for name, m in self._members.items() if name != "scan"},
            "status": msgspec.to_builtins(self._status) if self._status else None,
            "status_age_s": self._status_age_s(),
        }

    def _why(self, subject: str) -> dict[str, Any]:
        if self._status is None:
            raise UsageError(
                "the core has not explained anything yet: " + self._line(), "ask again when it scans"
            )
        explanations = self._status.explanations
        found = [e for e in explanations if not subject or e.subject == subject]
        if not found:
            known = ", ".join(e.subject for e in explanations)
            raise UsageError(f"nothing is called {subject}", f"subjects are: {known}")
        return {
            "scan_no": self._status.scan_no,
            "age_s": self._status_age_s(),
            "explanations": msgspec.to_builtins(found),
        }

    def _status_age_s(self) -> float | None:
        """How old the core's last word is: it stays when the scan process dies."""
        return round(time.monotonic() - self._status_s, 3) if self._status else None


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot be used: {error.strerror}",
        "give it to the daemon's user with room to write, or choose another under [paths]",
        where=str(path),
    )


def _lock(path: Path) -> int:
    """Own the runtime directory. Waits for the last processes of a supervisor that died."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise _unusable(path, error) from error
    until_s = time.monotonic() + STOP_LIMIT_S + 2.0
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(fd, 32, 0).decode(errors="replace").strip()
            alive = owner.isdigit() and Path(f"/proc/{owner}").exists()
            if alive or time.monotonic() > until_s:
                os.close(fd)
                raise UsageError(
                    f"the node runs already (process {owner or 'unknown'})",
                    "stop it first, or give this node its own paths.runtime_dir",
                    where=str(path),
                ) from error
            time.sleep(0.1)
        else:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            return fd


def run_supervisor(node: Node, layout: Layout, argv_of: ArgvOf, timing: Timing | None = None) -> int:
    """The supervisor's main function. Returns the exit code. Raises UsageError as `Supervisor`."""
    return asyncio.run(Supervisor(node, layout, argv_of, timing).run())
