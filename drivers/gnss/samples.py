"""An epoch as samples: which value is vouched for, and why one is not. No I/O.

GOOD: the receiver gives the value and says that it is valid. UNCERTAIN / ESTIMATED: it says that it
has dead-reckoned it. BAD / NOT_VALID: it gives none, or says that it is not valid (GGA quality 0, 7,
8; RMC status V; THS mode V). BAD / STALE: the sentence is missing from this epoch. BAD /
NOT_CONFIGURED: the receiver has never sent it. BAD / FROZEN: the receiver repeats an epoch.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.gnss.epoch import Epoch
from drivers.gnss.sentences import Gga, Gst, Heading, Rmc, Vtg
from gatectl.model import Cause, Quality

MEASURED = frozenset({1, 2, 3, 4, 5})
ESTIMATED = 6


class Reading(NamedTuple):
    """A value with what it is worth. value: None where there is none to keep."""

    value: float | None
    quality: Quality
    cause: Cause


def good(value: float) -> Reading:
    return Reading(value, Quality.GOOD, Cause.NONE)


def bad(cause: Cause) -> Reading:
    return Reading(None, Quality.BAD, cause)


def readings(epoch: Epoch, known: set[str]) -> dict[str, Reading]:
    """Every measured tag of the epoch. known: kinds of sentence that this receiver has sent so far."""
    gga, rmc, gst = (epoch.sentences.get(kind) for kind in ("GGA", "RMC", "GST"))
    rmc_void = isinstance(rmc, Rmc) and not rmc.valid
    found: dict[str, Reading] = {}

    if isinstance(gga, Gga):
        quality = gga.quality if gga.quality is not None else 0
        found["fix"] = good(quality)
        found["satellites"] = _given(gga.satellites)
        position = {
            "latitude": gga.latitude_deg,
            "longitude": gga.longitude_deg,
            "height": gga.height_m,
            "correction_age": gga.correction_age_s,
        }
        half = gga.latitude_deg is None or gga.longitude_deg is None
        for tag, value in position.items():
            if rmc_void or half or quality not in MEASURED | {ESTIMATED}:
                found[tag] = bad(Cause.NOT_VALID)
            else:
                found[tag] = _given(value, estimated=quality == ESTIMATED)
    else:
        for tag in ("fix", "satellites", "latitude", "longitude", "height", "correction_age"):
            found[tag] = _missing(known, "GGA")

    if isinstance(gst, Gst):
        void = rmc_void or found["latitude"].cause is Cause.NOT_VALID
        found["sigma_north"] = bad(Cause.NOT_VALID) if void else _given(gst.sigma_north_m)
        found["sigma_east"] = bad(Cause.NOT_VALID) if void else _given(gst.sigma_east_m)
    else:
        found["sigma_north"] = found["sigma_east"] = _missing(known, "GST")

    found["speed"], found["course"] = _velocity(epoch, known)
    found["heading"] = _heading(epoch, known)
    if epoch.repeated:
        found = {tag: Reading(r.value, Quality.BAD, Cause.FROZEN) for tag, r in found.items()}
    return found


def _velocity(epoch: Epoch, known: set[str]) -> tuple[Reading, Reading]:
    """RMC first, because it carries the epoch's time; VTG where RMC is missing or says nothing."""
    rmc, vtg = epoch.sentences.get("RMC"), epoch.sentences.get("VTG")
    if isinstance(rmc, Rmc) and not rmc.valid:
        return bad(Cause.NOT_VALID), bad(Cause.NOT_VALID)
    sources = [s for s in (rmc, vtg) if isinstance(s, Rmc | Vtg) and s.valid]
    if not sources:
        missing = bad(Cause.NOT_VALID) if isinstance(vtg, Vtg) else _missing(known, "RMC", "VTG")
        return missing, missing
    speed = next((s for s in sources if s.speed_mps is not None), sources[0])
    course = next((s for s in sources if s.course_rad is not None), sources[0])
    return (
        _given(speed.speed_mps, estimated=speed.estimated),
        _given(course.course_rad, estimated=course.estimated),
    )


def _heading(epoch: Epoch, known: set[str]) -> Reading:
    """THS first: it says whether it is valid; HDT only says nothing when it is not."""
    for kind in ("THS", "HDT"):
        sentence = epoch.sentences.get(kind)
        if isinstance(sentence, Heading):
            return _given(sentence.heading_rad, estimated=sentence.estimated)
    return _missing(known, "THS", "HDT")


def _given(value: float | None, *, estimated: bool = False) -> Reading:
    if value is None:
        return bad(Cause.NOT_VALID)
    return Reading(value, Quality.UNCERTAIN, Cause.ESTIMATED) if estimated else good(value)


def _missing(known: set[str], *kinds: str) -> Reading:
    return bad(Cause.STALE if known.intersection(kinds) else Cause.NOT_CONFIGURED)
