"""A whole node as real processes: restarts, exactly-once facts, ordered shutdown whatever fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcap.reader import make_reader
from mini_node import CORE_TAGS, environment, install_driver, make_node

from gatectl.model import Block, Cause, Direction, Layout, UsageError
from gatectl.model.messages import OperatorCommand
from gatectl.model.node import DeviceConfig
from gatectl.runtime import records
from gatectl.runtime.control import request
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
from gatectl.runtime.supervisor import Supervisor

CHILDREN = ("north", "recorder", "field-one", "field-two", "scan")


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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningNode]]:
    nodes: list[RunningNode] = []

    def make(fifo_priority: int = 0, **ill: str) -> RunningNode:
        nodes.append(RunningNode(tmp_path, fifo_priority, **ill))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def test_a_node_lives_and_ends_in_order(start: Callable[..., RunningNode]) -> None:
    node = start()
    node.wait_ready()
    eventually(lambda: len(node.answered()) == 5, "the camera's facts are answered")
    node.command("resume")
    eventually(lambda: node.device("b")[-1] == "valve 1", "the valve opens")
    status = node.status()
    assert {row["name"] for row in status["processes"]} == set(CHILDREN)
    assert status["scan"]["scan_no"] > 0
    assert "ordinary scheduling" in status["realtime"]["realtime"]
    why = request(node.run, {"ask": "why", "subject": "valve"})
    assert why["explanations"][0]["subject"] == "valve"
    assert 0 <= why["age_s"] < 30
    with pytest.raises(UsageError, match=r"nothing is called nix.*valve"):
        request(node.run, {"ask": "why", "subject": "nix"})
    with pytest.raises(UsageError, match="unknown question"):
        request(node.run, {"ask": "dance"})
    image = Image.attach(node.run / "image", load_layout(node.run / "layout.json"))
    snapshot = image.snapshot()
    by_name = dict(zip(image.layout.names, snapshot.values, strict=True))
    assert by_name["a.level"] == 4.5
    assert by_name["core.applied"] == 6.0
    assert by_name["scan.scan_no"] > 0

    pids = [node.process.pid, *node.pids().values()]
    assert node.stop() == 0
    assert not any(map(alive, pids))
    for name in "abc":
        assert node.device(name)[-3:] == ["valve -1", "safe", "closed"]
    assert node.published()[-1] == "OFFLINE"
    assert list((node.state / "blackbox").glob("mini-*.mcap"))
    assert sorted(path.name for path in node.run.iterdir()) == ["lock"]
    ends = [node.logged(name).splitlines()[-1].split()[0] for name in ("scan", "field-one", "recorder")]
    assert ends == sorted(ends)  # scan, then devices, then the recorder
    sample = image.read_block("a/state").sample(0, 0, 0)
    assert sample.cause is Cause.SHUTDOWN


def test_whatever_process_is_killed_comes_back_and_facts_are_applied_once(
    start: Callable[..., RunningNode],
) -> None:
    node = start()
    node.wait_ready()
    wanted = []
    for name in CHILDREN:
        pid = node.pids()[name]
        wanted.append(node.command())
        os.kill(pid, signal.SIGKILL)
        wanted.append(node.command())

        def replaced(name: str = name, pid: int = pid) -> bool:
            return node.pids().get(name, 0) not in (0, pid)

        eventually(replaced, f"{name} restarted")
        node.wait_up(*CHILDREN)
        eventually(lambda: set(wanted) <= set(node.answered()), f"{wanted} answered")
    rows = {row["name"]: row for row in node.status()["processes"]}
    assert all(row["restarts"] == 1 for row in rows.values())
    assert rows["scan"]["last_exit"] == "killed by SIGKILL"
    eventually(lambda: (node.status()["status"] or {}).get("detail", {}).get("cold") == "False", "warm start")
    assert node.stop() == 0
    answered = node.answered()
    operator = [a for a in answered if a.startswith("op")]
    assert len(operator) == len(set(operator)) == len(wanted)
    # The camera's process ran twice and read five containers each time.
    assert len(answered) - len(operator) == 10
    # The scan process lived twice: each life has recordings of its own.
    boots = {path.name.split("-")[1] for path in (node.state / "blackbox").iterdir()}
    assert boots == {"000001", "000002"}


def test_a_core_that_fails_commands_safe_values_and_starts_again(start: Callable[..., RunningNode]) -> None:
    node = start()
    node.wait_ready()
    node.command("resume")
    eventually(lambda: node.device("b")[-1] == "valve 1", "the valve opens")
    node.command("hold", "explode")
    # The fact was never consumed, so every new life meets it again: the node stays safe and says so.
    eventually(lambda: node.device("b")[-1] == "valve -1", "safe value at the device")
    eventually(lambda: "exit code 70" in str(node.status()["processes"]), "exit code shown")
    eventually(lambda: "told to explode" in node.logged("scan"), "the cause is in the log")
    assert "waiting: " in node.status()["summary"] or node.status()["processes"][-1]["restarts"] > 0
    assert node.stop() == 0
    assert node.device("b")[-2:] == ["safe", "closed"]
    # The black box shows what the core could not digest, and the safe commands that followed.
    [path] = (node.state / "blackbox").glob("mini-000001-*.mcap")
    with path.open("rb") as stream:
        scans = [m.data for _, _, m in make_reader(stream).iter_messages(topics=["/scan"])]
    last = records.decode(scans[-1])
    assert [getattr(m, "value", "") for m in last.messages] == ["explode"]
    assert records.unpack_floats(last.commands) == [-1.0] * 3
    assert last.scan_no == len(scans)


def test_a_process_that_hangs_is_killed_and_started_again(start: Callable[..., RunningNode]) -> None:
    node = start()
    node.wait_ready()
    pid = node.pids()["field-two"]
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: node.pids()["field-two"] not in (0, pid), "replaced")
    assert "no heartbeat" in node.logged("field-two")
    node.wait_up(*CHILDREN)
    node.command("hold", "hang")
    eventually(lambda: "no heartbeat" in node.logged("scan"), "the hanging core is noticed")
    assert node.stop() == 0


def test_status_tells_the_scheduling_that_the_kernel_really_gave(start: Callable[..., RunningNode]) -> None:
    node = start(fifo_priority=20)
    node.wait_ready()
    status = eventually(lambda: "realtime" in node.status()["realtime"] and node.status(), "details")
    pids = node.pids()
    granted = status["realtime"]["fifo_priority"]
    assert granted in (0, 20)
    policy = os.SCHED_FIFO if granted else os.SCHED_OTHER
    assert os.sched_getscheduler(pids["scan"]) == policy
    assert os.sched_getparam(pids["scan"]).sched_priority == granted
    locked = Path(f"/proc/{pids['scan']}/status").read_text().split("VmLck:")[1].split()[0]
    assert status["realtime"]["memory_locked"] == (locked != "0")
    # A group that carries a stop command runs below the scan, any other as usual.
    assert os.sched_getparam(pids["field-two"]).sched_priority == max(granted - 10, 0)
    for name in ("field-one", "north", "recorder"):
        assert os.sched_getscheduler(pids[name]) == os.SCHED_OTHER
    if not granted:
        assert "SCHED_FIFO refused" in node.logged("scan")
    assert node.stop() == 0


def test_ill_drivers_do_not_keep_their_neighbours_from_being_safe(
    start: Callable[..., RunningNode],
) -> None:
    node = start(b="stuck", a="raise")
    node.wait_ready()
    image = Image.attach(node.run / "image", load_layout(node.run / "layout.json"))
    eventually(
        lambda: image.read_block("a/state").sample(0, 0, 0).cause is Cause.DEVICE_FAULT, "a is marked faulty"
    )
    eventually(lambda: node.device("a").count("configured") >= 2, "a is started again")
    assert "this driver is ill" in node.logged("field-one")
    assert node.stop() == 0
    assert node.device("c")[-2:] == ["safe", "closed"]
    assert "safe" not in node.device("b")
    assert "make_safe took longer" in node.logged("field-two")
    assert node.device("b")[-1] == "closed"


def test_nothing_survives_a_killed_supervisor_and_devices_are_made_safe(
    start: Callable[..., RunningNode],
) -> None:
    node = start()
    node.wait_ready()
    pids = list(node.pids().values())
    node.process.kill()
    node.process.wait()
    eventually(lambda: not any(map(alive, pids)), "children gone")
    assert node.device("c")[-2:] == ["safe", "closed"]
    again = start()  # nothing that was left behind stops it
    again.wait_ready()
    assert again.stop() == 0


def test_a_node_whose_directory_is_removed_ends_safe_and_says_why(start: Callable[..., RunningNode]) -> None:
    node = start()
    node.wait_ready()
    pids = list(node.pids().values())
    for path in node.run.iterdir():
        path.unlink()
    assert node.process.wait(30) == 1
    assert not any(map(alive, pids))
    assert "runtime_dir was removed" in node.logged("supervisor")
    for name in "abc":
        assert node.device(name)[-2:] == ["safe", "closed"]


def test_one_directory_has_one_node(start: Callable[..., RunningNode]) -> None:
    node = start()
    node.wait_ready()
    second = subprocess.run(
        node.argv, env=node.env, cwd=node.directory, capture_output=True, text=True, check=False, timeout=20
    )
    assert second.returncode != 0
    assert f"the node runs already (process {node.process.pid})" in second.stderr
    node.wait_up(*CHILDREN)
    assert node.stop() == 0


def test_systemd_is_told_the_truth(
    tmp_path: Path, start: Callable[..., RunningNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(20)
        heard: list[str] = []

        def hear(wanted: str) -> None:
            while wanted not in heard:
                heard.extend(receiver.recv(4096).decode().splitlines())

        node = start()
        hear("READY=1")
        assert any(line.startswith("STATUS=waiting: ") for line in heard)
        heard.clear()
        hear("WATCHDOG=1")
        hear("STATUS=5 processes up, 0 overruns")
        node.process.send_signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert node.process.wait(30) == 0


def test_a_runtime_directory_that_cannot_be_made_is_an_error_with_remedy(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file is in the way")
    layout = Layout([Block("core", Direction.STATE, CORE_TAGS)])
    with pytest.raises(UsageError, match=r"cannot be used.*\[paths\]"):
        Supervisor(make_node(tmp_path, []), layout, lambda *_: [])


def test_a_group_whose_socket_would_not_fit_is_refused_at_once(tmp_path: Path) -> None:
    device = DeviceConfig(name="d", driver="mini", group="g" * 100, config={"file": "x"})
    layout = Layout([Block("core", Direction.STATE, CORE_TAGS)])
    with pytest.raises(UsageError, match=r"longer than 107 bytes.*shorter paths\.runtime_dir"):
        Supervisor(make_node(tmp_path, [device]), layout, lambda *_: [])
