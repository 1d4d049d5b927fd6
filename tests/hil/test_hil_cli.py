"""`gatectl-hil` as its user meets it: what is wrong is said with its remedy, and `up` really is up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hil.children import processes_naming

HIL = [sys.executable, "-c", "from hil.cli import main; main()"]


def hil(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HIL, *words], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("demo", "parade"), "no scenario is called parade - use one of: crossing, demo"),
        (("demo", "--broker", "rabbit"), "no broker is called rabbit - use amqtt or mosquitto"),
        (("up", "nowhere"), "no node files here - name a folder with a site and its nodes"),
        (("up", "--real", "gate-1.toaster"), "no such device: gate-1.toaster"),
        (("replay-gnss", "--data", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_told_with_its_remedy_and_leaves_nothing(words, cause, tmp_path):
    done = hil(*words, "--run-dir", str(tmp_path / "run"))
    assert cause in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == 2
    assert processes_naming(str(tmp_path)) == {}


def test_a_run_folder_is_never_overwritten(tmp_path):
    done = hil("demo", "--run-dir", str(tmp_path))
    assert done.returncode == 2
    assert "exists" in done.stderr


def test_up_brings_a_gate_up_that_answers_and_goes_down_without_traces(tmp_path):
    run_dir = tmp_path / "run"
    with subprocess.Popen(
        [*HIL, "up", "--run-dir", str(run_dir)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as up:
        assert up.stdout is not None
        lines = []
        for line in up.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert any(line.startswith("broker: mqtt://127.0.0.1:") for line in lines), "".join(lines)
        key = run_dir / "customs-cn.key"
        assert key.stat().st_mode & 0o077 == 0, "a private key is for its owner only"
        for _ in range(60):
            done = subprocess.run(
                [sys.executable, "-m", "gatectl.cli", "status", str(run_dir / "config" / "gate.toml")],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stdout + done.stderr
        assert "field-cranes" in done.stdout
        os.kill(up.pid, signal.SIGTERM)
        rest = up.stdout.read()
        assert up.wait(60) == 130, rest
    assert "left behind" not in rest
    assert processes_naming(str(run_dir)) == {}
    assert Path(run_dir / "gate-1" / "blackbox").is_dir()
