"""VDA 5050 messages from other stacks, read with patience and without guessing.

Tolerated: unknown keys, null for an absent key, `instantActions` in place of `actions`, any version
text. An action parameter that is an array or object (2.1 allows it) arrives as its JSON text.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from gatectl.model.errors import WireError
from gatectl.model.messages import InstantActionsReceived, OrderReceived
from gatectl.model.vda5050 import Connection, Error, ErrorReference, InstantActions, Order, State
from gatectl.north.facts import digest
from gatectl.north.wire import parse, typed

_HEADER = ("headerId", "timestamp", "version", "manufacturer", "serialNumber")
ERROR_SHOWN_NS = 60_000_000_000
ERRORS_MAX = 16


def order_received(payload: bytes, serial: str) -> OrderReceived:
    """Raises WireError. Its id is the idempotency key: order, update, content without header."""
    plain = _object(payload, "order")
    _for_us(plain, serial, "order")
    order = typed(_simple(plain), Order, "order")
    content = digest(_without_header(plain))
    return OrderReceived(id=f"order:{order.order_id}:{order.order_update_id}:{content}", order=order)


def instant_actions_received(payload: bytes, serial: str) -> InstantActionsReceived:
    """Raises WireError. Its id is the idempotency key: the content without header."""
    plain = _object(payload, "instantActions")
    _for_us(plain, serial, "instantActions")
    if "actions" not in plain and "instantActions" in plain:
        plain["actions"] = plain.pop("instantActions")
    actions = typed(_simple(plain), InstantActions, "instantActions")
    content = digest(_without_header(plain))
    return InstantActionsReceived(id=f"instantActions:{content}", instant_actions=actions)


def state(payload: bytes) -> State:
    """Raises WireError."""
    return typed(_object(payload, "state"), State, "state")


def connection(payload: bytes) -> Connection:
    """Raises WireError."""
    return typed(_object(payload, "connection"), Connection, "connection")


def order_reference(payload: bytes) -> tuple[ErrorReference, ...]:
    """What can still be read of an order that is refused, for the error's references."""
    try:
        plain = _object(payload, "order")
    except WireError:
        return ()
    return tuple(
        ErrorReference(reference_key=key, reference_value=str(plain[key])[:128])
        for key in ("headerId", "orderId", "orderUpdateId")
        if isinstance(plain.get(key), str | int)
    )


class ShownErrors:
    """Errors of the vehicle's north side, shown in its states for a minute each, at most 16."""

    def __init__(self) -> None:
        self._shown: deque[tuple[int, Error]] = deque(maxlen=ERRORS_MAX)

    def add(self, topic: str, problem: WireError, refs: tuple[ErrorReference, ...], now_mono_ns: int) -> None:
        """A message that was refused: VDA 5050 2.1, 6.10.3: WARNING, the vehicle goes on."""
        references = (ErrorReference(reference_key="topic", reference_value=topic), *refs)
        error = Error(
            error_type="validationError",
            error_level="WARNING",
            error_description=problem.cause,
            error_hint=problem.remedy,
            error_references=references,
        )
        self._shown = deque((e for e in self._shown if e[1] != error), maxlen=ERRORS_MAX)
        self._shown.append((now_mono_ns + ERROR_SHOWN_NS, error))

    def now(self, now_mono_ns: int) -> tuple[Error, ...]:
        while self._shown and self._shown[0][0] <= now_mono_ns:
            self._shown.popleft()
        return tuple(error for _, error in self._shown)


def _object(payload: bytes, what: str) -> dict[str, Any]:
    plain = parse(payload, what)
    if not isinstance(plain, dict):
        raise WireError("no JSON object", "send one object", where=what)
    return plain


def _for_us(plain: dict[str, Any], serial: str, what: str) -> None:
    said = plain.get("serialNumber")
    if said not in (None, "", serial):
        raise WireError(
            f"addressed to the vehicle {said!r}, this is {serial}", "correct topic or header", where=what
        )


def _without_header(plain: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in plain.items() if k not in _HEADER}


def _simple(value: Any) -> Any:
    """Action parameters whose value is an array or object: as JSON text."""
    if isinstance(value, list):
        return [_simple(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {k: _simple(v) for k, v in value.items() if k != "actionParameters"}
    parameters = value.get("actionParameters")
    if isinstance(parameters, list):
        out["actionParameters"] = [_scalar(p) for p in parameters]
    elif parameters is not None:
        out["actionParameters"] = parameters
    return out


def _scalar(parameter: Any) -> Any:
    if isinstance(parameter, dict) and isinstance(parameter.get("value"), list | dict):
        return {**parameter, "value": msgspec.json.encode(parameter["value"]).decode()}
    return parameter
