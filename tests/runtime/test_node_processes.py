"""A whole node as real processes: restarts, exactly-once facts, ordered shutdown whatever fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mini_node import CORE_TAGS, make_node
from running_node import RunningNode, alive, eventually

from gatectl.model import Block, Cause, Direction, Layout, UsageError
from gatectl.model.node import DeviceConfig
from gatectl.runtime import records
from gatectl.runtime.control import request
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
from gatectl.runtime.supervisor import Supervisor

CHILDREN = ("north", "recorder", "field-one", "field-two", "scan")


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
