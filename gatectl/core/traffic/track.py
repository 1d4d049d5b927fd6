"""What the gate knows of a vehicle: its newest VDA 5050 state, put on its lane."""

from __future__ import annotations

import math

from msgspec import Struct, field

from gatectl.core.traffic.lanes import LaneLine
from gatectl.model import vda5050

_STANDS_MPS = 0.02


class VehicleTrack(Struct):
    """seen_mono_ns: when its newest report was taken in, 0 = never since the start.

    s_m, lateral_m: control point on its lane; deviation_m: its protection level; localised: whether
    the newest report had a position on our map. actions: status by action id. order_*: what the
    vehicle says it carries out. stopped: does not drive and stands. trouble: its own words; disabled:
    among them is what keeps it from driving until a person has been there.
    """

    serial: str
    seen_mono_ns: int = 0
    s_m: float = 0.0
    lateral_m: float = 0.0
    deviation_m: float = 0.0
    localised: bool = False
    stopped: bool = False
    last_node: str = ""
    order_id: str = ""
    order_update_id: int = 0
    actions: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    trouble: list[str] = field(default_factory=list)
    disabled: bool = False

    def silent(self, now_mono_ns: int, after_s: float) -> bool:
        """No report for longer than `after_s`, or none at all."""
        return self.seen_mono_ns == 0 or now_mono_ns - self.seen_mono_ns > after_s * 1e9


def observe(track: VehicleTrack, state: vda5050.State, line: LaneLine, map_id: str, now_mono_ns: int) -> None:
    """Take a report in. A position that is not initialised, not finite or on another map is none."""
    track.seen_mono_ns = now_mono_ns
    speed_mps = abs(state.velocity.vx) if state.velocity else 0.0
    track.stopped = not state.driving and speed_mps <= _STANDS_MPS
    track.last_node = state.last_node_id
    track.order_id, track.order_update_id = state.order_id, state.order_update_id
    track.actions = {a.action_id: a.action_status for a in state.action_states}
    track.loaded = bool(state.loads)
    track.trouble = _trouble(state)
    track.disabled = (
        state.safety_state.e_stop != "NONE"
        or state.operating_mode != "AUTOMATIC"
        or any(error.error_level == "FATAL" for error in state.errors)
    )
    position = state.agv_position
    track.localised = (
        position is not None
        and position.position_initialized
        and position.map_id == map_id
        and math.isfinite(position.x)
        and math.isfinite(position.y)
    )
    if position is not None and track.localised:
        track.s_m, track.lateral_m = line.project(position.x, position.y)
        track.deviation_m = abs(position.deviation_range or 0.0)


def _trouble(state: vda5050.State) -> list[str]:
    said = [f"{e.error_level.lower()}: {e.error_type} {e.error_description}".strip() for e in state.errors]
    if state.safety_state.e_stop != "NONE":
        said.append(f"emergency stop ({state.safety_state.e_stop})")
    if state.operating_mode != "AUTOMATIC":
        said.append(f"operating mode {state.operating_mode}")
    if state.paused:
        said.append("paused")
    return said
