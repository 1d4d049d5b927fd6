"""The demo's nodes, put together for real, without devices and broker: they come up, explain
themselves, end in order, and what they recorded replays identically."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatectl.model import UsageError
from gatectl.runtime.control import request
from gatectl.runtime.replay import replay

ROOT = Path(__file__).parents[2]

# `gatectl run` and `gatectl process` without the command line's own parsing.
MAIN = """
import sys
from pathlib import Path
from gatectl.cli import processes
processes.argv_of = lambda kind, file, group: [sys.executable, "-c", sys.orig_argv[2], kind, str(file), group]
kind, file, group = sys.argv[1:4]
sys.exit(processes.run_node(Path(file)) if kind == "run" else processes.run_process(kind, Path(file), group))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(("name", "node"), [("vehicle1", "vehicle-1"), ("gate", "gate-1")])
def test_a_demo_node_without_its_devices(tmp_path: Path, name: str, node: str) -> None:
    shutil.copytree(ROOT / "config" / "demo", tmp_path / "demo")
    file = tmp_path / "demo" / f"{name}.toml"
    text = file.read_text().replace("/var/lib/gatectl", str(tmp_path / "s"))
    text = text.replace("/run/gatectl", str(tmp_path / "r"))
    text = text.replace("/dev/tty", str(tmp_path / "no-such-tty")).replace("192.0.2.", "127.0.0.")
    text = text.replace("port = 1883", "port = 1").replace('"0.0.0.0"', '"127.0.0.1"')
    text = text.replace("[scan]", "[scan]\nfifo_priority = 0")  # a test must not delay its machine
    for port in ("8081", "8082"):
        text = text.replace(f"listen_port = {port}", f"listen_port = {free_port()}")
    file.write_text(text)
    with (tmp_path / "log").open("wb") as log:
        argv = [sys.executable, "-c", MAIN, "run", str(file), ""]
        daemon = subprocess.Popen(argv, cwd=ROOT, stderr=log)
    try:
        status = {}
        deadline = time.monotonic() + 40
        while not (status.get("ready") and status.get("status") and status["scan"].get("scan_no", 0) > 20):
            assert daemon.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, f"{status}\n{(tmp_path / 'log').read_text()}"
            time.sleep(0.1)
            try:
                status = request(tmp_path / "r" / node, {"ask": "status"})
            except UsageError:
                continue
        subject = status["status"]["explanations"][0]["subject"]
        why = request(tmp_path / "r" / node, {"ask": "why", "subject": subject})
        assert why["explanations"][0]["reasons"]
        assert [row["restarts"] for row in status["processes"]] == [0] * len(status["processes"])
        shown = subprocess.run(
            [sys.executable, "-m", "gatectl.cli", "status", str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"{node} ({status['role']})" in shown
        without = shown.count("no link") + shown.count("does not answer")
        assert without >= (2 if name == "vehicle1" else 6), shown
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0, (tmp_path / "log").read_text()
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
    [recording] = (tmp_path / "s" / node / "blackbox").glob("*.mcap")
    report = replay(recording)
    assert report.difference is None
    assert report.scans > 20
