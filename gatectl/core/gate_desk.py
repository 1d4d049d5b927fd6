"""The gate's front desk: what each incoming message does to the state, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping

from gatectl.core.flow import Note, Transit, Watch, code_problem, file_release
from gatectl.core.gate_state import APPLIED_MAX, GateState, Out
from gatectl.core.traffic import LaneLine, observe
from gatectl.model.messages import (
    AnyMessage,
    ContainerRead,
    Fact,
    OperatorCommand,
    PreAdvice,
    ReleaseReceived,
    ScanVerdict,
    TransitChanged,
    VehicleConnection,
    VehicleReport,
)
from gatectl.model.site import Site, VehicleEntry


class Desk:
    """Takes messages in. Every refusal carries all its reasons and changes nothing."""

    def __init__(
        self, node: str, site: Site, vehicles: Mapping[str, VehicleEntry], lines: Mapping[str, LaneLine]
    ) -> None:
        self._node = node
        self._config = site.config
        self._vehicles = vehicles
        self._lines = lines
        self._directions = {r.direction for r in site.config.route}
        self._cranes = {c.id: c.id for c in site.config.crane} | {c.device: c.id for c in site.config.crane}

    def take(self, state: GateState, messages: list[AnyMessage], out: Out) -> list[str]:
        """Apply the messages in order; returns the vehicles that have reported in this scan."""
        reported: list[str] = []
        for message in messages:
            if isinstance(message, Fact):
                if message.id in state.applied:
                    continue
                state.applied.append(message.id)
            match message:
                case VehicleReport():
                    if self._report(state, message, out):
                        reported.append(message.serial)
                case VehicleConnection():
                    track = state.tracks.get(message.serial)
                    if track is not None and message.connection_state != "ONLINE":
                        track.seen_mono_ns = 0
                case PreAdvice():
                    self._pre_advice(state, message, out)
                case ReleaseReceived():
                    self._release(state, message, out)
                case ContainerRead():
                    read = state.evidence.reads.get(message.device)
                    if read is None or message.read_utc_ns >= read.read_utc_ns:
                        state.evidence.reads[message.device] = message
                case ScanVerdict():
                    verdict = state.evidence.verdicts.get(message.device)
                    if verdict is None or message.taken_utc_ns >= verdict.taken_utc_ns:
                        state.evidence.verdicts[message.device] = message
                case OperatorCommand():
                    self._command(state, message, out)
                case _:
                    pass  # not for the gate
        del state.applied[:-APPLIED_MAX]
        return reported

    def _report(self, state: GateState, message: VehicleReport, out: Out) -> bool:
        track = state.tracks.get(message.serial)
        age_s = (out.now_utc_ns - message.received_utc_ns) / 1e9
        if track is None or age_s > self._config.limits.vehicle_silent_after_s:
            return False
        line = self._lines[self._vehicles[message.serial].lane]
        observe(track, message.state, line, self._config.map_id, out.now_mono_ns)
        return True

    def _pre_advice(self, state: GateState, m: PreAdvice, out: Out) -> None:
        wrong = []
        problem = code_problem(m.container)
        if problem:
            wrong.append(problem)
        if not 0.0 < m.declared_gross_kg <= self._config.limits.container_gross_max_kg:
            limit = self._config.limits.container_gross_max_kg
            wrong.append(
                f"declared {m.declared_gross_kg:g} kg, which is not above 0 and at most {limit:g} kg"
            )
        if m.direction not in self._directions:
            wrong.append(f"the site has no route for {m.direction}")
        if m.vehicle and m.vehicle not in self._vehicles:
            wrong.append(f"the vehicle {m.vehicle} is not known here")
        if not m.transit_id:
            wrong.append("it has no transit id")
        known = state.transits.get(m.transit_id)
        if known is not None:
            wrong.append(f"the transit {m.transit_id} is announced already, for {known.container}")
        for other in state.transits.values():
            if other.container == m.container and other.state != "GROUNDED" and other is not known:
                wrong.append(f"container {m.container} is already under way as {other.transit_id}")
        out.receipt("preadvice", m.id, tuple(wrong), not wrong)
        if wrong:
            text = f"the pre-advice of {m.container} was refused: {'; '.join(wrong)}"
            out.note(Note("warning", m.transit_id, "pre_advice_refused", text, "correct and resend it"))
            return
        transit = Transit(
            transit_id=m.transit_id,
            container=m.container,
            direction=m.direction,
            declared_gross_kg=m.declared_gross_kg,
            seal=m.seal,
            wanted=m.vehicle,
        )
        state.transits[m.transit_id] = transit
        state.watches[m.transit_id] = Watch()
        out.messages.append(transit_changed(transit, "", "it was announced", out))

    def _release(self, state: GateState, m: ReleaseReceived, out: Out) -> None:
        transit = state.transits.get(m.transit_id)
        wrong = file_release(state.book, m, transit.container if transit else "", out.now_utc_ns)
        notes = wrong or (() if transit else (f"kept: no transit {m.transit_id} is announced yet",))
        out.receipt(m.customs, m.id, notes, not wrong)
        if wrong:
            text = f"{m.decision} {m.release_id} of customs {m.customs} was refused: {'; '.join(wrong)}"
            remedy = "customs must correct it and send it again"
            out.note(Note("warning", m.transit_id, "release_refused", text, remedy))

    def _command(self, state: GateState, m: OperatorCommand, out: Out) -> None:
        if m.subject in self._vehicles:
            return  # carried out on the vehicle
        transit = state.transits.get(m.subject)
        wrong = ""
        if m.command == "reset":
            if m.subject in ("", self._node):
                state.resets = list(dict.fromkeys(self._cranes.values()))
            elif m.subject in self._cranes:
                state.resets = list(dict.fromkeys([*state.resets, self._cranes[m.subject]]))
            else:
                wrong = f"nothing that can be reset is called {m.subject!r}"
            state.reset_owed = state.reset_owed and bool(wrong)
        elif m.command == "bypass":
            wrong = "the gate's interlocks cannot be bypassed"
        elif transit is None:
            wrong = f"no transit is called {m.subject!r}"
        else:
            wrong = _transit_command(transit, m, out.now_utc_ns)
        out.receipt("operator", m.id, (wrong,) if wrong else (), not wrong)


def _transit_command(transit: Transit, m: OperatorCommand, now_utc_ns: int) -> str:
    """Carry out a command on a transit; returns why it is refused, or ""."""
    match m.command:
        case "hold":
            transit.held_by = f"{m.who}: {m.reason}" if m.reason else m.who
        case "resume":
            if not transit.held_by:
                return f"{transit.transit_id} is not held"
            transit.held_by = ""
        case "reidentify" if m.value:
            transit.operator_read = m.value.strip().upper()
        case "reidentify":
            transit.operator_read = ""
            transit.identity_after_utc_ns = now_utc_ns
        case "reweigh":
            transit.gross_kg = 0.0
        case _:  # rescan
            transit.verdict_after_utc_ns = now_utc_ns
    return ""


def transit_changed(transit: Transit, previous: str, cause: str, out: Out) -> TransitChanged:
    """The fact of a transit's step."""
    return TransitChanged(
        id=out.next_id(),
        transit_id=transit.transit_id,
        container=transit.container,
        direction=transit.direction,
        vehicle=transit.vehicle,
        state=transit.state,
        previous=previous,
        cause=cause,
        evidence=dict(transit.evidence),
        at_utc_ns=out.now_utc_ns,
    )
