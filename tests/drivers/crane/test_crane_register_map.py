"""Register maps: the demo's is right, and every mistake is found with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.crane import load_map
from drivers.crane.tags import COMMAND_NAMES, STATE_NAMES
from gatectl.model import ConfigError
from hil.devices.crane import DEMO_MAP


def test_the_demo_map_has_every_tag() -> None:
    regs = load_map(DEMO_MAP)
    assert {p.tag for p in regs.state} == STATE_NAMES | {"heartbeat"}
    assert {p.tag for p in regs.command} == COMMAND_NAMES | {"heartbeat"}


WIND = 'tag = "wind_speed"      # 0.1 m/s\nfunction = "input"\naddress = 11\n'


@pytest.mark.parametrize(
    ("old", "new", "key", "cause"),
    [
        ("device_id = 1", "device_id = 0", "device_id", "not a unit"),
        ("device_id = 1", 'device_id = "one"', "map", "device_id"),
        ("device_id = 1", "device_id = 1\nspeed = 3", "map", "unknown field"),
        ('order = "ABCD"', 'order = "ACBD"', "map", "ACBD"),
        ("max_registers = 64", "max_registers = 126", "max_registers", "not possible"),
        ("max_gap = 8", "max_gap = -1", "max_gap", "not possible"),
        ("absent = []", 'absent = ["loads"]', "absent", "not a state tag"),
        ("absent = []", 'absent = ["load"]', "absent", "also mapped"),
        (WIND, WIND.replace("wind_speed", "windy"), "state windy", "not a value"),
        (WIND, WIND.replace("wind_speed", "windy"), "state", "wind_speed is missing"),
        (WIND, WIND.replace("wind_speed", "load"), "state load", "given twice"),
        (WIND, WIND.replace("11", "-1"), "state[14] wind_speed", "outside 0 to 65535"),
        (WIND, WIND.replace("11", "65536"), "state[14] wind_speed", "outside 0 to 65535"),
        (WIND, WIND.replace("11", '"x"'), "state[14]", "address"),
        (WIND, WIND + "bit = 2\n", "state[14] wind_speed", "bit is given"),
        (WIND, WIND + 'type = "bit"\nbit = 16\n', "state[14] wind_speed", "not in a register"),
        (WIND, WIND.replace("input", "coil"), "state[14] wind_speed", "is one bit"),
        (WIND, WIND + "low = 200.0\n", "state[14] wind_speed", "above high"),
        ("scale = 0.1\n", "scale = 0.0\n", "state[14] wind_speed", "scale 0"),
        ("address = 105", "address = 107", "command reset_count", "does not follow"),
        ("address = 105", "address = 104", "command enable", "does not follow"),
        ("address = 105", 'address = 105\nfunction = "input"', "command enable", "cannot be written"),
        ("address = 101", 'address = 101\ntype = "int16"', "job_seq", "does not hold"),
        ('tag = "reset_count"', 'tag = "reset"', "command", "reset_count is missing"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, old: str, new: str, key: str, cause: str) -> None:
    text = DEMO_MAP.read_text()
    assert old in text
    file = tmp_path / "map.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_map(file)
    findings = caught.value.findings
    assert any(f.key == key and cause in f.cause for f in findings), [f.text() for f in findings]
    assert all(f.file == str(file) and f.remedy for f in findings)


def test_all_mistakes_are_found_at_once(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    text = (
        DEMO_MAP.read_text()
        .replace("device_id = 1", "device_id = 900")
        .replace("scale = 0.1\n", "scale = 0.0\n")
    )
    file.write_text(text.replace("address = 105", "address = 205"))
    with pytest.raises(ConfigError) as caught:
        load_map(file)
    assert len(caught.value.findings) >= 3


@pytest.mark.parametrize("content", [b"\xff\xfe", b"device_id = ", b"", b"state = 3\n", b"[state]\n"])
def test_what_is_no_map_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "map.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load_map(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_map(tmp_path / "none.toml")
