"""The vehicles as the gate sees them: occupancy, silence, and which of them carries a transit."""

from __future__ import annotations

from collections.abc import Mapping

from gatectl.core.flow import Note, Transit
from gatectl.core.gate_plan import Plan
from gatectl.core.gate_state import GateState, Out
from gatectl.core.gate_status import Unfit
from gatectl.core.traffic import Traffic, VehicleTrack
from gatectl.model.messages import Reason
from gatectl.model.site import SiteConfig

_OFF_LANE_M = 3.0  # farther from the centre line a position says nothing about the lane's blocks


class Fleet:
    """Everything the gate concludes from the vehicles' reports."""

    def __init__(self, site: SiteConfig, traffic: Traffic, plans: Mapping[str, Plan]) -> None:
        self._limits = site.limits
        self._vehicles = {v.serial: v for v in site.vehicle}
        self._traffic = traffic
        self._plans = plans

    def silent(self, track: VehicleTrack, out: Out) -> bool:
        """No report for too long."""
        return track.silent(out.now_mono_ns, self._limits.vehicle_silent_after_s)

    def near(self, track: VehicleTrack, at_m: float) -> bool:
        """It knows its place and stands at this position of its lane."""
        return track.localised and track.stopped and abs(track.s_m - at_m) <= 2 * self._limits.node_reached_m

    def follow(self, state: GateState, reported: list[str], out: Out) -> None:
        """Occupancy from this scan's reports; silence and conflicts become incidents."""
        for serial in reported:
            self._occupy(state, serial, out)
        for serial, track in state.tracks.items():
            silent = self.silent(track, out)
            if silent and serial not in state.silent and state.reconciled:
                text, remedy = f"{serial} does not report; its blocks stay occupied", "bring its link back"
                out.note(Note("warning", serial, "vehicle_silent", text, remedy))
                state.silent.append(serial)
            elif not silent and serial in state.silent:
                state.silent.remove(serial)

    def unfit(self, state: GateState, out: Out) -> Unfit:
        """Why nobody ("") or a vehicle may be granted anything; notes when all have reported."""
        unfit: dict[str, tuple[Reason, ...]] = {"": ()}
        silent = []
        for serial, track in state.tracks.items():
            unfit[serial] = ()
            if self.silent(track, out):
                silent.append(serial)
                text, remedy = f"{serial} does not report", "bring its link back; its blocks stay occupied"
                unfit[serial] = (Reason(code="vehicle_silent", text=text, remedy=remedy),)
            elif track.disabled:
                text = f"{serial} cannot drive: {'; '.join(track.trouble)}"
                remedy = "see to the vehicle and reset it; it is granted nothing before"
                unfit[serial] = (Reason(code="vehicle_disabled", text=text, remedy=remedy),)
        state.reconciled = state.reconciled or not silent
        if not state.reconciled:
            text = f"since the start {', '.join(silent)} did not report, so the occupancy is not known"
            unfit[""] += (Reason(code="not_reconciled", text=text, remedy="bring every vehicle's link up"),)
        if state.reset_owed:
            text = "the gate's controller started and waits for a reset"
            unfit[""] += (Reason(code="reset_owed", text=text, remedy="look at the gate, then reset"),)
        return unfit

    def choose(self, state: GateState, transit: Transit, unfit: Unfit) -> tuple[str, tuple[Reason, ...]]:
        """The vehicle for a released transit, or "" and every reason why there is none."""
        plan, reasons = self._plans[transit.direction], list(unfit[""])
        start, chosen = plan.nodes[0], ""
        for serial in [transit.wanted] if transit.wanted else list(state.tracks):
            if self._vehicles[serial].lane != plan.lane:
                problem = "runs on another lane"
            elif serial in state.orders:
                problem = f"carries {state.orders[serial].load_id}"
            elif unfit[serial]:
                problem = "does not report, or cannot drive"
            elif not self.near(state.tracks[serial], start.at_m):
                problem = f"does not stand at {start.id}"
            else:
                chosen = serial
                break
            text, remedy = f"{serial} {problem}", f"it must stand idle at {start.id}"
            reasons.append(Reason(code=f"no_vehicle_{serial}", text=text, remedy=remedy))
        if chosen:
            return ("", unfit[""]) if unfit[""] else (chosen, ())
        return "", tuple(reasons)

    def _occupy(self, state: GateState, serial: str, out: Out) -> None:
        track, vehicle = state.tracks[serial], self._vehicles[serial]
        if not track.localised or abs(track.lateral_m) > _OFF_LANE_M:
            return
        tail_m, front_m = track.s_m - vehicle.rear_m, track.s_m + vehicle.front_m
        before = state.traffic.conflicts.get(serial)
        out.changes(self._traffic.seen(state.traffic, serial, vehicle.lane, tail_m, front_m))
        # The tail is only surely past a block when the whole protection level is past it.
        safe_tail_m = tail_m - track.deviation_m
        out.changes(self._traffic.free_passed(state.traffic, serial, vehicle.lane, safe_tail_m))
        block = state.traffic.conflicts.get(serial)
        if block is not None and block != before:
            holder = self._traffic.holder(state.traffic, block)
            text = f"{serial} was seen in {block}, which {holder} holds"
            remedy = "stop the vehicles and clear the place"
            out.note(Note("alarm", serial, "block_conflict", text, remedy))
