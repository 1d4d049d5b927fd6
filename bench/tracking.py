"""Path tracking against the shared benchmark's controllers: `python -m bench.tracking`.

`Tracker` and `TrackerGivenPose` are factories of the benchmark's protocol, so that its own commands can
drive them too (TRACKBENCH_EXTRA=gatectl=bench.tracking:Tracker).
"""

from __future__ import annotations

from bench.tracking_adapter import Controller as Tracker
from bench.tracking_adapter import ControllerGivenPose as TrackerGivenPose

__all__ = ["Tracker", "TrackerGivenPose"]
