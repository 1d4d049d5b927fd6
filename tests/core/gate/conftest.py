"""The gate core's rig as fixtures."""

from __future__ import annotations

import pytest
from gate_rig import GateRig


@pytest.fixture
def rig() -> GateRig:
    return GateRig()


@pytest.fixture
def make_rig() -> type[GateRig]:
    return GateRig
