"""What `gatectl why` and the console show of the gate."""

from __future__ import annotations

from collections.abc import Mapping

from gatectl.core.flow import Watch
from gatectl.core.gate_state import GateState
from gatectl.core.traffic import Traffic
from gatectl.model.messages import Explanation, Reason

Unfit = Mapping[str, tuple[Reason, ...]]


def explanations(
    state: GateState, traffic: Traffic, unfit: Unfit, cranes: Mapping[str, Explanation]
) -> tuple[Explanation, ...]:
    """The node itself, every transit, crane and vehicle, and every block that somebody waits for."""
    shown = [_gate(unfit)]
    shown += [_transit(state, traffic, unfit, cranes, name) for name in state.transits]
    shown += cranes.values()
    shown += [_vehicle(state, traffic, unfit, name) for name in state.tracks]
    shown += [
        _block(state, traffic, unfit, b) for b in traffic.map.ids if traffic.waiting_for(state.traffic, b)
    ]
    return tuple(shown)


def detail(state: GateState, traffic: Traffic) -> dict[str, str]:
    """Where everybody is, for a live view: never decides whether a Status is sent."""
    shown = {f"block {b}": traffic.holder(state.traffic, b) for b in traffic.map.ids}
    for serial, track in state.tracks.items():
        shown[f"vehicle {serial}"] = f"{track.s_m:.2f} m along, {track.lateral_m:+.2f} m across"
    for name, transit in state.transits.items():
        shown[f"transit {name}"] = f"{transit.state} on {transit.vehicle or 'no vehicle yet'}"
        shown |= {f"transit {name} {key}": value for key, value in transit.evidence.items()}
    return shown


def signature(shown: tuple[Explanation, ...]) -> list[str]:
    """What of the explanations counts as a change: not the numbers in the texts."""
    return [f"{e.subject}|{e.state}|{','.join(r.code for r in e.reasons)}" for e in shown]


def summary(reasons: tuple[Reason, ...], otherwise: str) -> str:
    """The first reason and how many more there are."""
    if not reasons:
        return otherwise
    more = len(reasons) - 1
    return reasons[0].text + (f" (and {more} more reason{'s' if more > 1 else ''})" if more else "")


def _gate(unfit: Unfit) -> Explanation:
    reasons = unfit.get("", ())
    word = "waiting" if reasons else "working"
    return Explanation(subject="gate", state=word, summary=summary(reasons, "in authority"), reasons=reasons)


def _waits(state: GateState, traffic: Traffic, unfit: Unfit, serial: str) -> tuple[Reason, ...]:
    if serial not in state.traffic.requests:
        return ()
    return traffic.why_not(state.traffic, serial, unfit)


def _transit(
    state: GateState, traffic: Traffic, unfit: Unfit, cranes: Mapping[str, Explanation], name: str
) -> Explanation:
    transit, watch = state.transits[name], state.watches.get(name, Watch())
    held = watch.failed or bool(transit.held_by)
    closer = _waits(state, traffic, unfit, transit.vehicle)
    for crane_id, crane in state.cranes.items():
        if crane.cycle is not None and crane.cycle.transit_id == name:
            closer += cranes[crane_id].reasons
    reasons = watch.reasons + closer if held else closer + watch.reasons
    return Explanation(
        subject=f"transit {name}",
        state=f"{transit.state}, HOLD" if held else transit.state,
        summary=summary(reasons, "finished" if transit.state == "GROUNDED" else "on its way"),
        reasons=reasons,
    )


def _vehicle(state: GateState, traffic: Traffic, unfit: Unfit, serial: str) -> Explanation:
    track = state.tracks[serial]
    reasons = tuple(
        Reason(
            code="vehicle_says", text=f"{serial} says: {said}", remedy=f"gatectl why on {serial} explains it"
        )
        for said in track.trouble
    )
    reasons = unfit[serial] + reasons
    if any(r.code == "vehicle_silent" for r in reasons):
        word = "silent"
    else:
        word = "stands" if track.stopped else "drives"
    reasons += tuple(r for r in _waits(state, traffic, unfit, serial) if r not in reasons)
    where = f"{word} at {track.s_m:.1f} m of its lane" if track.localised else f"{word}, place not known"
    return Explanation(
        subject=f"vehicle {serial}", state=word, summary=summary(reasons, where), reasons=reasons
    )


def _block(state: GateState, traffic: Traffic, unfit: Unfit, block: str) -> Explanation:
    waiting = traffic.waiting_for(state.traffic, block)
    holder = traffic.holder(state.traffic, block)
    reasons: tuple[Reason, ...] = ()
    for serial in waiting:
        reasons += tuple(r for r in _waits(state, traffic, unfit, serial) if r not in reasons)
    has = f"{holder} holds it" if holder else "nobody holds it"
    text = f"{has}; waiting, first come first: {', '.join(waiting)}"
    return Explanation(
        subject=f"block {block}", state="held" if holder else "free", summary=text, reasons=reasons
    )
