"""The cranes of a gate: envelope, interlocks and cycle of each, in one scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gatectl.core.flow import (
    STEP_NUMBERS,
    CraneState,
    CraneView,
    Cycle,
    Stand,
    Transit,
    crane_commands,
    crane_step,
    stand_problems,
)
from gatectl.core.gate_plan import Plan
from gatectl.core.gate_state import GateState, Out
from gatectl.core.gate_status import summary
from gatectl.core.safety import EffectResult, Matrix
from gatectl.core.traffic import Traffic
from gatectl.model import Kind, Sample, TagSpec
from gatectl.model.messages import Explanation, Reason
from gatectl.model.site import CraneConfig, Site

Read = Callable[[str], Sample]
_IDLE: frozenset[str] = frozenset()


def crane_tags(site: Site) -> tuple[TagSpec, ...]:
    """`D_envelope_held` and `D_step` for the device D of each crane."""
    steps = ", ".join(f"{number} {name}" for name, number in STEP_NUMBERS.items())
    specs: list[TagSpec] = []
    for crane in site.config.crane:
        held, step = f"{crane.device}_envelope_held", f"{crane.device}_step"
        specs.append(TagSpec(name=held, kind=Kind.BOOL, doc="the crane holds its envelope"))
        specs.append(TagSpec(name=step, kind=Kind.INT, doc=f"0 idle, {steps}"))
    return tuple(specs)


class Cranes:
    """Starts, guards and ends the crane cycles."""

    def __init__(self, site: Site, traffic: Traffic, plans: Mapping[str, Plan]) -> None:
        self._configs = site.config.crane
        self._limits = site.config.limits
        self._traffic = traffic
        self._plans = plans
        self._matrices = {
            c.id: Matrix(site.interlocks, "gate", self._limits, c.device) for c in self._configs
        }

    def work(self, state: GateState, read: Read, out: Out) -> dict[str, Explanation]:
        """One scan of every crane; afterwards `commands` and `values` are current."""
        return {config.id: self._one(state, config, read, out) for config in self._configs}

    def commands(self, state: GateState) -> dict[str, float]:
        """Command tags by full name."""
        return {
            f"{config.device}.{name}": value
            for config in self._configs
            for name, value in crane_commands(state.cranes[config.id], config).items()
        }

    def values(self, state: GateState) -> list[float]:
        """The core tags, in the order of `crane_tags`."""
        values: list[float] = []
        for config in self._configs:
            cycle = state.cranes[config.id].cycle
            values.append(float(self._holds(state, config)))
            values.append(float(STEP_NUMBERS[cycle.step]) if cycle else 0.0)
        return values

    def _holds(self, state: GateState, config: CraneConfig) -> bool:
        return self._traffic.holder(state.traffic, self._traffic.map.crane_block[config.id]) == config.id

    def _one(self, state: GateState, config: CraneConfig, read: Read, out: Out) -> Explanation:
        crane, matrix_state = state.cranes[config.id], state.matrices[config.id]
        wanted = self._wanted(state, config)
        waits: tuple[Reason, ...] = ()
        if crane.cycle is None and wanted is not None:
            waits = self._begin(state, config, *wanted, out)
        reset = config.id in state.resets and not matrix_state.reset_before
        if reset:
            state.resets.remove(config.id)
        running = frozenset(self._matrices[config.id].effects) if crane.job.enabled else _IDLE
        results = self._matrices[config.id].evaluate(matrix_state, read, out.now_mono_ns, reset, running)
        against = tuple(reason for result in results for reason in result.reasons)
        if crane.cycle is not None:
            stand = self._stand(state, *self._at(state, crane.cycle), out.now_mono_ns)
            against += stand_problems(stand, self._limits, False) + self._intruders(state, config)
        view = CraneView(out.now_mono_ns, lambda name: read(f"{config.device}.{name}"), against)
        cycle = crane.cycle
        finished, notes = crane_step(crane, config, view, reset)
        for note in notes:
            out.note(note)
        if finished and cycle is not None:
            transit = state.transits[cycle.transit_id]
            transit.loaded, transit.grounded = True, cycle.kind == "unload"
            out.changes(self._traffic.give_back(state.traffic, config.id))
        return _explain(config, crane, results, waits)

    def _intruders(self, state: GateState, config: CraneConfig) -> tuple[Reason, ...]:
        block = self._traffic.map.crane_block[config.id]
        return tuple(
            Reason(
                code="envelope_entered",
                text=f"{serial} was seen in the envelope {block}, where it has no business",
                remedy="clear the place by hand; the crane goes on when the vehicle is out of it",
            )
            for serial, entered in state.traffic.conflicts.items()
            if entered == block
        )

    def _wanted(self, state: GateState, config: CraneConfig) -> tuple[Transit, int] | None:
        """The transit whose vehicle is due under this crane, and the index of its node."""
        for order in state.orders.values():
            transit, plan = state.transits[order.transit_id], self._plans[order.direction]
            for i, state_name, done in (
                (0, "ORIGIN_RELEASED", transit.loaded),
                (plan.last, "CUSTODY_TRANSFERRED", transit.grounded),
            ):
                due = transit.state == state_name and not done and order.base >= i
                if due and plan.nodes[i].crane == config.id:
                    return transit, i
        return None

    def _at(self, state: GateState, cycle: Cycle) -> tuple[Transit, int]:
        transit = state.transits[cycle.transit_id]
        return transit, 0 if cycle.kind == "load" else self._plans[transit.direction].last

    def _stand(self, state: GateState, transit: Transit, i: int, now_mono_ns: int) -> Stand:
        track = state.tracks[transit.vehicle]
        order = state.orders[transit.vehicle]
        node = self._plans[transit.direction].nodes[i]
        return Stand(
            serial=transit.vehicle,
            silent=track.silent(now_mono_ns, self._limits.vehicle_silent_after_s),
            stopped=track.stopped,
            localised=track.localised,
            along_m=track.s_m - node.at_m,
            across_m=track.lateral_m,
            deviation_m=track.deviation_m,
            action=track.actions.get(order.pick_id if i == 0 else order.drop_id, ""),
        )

    def _begin(
        self, state: GateState, config: CraneConfig, transit: Transit, i: int, out: Out
    ) -> tuple[Reason, ...]:
        """Take the envelope and begin, or say why not yet. Nothing is taken while a reset is owed."""
        reasons = stand_problems(self._stand(state, transit, i, out.now_mono_ns), self._limits, True)
        if transit.held_by:
            text, remedy = f"transit {transit.transit_id} is held by {transit.held_by}", "resume it"
            reasons += (Reason(code="operator_hold", text=text, remedy=remedy),)
        if state.reset_owed or reasons:
            return reasons
        changes = self._traffic.lend(state.traffic, config.id, transit.vehicle)
        if not changes:
            block = self._traffic.map.crane_block[config.id]
            text = f"{transit.vehicle} does not hold the envelope {block}, so it cannot give it up"
            return (Reason(code="envelope_not_vehicles", text=text, remedy="see the block: gatectl why"),)
        out.changes(changes)
        state.cranes[config.id].cycle = Cycle(
            transit_id=transit.transit_id,
            vehicle=transit.vehicle,
            lane=self._plans[transit.direction].lane,
            kind="load" if i == 0 else "unload",
            declared_kg=transit.declared_gross_kg,
        )
        return ()


def _explain(
    config: CraneConfig, crane: CraneState, results: tuple[EffectResult, ...], waits: tuple[Reason, ...]
) -> Explanation:
    tripped = any(result.tripped for result in results)
    matrix = tuple(reason for result in results for reason in result.reasons)
    if crane.cycle is None:
        reasons = waits + matrix if waits or tripped else ()
        state, otherwise = ("tripped" if tripped else "waiting" if waits else "idle"), "nothing to do"
    else:
        reasons = crane.job.reasons
        fault = crane.job.fault is not None
        state = "tripped" if tripped or fault else "working" if crane.job.enabled else "stopped"
        otherwise = f"{crane.cycle.kind} of {crane.cycle.transit_id}: {crane.cycle.step}"
    return Explanation(
        subject=f"crane {config.id}", state=state, summary=summary(reasons, otherwise), reasons=reasons
    )
