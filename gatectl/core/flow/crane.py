"""The crane cycle: a transit's load or unload as a table of jobs for the crane's PLC.

Rules
- The cycle runs only while the crane holds its envelope and the vehicle under it stands, braked,
  aligned and identified; whatever the caller finds against it stops the crane (`CraneView.against`).
- Twistlocks turn only when landed; the hoist moves only when all are locked or all unlocked;
  `locked` and `unlocked` together, or neither for too long, is a fault.
- The trolley travels only with the spreader at travel height.
- A job is ordered with job_seq = job_echo + 1 and is over when the PLC says done for that number and
  the signals agree. Refused, late or implausible is a fault: latched until an operator's reset, which
  orders the same step again.
- A stop leaves the step; its job is ordered again, with a new number, when motion is allowed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct, field

from gatectl.core.flow.transit import Note
from gatectl.model import Sample
from gatectl.model.messages import Reason
from gatectl.model.site import CraneConfig

STOP, TROLLEY, HOIST, LOCK, UNLOCK = range(5)
IDLE, RUNNING, DONE, REFUSED = range(4)
JOB_TIMEOUT_NS = 60_000_000_000
BETWEEN_TIMEOUT_NS = 5_000_000_000
SETTLE_NS = 500_000_000  # after a reset, before the next job; and how long `idle` may stand for an order
LOAD_TOLERANCE = 0.20  # of the declared mass: the right box at all; the scale decides about the weight


class CraneRow(NamedTuple):
    """One job. before: needed to order it; after: needed, with the PLC's done, to go to `next`."""

    step: str
    job: int
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    next: str


# source and dest are `yard` and the vehicle's lane for a load, the other way round for an unload.
CRANE_TABLE: tuple[CraneRow, ...] = (
    CraneRow("clear", HOIST, "travel", ("unlocked",), ("at_height",), "to_source"),
    CraneRow("to_source", TROLLEY, "source", ("unlocked", "high"), ("at_place",), "lower_source"),
    CraneRow("lower_source", HOIST, "source", ("unlocked", "at_place"), ("landed",), "lock"),
    CraneRow("lock", LOCK, "", ("landed",), ("locked",), "lift"),
    CraneRow("lift", HOIST, "travel", ("locked",), ("at_height", "load_plausible"), "to_dest"),
    CraneRow("to_dest", TROLLEY, "dest", ("locked", "high"), ("at_place",), "lower_dest"),
    CraneRow("lower_dest", HOIST, "dest", ("locked", "at_place"), ("landed",), "unlock"),
    CraneRow("unlock", UNLOCK, "", ("landed",), ("unlocked",), "leave"),
    CraneRow("leave", HOIST, "travel", ("unlocked",), ("at_height",), ""),
)
STEPS: dict[str, CraneRow] = {row.step: row for row in CRANE_TABLE}
STEP_NUMBERS: dict[str, int] = {row.step: number for number, row in enumerate(CRANE_TABLE, 1)}


class Cycle(Struct):
    """What must survive a restart. kind: load (yard to vehicle) or unload. declared_kg: the container."""

    transit_id: str
    vehicle: str
    lane: str
    kind: str
    declared_kg: float
    step: str = "clear"

    def slot(self, end: str) -> str:
        """Slot of `source` or `dest`: a lane id or `yard`."""
        return "yard" if (self.kind == "load") == (end == "source") else self.lane


class Job(Struct):
    """What need not survive. seq: number of the ordered job, 0 = none. fault: latched until a reset."""

    seq: int = 0
    ordered_mono_ns: int = 0
    not_before_mono_ns: int = 0
    between_since_mono_ns: int = 0
    fault: Reason | None = None
    enabled: bool = False
    reasons: tuple[Reason, ...] = ()


class CraneState(Struct):
    """cycle: None when idle. reset_count: the command of that name; only rises."""

    cycle: Cycle | None = None
    reset_count: int = 0
    job: Job = field(default_factory=Job)


class CraneView(NamedTuple):
    """One scan. read: the crane's sample by local tag name. against: why it must not move now."""

    now_mono_ns: int
    read: Callable[[str], Sample]
    against: tuple[Reason, ...]


def crane_step(
    state: CraneState, config: CraneConfig, view: CraneView, reset: bool
) -> tuple[bool, list[Note]]:
    """Advance the cycle. Returns (cycle finished in this scan, notes).

    reset: an operator's reset in this scan: the latched fault goes, if it does not come back at once.
    """
    job, cycle = state.job, state.cycle
    if reset:
        state.reset_count += 1
        job.fault, job.seq = None, 0
        job.between_since_mono_ns = 0
        job.not_before_mono_ns = view.now_mono_ns + SETTLE_NS
    if cycle is None:
        job.seq, job.enabled, job.reasons, job.between_since_mono_ns = 0, False, (), 0
        return False, []
    notes: list[Note] = []
    _twistlocks(job, config, view, notes)
    finished = False
    if job.fault is None and not view.against:
        finished = _advance(job, cycle, config, view, notes)
    stopped = view.against + ((job.fault,) if job.fault else ())
    if stopped:
        job.seq, job.enabled, job.reasons = 0, False, stopped
    if finished:
        state.cycle, job.seq, job.enabled, job.reasons = None, 0, False, ()
    return finished, notes


def crane_commands(state: CraneState, config: CraneConfig) -> dict[str, float]:
    """Command tags by local name. Without an ordered job everything is zero: no job, not enabled."""
    job, cycle = state.job, state.cycle
    commands = {
        "job": 0.0,
        "job_seq": 0.0,
        "target": 0.0,
        "enable": 0.0,
        "reset_count": float(state.reset_count),
    }
    if cycle is not None and job.enabled:
        commands["enable"] = 1.0
        if job.seq:
            row = STEPS[cycle.step]
            commands["job"], commands["job_seq"] = float(row.job), float(job.seq)
            commands["target"] = _target(row, cycle, config)
    return commands


def _target(row: CraneRow, cycle: Cycle, config: CraneConfig) -> float:
    if row.target in ("", "travel"):
        return config.travel_height_m if row.target else 0.0
    place = cycle.slot(row.target)
    if row.job == TROLLEY:
        return config.slots[place]
    return config.yard_height_m if place == "yard" else config.vehicle_height_m


def _advance(job: Job, cycle: Cycle, config: CraneConfig, view: CraneView, notes: list[Note]) -> bool:
    row = STEPS[cycle.step]
    echo, said = view.read("job_echo"), view.read("job_state")
    job.enabled = True
    if not (echo.good and said.good):
        job.reasons = (_reason("plc_unclear", "the PLC's job echo is not known", "check the PLC's link"),)
        return False
    if row.job in (LOCK, UNLOCK) and not job.seq and not _missing(row.after, row, cycle, config, view):
        return _next(job, cycle, row)  # done before a restart
    if job.seq == 0:
        missing = _missing(row.before, row, cycle, config, view)
        if missing or view.now_mono_ns < job.not_before_mono_ns:
            job.reasons = missing
            return False
        job.seq = 1 if echo.value >= 65535 else int(echo.value) + 1
        job.ordered_mono_ns = view.now_mono_ns
    waited_ns = view.now_mono_ns - job.ordered_mono_ns
    missing = _missing(row.after, row, cycle, config, view)
    mine = int(echo.value) == job.seq
    if mine and said.value == DONE and not missing:
        return _next(job, cycle, row)
    if mine and said.value == REFUSED:
        refusal = int(view.read("job_refusal").value)
        text = f"the PLC refused {row.step} (job {row.job}, refusal {refusal})"
        _fault(
            job,
            config,
            notes,
            _reason("job_refused", text, "see the crane's display for the refusal, then reset"),
        )
    elif mine and said.value == DONE and "load_plausible" in {m.code for m in missing}:
        _fault(
            job,
            config,
            notes,
            _reason("load_implausible", missing[-1].text, "look at the spreader, then reset"),
        )
    elif waited_ns > JOB_TIMEOUT_NS:
        lacks = "; ".join(m.text for m in missing) or "the PLC does not say done"
        text = f"{row.step} was not over after {JOB_TIMEOUT_NS // 10**9} s: {lacks}"
        _fault(job, config, notes, _reason("job_late", text, "look at the crane, then reset"))
    elif mine and said.value == IDLE and waited_ns > SETTLE_NS:
        job.seq = 0  # it was stopped at its own end: order again
    else:
        text = f"{row.step}: waiting for the PLC (job {job.seq})"
        job.reasons = (
            _reason("job_running", text, "wait"),
            *(missing if mine and said.value == DONE else ()),
        )
    return False


def _next(job: Job, cycle: Cycle, row: CraneRow) -> bool:
    job.seq, job.reasons = 0, ()
    if not row.next:
        return True
    cycle.step = row.next
    return False


def _missing(
    names: tuple[str, ...], row: CraneRow, cycle: Cycle, config: CraneConfig, view: CraneView
) -> tuple[Reason, ...]:
    return tuple(r for name in names if (r := _condition(name, row, cycle, config, view)) is not None)


def _condition(name: str, row: CraneRow, cycle: Cycle, config: CraneConfig, view: CraneView) -> Reason | None:
    tolerance = config.position_tolerance_m
    if name in ("landed", "locked", "unlocked"):
        sample = view.read(name)
        ok, text = bool(sample.value), f"the spreader is not {name}"
    elif name == "load_plausible":
        sample = view.read("load")
        low, high = (1 - LOAD_TOLERANCE) * cycle.declared_kg, (1 + LOAD_TOLERANCE) * cycle.declared_kg
        ok = low <= sample.value <= min(high, config.load_max_kg)
        text = f"{sample.value:.0f} kg hang in the spreader, declared {cycle.declared_kg:.0f} kg"
    elif name == "at_place":
        end = "source" if row.step in ("to_source", "lower_source") else "dest"
        sample = view.read("trolley_position")
        wanted = config.slots[cycle.slot(end)]
        ok = abs(sample.value - wanted) <= tolerance
        text = f"the trolley is at {sample.value:.2f} m, needed {wanted:.2f} m ({cycle.slot(end)})"
    else:  # high, at_height: clear of everything
        sample = view.read("hoist_height")
        ok = sample.value >= config.travel_height_m - tolerance
        text = f"the spreader is at {sample.value:.2f} m, needed {config.travel_height_m:.2f} m"
    if not sample.good:
        ok, text = False, f"{text} ({sample.quality.name}, {sample.cause.name})"
    return None if ok else _reason(name, text, "look at the crane")


def _twistlocks(job: Job, config: CraneConfig, view: CraneView, notes: list[Note]) -> None:
    locked, unlocked = view.read("locked"), view.read("unlocked")
    if not (locked.good and unlocked.good):
        return  # the PLC's life sign and every condition on them speak for themselves
    if locked.value and unlocked.value:
        text = "the twistlocks say locked and unlocked at once"
        _fault(
            job,
            config,
            notes,
            _reason("twistlocks_conflict", text, "check the spreader's sensors, then reset"),
        )
    if bool(locked.value) is not bool(unlocked.value):
        job.between_since_mono_ns = 0
        return
    job.between_since_mono_ns = job.between_since_mono_ns or view.now_mono_ns
    if view.now_mono_ns - job.between_since_mono_ns > BETWEEN_TIMEOUT_NS:
        text = "the twistlocks are neither all locked nor all unlocked"
        _fault(
            job,
            config,
            notes,
            _reason("twistlocks_between", text, "free the spreader under local control, then reset"),
        )


def _fault(job: Job, config: CraneConfig, notes: list[Note], fault: Reason) -> None:
    if job.fault is None:
        job.fault = fault
        notes.append(Note("alarm", config.id, fault.code, fault.text, fault.remedy))


def _reason(code: str, text: str, remedy: str) -> Reason:
    return Reason(code=code, text=text, remedy=remedy)
