"""The transponder reader's tags."""

from __future__ import annotations

from gatectl.model.tags import Kind, TagSpec

STALE_AFTER_S = 0.5


def _state(name: str, unit: str = "", kind: Kind = Kind.FLOAT, doc: str = "") -> TagSpec:
    return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=STALE_AFTER_S, doc=doc)


TAGS: tuple[TagSpec, ...] = (
    _state("alive", kind=Kind.BOOL, doc="valid telegrams arrive"),
    _state("count", kind=Kind.INT, doc="crossings as the reader counts them, wrapping; 0 = none yet"),
    _state("id", kind=Kind.INT, doc="code of the transponder crossed last"),
    _state("lateral", "m", doc="of that transponder from the antenna at the crossing, left positive"),
    _state("age", "s", doc="from the crossing to the stamp"),
    _state("signal", doc="strength at the crossing, 0 to 1"),
    _state("lost", kind=Kind.INT, doc="telegrams missing in the reader's numbering since the driver's start"),
)

CROSSING = ("id", "lateral", "age", "signal")  # what a crossing consists of, beside `count`
