"""The transit: one container's way through the gate, as a table.

Rules
- A transit moves along one row at a time; the first row of its state whose guard holds is taken.
- A guard says why it does not hold: what is still waited for, and what was found wrong. What is wrong
  puts the transit on hold: the state stays, an incident is raised, and fresh good evidence ends it.
- An operator's hold keeps every row from being taken except those that only record what the
  vehicle or the crane has already done (`physical`).
- The permit to cross is two-sided and may be withdrawn until the vehicle enters the border stretch.
- Import runs CN -> VN, export mirrors it: `origin` is the customs of the loading side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct, field

from gatectl.model import Sample
from gatectl.model.messages import ContainerRead, Direction, Reason, ScanVerdict
from gatectl.model.site import Limits

# The vocabulary of states. Those after GROUNDED belong to the far customs and are not driven here.
TRANSIT_STATES: tuple[str, ...] = (
    "PRE_ADVISED", "ORIGIN_RELEASED", "PICKED", "IDENTIFIED", "WEIGHED", "SEAL_OK", "SCANNED", "RISK_DECIDED",
    "LINE_AUTHORISED", "CROSSING", "CUSTODY_TRANSFERRED", "GROUNDED",
    "GREEN", "YELLOW", "RED", "RELEASED", "GATED_OUT",
)  # fmt: skip
_RANK = {state: rank for rank, state in enumerate(TRANSIT_STATES)}
PATIENCE_NS = 20_000_000_000  # evidence that has not come this long after the vehicle stood is an incident


class Row(NamedTuple):
    """In `state`, when `guard` holds, go to `next`. physical: an operator's hold cannot undo it."""

    state: str
    guard: str
    next: str
    cause: str
    physical: bool = False


TRANSIT_TABLE: tuple[Row, ...] = (
    Row("PRE_ADVISED", "origin_released", "ORIGIN_RELEASED", "the origin's customs has released it"),
    Row("ORIGIN_RELEASED", "loaded", "PICKED", "the crane has put it on the vehicle", True),
    Row("PICKED", "identified", "IDENTIFIED", "the code read on the lane is the announced one"),
    Row("IDENTIFIED", "weighed", "WEIGHED", "the weight is the declared one"),
    Row("WEIGHED", "seal_intact", "SEAL_OK", "the seal is intact and the announced one"),
    Row("SEAL_OK", "scanned_clear", "SCANNED", "the screening is clear"),
    Row("SCANNED", "risk_decided", "RISK_DECIDED", "all checks hold and no customs objects"),
    Row("RISK_DECIDED", "line_permitted", "LINE_AUTHORISED", "both customs' releases hold"),
    Row("LINE_AUTHORISED", "entered_border", "CROSSING", "the vehicle is in the border stretch", True),
    Row("LINE_AUTHORISED", "permit_lost", "RISK_DECIDED", "the permit was withdrawn before the line", True),
    Row("CROSSING", "left_border", "CUSTODY_TRANSFERRED", "the vehicle has left the border stretch", True),
    Row("CUSTODY_TRANSFERRED", "grounded", "GROUNDED", "the crane has set it down in the far yard", True),
)
_ROWS: dict[str, tuple[Row, ...]] = {
    state: tuple(r for r in TRANSIT_TABLE if r.state == state) for state in TRANSIT_STATES
}


class Transit(Struct):
    """What must survive a restart.

    declared_gross_kg: container with cargo. wanted: vehicle named in the pre-advice. arrived_utc_ns: when the
    vehicle came into the check block. *_after_utc_ns: evidence must be newer (an operator asked
    for it again). operator_read: a code re-read by a person. gross_kg: as weighed, 0 = not yet.
    held_by: an operator's hold, "" for none.
    """

    transit_id: str
    container: str
    direction: Direction
    declared_gross_kg: float
    seal: str
    wanted: str = ""
    vehicle: str = ""
    state: str = "PRE_ADVISED"
    evidence: dict[str, str] = field(default_factory=dict)
    held_by: str = ""
    loaded: bool = False
    grounded: bool = False
    arrived_utc_ns: int = 0
    identity_after_utc_ns: int = 0
    verdict_after_utc_ns: int = 0
    operator_read: str = ""
    gross_kg: float = 0.0


class Watch(Struct):
    """What need not survive: stable_since_mono_ns: the scale was stable since, 0 = is not. since_mono_ns:
    the vehicle stands on the check node since, 0 = does not. raised: codes of incidents raised."""

    stable_since_mono_ns: int = 0
    since_mono_ns: int = 0
    raised: list[str] = field(default_factory=list)
    reasons: tuple[Reason, ...] = ()
    failed: bool = False


class View(Struct, frozen=True, kw_only=True):
    """What one transit sees in one scan.

    origin, permit: why the origin's release, and both releases, do not hold. at_check: its vehicle
    stands on the check node; scale: samples of its scale by tag; read, verdict: newest of the node's
    camera and portal; tare_kg of the vehicle.
    """

    now_mono_ns: int
    now_utc_ns: int
    origin: tuple[Reason, ...]
    permit: tuple[Reason, ...]
    at_check: bool = False
    scale: Mapping[str, Sample] = {}
    tare_kg: float = 0.0
    read: ContainerRead | None = None
    verdict: ScanVerdict | None = None
    in_border: bool = False
    left_border: bool = False


class Outcome(NamedTuple):
    """A guard's answer. reasons: why not; failed: something is wrong, not merely awaited."""

    ok: bool
    reasons: tuple[Reason, ...] = ()
    failed: bool = False
    evidence: tuple[tuple[str, str], ...] = ()


Guard = Callable[[Transit, Watch, View, Limits], Outcome]


class Note(NamedTuple):
    """Something a person must know of; becomes an Incident."""

    severity: Literal["info", "warning", "alarm"]
    subject: str
    code: str
    text: str
    remedy: str


class Step(NamedTuple):
    """A row that was taken."""

    previous: str
    state: str
    cause: str


def reached(transit: Transit, state: str) -> bool:
    """The transit is in this state or beyond it."""
    return _RANK[transit.state] >= _RANK[state]


def transit_step(
    transit: Transit, watch: Watch, view: View, limits: Limits, guards: Mapping[str, Guard]
) -> tuple[Step | None, list[Note]]:
    """Take at most one row. `watch.reasons` then says what is waited for, `watch.failed` if it is on hold."""
    _follow(watch, view)
    reasons: list[Reason] = []
    failed = False
    if transit.held_by:
        text = f"held by {transit.held_by}"
        reasons.append(Reason(code="operator_hold", text=text, remedy="an operator ends it with resume"))
    for row in _ROWS[transit.state]:
        outcome = guards[row.guard](transit, watch, view, limits)
        if outcome.ok and (row.physical or not transit.held_by):
            step = Step(transit.state, row.next, row.cause)
            transit.state = row.next
            transit.evidence.update(outcome.evidence)
            watch.raised, watch.reasons, watch.failed = [], (), False
            return step, []
        reasons += outcome.reasons
        failed = failed or outcome.failed
    watch.reasons, watch.failed = tuple(reasons), failed
    return None, _raise(transit, watch, view)


def _follow(watch: Watch, view: View) -> None:
    if not view.at_check:
        watch.since_mono_ns = 0
    elif not watch.since_mono_ns:
        watch.since_mono_ns = view.now_mono_ns


def _raise(transit: Transit, watch: Watch, view: View) -> list[Note]:
    late = watch.since_mono_ns > 0 and view.now_mono_ns - watch.since_mono_ns > PATIENCE_NS
    if not watch.failed:
        watch.raised = [code for code in watch.raised if late and code in {r.code for r in watch.reasons}]
    if not watch.failed and not (late and not reached(transit, "RISK_DECIDED")):
        return []
    fresh = [r for r in watch.reasons if r.code not in watch.raised]
    watch.raised += [r.code for r in fresh]
    return [Note("warning", transit.transit_id, r.code, r.text, r.remedy) for r in fresh]
