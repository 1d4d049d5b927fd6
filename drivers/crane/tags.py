"""The crane's tags, and the words behind its numbers (docs/equipment-protocols.md)."""

from __future__ import annotations

from enum import IntEnum

from gatectl.model.tags import Direction, Kind, TagSpec

STALE_AFTER_S = 0.5


class Mode(IntEnum):
    """Position of the crane's key switch."""

    LOCAL = 0
    REMOTE = 1
    AUTOMATIC = 2


class Job(IntEnum):
    """What `job` orders."""

    STOP = 0
    TROLLEY = 1
    HOIST = 2
    LOCK = 3
    UNLOCK = 4


class JobState(IntEnum):
    """What `job_state` says of the job named by `job_echo`."""

    IDLE = 0
    RUNNING = 1
    DONE = 2
    REFUSED = 3


class Refusal(IntEnum):
    """Why the PLC refused or ended a job (`job_refusal`)."""

    NONE = 0
    NOT_ENABLED = 1
    NOT_AUTOMATIC = 2
    NOT_LANDED = 3  # twistlocks turn only when landed on all corners
    LOCKS_BETWEEN = 4  # neither all locked nor all unlocked
    TOO_LOW = 5  # the trolley travels only above everything that may stand below
    NOT_SEATED = 6  # contact, but not on all corners: misaligned, or something in the way
    UNKNOWN_JOB = 7
    OUT_OF_REACH = 8
    RESET_OWED = 9  # our heartbeat stood still: reset_count must rise
    FAULT = 10  # emergency stop or drive fault
    ABORTED = 11  # enable was taken away while it ran
    OVERLOAD = 12


def _state(name: str, unit: str = "", kind: Kind = Kind.FLOAT, doc: str = "") -> TagSpec:
    return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=STALE_AFTER_S, doc=doc)


def _command(name: str, unit: str = "", kind: Kind = Kind.INT, doc: str = "") -> TagSpec:
    return TagSpec(name=name, unit=unit, kind=kind, direction=Direction.COMMAND, stale_after_s=0.0, doc=doc)


STATES: tuple[TagSpec, ...] = (
    _state("mode", kind=Kind.INT, doc="0 local, 1 remote, 2 automatic"),
    _state("estop", kind=Kind.BOOL, doc="emergency stop pressed"),
    _state("fault", kind=Kind.BOOL, doc="drive fault"),
    _state("hoist_height", "m", doc="spreader above ground"),
    _state("hoist_speed", "m/s", doc="up positive"),
    _state("trolley_position", "m"),
    _state("trolley_speed", "m/s"),
    _state("locked", kind=Kind.BOOL, doc="all twistlocks locked"),
    _state("unlocked", kind=Kind.BOOL, doc="all twistlocks unlocked"),
    _state("landed", kind=Kind.BOOL, doc="landed on all corners"),
    _state("load", "kg", doc="under the spreader"),
    _state("overload", kind=Kind.BOOL),
    _state("slack_rope", kind=Kind.BOOL),
    _state("wind_speed", "m/s"),
    _state("job_echo", kind=Kind.INT, doc="job_seq of the job that job_state speaks of"),
    _state("job_state", kind=Kind.INT, doc="0 idle, 1 running, 2 done, 3 refused"),
    _state("job_refusal", kind=Kind.INT, doc="why a job was refused, 0 none"),
)
COMMANDS: tuple[TagSpec, ...] = (
    _command("job", doc="0 stop, 1 trolley to target, 2 hoist to target, 3 lock, 4 unlock"),
    _command("job_seq", doc="job_echo + 1 orders the job; anything else orders nothing"),
    _command("target", "m", Kind.FLOAT, doc="trolley position or spreader height"),
    _command("enable", kind=Kind.BOOL, doc="motion is permitted"),
    _command("reset_count", doc="an increase is a reset"),
)
ALIVE = TagSpec(
    name="alive", kind=Kind.BOOL, stale_after_s=1.0, doc="the PLC answers and its heartbeat counts"
)
TAGS: tuple[TagSpec, ...] = (ALIVE, *STATES, *COMMANDS)

STATE_NAMES: frozenset[str] = frozenset(tag.name for tag in STATES)
COMMAND_NAMES: frozenset[str] = frozenset(tag.name for tag in COMMANDS)
# Values beyond these are no values of the tag, whatever the register map allows.
RANGES: dict[str, tuple[float, float]] = {"mode": (0, 2), "job_state": (0, 3), "job_echo": (0, 65535)}

SEQ_MAX = 65535


def next_seq(echo: int) -> int:
    """The job_seq that follows `echo`: 1..65535, wrapping to 1, because 0 means "no job yet"."""
    return 1 if echo >= SEQ_MAX else echo + 1
