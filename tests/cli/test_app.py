"""The command line as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def gatectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "gatectl.cli", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_version_and_check() -> None:
    assert gatectl("version").stdout.startswith("gatectl 0.")
    done = gatectl("check", "config/demo/gate.toml")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "lanes: WGS 84 at 2026.9 to EPSG:4326 at 2026.9: the survey is in the receiver's datum and epoch",
        "config/demo/gate.toml: no mistakes",
    ]


def test_check_lists_mistakes_with_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "n.toml"
    path.write_text('name = "a b"\nrole = "gate"\n')
    done = gatectl("check", str(path))
    assert done.returncode == 1
    assert "n.toml: name: 'a b' is not allowed here" in done.stdout
    assert "n.toml: site: missing" in done.stdout
    assert gatectl("run", str(path)).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("why",), "which node?"),
        (("status", "--runtime-dir", "/nonexistent"), "gatectl run"),
        (("tags", "--runtime-dir", "/nonexistent"), "gatectl run"),
        (("replay", "/nonexistent.mcap"), "cannot be opened"),
        (("recover", "/nonexistent.mcap"), "does not exist"),
        (("replay", "/"), "opened"),
        (("recover", "/"), "is no file"),
        (("commission", "config"), "1 mistake"),
        (("commission", "config/demo/gate.toml"), "only vehicles"),
        (("commission", "config/demo/vehicle1.toml", "--recording", "/"), "cannot be opened"),
        (("commission", "config/demo/vehicle1.toml", "--recording", "README.md"), "is no MCAP file"),
        (("run", "/nonexistent.toml"), "does not exist"),
        (("schema", "/proc/nowhere"), "cannot be written"),
        (("process", "scan", "/nonexistent.toml"), "does not exist"),
        (("process", "sacn", "x.toml"), "invalid choice"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_mistakes_end_with_a_remedy_and_without_a_traceback(arguments: tuple[str, ...], text: str) -> None:
    done = gatectl(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_is_no_node_file(tmp_path: Path) -> None:
    for command in ("check", "commission", "gnss"):
        done = gatectl(command, str(tmp_path / "."))
        assert (
            f"{tmp_path.name}: (file): {tmp_path} cannot be read: Is a directory" in done.stdout + done.stderr
        )
        assert done.returncode > 0
