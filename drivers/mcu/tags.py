"""What the drive controller offers as tags, and what it must offer on the wire for that.

`alive` is what the driver itself knows, so it is GOOD in both states: 1 while telemetry comes, 0 while
the link is down; all other states are then BAD / LINK_DOWN and keep their last values.
"""

from __future__ import annotations

from gatectl.model import Direction, Kind, TagSpec

STALE_S = 0.2


def _state(name: str, unit: str = "", kind: Kind = Kind.FLOAT, doc: str = "") -> TagSpec:
    return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=STALE_S, doc=doc)


def _command(name: str, unit: str = "", kind: Kind = Kind.FLOAT, safe: float = 0.0, doc: str = "") -> TagSpec:
    return TagSpec(
        name=name,
        unit=unit,
        kind=kind,
        direction=Direction.COMMAND,
        stale_after_s=STALE_S,
        safe_value=safe,
        doc=doc,
    )


ALIVE = _state("alive", kind=Kind.BOOL, doc="telemetry comes and the controller passed its checks")

REPORTED: tuple[TagSpec, ...] = (
    _state("armed", kind=Kind.BOOL, doc="the controller lets commands through"),
    _state("estop", kind=Kind.BOOL, doc="the emergency stop is pressed, now"),
    _state(
        "fault",
        kind=Kind.INT,
        doc="wrong now: 0 none, 1 overspeed, 2 sensor, 3 rolls against its direction, 4 configuration",
    ),
    _state("speed", "m/s", doc="of the wheels, negative backwards"),
    _state("steer_angle", "rad", doc="left positive"),
    _state("yaw_rate", "rad/s", doc="left positive"),
    _state("brake_applied", kind=Kind.BOOL),
    _state("standstill", kind=Kind.BOOL, doc="slower than 0.03 m/s for 0.3 s"),
    _state("reversing", kind=Kind.BOOL, doc="the engaged direction: 1 backwards; changes only at standstill"),
    _state("load_present", kind=Kind.BOOL),
    _state(
        "host_timeout", kind=Kind.BOOL, doc="the controller missed our commands; latched until armed again"
    ),
    _state("clamped", kind=Kind.INT, doc="how often the controller had to limit a command"),
    _state("battery", "%"),
)

COMMANDS: tuple[TagSpec, ...] = (
    _command("enable", kind=Kind.BOOL, doc="the intent to drive; 0 brakes, the controller stays armed"),
    _command("steer", "rad", doc="left positive; only followed while armed and enabled"),
    _command("accel", "m/s2", doc="along the engaged direction: positive is faster, backwards too"),
    _command("brake", kind=Kind.BOOL, safe=1.0),
    _command("reverse", kind=Kind.BOOL, doc="the direction wanted; braked until it is engaged"),
    _command("reset_count", kind=Kind.INT, doc="an increase is the rising edge that arms the controller"),
)

TAGS: tuple[TagSpec, ...] = (ALIVE, *REPORTED, *COMMANDS)

SENSED = frozenset({"speed", "steer_angle", "yaw_rate", "standstill"})  # BAD while fault is FAULT_SENSOR
FAULT_SENSOR = 2.0

OUTPUT_UNITS = {"steer": "rad", "accel": "m/s2", "brake": "", "reverse": ""}
TELEMETRY_UNITS = {tag.name: tag.unit for tag in REPORTED}
