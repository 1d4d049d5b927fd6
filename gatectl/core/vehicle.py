"""What one scan of a vehicle does, in order. `VehicleCore.scan` is the table of contents."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from gatectl.core import vehicle_instant as instant
from gatectl.core import vehicle_lease as lease
from gatectl.core import vehicle_report as report
from gatectl.core import vehicle_tags
from gatectl.core.motion import (
    Deviation,
    Estimate,
    Localiser,
    SiteFrame,
)
from gatectl.core.safety import EffectResult, Matrix
from gatectl.core.vehicle_authority import Ground
from gatectl.core.vehicle_guidance import Guidance
from gatectl.core.vehicle_inputs import InputReader, Readings, mcu_commands, require_tags
from gatectl.core.vehicle_network import LaneNetwork
from gatectl.core.vehicle_operator import Outbox, obey
from gatectl.core.vehicle_order import OrderBook, Standing, note
from gatectl.core.vehicle_order_rules import Place
from gatectl.core.vehicle_position import Whereabouts
from gatectl.core.vehicle_report import Situation
from gatectl.core.vehicle_state import RESETS_PER_BOOT, VehicleCheckpoint, VehicleState, fresh
from gatectl.model import ConfigError, Finding, Layout, Sample
from gatectl.model.messages import (
    InstantActionsReceived,
    LeaseReceived,
    OperatorCommand,
    OrderReceived,
    Status,
    VehicleStateReport,
)
from gatectl.model.node import Node
from gatectl.model.quality import unpack_quality
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs

CHECKPOINT_KEY = "vehicle"
DRIVE = "drive"
REPORT_MOVING_NS, REPORT_STANDING_NS, REPORT_GAP_NS = 500_000_000, 1_000_000_000, 100_000_000
STATUS_NS = 1_000_000_000


class VehicleCore:
    """A vehicle node's core (see `gatectl.model.scan.Core`). Constant: all that changes is in the state.

    Raises ConfigError if the node's vehicle, devices or site do not fit together.
    """

    state_type = VehicleState

    def __init__(self, node: Node, layout: Layout) -> None:
        config = node.config.vehicle
        site = node.site.config
        entry = next((v for v in site.vehicle if config and v.serial == config.serial), None)
        if config is None or entry is None:
            cause = "is missing" if config is None else f"serial {config.serial!r} is not in site.toml"
            raise ConfigError(
                [Finding(node.file, "vehicle", cause, "add it here and as [[vehicle]] of the site")]
            )
        require_tags(node, layout, config)
        self._node, self._config, self._site = node.config.name, config, site
        self._entry = entry
        self._names = ("", node.config.name, config.serial)
        self._layout = layout
        period_s = node.config.scan.period_ms * 1e-3
        frame = SiteFrame(site.origin)
        transponders = {t.id: (t.x, t.y) for t in node.site.transponders()}
        self._reader = InputReader(config, frame, site.origin.height_m, layout, transponders)
        localiser = Localiser(
            config.antenna,
            config.slip_coeff,
            config.wheelbase_m,
            config.steering,
            (config.transponder_forward_m, config.transponder_left_m),
            site.limits.integrity_risk_per_h,
            site.limits.gnss_fault_rate_per_h,
        )
        self._network = LaneNetwork(node.site, config)
        self._where = Whereabouts(localiser, self._network.routes, config.serial, site.limits.alert_limit_m)
        self._ground = Ground(self._network, config, entry)
        self._book = OrderBook(node.site, self._network.joints, config.reverse_speed_max_mps > 0.0)
        self._matrix = Matrix(node.site.interlocks, "vehicle", site.limits)
        self._guidance = Guidance(config, self._network, self._book, period_s)
        self._safe = [layout.specs[i].safe_value for i in layout.commands()]
        slots = {i: n for n, i in enumerate(layout.commands())}
        self._slots = [slots[layout.index[f"{config.mcu}.{t}"]] for t in mcu_commands(config)]

    def start(self, recovered: Recovered) -> VehicleState:
        """Without authority, a reset owed; the order as far as it had come."""
        state = fresh(recovered.boot_no)
        state.track = self._guidance.start()
        for checkpoint in recovered.checkpoints:
            if checkpoint.key == CHECKPOINT_KEY:
                try:
                    past = msgspec.msgpack.decode(checkpoint.body, type=VehicleCheckpoint)
                except msgspec.DecodeError as error:
                    # Of another version: what was ordered is lost, and fleet control must hear of it.
                    note(state.order, "checkpointError", f"the checkpoint cannot be read: {error}")
                    continue
                state.order = past.order
                state.instant.paused = past.paused
                state.lease.epoch, state.lease.sequence = past.lease_epoch, past.lease_sequence
        state.order.lane = state.order.lane or self._entry.lane
        return state

    def shutdown(self, state: VehicleState) -> list[float]:  # noqa: ARG002 - the contract of `Core`
        """Every command at its safe value: not enabled, braked."""
        return list(self._safe)

    def scan(self, state: VehicleState, inputs: ScanInputs, dt_ns: int) -> tuple[VehicleState, ScanOutputs]:
        """One cycle."""
        dt = dt_ns * 1e-9
        out = Outbox(self._node, state, inputs)
        readings = self._reader.read(state, inputs.snapshot, inputs.now_mono_ns, dt)
        pose = self._where.locate(state, readings, out)
        deviation = self._guidance.place(state, pose)
        reset, moved = self._receive(state, deviation, pose, out)
        if moved:
            deviation = self._guidance.place(state, pose)
        vehicle = self._standing(pose, deviation, readings, inputs)
        self._progress(state, vehicle, out)
        turning = self._guidance.turn(state, readings, vehicle.still)
        base_s, reach_s, end_s = self._ground.authority(state, self._book, vehicle.s)
        leased = self._ground.covered(
            state,
            vehicle.s,
            pose.speed,
            reach_s=reach_s,
            alive=pose.known and lease.alive(state.lease, inputs.now_utc_ns, inputs.utc_ok),
        )
        core = vehicle_tags.values(
            pose,
            deviation,
            speed_target=0.0,
            stop_distance=_ahead(state, vehicle.s, end_s),
            lease_valid=leased,
            action_running=self._book.blocking(state.order) is not None,
            paused=state.instant.paused,
            reset_owed=state.reset_owed,
            driving=state.report.driving,
            excitation=state.excitation.angle,
            cycles_left=state.excitation.left,
            loaded=readings.loaded,
        )
        running = frozenset((DRIVE,)) if state.running and readings.armed else frozenset[str]()
        drive = self._permit(state, inputs, core, running, reset)
        if reset:
            self._judge_reset(state, drive, out)
        goal_s = end_s if drive.allowed and not turning else None
        age_s = (inputs.now_mono_ns - readings.motion.stamp_mono_ns) * 1e-9
        command = self._guidance.speed(state, pose, vehicle.s, goal_s, dt, odometry_age_s=age_s)
        self._announce(state, drive, out)
        state.running = drive.allowed and not command.brake
        steer = self._guidance.steer(state, pose, readings, goal_s, dt)
        moving = not command.brake or (abs(readings.motion.wheel) > 0.02 and not readings.motion.standing)
        core[0][vehicle_tags.INDEX["speed_target"]] = command.target
        core[0][vehicle_tags.INDEX["driving"]] = float(moving)
        now = Situation(pose, deviation, readings, vehicle, drive, end_s, base_s, reach_s, moving)
        self._report(state, now, out)
        commands = list(self._safe)
        resets = state.boot_no * RESETS_PER_BOOT + state.resets if state.resets else 0
        wanted = (float(not drive.tripped), steer, command.accel, float(command.brake), float(resets))
        for slot, value in zip(self._slots, (*wanted, float(state.reverse)), strict=False):
            commands[slot] = value
        return state, ScanOutputs(
            commands=commands, core_values=core[0], core_qualities=core[1], messages=out.messages
        )

    # ---- where are we -------------------------------------------------------------------------

    def _standing(
        self, pose: Estimate, deviation: Deviation, readings: Readings, inputs: ScanInputs
    ) -> Standing:
        return Standing(
            s=deviation.s,
            lateral=deviation.lateral,
            still=readings.motion.standing and readings.braked,
            trusted=pose.known and pose.level <= self._site.limits.alert_limit_m,
            loaded=readings.loaded,
            now_mono_ns=inputs.now_mono_ns,
        )

    # ---- what are we told ---------------------------------------------------------------------

    def _receive(
        self, state: VehicleState, deviation: Deviation, pose: Estimate, out: Outbox
    ) -> tuple[bool, bool]:
        """Messages, in the order in which they came. True if a reset is among them; true if the order
        may have changed the vehicle's way."""
        reset = False
        halt_s = self._guidance.halt_point(state, deviation.s, pose.speed)

        def distance_to(place: Place) -> float:
            if not pose.known:
                return math.inf
            point = self._network.routes[place.lane].at(place.at_m)
            return math.hypot(point.x - pose.x, point.y - pose.y)

        changed = False
        for message in out.inputs.messages:
            if isinstance(message, LeaseReceived):
                lease.take(state.lease, message.lease, self._config.serial, out.now_utc_ns, out.inputs.utc_ok)
            elif isinstance(message, OrderReceived):
                changed = self._book.receive(state.order, message.order, distance_to) or changed
            elif isinstance(message, InstantActionsReceived):
                actions = message.instant_actions.actions
                instant.receive(state.instant, state.order, self._book, actions, halt_s)
                changed = True
            elif isinstance(message, OperatorCommand) and message.subject in self._names:
                reset = obey(state, message, halt_s, out) or reset
                changed = True
        if state.order.pending is not None and pose.known:
            changed = self._book.receive(state.order, state.order.pending, distance_to) or changed
            state.order.pending = None
        if changed:
            self._checkpoint(state, out)
        return reset, changed

    def _progress(self, state: VehicleState, vehicle: Standing, out: Outbox) -> None:
        changed = instant.finish(state.instant, state.order, self._book, vehicle.still)
        changed = self._book.progress(state.order, vehicle) or changed
        if changed:
            self._checkpoint(state, out)

    def _checkpoint(self, state: VehicleState, out: Outbox) -> None:
        state.report.changed = True
        out.checkpoint(
            CHECKPOINT_KEY,
            VehicleCheckpoint(state.order, state.instant.paused, state.lease.epoch, state.lease.sequence),
        )

    # ---- may we ------------------------------------------------------------------------------

    def _permit(
        self,
        state: VehicleState,
        inputs: ScanInputs,
        core: tuple[list[float], bytes],
        running: frozenset[str],
        reset: bool,
    ) -> EffectResult:
        """The safety matrix over this scan's tags."""
        index, stale, snapshot = self._layout.index, self._layout.stale_after_ns, inputs.snapshot
        values, qualities = core

        def read(name: str) -> Sample:
            if name.startswith("core."):
                i = vehicle_tags.INDEX[name[5:]]
                quality, cause = unpack_quality(qualities[i])
                return Sample(values[i], quality, cause, inputs.now_mono_ns)
            i = index[name]
            return snapshot.sample(i, stale[i], inputs.now_mono_ns)

        results = self._matrix.evaluate(state.matrix, read, inputs.now_mono_ns, reset, running)
        return next(r for r in results if r.effect == DRIVE)

    def _judge_reset(self, state: VehicleState, drive: EffectResult, out: Outbox) -> None:
        """A reset that leaves no trip clears what is owed and arms the controller."""
        if not drive.tripped:
            state.reset_owed = False
            self._where.confirm(state)
            state.resets += 1
        out.answer_resets(tuple(r.text for r in drive.reasons) if drive.tripped else ())

    def _announce(self, state: VehicleState, drive: EffectResult, out: Outbox) -> None:
        """A stop that was not planned is an incident: once, with what came first."""
        tripped_now = drive.tripped and not state.tripped
        state.tripped = drive.tripped
        if not tripped_now and not (state.running and not drive.allowed):
            return
        first = drive.reasons[0]
        severity: Literal["alarm", "warning"] = "alarm" if drive.tripped else "warning"
        out.incident(severity, self._config.serial, first.code, first.text, first.remedy)

    # ---- tell ---------------------------------------------------------------------------------

    def _report(self, state: VehicleState, now: Situation, out: Outbox) -> None:
        sent = state.report
        if now.moving != sent.driving or state.instant.report:
            sent.driving = now.moving
            sent.changed, state.instant.report = True, False
        age = out.now_mono_ns - sent.state_mono_ns
        due = REPORT_MOVING_NS if now.moving else REPORT_STANDING_NS
        if not sent.state_mono_ns or age >= due or (sent.changed and age >= REPORT_GAP_NS):
            sent.state_mono_ns, sent.changed = out.now_mono_ns, False
            vda = report.vda_state(state, self._book, now, self._site.map_id)
            out.add(VehicleStateReport(id=out.next_id(), state=vda))
        explanations = report.explain(state, self._book, now, self._site.limits.alert_limit_m)
        shown = tuple((e.subject, e.state, *(r.code for r in e.reasons)) for e in explanations)
        if shown != sent.shown or out.now_mono_ns - sent.status_mono_ns >= STATUS_NS:
            if shown != sent.shown:
                sent.changed = True
            sent.shown, sent.status_mono_ns = shown, out.now_mono_ns
            out.add(
                Status(
                    id=out.next_id(),
                    scan_no=out.inputs.scan_no,
                    explanations=explanations,
                    detail=report.detail(state, now),
                )
            )


def _ahead(state: VehicleState, s: float, end_s: float | None) -> float:
    """m of travel left to the end of authority."""
    if end_s is None:
        return 0.0
    return max(0.0, s - end_s if state.reverse else end_s - s)
