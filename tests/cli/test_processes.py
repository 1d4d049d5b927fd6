"""The composition root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from mini_node import make_node

from gatectl.cli.processes import PROCESSES, argv_of, load, run_process
from gatectl.model import ConfigError, UsageError

ROOT = Path(__file__).parents[2]


def test_a_process_starts_from_the_configuration_that_was_checked(tmp_path: Path) -> None:
    node = make_node(tmp_path, [])
    (tmp_path / "node.msgpack").write_bytes(msgspec.msgpack.encode(node))
    assert load(tmp_path / "node.msgpack") == node


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "node.msgpack").write_bytes(b"\x81")
    with pytest.raises(UsageError, match="restart the node"):
        load(tmp_path / "node.msgpack")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.msgpack")
    with pytest.raises(ConfigError):
        load(tmp_path / "none.toml")


def test_the_demo_nodes_load_and_survive_the_hand_over(tmp_path: Path) -> None:
    for name in ("gate", "vehicle1", "vehicle2"):
        node = load(ROOT / "config" / "demo" / f"{name}.toml")
        (tmp_path / "node.msgpack").write_bytes(msgspec.msgpack.encode(node))
        assert load(tmp_path / "node.msgpack") == node


def test_an_unknown_process_names_the_known(tmp_path: Path) -> None:
    (tmp_path / "node.msgpack").write_bytes(msgspec.msgpack.encode(make_node(tmp_path, [])))
    with pytest.raises(UsageError, match="scan, field, north, recorder"):
        run_process("clean", tmp_path / "node.msgpack")


def test_processes_are_fresh_interpreters_of_this_installation() -> None:
    assert argv_of("field", Path("/run/n/node.msgpack"), "cranes") == [
        sys.executable,
        "-m",
        "gatectl.cli",
        "process",
        "field",
        "/run/n/node.msgpack",
        "--group",
        "cranes",
    ]
    assert "--group" not in argv_of("scan", Path("n"), "")


@pytest.mark.parametrize(
    "module", ["field_process", "north_process", "recorder_process", "supervisor", "child"]
)
def test_no_process_loads_more_than_it_needs(module: str) -> None:
    """Heavy libraries make a restart slow: only the scan process may load the core's."""
    assert module.removesuffix("_process") in (*PROCESSES, "supervisor", "child")
    code = (
        f"import sys, gatectl.runtime.{module}\n"
        "print(sorted({'scipy', 'shapely', 'numpy', 'typer', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
