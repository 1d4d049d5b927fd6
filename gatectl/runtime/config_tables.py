"""What is left of a file with mistakes: the entries that are well-formed, and the names of all.

The checks of meaning work on this, so that one mistyped number does not hide every other mistake,
and so that a reference to an entry which is itself at fault is not called dangling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from gatectl.model import Finding
from gatectl.model.site import Limits
from gatectl.runtime.config_walk import entry

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True)
class Table(Generic[T]):
    """One array of tables. rows: (key, entry); names: of all entries; whole: none was left out."""

    rows: list[tuple[str, T]]
    names: list[str]
    whole: bool

    def get(self, name: str, field: str = "id") -> T | None:
        """The first well-formed entry of this name."""
        return next((row for _, row in self.rows if getattr(row, field) == name), None)


def table(raw: Any, key: str, type_: type[T], name_field: str = "id") -> Table[T]:
    """The array of tables `key` of a parsed file."""
    entries = raw.get(key) if isinstance(raw, dict) else None
    if not isinstance(entries, list):
        return Table([], [], whole=False)
    rows: list[tuple[str, T]] = []
    names: list[str] = []
    for i, item in enumerate(entries):
        if isinstance(item, dict) and isinstance(item.get(name_field), str | int):
            names.append(str(item[name_field]))
        try:
            rows.append((entry(key, i, item), msgspec.convert(item, type_)))
        except msgspec.ValidationError:
            continue
    return Table(rows, names, whole=len(rows) == len(entries))


def limits_of(raw: Any) -> Limits:
    """The limits, or the defaults where the table is at fault."""
    try:
        return msgspec.convert(raw.get("limits", {}), Limits)
    except (msgspec.ValidationError, AttributeError):
        return Limits()


def duplicates(table_: Table[Any], file: str, key: str, field: str = "id") -> list[Finding]:
    """A finding for every name that is there twice."""
    twice = sorted({n for n in table_.names if table_.names.count(n) > 1})
    return [
        Finding(file, f"{key}[{table_.names.index(n)} {n}].{field}", f"{n} is there twice", "rename one")
        for n in twice
    ]
