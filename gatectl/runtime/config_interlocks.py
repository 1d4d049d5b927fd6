"""Does the interlock matrix make sense: causes that exist, limits that exist, tags that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatectl.model import Finding
from gatectl.model.site import InterlockCause, InterlockEffect, Limits
from gatectl.runtime.config_tables import Table, duplicates, table
from gatectl.runtime.config_walk import did_you_mean

_COMPARES = ("<=", ">=", "==", "!=")
_PARTS = ("permissives", "interlocks", "trips")


@dataclass(frozen=True)
class TagView:
    """What a cause's tag may refer to on this node.

    tags: names by block (`mcu`, `core`); None where they cannot be known because the device or
    core is at fault itself. cranes: what `{device}` stands for in turn.
    """

    tags: Mapping[str, frozenset[str] | None]
    cranes: tuple[str, ...]
    role: str


def check_interlocks(file: str, raw: Any, tags: TagView) -> list[Finding]:
    """Every mistake in interlocks.toml that its types cannot see."""
    causes = table(raw, "cause", InterlockCause)
    effects = table(raw, "effect", InterlockEffect)
    findings = duplicates(causes, file, "cause") + duplicates(effects, file, "effect")
    findings += [Finding(file, *fault) for fault in _causes(causes)]
    findings += [Finding(file, *fault) for fault in _effects(effects, causes)]
    roles: dict[str, set[str]] = {}
    for _, effect in effects.rows:
        for part in _PARTS:
            for name in getattr(effect, part):
                roles.setdefault(name, set()).add(effect.role)
    for key, cause in causes.rows:
        if effects.whole and cause.id not in roles:
            findings.append(
                Finding(file, key, "no effect uses this cause", "name it in an effect, or remove it")
            )
        if tags.role in roles.get(cause.id, ()):
            findings += [Finding(file, f"{key}.tag", *fault) for fault in _tag(cause.tag, tags)]
    return findings


def _causes(causes: Table[InterlockCause]) -> Iterator[tuple[str, str, str]]:
    known = sorted(Limits.__struct_fields__)
    for key, cause in causes.rows:
        compares = cause.op in _COMPARES
        if cause.limit_key and not compares:
            yield f"{key}.limit_key", f"{cause.op} takes no limit", "remove it, or use a comparison"
        elif cause.limit_key and cause.limit_key not in known:
            remedy = did_you_mean(cause.limit_key, known)
            yield f"{key}.limit_key", f"there is no limit called {cause.limit_key!r}", remedy
        if cause.limit_key and cause.limit != 0.0:
            yield f"{key}.limit", "limit and limit_key are both given", "keep one of the two"
        if cause.limit != 0.0 and not compares:
            yield f"{key}.limit", f"{cause.op} takes no limit", "remove it, or use a comparison"


def _effects(
    effects: Table[InterlockEffect], causes: Table[InterlockCause]
) -> Iterator[tuple[str, str, str]]:
    for key, effect in effects.rows:
        seen: dict[str, str] = {}
        for part in _PARTS:
            for i, name in enumerate(getattr(effect, part)):
                where = f"{key}.{part}[{i}]"
                if name not in causes.names:
                    yield where, f"there is no cause called {name!r}", did_you_mean(name, causes.names)
                if name in seen:
                    yield where, f"{name} is already in {seen[name]}", "name a cause once per effect"
                seen.setdefault(name, part)
        if not seen:
            yield key, "the effect has no cause: it would always be allowed", "name its causes"


def _tag(tag: str, view: TagView) -> Iterator[tuple[str, str]]:
    names = [tag.replace("{device}", crane) for crane in view.cranes] if "{device}" in tag else [tag]
    for name in names:
        block, dot, local = name.partition(".")
        if not dot or not local:
            yield f"{name!r} is no tag", "write device.tag or core.tag"
        elif block not in view.tags:
            yield f"this node has no device called {block!r}", did_you_mean(block, view.tags)
        else:
            known = view.tags[block]
            if known is not None and local not in known:
                yield f"{block} has no tag called {local!r}", did_you_mean(local, known)
