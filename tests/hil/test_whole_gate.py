"""Whole-gate runs on real wires, as a tester starts them: through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.broker import mosquitto_binary
from hil.children import processes_naming

pytestmark = pytest.mark.gate
HIL = [sys.executable, "-c", "from hil.cli import main; main()"]


def test_two_containers_pass_a_gate_in_which_everything_goes_wrong_once(tmp_path):
    """With Mosquitto where it is installed: the demo has the embedded broker."""
    run_dir = tmp_path / "run"
    broker = "mosquitto" if mosquitto_binary() else "amqtt"
    done = subprocess.run(
        [*HIL, "demo", "--run-dir", str(run_dir), "--broker", broker, "--no-progress"],
        check=False,
        timeout=720,
    )
    assert (run_dir / "report.json").exists(), "the rig broke down, see its output above"
    report = json.loads((run_dir / "report.json").read_bytes())
    failed = [f"{c['name']}: {c['measured']}" for c in report["checks"] if not c["ok"]]
    assert failed == []
    assert report["passed"] is True
    assert done.returncode == 0
    assert (run_dir / "paths.png").stat().st_size > 20_000
    assert {p.name for p in run_dir.iterdir()} >= {"gate-1", "vehicle-1", "vehicle-2", "timeline.txt"}
    names = " ".join(c["name"] for c in report["checks"])
    for shown in (
        "wrong check digit", "scale unstable", "weight 8 % off", "release missing", "release expired",
        "release wrongly signed", "release for another box", "PLC heartbeat frozen", "GNSS lost for 3 s",
        "GNSS lost for 60 s", "broker killed mid-crossing", "scan killed", "supervisor killed",
        "one vehicle waited", "replays bit for bit", "nothing is left behind",
    ):  # fmt: skip
        assert shown in names


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path):
    run_dir = tmp_path / "run"
    before = set(Path("/dev/shm").glob("gatectl-hil-*"))
    terminals = set(Path("/dev/pts").iterdir())
    with subprocess.Popen(
        [*HIL, "demo", "crossing", "--run-dir", str(run_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "announced and released" in line:
                break
        assert "announced and released" in lines[-1], "".join(lines)
        (sockets,) = set(Path("/dev/shm").glob("gatectl-hil-*")) - before
        assert len(processes_naming(str(sockets))) == 15, (
            "three nodes of five processes beside their supervisors"
        )
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        assert demo.wait(60) == 130, rest
    assert "interrupted" in rest
    deadline = time.monotonic() + 5
    while processes_naming(str(run_dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_naming(str(run_dir)) == processes_naming(str(sockets)) == {}
    assert set(Path("/dev/shm").glob("gatectl-hil-*")) == before
    assert set(Path("/dev/pts").iterdir()) <= terminals


def test_a_vehicle_is_commissioned_on_its_way(tmp_path):
    """`gatectl commission` against the running node; what it writes is what the plant was given."""
    run_dir = tmp_path / "run"
    done = subprocess.run(
        [*HIL, "demo", "commissioning", "--run-dir", str(run_dir), "--no-progress"], check=False, timeout=400
    )
    report = json.loads((run_dir / "report.json").read_bytes())
    assert [f"{c['name']}: {c['measured']}" for c in report["checks"] if not c["ok"]] == []
    assert done.returncode == 0
    names = " ".join(c["name"] for c in report["checks"])
    assert "steering offset" in names
    assert "drive delay" in names
    assert "identified" in (run_dir / "commission.txt").read_text("utf-8")
