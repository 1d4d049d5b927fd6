"""JSON on the wire: one parse, one meaning, errors that say what to correct.

Inbound text is parsed once into plain values, cleaned of what other stacks add without meaning it
(optional keys that are null), and only then becomes a type. Outbound objects never carry null.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from gatectl.model.errors import WireError

T = TypeVar("T")

MAX_PAYLOAD_BYTES = 1 << 20
# RFC 8259 section 6: integers beyond this are not interoperable between JSON implementations.
MAX_INTEGER = (1 << 53) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(payload: bytes, what: str) -> Any:
    """JSON text as plain values. Raises WireError."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"{len(payload)} bytes are too many", f"at most {MAX_PAYLOAD_BYTES}", where=what)
    try:
        return _plain(msgspec.json.decode(payload))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"no JSON: {error}", "send one JSON object (RFC 8259)", where=what) from error
    except ValueError as error:
        raise WireError(str(error), "send integers of at most 53 bits", where=what) from error


def typed(plain: Any, kind: type[T], what: str) -> T:
    """Plain values as `kind`; keys whose value is null count as absent. Raises WireError."""
    try:
        return msgspec.convert(without_nulls(plain), kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise WireError(
            f"no valid {what}: {error}", "compare it with the published schema", where=what
        ) from error


def encode(obj: Any) -> bytes:
    """A struct as JSON without nulls: VDA 5050 and our schemas know absent, not null."""
    return msgspec.json.encode(without_nulls(msgspec.to_builtins(obj, builtin_types=(datetime,))))


def without_nulls(value: Any) -> Any:
    """The same values without object members that are null or, JSON having no NaN, not finite."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if not _absent(v)}
    if isinstance(value, list | tuple):
        return [without_nulls(v) for v in value]
    return value


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _plain(value: Any) -> Any:
    """Numbers as JSON Schema sees them: 3.0 is an integer. ValueError for one beyond 53 bits."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise ValueError(f"integer {str(value)[:24]} is beyond 53 bits")
    return value


def iso_ms(utc_ns: int) -> str:
    """ISO 8601, UTC, milliseconds, as VDA 5050 headers carry it: `2026-11-23T21:35:24.123Z`."""
    whole_s, rest_ns = divmod(utc_ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=whole_s)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest_ns // 1_000_000:03d}Z"


def to_datetime(utc_ns: int) -> datetime:
    """UTC ns since 1970 as an aware datetime, rounded down to microseconds."""
    return _EPOCH + timedelta(microseconds=utc_ns // 1000)


def to_utc_ns(moment: datetime) -> int:
    """Exact inverse of `to_datetime` for any aware datetime."""
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000
