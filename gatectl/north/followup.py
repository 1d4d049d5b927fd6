"""What a vehicle was told and has not shown to know: told again, and nothing else meanwhile.

A PUBACK only says that the broker had the message: a vehicle that was away just then (or a broker
that was killed with it) loses it. VDA 5050 closes the loop: the vehicle's state names the order,
the update and the actions that it knows, and ignores an identical order that comes again. So an
order or an action that states do not show is repeated, and the next update of the same order waits:
an update that arrives before its base would be refused.
"""

from __future__ import annotations

from msgspec import Struct

from gatectl.model.messages import InstantActionsIssued, OrderIssued
from gatectl.model.vda5050 import State

FIRST_WAIT_NS = 2_000_000_000
# A state that left the vehicle before the message reached it proves nothing.
GRACE_NS = 1_000_000_000
REPEATS_MAX = 4

Told = OrderIssued | InstantActionsIssued


class Pending(Struct):
    """One message until it shows. doubted_mono_ns: when a state last did not show it."""

    message: Told
    sent_mono_ns: int
    repeats: int = 0
    doubted_mono_ns: int = 0


class Followup:
    """All vehicles of a gate. Pure: the time is given."""

    def __init__(self) -> None:
        self._pending: dict[str, list[Pending]] = {}
        self._order: dict[str, tuple[str, int]] = {}
        self._actions: dict[str, frozenset[str]] = {}

    def holds(self, order: OrderIssued) -> bool:
        """True while an older update of the same order has not been shown."""
        return any(
            isinstance(p.message, OrderIssued) and p.message.order.order_id == order.order.order_id
            for p in self._pending.get(order.serial, ())
            if p.message.id != order.id
        )

    def shown(self, message: Told) -> bool:
        """True if the newest state names the order and this update or a later one, or the actions."""
        if isinstance(message, OrderIssued):
            order_id, update_id = self._order.get(message.serial, ("", 0))
            return order_id == message.order.order_id and update_id >= message.order.order_update_id
        known = self._actions.get(message.serial, frozenset())
        return all(a.action_id in known for a in message.instant_actions.actions)

    def issued(self, message: Told, now_mono_ns: int) -> None:
        """The broker has it (again)."""
        waiting = self._pending.setdefault(message.serial, [])
        for pending in waiting:
            if pending.message.id == message.id:
                pending.sent_mono_ns = now_mono_ns
                return
        if self._supersedes(message):
            waiting[:] = [p for p in waiting if not isinstance(p.message, OrderIssued)]
        if not self.shown(message):
            waiting.append(Pending(message, now_mono_ns))

    def seen(self, serial: str, state: State, now_mono_ns: int) -> bool:
        """A state arrived; True if something is settled by it."""
        self._order[serial] = (state.order_id, state.order_update_id)
        self._actions[serial] = frozenset(a.action_id for a in state.action_states)
        waiting = self._pending.get(serial, [])
        before = len(waiting)
        waiting[:] = [p for p in waiting if not self.shown(p.message)]
        for pending in waiting:
            if now_mono_ns - pending.sent_mono_ns >= GRACE_NS:
                pending.doubted_mono_ns = now_mono_ns
        return len(waiting) != before

    def due(self, now_mono_ns: int) -> tuple[list[Told], list[Told]]:
        """(to be sent again now, given up now). Waits double; the vehicle must have been heard."""
        again: list[Told] = []
        lost: list[Told] = []
        for waiting in self._pending.values():
            for pending in list(waiting):
                age_ns = now_mono_ns - pending.sent_mono_ns
                if (
                    pending.doubted_mono_ns <= pending.sent_mono_ns
                    or age_ns < FIRST_WAIT_NS << pending.repeats
                ):
                    continue
                if pending.repeats >= REPEATS_MAX:
                    waiting.remove(pending)
                    lost.append(pending.message)
                    continue
                pending.repeats += 1
                pending.sent_mono_ns = now_mono_ns
                again.append(pending.message)
        return again, lost

    @staticmethod
    def _supersedes(message: Told) -> bool:
        """A later order, or a cancelOrder, makes it wrong to repeat an earlier one."""
        if isinstance(message, OrderIssued):
            return True
        return any(a.action_type == "cancelOrder" for a in message.instant_actions.actions)
