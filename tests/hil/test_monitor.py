"""What the rig's observer makes of the gate's blocks."""

from __future__ import annotations

import json

import pytest

from hil.monitor import Monitor
from hil.timeline import Timeline


def monitor_after(*holders: str) -> Monitor:
    monitor = Monitor("demo", Timeline(), lambda: 1.0)
    monitor.vehicles = dict.fromkeys(("AGV01", "AGV02"))  # type: ignore[assignment]  # only the names count
    previous = ""
    for number, holder in enumerate(holders):
        block = {"id": str(number), "block": "b", "holder": holder, "previous": previous, "cause": "",
                 "at": "2026-01-01T00:00:00Z"}  # fmt: skip
        monitor._take("gatectl/v1/demo/block/b", json.dumps(block).encode())
        previous = holder
    return monitor


@pytest.mark.parametrize("holders", [("AGV01", "", "AGV02"), ("AGV01", "crane_cn", "AGV01", "")])
def test_orderly_handovers_are_no_double_grants(holders):
    assert monitor_after(*holders).double_grants == []


def test_a_block_from_vehicle_to_vehicle_without_being_free_is_a_double_grant():
    assert len(monitor_after("AGV01", "AGV02").double_grants) == 1
