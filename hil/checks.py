"""Measurements with limits and units, and the verdict of a run."""

from __future__ import annotations

from msgspec import Struct


class Check(Struct, frozen=True, kw_only=True):
    """One thing that a run must show. measured / limit: as text with units, for people."""

    name: str
    ok: bool
    measured: str
    limit: str = ""


class Checks(Struct):
    """All checks of a run, in order."""

    items: list[Check] = []

    def add(self, name: str, ok: bool, measured: str, limit: str = "") -> bool:
        """Record a check; returns ok."""
        self.items.append(Check(name=name, ok=ok, measured=measured, limit=limit))
        return ok

    def at_most(self, name: str, value: float, limit: float, unit: str, digits: int = 1) -> bool:
        """A measured value with an upper limit, both in `unit`."""
        return self.add(name, value <= limit, f"{value:.{digits}f} {unit}", f"<= {limit:g} {unit}")

    @property
    def passed(self) -> bool:
        """True if something was checked and nothing failed."""
        return bool(self.items) and all(item.ok for item in self.items)

    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [item for item in self.items if not item.ok]
