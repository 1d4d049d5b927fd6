"""What leaves a vehicle's scan, and how a person's commands are taken and answered."""

from __future__ import annotations

from typing import Literal

import msgspec

from gatectl.core import vehicle_instant as instant
from gatectl.core.motion import excite
from gatectl.core.vehicle_state import VehicleCheckpoint, VehicleState
from gatectl.model.messages import AnyMessage, Checkpoint, Incident, OperatorCommand, Receipt
from gatectl.model.scan import ScanInputs

SEEN_MAX = 32


class Outbox:
    """The messages of one scan. Not kept: the counter of ids is in the state."""

    def __init__(self, node: str, state: VehicleState, inputs: ScanInputs) -> None:
        self._node = node
        self._state = state
        self.inputs = inputs
        self.now_mono_ns = inputs.now_mono_ns
        self.now_utc_ns = inputs.now_utc_ns
        self.messages: list[AnyMessage] = []
        self._resets: list[OperatorCommand] = []
        self._checkpoints: dict[str, int] = {}
        if not state.started_utc_ns:
            state.started_utc_ns = inputs.now_utc_ns

    def next_id(self) -> str:
        """Unique for ever: node, start, counter."""
        self._state.counter += 1
        return f"{self._node}-{self._state.boot_no}-{self._state.counter}"

    def add(self, message: AnyMessage) -> None:
        self.messages.append(message)

    def checkpoint(self, key: str, body: VehicleCheckpoint) -> None:
        """At most one per key and scan: the later one stands."""
        message = Checkpoint(id=self.next_id(), key=key, body=msgspec.msgpack.encode(body))
        if key in self._checkpoints:
            self.messages[self._checkpoints[key]] = message
        else:
            self._checkpoints[key] = len(self.messages)
            self.messages.append(message)

    def incident(
        self, severity: Literal["warning", "alarm"], subject: str, code: str, text: str, remedy: str
    ) -> None:
        """Something a person must know of."""
        self.add(
            Incident(
                id=self.next_id(),
                severity=severity,
                subject=subject,
                code=code,
                text=text,
                remedy=remedy,
                at_utc_ns=self.now_utc_ns,
            )
        )

    def answer(self, command: OperatorCommand, reasons: tuple[str, ...] = ()) -> None:
        """A receipt: accepted, or refused for these reasons."""
        self.add(
            Receipt(
                id=self.next_id(),
                to=command.who,
                correlation=command.id,
                accepted=not reasons,
                reasons=reasons,
                at_utc_ns=self.now_utc_ns,
            )
        )

    def hold_reset(self, command: OperatorCommand) -> None:
        """Answer it once the safety matrix has judged it."""
        self._resets.append(command)

    def answer_resets(self, reasons: tuple[str, ...]) -> None:
        """Answer what `hold_reset` kept."""
        for command in self._resets:
            self.answer(command, reasons)


def obey(state: VehicleState, command: OperatorCommand, halt_s: float, out: Outbox) -> bool:
    """Take a command that is for this vehicle, once; True if it is a reset to be judged.

    A reset given before this start was meant for what a person saw then: it is refused, so that a
    restart never clears itself with an old one.
    """
    if command.id in state.seen:
        return False
    state.seen = [*state.seen[-(SEEN_MAX - 1) :], command.id]
    if command.command == "reset":
        if command.issued_utc_ns < state.started_utc_ns:
            out.answer(command, ("it was given before this controller started; look again, then reset",))
            return False
        out.hold_reset(command)
        return True
    if command.command == "hold":
        instant.pause(state.instant, halt_s)
        out.answer(command)
    elif command.command == "resume":
        instant.resume(state.instant)
        out.answer(command)
    elif command.command == "commission":
        excite.begin(state.excitation)
        out.answer(command)
    else:
        out.answer(command, (f"a vehicle does not know the command {command.command}",))
    return False
