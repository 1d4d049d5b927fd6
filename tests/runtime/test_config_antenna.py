"""The antenna's lever arm: what cannot be is refused, and so is a baseline that checks nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gatectl.runtime.config import check_node

DEMO = Path(__file__).parents[2] / "config" / "demo"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("forward_m = 4.0", "forward_m = 400.0", "vehicle.antenna.forward_m"),  # centimetres
        ("left_m = 0.0", "left_m = -10.5", "vehicle.antenna.left_m"),
        ("up_m = 3.2", "up_m = 320", "vehicle.antenna.up_m"),
        (
            "baud = 115200 }",
            "baud = 115200 }, baseline_m = 0.06",
            "device[0 gnss].config.baseline_tolerance_m",
        ),
        ("baud = 115200 }", 'baud = 115200 }, pps = "pps0"', "device[0 gnss].config.pps"),
        ("up_m = 3.2", "up_m = 9.9", ""),
        ("baud = 115200 }", 'baud = 115200 }, baseline_m = 1.5, pps = "/dev/pps0"', ""),
    ],
)
def test_lever_arm_and_baseline_are_checked(tmp_path: Path, old: str, new: str, key: str) -> None:
    demo = Path(shutil.copytree(DEMO, tmp_path / "demo"))
    file = demo / "vehicle1.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    findings = check_node(file)
    assert [f.key for f in findings] == ([key] if key else [])
    assert all(f.remedy for f in findings)
