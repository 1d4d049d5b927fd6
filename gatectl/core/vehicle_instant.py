"""Instant actions of VDA 5050: pause, resume, cancel, report now."""

from __future__ import annotations

from typing import Literal

from gatectl.core.vehicle_order import OrderBook, OrderState, note
from gatectl.core.vehicle_state import InstantState
from gatectl.model import vda5050

STATES_MAX = 16


def receive(
    state: InstantState,
    order: OrderState,
    book: OrderBook,
    actions: tuple[vda5050.Action, ...],
    halt_s: float,
) -> None:
    """Begin each action that was not seen before. halt_s: m along the lane where the vehicle can stop."""
    for action in actions:
        if any(s.action_id == action.action_id for s in state.states):
            continue
        if action.action_type == "startPause":
            pause(state, halt_s)
            _add(state, action, "FINISHED")
        elif action.action_type == "stopPause":
            resume(state)
            _add(state, action, "FINISHED")
        elif action.action_type == "cancelOrder":
            if book.idle(order) and order.pending is None:
                _add(state, action, "FAILED", "there is no order to cancel")
                note(order, "noOrderToCancel", "there is no order to cancel", _of(action))
            else:
                state.cancelling = action.action_id
                state.halt_s = halt_s
                _add(state, action, "RUNNING")
        elif action.action_type == "stateRequest":
            state.report = True
            _add(state, action, "FINISHED")
        else:
            _add(state, action, "FAILED", f"this vehicle cannot {action.action_type}")
            note(order, "instantActionError", f"this vehicle cannot {action.action_type}", _of(action))


def pause(state: InstantState, halt_s: float) -> None:
    """Come to a stop by halt_s (m along the lane) and stay."""
    if not state.paused:
        state.paused, state.halt_s = True, halt_s


def resume(state: InstantState) -> None:
    """Undo `pause`."""
    state.paused = False
    if not state.cancelling:
        state.halt_s = None


def finish(state: InstantState, order: OrderState, book: OrderBook, still: bool) -> bool:
    """Complete a cancellation once the vehicle stands; True if it happened now."""
    if not state.cancelling or not still:
        return False
    book.cancel(order)
    state.states = [
        vda5050.ActionState(action_id=s.action_id, action_type=s.action_type, action_status="FINISHED")
        if s.action_id == state.cancelling
        else s
        for s in state.states
    ]
    state.cancelling = ""
    if not state.paused:
        state.halt_s = None
    return True


def _add(
    state: InstantState,
    action: vda5050.Action,
    status: Literal["RUNNING", "FINISHED", "FAILED"],
    result: str = "",
) -> None:
    state.states = [
        *state.states[-(STATES_MAX - 1) :],
        vda5050.ActionState(
            action_id=action.action_id,
            action_type=action.action_type,
            action_status=status,
            result_description=result,
        ),
    ]


def _of(action: vda5050.Action) -> tuple[vda5050.ErrorReference, ...]:
    return (vda5050.ErrorReference(reference_key="actionId", reference_value=action.action_id),)
