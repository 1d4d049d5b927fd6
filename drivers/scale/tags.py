"""The scale's tags."""

from __future__ import annotations

from gatectl.model.tags import Kind, TagSpec

STALE_AFTER_S = 1.0


def _state(name: str, unit: str = "", kind: Kind = Kind.BOOL, doc: str = "") -> TagSpec:
    return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=STALE_AFTER_S, doc=doc)


TAGS: tuple[TagSpec, ...] = (
    _state("alive", doc="valid frames arrive"),
    _state("gross", "kg", Kind.FLOAT, "everything on the platform; GOOD only while stable"),
    _state("stable", doc="the weight does not move"),
    _state("overload", doc="above the capacity"),
    _state("underload", doc="clearly below zero"),
)
