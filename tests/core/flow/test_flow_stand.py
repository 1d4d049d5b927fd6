"""Whether the vehicle stands right under the crane."""

from __future__ import annotations

import pytest

from gatectl.core.flow import (
    Stand,
    stand_problems,
)
from gatectl.model.site import Limits

GOOD = Stand(
    serial="A", silent=False, stopped=True, localised=True, along_m=0.1, across_m=-0.05, deviation_m=0.1,
    action="RUNNING",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "starting", "later"),
    [
        ({}, [], []),
        ({"silent": True}, ["vehicle_silent"], ["vehicle_silent"]),
        ({"stopped": False}, ["vehicle_moves"], ["vehicle_moves"]),
        ({"action": "FINISHED"}, ["vehicle_action"], []),
        ({"action": ""}, ["vehicle_action"], ["vehicle_action"]),
        ({"localised": False}, ["vehicle_lost"], []),
        ({"deviation_m": 0.6}, ["vehicle_uncertain"], []),
        ({"along_m": 0.2}, ["vehicle_not_aligned"], []),
        ({"across_m": -0.3}, ["vehicle_not_aligned"], ["vehicle_not_aligned"]),
        (
            {"silent": True, "stopped": False, "along_m": 9.0},
            ["vehicle_silent", "vehicle_moves", "vehicle_not_aligned"],
            ["vehicle_silent", "vehicle_moves", "vehicle_not_aligned"],
        ),
    ],
)
def test_stand(changes, starting, later):
    fields = {f: getattr(GOOD, f) for f in GOOD.__struct_fields__} | changes
    assert [r.code for r in stand_problems(Stand(**fields), Limits(), True)] == starting
    assert [r.code for r in stand_problems(Stand(**fields), Limits(), False)] == later
