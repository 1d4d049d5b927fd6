"""What happened when, on the rig's clock."""

from __future__ import annotations

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """t_s: since the run began. who: a transit, vehicle, crane or person.

    mark: worth a line in plots."""

    t_s: float
    who: str
    what: str
    mark: bool = False

    @property
    def label(self) -> str:
        """Short, for plots."""
        return f"{self.who} {self.what}"


class Timeline(Struct):
    """Events in the order in which they became known."""

    events: list[Event] = []

    def add(self, t_s: float, who: str, what: str, *, mark: bool = False) -> None:
        """Append an event."""
        self.events.append(Event(t_s=t_s, who=who, what=what, mark=mark))

    def marks(self) -> list[Event]:
        """Events that plots show."""
        return [e for e in self.events if e.mark]

    def of(self, who: str) -> list[Event]:
        """Events of one subject."""
        return [e for e in self.events if e.who == who]

    def first(self, who: str, what: str) -> float | None:
        """When `what` first happened to `who`, or None."""
        return next((e.t_s for e in self.events if e.who == who and e.what == what), None)
