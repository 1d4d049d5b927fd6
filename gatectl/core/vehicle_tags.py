"""The core block of a vehicle node: its tags, in order, and their values of one scan."""

from __future__ import annotations

from gatectl.core.motion import Deviation, Estimate
from gatectl.model import Cause, Kind, Quality, TagSpec, pack_quality
from gatectl.model.quality import GOOD_BYTE

_B, _F = Kind.BOOL, Kind.FLOAT
# name, unit, kind, needs a known position, doc
_TABLE: tuple[tuple[str, str, Kind, bool, str], ...] = (
    ("x", "m", _F, True, "control point east of the site's origin"),
    ("y", "m", _F, True, "control point north of the site's origin"),
    ("yaw", "rad", _F, True, "counter-clockwise from east"),
    ("speed", "m/s", _F, False, "over ground, wheel scale corrected"),
    ("yaw_rate", "rad/s", _F, False, "left positive, bias removed"),
    ("s", "m", _F, True, "control point along its lane"),
    ("lateral_error", "m", _F, True, "control point left of the lane"),
    ("path_deviation", "m", _F, True, "absolute lateral error"),
    ("heading_error", "rad", _F, True, "course against the lane, left positive"),
    ("protection_level", "m", _F, True, "bound of the position error"),
    ("protection_along", "m", _F, True, "the same along the vehicle"),
    ("protection_across", "m", _F, True, "the same across it"),
    ("localised", "", _B, False, "the position is known"),
    ("speed_target", "m/s", _F, False, "what the speed law aims at"),
    ("stop_distance", "m", _F, False, "to the end of authority; 0 without any"),
    ("lease_valid", "", _B, False, "a fresh lease covers the stopping distance"),
    ("action_running", "", _B, False, "an action at this node forbids driving"),
    ("paused", "", _B, False, "paused by startPause or hold"),
    ("reset_owed", "", _B, False, "restarted; waits for a reset"),
    ("driving", "", _B, False, "moves, or is about to, on its order"),
    ("excitation", "rad", _F, False, "steering added by a commissioning test"),
    ("commissioning", "", Kind.INT, False, "cycles of the test still to drive; 0 none"),
    ("load_on", "", _B, False, "the controller sees a container"),
)
VEHICLE_TAGS: tuple[TagSpec, ...] = tuple(
    TagSpec(name=name, unit=unit, kind=kind, doc=doc) for name, unit, kind, _, doc in _TABLE
)
_NAMES = [row[0] for row in _TABLE]
_POSED = [row[3] for row in _TABLE]
_UNKNOWN_BYTE = pack_quality(Quality.BAD, Cause.NOT_VALID)
_BYTES = {
    known: bytes(GOOD_BYTE if known or not posed else _UNKNOWN_BYTE for posed in _POSED)
    for known in (True, False)
}
_LOAD = _NAMES.index("load_on")
INDEX = {name: i for i, name in enumerate(_NAMES)}


def values(
    pose: Estimate,
    deviation: Deviation,
    *,
    speed_target: float,
    stop_distance: float,
    lease_valid: bool,
    action_running: bool,
    paused: bool,
    reset_owed: bool,
    driving: bool,
    loaded: bool | None,
    excitation: float,
    cycles_left: int,
) -> tuple[list[float], bytes]:
    """Values and packed qualities in the order of `VEHICLE_TAGS`."""
    out = [
        pose.x,
        pose.y,
        pose.yaw,
        pose.speed,
        pose.yaw_rate,
        deviation.s,
        deviation.lateral,
        abs(deviation.lateral),
        deviation.heading,
        pose.level,
        pose.level_along,
        pose.level_across,
        float(pose.known),
        speed_target,
        stop_distance,
        float(lease_valid),
        float(action_running),
        float(paused),
        float(reset_owed),
        float(driving),
        excitation,
        float(cycles_left),
        float(bool(loaded)),
    ]
    qualities = _BYTES[pose.known]
    if loaded is None:
        qualities = qualities[:_LOAD] + bytes([_UNKNOWN_BYTE]) + qualities[_LOAD + 1 :]
    return out, qualities
