"""What a vehicle tells: its VDA 5050 state, and why it drives or not."""

from __future__ import annotations

from msgspec import Struct

from gatectl.core.motion import Deviation, Estimate
from gatectl.core.safety import EffectResult
from gatectl.core.vehicle_inputs import Readings
from gatectl.core.vehicle_order import OrderBook, Standing
from gatectl.core.vehicle_state import VehicleState
from gatectl.model import vda5050
from gatectl.model.messages import Explanation, Reason

NEW_BASE_M = 15.0  # so near the end of the base more of it is asked for


class Situation(Struct, frozen=True):
    """What one scan found out. end_s: m along the lane where authority ends, None = none; base_s: where
    the base ends; reach_s: where the lease does; drive: the matrix's result; moving: driving on purpose."""

    pose: Estimate
    deviation: Deviation
    readings: Readings
    vehicle: Standing
    drive: EffectResult
    end_s: float | None
    base_s: float | None
    reach_s: float
    moving: bool


def vda_state(state: VehicleState, book: OrderBook, now: Situation, map_id: str) -> vda5050.State:
    """The state topic, without its header."""
    order, pose = state.order, now.pose
    held = order.order
    last = book.place_of(order, order.last_node_id)
    since = abs(now.vehicle.s - last) if last is not None and pose.known else 0.0
    return vda5050.State(
        order_id=held.order_id if held else "",
        order_update_id=held.order_update_id if held else 0,
        last_node_id=order.last_node_id,
        last_node_sequence_id=order.last_sequence_id,
        node_states=tuple(
            vda5050.NodeState(node_id=n.node_id, sequence_id=n.sequence_id, released=n.released)
            for n in order.nodes
        ),
        edge_states=tuple(
            vda5050.EdgeState(edge_id=e.edge_id, sequence_id=e.sequence_id, released=e.released)
            for e in order.edges
        ),
        driving=now.moving,
        paused=state.instant.paused,
        action_states=tuple(
            vda5050.ActionState(
                action_id=a.action.action_id,
                action_type=a.action.action_type,
                action_status=a.status,
                result_description=a.result,
            )
            for a in order.actions
        )
        + tuple(state.instant.states),
        battery_state=vda5050.BatteryState(battery_charge=now.readings.battery, charging=False),
        operating_mode="AUTOMATIC",
        errors=tuple(order.errors) + _faults(state, now),
        safety_state=vda5050.SafetyState(
            e_stop="MANUAL" if now.readings.estop else "NONE", field_violation=False
        ),
        new_base_request=now.base_s is not None
        and abs(now.base_s - now.vehicle.s) < NEW_BASE_M
        and bool(order.nodes),
        distance_since_last_node=since,
        agv_position=vda5050.AgvPosition(
            x=pose.x,
            y=pose.y,
            theta=pose.yaw,
            map_id=map_id,
            position_initialized=pose.known,
            deviation_range=pose.level,
        ),
        velocity=vda5050.Velocity(vx=pose.speed, vy=0.0, omega=pose.yaw_rate),
        loads=None
        if now.readings.loaded is None
        else (vda5050.Load(load_id=order.load_id),)
        if now.readings.loaded
        else (),
    )


def _faults(state: VehicleState, now: Situation) -> tuple[vda5050.Error, ...]:
    """Trips, and what keeps an order from being driven, as VDA errors."""
    if now.drive.allowed or not (now.drive.tripped or state.order.nodes):
        return ()
    return tuple(
        vda5050.Error(
            error_type=r.code,
            error_level="FATAL" if now.drive.tripped else "WARNING",
            error_description=r.text,
            error_hint=r.remedy,
        )
        for r in now.drive.reasons
    )


def explain(
    state: VehicleState, book: OrderBook, now: Situation, alert_limit_m: float
) -> tuple[Explanation, ...]:
    """Subjects `drive` and `position`."""
    return _drive(state, book, now), _position(state, now, alert_limit_m)


def _drive(state: VehicleState, book: OrderBook, now: Situation) -> Explanation:
    waits = _waits(state, book, now)
    # Without an order a missing lease is no news; a trip or an owed reset is.
    nothing_to_do = book.idle(state.order) and state.order.pending is None
    blocked = now.drive.reasons
    if now.drive.tripped:
        name = "tripped"
    elif nothing_to_do and not any(r.code != "lease_valid" for r in blocked):
        return Explanation(
            subject="drive", state="idle", summary="no order", reasons=_only(waits, "no_order")
        )
    elif blocked:
        name = "stopped" if state.running or abs(now.pose.speed) > 0.05 else "waiting"
    elif waits and not now.moving:
        name = "waiting"
    else:
        return Explanation(
            subject="drive",
            state="driving",
            summary=f"driving to {_target(state)}",
        )
    reasons = tuple(blocked) + waits
    return Explanation(subject="drive", state=name, summary=reasons[0].text, reasons=reasons)


def _only(reasons: tuple[Reason, ...], code: str) -> tuple[Reason, ...]:
    return tuple(r for r in reasons if r.code == code)


def _target(state: VehicleState) -> str:
    base = [n.node_id for n in state.order.nodes if n.released]
    return base[-1] if base else "nowhere"


def _waits(state: VehicleState, book: OrderBook, now: Situation) -> tuple[Reason, ...]:
    order = state.order
    out: list[Reason] = []
    action = book.blocking(order)
    if order.pending is not None:
        out.append(
            Reason(
                code="order_pending",
                text=f"order {order.pending.order_id} waits until the position is known",
                remedy="wait for an RTK fix with valid heading",
            )
        )
    if action is not None:
        what = f"{action.action.action_type} at {order.last_node_id}"
        if action.status == "WAITING" and not book.aligned(order, now.vehicle):
            out.append(
                Reason(
                    code="not_aligned",
                    text=f"{what}: the vehicle does not stand braked within the tolerance of the node",
                    remedy="look at lateral_error and s in gatectl tags; cancel the order and drive by hand",
                )
            )
        else:
            out.append(
                Reason(code="action", text=f"{what} is running", remedy="wait for the crane to finish")
            )
    elif state.instant.cancelling:
        out.append(Reason(code="cancelling", text="the order is being cancelled"))
    elif not order.nodes:
        out.append(Reason(code="no_order", text="no order", remedy="the gate sends one"))
    elif not order.nodes[0].released:
        out.append(
            Reason(
                code="base_end",
                text=f"at the end of the base, {order.last_node_id}",
                remedy="the gate releases the next blocks when they are free",
            )
        )
    elif (
        state.instant.halt_s is None
        and now.base_s is not None
        and now.end_s is not None
        and abs(now.base_s - now.end_s) > 0.02
    ):
        out.append(
            Reason(
                code="lease_end",
                text=f"the lease reaches only to {now.reach_s:.1f} m",
                remedy="the gate leases the blocks of the base",
            )
        )
    return tuple(out)


def _position(state: VehicleState, now: Situation, alert_limit_m: float) -> Explanation:
    pose = now.pose
    if not pose.known:
        if state.wrong_way:
            text = "refused: GNSS shows the vehicle on its lane the wrong way round"
            reason = Reason(
                code="wrong_way",
                text=text,
                remedy="look how it stands; check the antennas and vehicle.antenna.heading_offset_deg",
            )
            return Explanation(subject="position", state="unknown", summary=text, reasons=(reason,))
        text = f"not known; {state.localiser.acquiring.candidates} good epochs so far"
        reason = Reason(
            code="position_unknown", text=text, remedy="needs RTK fixes with heading while the vehicle stands"
        )
        return Explanation(subject="position", state="unknown", summary=text, reasons=(reason,))
    reasons: list[Reason] = []
    if state.localiser.refused.refused:
        reasons.append(
            Reason(
                code="fix_refused",
                text=f"{state.localiser.refused.refused} GNSS epochs in a row disagree with the odometry",
                remedy="if it stays, the vehicle must stand still to take the position over anew",
            )
        )
    if pose.level > alert_limit_m:
        reasons.append(
            Reason(
                code="level",
                text=f"protection level above the alert limit of {alert_limit_m:g} m",
                remedy="wait for GNSS and corrections to return",
            )
        )
    if reasons:
        return Explanation(
            subject="position", state="doubtful", summary=reasons[0].text, reasons=tuple(reasons)
        )
    return Explanation(subject="position", state="trusted", summary="within the alert limit")


def detail(state: VehicleState, now: Situation) -> dict[str, str]:
    """Figures beside the explanations, for reading."""
    order = state.order
    return {
        "order": f"{order.order.order_id}/{order.order.order_update_id}" if order.order else "",
        "last_node": order.last_node_id,
        "base_end": _target(state),
        "s_m": f"{now.vehicle.s:.2f}" if now.pose.known else "",
        "lateral_m": f"{now.vehicle.lateral:.3f}" if now.pose.known else "",
        "protection_level_m": f"{now.pose.level:.2f}" if now.pose.known else "",
        "speed_mps": f"{now.pose.speed:.2f}",
        "leased_to_m": f"{now.reach_s:.1f}",
        "gnss_refused": str(state.localiser.refused.total),
        "steer_offset_deg": f"{state.track.offset * 57.29577951308232:.3f}",
        "slip": f"{now.pose.slip:.4f}",
    }
