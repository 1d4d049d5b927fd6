"""A node as its real processes, below one directory, for tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from mini_node import environment, install_driver, make_node

from gatectl.model import UsageError
from gatectl.model.messages import OperatorCommand
from gatectl.model.node import DeviceConfig
from gatectl.runtime.control import request


def eventually(true: Callable[[], Any], what: str, within_s: float = 20.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (result := true()):
        assert time.monotonic() < deadline, f"did not happen within {within_s} s: {what}"
        time.sleep(0.02)
    return result


class RunningNode:
    """A supervisor and its processes, below one directory."""

    def __init__(self, directory: Path, fifo_priority: int = 0, **ill: str) -> None:
        self.directory = directory
        self.run = directory / "run"
        self.state = directory / "state"
        devices = [
            DeviceConfig(
                name=name,
                driver="mini",
                group=group,
                realtime=name == "b",
                config={"file": str(directory / f"{name}.dev"), "ill": ill.get(name, ""), "emit": emit},
            )
            for name, group, emit in (("a", "one", 5), ("b", "two", 0), ("c", "two", 0))
        ]
        if not (directory / "plugins").exists():
            install_driver(directory / "plugins")
        (self.state / "inbox").mkdir(parents=True, exist_ok=True)
        node_file = directory / "node.msgpack"
        node_file.write_bytes(msgspec.msgpack.encode(make_node(directory, devices, fifo_priority)))
        self.argv = [sys.executable, "-m", "mini_node", "run", str(node_file)]
        self.env = environment(directory / "plugins")
        self.log = (directory / "stderr").open("ab")
        self.process = subprocess.Popen(self.argv, env=self.env, cwd=directory, stderr=self.log)
        self.sent = 0

    def status(self) -> dict[str, Any]:
        try:
            return request(self.run, {"ask": "status"})
        except UsageError:
            assert self.process.poll() is None, (self.directory / "stderr").read_text()
            return {"ready": False, "processes": [], "status": None, "scan": {}, "summary": ""}

    def pids(self) -> dict[str, int]:
        return {row["name"]: row["pid"] for row in self.status()["processes"]}

    def wait_ready(self) -> None:
        eventually(lambda: self.status()["ready"], "ready")

    def wait_up(self, *names: str) -> None:
        up = {"scanning", "active", "serving", "recording"}

        def check() -> bool:
            rows = [row for row in self.status()["processes"] if row["name"] in names]
            return len(rows) == len(names) and all(row["state"] in up for row in rows)

        eventually(check, f"{names} up")

    def command(self, word: str = "hold", value: str = "") -> str:
        self.sent += 1
        fact = OperatorCommand(
            id=f"op{self.sent}", command=word, subject="", who="test", value=value, issued_utc_ns=self.sent
        )
        fresh = self.state / "inbox" / "fresh"
        fresh.write_bytes(msgspec.json.encode(fact))
        fresh.rename(self.state / "inbox" / f"key{self.sent}.json")
        return fact.id

    def published(self) -> list[Any]:
        path = self.state / "published"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def answered(self) -> list[str]:
        return [line[1] for line in self.published() if line != "OFFLINE"]

    def device(self, name: str) -> list[str]:
        path = self.directory / f"{name}.dev"
        return path.read_text().splitlines() if path.exists() else []

    def logged(self, name: str) -> str:
        return (self.state / "log" / f"{name}.log").read_text()

    def stop(self, within_s: float = 30.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def close(self) -> None:
        if self.process.poll() is None:
            pids = self.pids().values()
            self.process.kill()
            self.process.wait()
            eventually(lambda: not any(map(alive, pids)), "children gone")
        self.log.close()


def alive(pid: int) -> bool:
    try:
        return pid > 0 and Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
