"""The unit template is hardened and valid; sd_notify really arrives."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gatectl.runtime import systemd

UNIT = Path(__file__).parents[2] / "config" / "systemd" / "gatectl@.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


def test_the_unit_scores_two_or_better() -> None:
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT))
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    score = re.search(r"exposure level.*: ([0-9.]+)", done.stdout)
    assert score is not None
    assert float(score[1]) <= 2.0


def test_the_unit_is_valid(tmp_path: Path) -> None:
    # verify wants the program to exist where the unit says: any program does for that.
    copy = tmp_path / "gatectl@.service"
    copy.write_text(UNIT.read_text().replace("/opt/gatectl/bin/gatectl", sys.executable))
    done = analyze("verify", "--man=no", "--recursive-errors=yes", str(copy))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "WatchdogSec=10",
        "KillMode=mixed",
        "Restart=always",
        "RuntimeDirectory=gatectl/%i",
        "StateDirectory=gatectl/%i",
        "LimitRTPRIO=60",
        "LimitMEMLOCK=infinity",
        "DeviceAllow=char-ttyUSB rw",
    ],
)
def test_the_unit_gives_the_node_what_it_needs(line: str) -> None:
    assert line in UNIT.read_text().splitlines()


@pytest.mark.parametrize("abstract", [False, True])
def test_notifications_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@gatectl-test-{tmp_path.name}-{abstract}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if abstract else name)
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert systemd.notify("READY=1", "STATUS=scanning")
        assert receiver.recv(4096) == b"READY=1\nSTATUS=scanning"


def test_without_systemd_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not systemd.notify("READY=1")


def test_the_watchdog_is_fed_twice_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert systemd.watchdog_interval_s() == 5.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_interval_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "")
    assert systemd.watchdog_interval_s() is None
