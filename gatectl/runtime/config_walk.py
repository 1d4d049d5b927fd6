"""Checks plain data (from TOML) against msgspec types and finds every mistake, not just the first.

`msgspec.convert` is the authority on what is accepted but stops at its first error; `walk` goes
through the same types by `msgspec.inspect`, so the two cannot drift apart by hand.
Keys are dotted paths; an entry of an array is shown by its index from 0 and its name:
`block[3 border].spans[0].from_m`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import inspect

from gatectl.model import Finding

Report = Callable[[str, str, str], None]
"""Called with key, cause, remedy."""

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true/false"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a text"),
    (list, "an array"),
    (dict, "a table"),
)


def walk(value: Any, type_: Any, file: str, key: str = "") -> list[Finding]:
    """Every mistake in `value`, which should fit the type `type_` (a Struct or anything msgspec knows).

    Never raises for bad data. An empty list means that `msgspec.convert(value, type_)` succeeds.
    """
    findings: list[Finding] = []

    def report(where: str, cause: str, remedy: str) -> None:
        findings.append(Finding(file, where or "(file)", cause, remedy))

    _visit(value, inspect.type_info(type_), key, report)
    if not findings:
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            report(key, str(error), "correct the value")
    return findings


def child(key: str, name: str) -> str:
    """The dotted path of `name` below `key`; names that are no bare TOML keys are quoted."""
    shown = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else repr(name)
    return f"{key}.{shown}" if key else shown


def entry(key: str, index: int, value: Any) -> str:
    """The path of an array's entry: `device[2 scale_cn]`, or `points[2]` without a name."""
    name = ""
    if isinstance(value, dict):
        name = next(
            (
                str(v)
                for k in ("id", "name", "serial", "direction", "side", "lane")
                if isinstance(v := value.get(k), str | int)
            ),
            "",
        )
    return f"{key}[{index} {name}]" if name else f"{key}[{index}]"


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A remedy that names the nearest known word, or else lists them (or `otherwise`)."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    if otherwise:
        return otherwise
    return f"known are: {', '.join(names)}" if names else "there is none to refer to"


def kind_of(value: Any) -> str:
    """What a TOML value is, in words."""
    return next((text for t, text in _KINDS if isinstance(value, t)), type(value).__name__)


def _visit(value: Any, info: inspect.Type, key: str, report: Report) -> None:
    if isinstance(info, inspect.Metadata):
        _visit(value, info.type, key, report)
    elif isinstance(info, inspect.StructType):
        _visit_struct(value, info, key, report)
    elif isinstance(info, inspect.UnionType):
        _visit_union(value, info, key, report)
    elif isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        if _expect(value, list, "an array", key, report):
            _check_length(value, info, key, report)
            for i, item in enumerate(value):
                _visit(item, info.item_type, entry(key, i, item), report)
    elif isinstance(info, inspect.TupleType):
        if _expect(value, list, "an array", key, report):
            if len(value) != len(info.item_types):
                report(key, f"has {len(value)} values", f"give exactly {len(info.item_types)}")
            for i, (item, item_type) in enumerate(zip(value, info.item_types, strict=False)):
                _visit(item, item_type, entry(key, i, item), report)
    elif isinstance(info, inspect.DictType):
        if _expect(value, dict, "a table", key, report):
            _check_length(value, info, key, report)
            for name, item in value.items():
                _visit(name, info.key_type, child(key, name), report)
                _visit(item, info.value_type, child(key, name), report)
    else:
        _visit_scalar(value, info, key, report)


def _visit_struct(value: Any, info: inspect.StructType, key: str, report: Report) -> None:
    if not _expect(value, dict, "a table", key, report):
        return
    known = {f.encode_name: f for f in info.fields}
    allowed = set(known) | ({info.tag_field} if info.tag_field else set())
    for name in value:
        if name not in allowed:
            report(child(key, name), "unknown key", did_you_mean(name, allowed))
    for name, f in known.items():
        if name in value:
            _visit(value[name], f.type, child(key, name), report)
        elif f.required:
            report(child(key, name), "missing", f"add it: {describe(f.type)}")


def _visit_union(value: Any, info: inspect.UnionType, key: str, report: Report) -> None:
    trials: list[list[tuple[str, str, str]]] = []
    for option in info.types:
        if isinstance(option, inspect.NoneType):
            continue
        found: list[tuple[str, str, str]] = []
        if isinstance(option, inspect.StructType) and option.tag_field and isinstance(value, dict):
            tag = value.get(option.tag_field)
            if tag != option.tag:
                continue
        _visit(value, option, key, _into(found))
        if not found:
            return
        trials.append(found)
    if not trials:
        report(key, f"is {kind_of(value)}", f"give {describe(info)}")
        return
    # The option that comes nearest explains the mistake best: the one that complains about keys
    # below this one rather than about this one's type, and about the fewest.
    for args in min(trials, key=lambda t: (any(k == key for k, _, _ in t), len(t))):
        report(*args)


def _into(found: list[tuple[str, str, str]]) -> Report:
    return lambda key, cause, remedy: found.append((key, cause, remedy))


def _visit_scalar(value: Any, info: inspect.Type, key: str, report: Report) -> None:
    match info:
        case inspect.AnyType() | inspect.RawType():
            return
        case inspect.BoolType():
            _expect(value, bool, "true or false", key, report)
        case inspect.IntType():
            if isinstance(value, bool) or not isinstance(value, int):
                report(key, f"is {kind_of(value)}{_show(value)}", f"give {describe(info)}")
            else:
                _check_range(value, info, key, report)
        case inspect.FloatType():
            if isinstance(value, bool) or not isinstance(value, int | float):
                report(key, f"is {kind_of(value)}{_show(value)}", f"give {describe(info)}, without quotes")
            elif not math.isfinite(value):
                report(key, f"is {value}", "give a finite number")
            else:
                _check_range(value, info, key, report)
        case inspect.StrType():
            if _expect(value, str, "a text in quotes", key, report):
                _check_length(value, info, key, report)
                if info.pattern and not re.search(info.pattern, value):
                    report(key, f"{value!r} is not allowed here", describe(info))
        case inspect.LiteralType() | inspect.EnumType():
            values = _choices(info)
            if not any(value == v and type(value) is type(v) for v in values):
                options = [str(v) for v in values]
                listed = f"one of: {', '.join(options)}"
                report(key, f"{value!r} is not allowed here", did_you_mean(str(value), options, listed))
        case _:
            _fallback(value, info, key, report)


def _fallback(value: Any, info: inspect.Type, key: str, report: Report) -> None:
    """Types that no table of ours uses (dates, bytes, decimals): msgspec itself is asked."""
    python_type = {
        "BytesType": bytes,
        "NoneType": type(None),
    }.get(type(info).__name__)
    if python_type is None:
        return  # `walk` ends with msgspec.convert of the whole, which then speaks for itself
    try:
        msgspec.convert(value, python_type)
    except msgspec.ValidationError as error:
        report(key, str(error), "correct the value")


def _expect(value: Any, type_: type, words: str, key: str, report: Report) -> bool:
    if isinstance(value, type_):
        return True
    report(key, f"is {kind_of(value)}{_show(value)}", f"give {words}")
    return False


def _show(value: Any) -> str:
    return f" ({value!r})" if isinstance(value, str | int | float) else ""


def _choices(info: inspect.LiteralType | inspect.EnumType) -> tuple[Any, ...]:
    if isinstance(info, inspect.LiteralType):
        return tuple(info.values)
    return tuple(member.value for member in info.cls)


def _check_range(value: float, info: inspect.IntType | inspect.FloatType, key: str, report: Report) -> None:
    bad = (
        (info.gt is not None and not value > info.gt)
        or (info.ge is not None and not value >= info.ge)
        or (info.lt is not None and not value < info.lt)
        or (info.le is not None and not value <= info.le)
    )
    multiple = info.multiple_of
    if bad:
        report(key, f"{value} is out of range", f"give {describe(info)}")
    elif multiple is not None and math.fmod(value, multiple):
        report(key, f"{value} is not a multiple of {multiple}", f"give a multiple of {multiple}")
    elif isinstance(info, inspect.IntType) and not -(2**63) <= value < 2**64:
        report(key, f"{value} is out of range", "give an integer of at most 64 bits")


def _check_length(value: Any, info: Any, key: str, report: Report) -> None:
    low, high, size = info.min_length, info.max_length, len(value)
    of = " characters" if isinstance(value, str) else " entries"
    if low is not None and size < low:
        least = "fill it in" if low == 1 else f"give at least {low}{of}"
        report(key, "is empty" if not size else f"is too short ({size})", least)
    if high is not None and size > high:
        report(key, f"is too long ({size})", f"give at most {high}{of}")


def describe(info: inspect.Type) -> str:
    """What a value of this type looks like, in words."""
    match info:
        case inspect.Metadata():
            return describe(info.type)
        case inspect.IntType() | inspect.FloatType():
            words = "an integer" if isinstance(info, inspect.IntType) else "a number"
            limits = (
                ("above", info.gt),
                ("of at least", info.ge),
                ("below", info.lt),
                ("of at most", info.le),
            )
            ranges = [f"{word} {limit:g}" for word, limit in limits if limit is not None]
            return f"{words} {' and '.join(ranges)}" if ranges else words
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return (
                _PATTERNS.get(info.pattern or "", f"a text that matches {info.pattern}")
                if info.pattern
                else "a text"
            )
        case inspect.LiteralType() | inspect.EnumType():
            return f"one of: {', '.join(str(v) for v in _choices(info))}"
        case inspect.StructType() | inspect.DictType():
            return "a table"
        case inspect.UnionType():
            return " or ".join(describe(t) for t in info.types if not isinstance(t, inspect.NoneType))
        case inspect.AnyType():
            return "any value"
        case _:
            return "an array"


_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": "use letters, digits, - and _ only, beginning with a letter or digit",
    r"^[a-z][a-z0-9_]*$": "use lower_snake_case: a-z, 0-9 and _, beginning with a letter",
}
