"""What one scan of a gate node does, in order. Fleet control, line permit, cranes."""

from __future__ import annotations

from gatectl.core.flow import (
    GUARDS,
    CraneState,
    Note,
    Transit,
    View,
    Watch,
    line_permit,
    reached,
    release_problems,
    transit_step,
)
from gatectl.core.gate_cranes import Cranes, Read, crane_tags
from gatectl.core.gate_desk import Desk, transit_changed
from gatectl.core.gate_fleet import Fleet
from gatectl.core.gate_plan import plans
from gatectl.core.gate_state import FINISHED_KEPT, GateState, Out, recall
from gatectl.core.gate_status import Unfit, detail, explanations, signature
from gatectl.core.safety import MatrixState
from gatectl.core.traffic import BlockMap, Dispatch, LaneLine, LeaseState, OrderState, Traffic, VehicleTrack
from gatectl.model import Cause, Kind, Layout, Quality, Sample, TagSpec
from gatectl.model.messages import Explanation, LeaseIssued, OrderIssued, Reason, Status
from gatectl.model.node import Node, NodeConfig
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs
from gatectl.model.site import Site

_STATUS_LOOK_NS = 200_000_000
_STATUS_EVERY_NS = 1_000_000_000
_RESEND_NS = 10_000_000_000
_NOT_CONFIGURED = Sample(0.0, Quality.BAD, Cause.NOT_CONFIGURED, 0)


def tags(_config: NodeConfig, site: Site) -> tuple[TagSpec, ...]:
    """The core block of a gate node: `reset_owed`, and `D_envelope_held` and `D_step` per crane device."""
    owed = TagSpec(name="reset_owed", kind=Kind.BOOL, safe_value=1.0, doc="a restart waits for a reset")
    return (owed, *crane_tags(site))


class GateCore:
    """The gate role. Raises ConfigError for a site whose routes or interlocks cannot be carried out."""

    state_type = GateState

    def __init__(self, node: Node, layout: Layout) -> None:
        site = node.site.config
        self._site, self._limits, self._name, self._layout = site, site.limits, node.config.name, layout
        self._vehicles = {v.serial: v for v in site.vehicle}
        self._lines = {lane.id: LaneLine(lane.points) for lane in node.site.lanes}
        self._traffic = Traffic(BlockMap(site.block))
        self._plans = plans(site, self._traffic.map)
        self._dispatch = Dispatch(site.route, site.node, self._lines, site.map_id, site.limits)
        self._desk = Desk(node.config.name, node.site, self._vehicles, self._lines)
        self._fleet = Fleet(site, self._traffic, self._plans)
        self._cranes = Cranes(node.site, self._traffic, self._plans)
        self._tags = [f"core.{spec.name}" for spec in tags(node.config, node.site)]

    def start(self, recovered: Recovered) -> GateState:
        """Without authority: blocks as last known, or around the start nodes; a reset is owed."""
        state = GateState(boot_no=recovered.boot_no)
        known = recall(state, recovered)
        for serial, vehicle in self._vehicles.items():
            state.tracks[serial] = VehicleTrack(serial)
            state.leases[serial] = LeaseState(epoch=recovered.boot_no)
            if not known:
                at_m = self._dispatch.nodes[vehicle.start_node].at_m
                ends = at_m - vehicle.rear_m, at_m + vehicle.front_m
                self._traffic.seen(state.traffic, serial, vehicle.lane, *ends)
        for crane in self._site.crane:
            state.cranes.setdefault(crane.id, CraneState())
            state.matrices[crane.id] = MatrixState()
        state.watches = {name: Watch() for name in state.transits}
        return state

    def scan(self, state: GateState, inputs: ScanInputs, dt_ns: int) -> tuple[GateState, ScanOutputs]:
        """One cycle; everything is dated by `inputs`, so dt_ns is not needed."""
        del dt_ns
        out = Out(self._name, state, inputs)
        read = self._reader(state, inputs)
        reported = self._desk.take(state, inputs.messages, out)
        self._fleet.follow(state, reported, out)
        unfit = self._fleet.unfit(state, out)
        missing = self._assign_vehicles(state, unfit, out)
        self._step_transits(state, read, missing, out)
        self._grant_blocks(state, unfit, out)
        cranes = self._cranes.work(state, read, out)
        self._repeat_orders(state, out)
        self._issue_leases(state, unfit, out)
        out.checkpoints()
        self._report(state, unfit, cranes, out)
        values = self._values(state)
        return state, ScanOutputs(
            commands=self._commands(state),
            core_values=values,
            core_qualities=bytes([GOOD_BYTE]) * len(values),
            messages=out.messages,
        )

    def shutdown(self, state: GateState) -> list[float]:
        """Every command safe; the reset counters stay, because a step back and forth would be an edge."""
        for crane in state.cranes.values():
            crane.job.enabled = False
        return self._commands(state)

    # ---- inputs and outputs -------------------------------------------------------------------

    def _reader(self, state: GateState, inputs: ScanInputs) -> Read:
        index, stale, snapshot = self._layout.index, self._layout.stale_after_ns, inputs.snapshot

        def read(name: str) -> Sample:
            if name in self._tags:  # our own, as they are now and not as they were written
                value = self._values(state)[self._tags.index(name)]
                return Sample(value, Quality.GOOD, Cause.NONE, inputs.now_mono_ns)
            i = index.get(name)
            return _NOT_CONFIGURED if i is None else snapshot.sample(i, stale[i], inputs.now_mono_ns)

        return read

    def _values(self, state: GateState) -> list[float]:
        return [float(state.reset_owed), *self._cranes.values(state)]

    def _commands(self, state: GateState) -> list[float]:
        wanted, layout = self._cranes.commands(state), self._layout
        return [wanted.get(layout.names[i], layout.specs[i].safe_value) for i in layout.commands()]

    # ---- transits -------------------------------------------------------------------------------

    def _assign_vehicles(self, state: GateState, unfit: Unfit, out: Out) -> dict[str, tuple[Reason, ...]]:
        """Give each released transit a vehicle and the vehicle its order; say why one has none."""
        missing: dict[str, tuple[Reason, ...]] = {}
        for name, transit in state.transits.items():
            if transit.vehicle or transit.state != "ORIGIN_RELEASED" or transit.held_by:
                continue
            transit.vehicle, missing[name] = self._fleet.choose(state, transit, unfit)
            if transit.vehicle:
                order = OrderState(name, name, transit.container, transit.direction, [0])
                state.orders[transit.vehicle] = order
                self._send_order(state, transit.vehicle, -1, out)
        return missing

    def _step_transits(
        self,
        state: GateState,
        read: Read,
        missing: dict[str, tuple[Reason, ...]],
        out: Out,
    ) -> None:
        for name, transit in state.transits.items():
            if transit.state == "GROUNDED":
                continue
            plan, watch = self._plans[transit.direction], state.watches[name]
            view = self._view(state, transit, read, out)
            step, notes = transit_step(transit, watch, view, self._limits, GUARDS)
            watch.reasons = missing.get(name, ()) + watch.reasons
            for note in notes:
                out.note(note)
            if step is not None:
                out.messages.append(transit_changed(transit, step.previous, step.cause, out))
                if transit.state == "GROUNDED":
                    del state.orders[transit.vehicle]
            elif view.in_border and not reached(transit, "CROSSING") and name not in state.trespassed:
                text = f"{transit.vehicle} is in {plan.border_block} without a permit for {transit.container}"
                remedy = "stop it, find out why, and call both customs"
                out.note(Note("alarm", name, "crossing_without_permit", text, remedy))
                state.trespassed.append(name)
        finished = [n for n, t in state.transits.items() if t.state == "GROUNDED"]
        for name in finished[:-FINISHED_KEPT]:
            del state.transits[name], state.watches[name]
            state.saved.pop(f"transit/{name}", None)

    def _view(self, state: GateState, transit: Transit, read: Read, out: Out) -> View:
        plan = self._plans[transit.direction]
        book, name, box, now = state.book, transit.transit_id, transit.container, out.now_utc_ns
        view = View(
            now_mono_ns=out.now_mono_ns,
            now_utc_ns=now,
            origin=release_problems(book, plan.origin, name, box, now),
            permit=line_permit(book, name, box, now, out.utc_ok),
        )
        if not transit.loaded:
            return view
        vehicle, track = self._vehicles[transit.vehicle], state.tracks[transit.vehicle]
        if not track.seen_mono_ns:
            return view
        node = plan.nodes[plan.check]
        if not transit.arrived_utc_ns and track.s_m + vehicle.front_m >= plan.check_from_m:
            transit.arrived_utc_ns = now
        safe_tail_m = track.s_m - vehicle.rear_m - track.deviation_m
        return View(
            now_mono_ns=out.now_mono_ns,
            now_utc_ns=now,
            origin=view.origin,
            permit=view.permit,
            at_check=self._fleet.near(track, node.at_m) and not self._fleet.silent(track, out),
            scale={n: read(f"{node.scale}.{n}") for n in ("gross", "stable", "overload", "underload")},
            tare_kg=vehicle.tare_kg,
            read=state.evidence.reads.get(node.camera),
            verdict=state.evidence.verdicts.get(node.portal),
            in_border=plan.border[0] <= track.s_m <= plan.border[1],
            left_border=safe_tail_m > plan.border[1],
        )

    # ---- blocks, orders, leases -------------------------------------------------------------------

    def _grant_blocks(self, state: GateState, unfit: Unfit, out: Out) -> None:
        """Ask for each vehicle's next stretch, serve the queue, tell the vehicles."""
        for serial, order in state.orders.items():
            transit, plan = state.transits[order.transit_id], self._plans[order.direction]
            needed = "PICKED" if order.base < plan.check else "RISK_DECIDED"
            needed = needed if order.base < plan.line else "LINE_AUTHORISED"
            held = bool(transit.held_by) and not reached(transit, "CROSSING")
            if order.base == plan.last or held or not reached(transit, needed):
                self._traffic.withdraw(state.traffic, serial)
                continue
            vehicle, here, there = self._vehicles[serial], plan.nodes[order.base], plan.nodes[order.base + 1]
            stretch = here.at_m - vehicle.rear_m, there.at_m + vehicle.front_m
            blocks = self._traffic.map.between(plan.lane, *stretch)
            self._traffic.request(state.traffic, serial, blocks, there.id)
        granted, changes = self._traffic.resolve(state.traffic, unfit)
        out.changes(changes)
        for serial in granted:
            order = state.orders[serial]
            order.bases.append(order.base + 1)
            self._send_order(state, serial, order.update_id - 1, out)

    def _send_order(self, state: GateState, serial: str, known_update: int, out: Out) -> None:
        order = self._dispatch.order(state.orders[serial], known_update)
        state.order_sent_mono_ns[serial] = out.now_mono_ns
        out.messages.append(OrderIssued(id=out.next_id(), serial=serial, order=order))

    def _repeat_orders(self, state: GateState, out: Out) -> None:
        """A vehicle that reports but does not know its newest order gets it again, from where it is."""
        for serial, order in state.orders.items():
            track = state.tracks[serial]
            known = track.order_update_id if track.order_id == order.order_id else -1
            waited_ns = out.now_mono_ns - state.order_sent_mono_ns.setdefault(serial, out.now_mono_ns)
            if known < order.update_id and waited_ns > _RESEND_NS and not self._fleet.silent(track, out):
                self._send_order(state, serial, known, out)

    def _issue_leases(self, state: GateState, unfit: Unfit, out: Out) -> None:
        """Leases for what each vehicle holds, while it reports; without a permit not over the line."""
        if unfit[""]:
            return
        conflicts = state.traffic.conflicts
        stopped = set(conflicts) | {self._traffic.holder(state.traffic, b) for b in conflicts.values()}
        for serial, lease_state in state.leases.items():
            if serial in stopped or self._fleet.silent(state.tracks[serial], out):
                continue
            order = state.orders.get(serial)
            blocks = self._traffic.held(state.traffic, serial)
            if order is not None and not reached(state.transits[order.transit_id], "LINE_AUTHORISED"):
                border = self._plans[order.direction].border_block
                blocks = tuple(b for b in blocks if b != border)
            now = out.now_mono_ns, out.now_utc_ns
            lease = self._dispatch.lease(lease_state, serial, blocks, order, now)
            if lease is not None:
                out.messages.append(LeaseIssued(id=out.next_id(), lease=lease))

    # ---- reports --------------------------------------------------------------------------------

    def _report(self, state: GateState, unfit: Unfit, cranes: dict[str, Explanation], out: Out) -> None:
        """A Status when something changed (looked at five times a second) and once a second."""
        age_ns = out.now_mono_ns - state.status_mono_ns
        if age_ns < _STATUS_LOOK_NS:
            return
        shown = explanations(state, self._traffic, unfit, cranes)
        changed = signature(shown)
        if changed == state.shown and age_ns < _STATUS_EVERY_NS:
            return
        state.shown, state.status_mono_ns = changed, out.now_mono_ns
        what = detail(state, self._traffic)
        out.messages.append(Status(id=out.next_id(), scan_no=out.scan_no, explanations=shown, detail=what))
