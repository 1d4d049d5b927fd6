"""Scanners speak in messages: all they have as a tag is whether they are there."""

from __future__ import annotations

from gatectl.model.tags import Kind, TagSpec

TAGS: tuple[TagSpec, ...] = (
    TagSpec(name="alive", kind=Kind.BOOL, stale_after_s=2.0, doc="the device is heard"),
)
PUBLISH_S = 0.5  # alive is published anew, well within its stale time
