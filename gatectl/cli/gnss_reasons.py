"""Why a receiver's position or heading is not usable, as reasons beside those of the core."""

from __future__ import annotations

from typing import Any

from gatectl.cli.gnss_source import WANTED
from gatectl.model import Cause, Layout, Quality, Snapshot

LOOKED_AT = ("latitude", "heading", "epoch_utc")
_SKY = "look at sky, antenna and cable: gatectl gnss shows the satellites"
_RESTART = "restart the receiver; if it comes back, renew its firmware"
_SERVICE = "look at the correction service: radio, NTRIP caster, mount point"

_TEXTS: dict[tuple[str, Cause], tuple[str, str]] = {
    ("latitude", Cause.LINK_DOWN): (
        "the receiver is not heard",
        "check cable, supply and speed: gatectl probe gnss",
    ),
    ("latitude", Cause.NOT_VALID): ("the receiver has no position", _SKY),
    ("latitude", Cause.NOT_CONFIGURED): (
        "the receiver sends no position",
        "set it to send GGA or another message of docs/equipment-protocols.md",
    ),
    ("latitude", Cause.FROZEN): (
        "the receiver repeats itself, or its position stands still while it says that it moves",
        _RESTART,
    ),
    ("latitude", Cause.CONFLICT): (
        "the receiver's position jumped farther than the vehicle can have driven",
        "a wrong RTK fix or reflections: " + _SKY,
    ),
    ("heading", Cause.NOT_VALID): ("the receiver does not vouch for its heading", _SKY),
    ("heading", Cause.NOT_CONFIGURED): (
        "the receiver has never sent a heading",
        "it needs two antennas, and to send THS, UNIHEADINGA, AVR or the like",
    ),
    ("heading", Cause.STALE): (
        "no heading belongs to the newest position",
        "set the heading to the same rate as the position",
    ),
    ("heading", Cause.FROZEN): (
        "the heading stands still while the course turns",
        "look at the second antenna and its cable; " + _RESTART,
    ),
    ("heading", Cause.CONFLICT): (
        "the baseline that the receiver computes is not the configured one",
        "wrong ambiguities if it comes and goes; else measure the antennas' distance, correct baseline_m",
    ),
    ("heading", Cause.ESTIMATED): ("the heading's ambiguities are not fixed", _SKY),
    ("epoch_utc", Cause.NOT_VALID): ("the receiver has sent no date", "set it to send RMC or ZDA as well"),
}
_UNCERTAIN = {
    Cause.STALE: ("RTK is claimed with corrections that are too old (correction_age_max_s)", _SERVICE),
    Cause.ESTIMATED: ("the receiver dead-reckons its position", _SKY),
}


def reasons(layout: Layout, snapshot: Snapshot, now_mono_ns: int) -> list[dict[str, Any]]:
    """One per receiver and tag that is not GOOD, as the core's reasons look in JSON; the worst first."""
    found: list[tuple[Quality, dict[str, Any]]] = []
    for block in layout.blocks:
        if any(f"{block.name}.{tag}" not in layout.index for tag in WANTED):
            continue
        for tag in LOOKED_AT:
            name = f"{block.name}.{tag}"
            if name not in layout.index:
                continue
            at = layout.index[name]
            sample = snapshot.sample(at, layout.stale_after_ns[at], now_mono_ns)
            if sample.quality is Quality.GOOD:
                continue
            text, remedy = _explained(tag, sample.quality, sample.cause)
            shown = f"{text} ({name}: {sample.quality.name}, {sample.cause.name})"
            found.append((sample.quality, {"code": f"gnss_{tag}", "text": shown, "remedy": remedy}))
            if sample.cause is Cause.LINK_DOWN:
                break  # the rest follows from it
    return [reason for _, reason in sorted(found, key=lambda item: item[0])]


def _explained(tag: str, quality: Quality, cause: Cause) -> tuple[str, str]:
    if tag == "latitude" and quality is Quality.UNCERTAIN and cause in _UNCERTAIN:
        return _UNCERTAIN[cause]
    if (tag, cause) in _TEXTS:
        return _TEXTS[tag, cause]
    what = {"latitude": "position", "heading": "heading"}.get(tag, "time")
    return f"no usable {what} comes from the receiver", "gatectl gnss and the node's log tell more"
