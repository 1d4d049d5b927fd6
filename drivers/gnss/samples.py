"""An epoch as samples: which value is vouched for, and why one is not. No I/O.

GOOD: a message of the epoch gives the value and says that it is valid. UNCERTAIN / ESTIMATED: it says
that the receiver has dead-reckoned it. BAD / NOT_VALID: it gives none, or says that it is not valid (GGA
quality 0, 7, 8; RMC status V; THS mode V ...). BAD / STALE: the messages that give it are missing from
this epoch. BAD / NOT_CONFIGURED: the receiver has never sent one. BAD / FROZEN: it repeats an epoch.

Where several messages give the same thing the finer one is taken, and the whole position from one.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import NamedTuple

from drivers.gnss.epoch import Epoch
from drivers.gnss.messages import Report
from gatectl.model import Cause, Quality

MEASURED = frozenset({1, 2, 3, 4, 5})
ESTIMATED = 6
DOUBTFUL = (5, ESTIMATED)  # of a heading: a float baseline may be degrees off
CODE_ONLY = (1, 2)  # without the carrier's phase there is no heading over a metre or two

# What gives what; where it matters, the finer or more honest one first.
POSITIONS = (
    "UBX-NAV-HPPOSLLH",
    "BESTNAVA",
    "BESTPOSA",
    "INSPVAXA",
    "KSXT",
    "PTNL,GGK",
    "GGA",
    "UBX-NAV-PVT",
)
VELOCITIES = ("UBX-NAV-PVT", "BESTNAVA", "INSPVAXA", "KSXT", "RMC", "VTG")
HEADINGS = (
    "UBX-NAV-RELPOSNED",
    "UNIHEADINGA",
    "HEADING2A",
    "PSSN,HRP",
    "PTNL,AVR",
    "PSTI,036",
    "PSTI,035",
    "PSAT,HPR",
    "HPR",
    "KSXT",
    "INSPVAXA",
    "THS",
    "HDT",
)
SIGMAS = ("UBX-NAV-HPPOSLLH", "BESTNAVA", "BESTPOSA", "INSPVAXA", "GST", "UBX-NAV-PVT")
QUALITIES = ("UBX-NAV-PVT", "BESTNAVA", "BESTPOSA", "INSPVAXA", "KSXT", "PTNL,GGK", "GGA")
LEVELS = ("UBX-NAV-PL",)
# One of these that says "not valid" voids the position, or the velocity, whatever another one says.
VOIDS_POSITION = frozenset({"RMC", "GGA", "KSXT", "PTNL,GGK", "UBX-NAV-PVT", "UBX-NAV-HPPOSLLH"})
VOIDS_VELOCITY = frozenset({"RMC", "UBX-NAV-PVT"})
PLACED = frozenset((*POSITIONS, "RMC"))
"""Without one of them an epoch is the tail of a burst that began before the wire was opened."""


class Reading(NamedTuple):
    """A value with what it is worth. value: None where there is none to keep."""

    value: float | None
    quality: Quality
    cause: Cause


def good(value: float) -> Reading:
    return Reading(value, Quality.GOOD, Cause.NONE)


def bad(cause: Cause) -> Reading:
    return Reading(None, Quality.BAD, cause)


def readings(epoch: Epoch, known: Set[str]) -> dict[str, Reading]:
    """Every measured tag of the epoch. known: the messages that this receiver has sent so far."""
    reports = epoch.reports
    found: dict[str, Reading] = {}

    found["fix"] = _fix(reports, known)
    found["satellites"] = _first(reports, known, QUALITIES, "satellites")
    found |= _position(reports, known)
    for tag, field in (("speed", "speed_mps"), ("course", "course_rad")):
        if any(reports[m].valid is False for m in VOIDS_VELOCITY & reports.keys()):
            found[tag] = bad(Cause.NOT_VALID)
        else:
            found[tag] = _first(reports, known, VELOCITIES, field)
    found |= _heading(reports, known)
    found["receiver_level"] = _first(reports, known, LEVELS, "receiver_level_m")
    if epoch.repeated:
        found = {tag: Reading(r.value, Quality.BAD, Cause.FROZEN) for tag, r in found.items()}
    return found


def _fix(reports: dict[str, Report], known: Set[str]) -> Reading:
    """None at all (0) is something that a receiver says, too."""
    for report in _of(reports, QUALITIES):
        if report.quality is not None:
            return good(report.quality)
    return good(0) if any(True for _ in _of(reports, QUALITIES)) else _missing(reports, known, QUALITIES)


def _position(reports: dict[str, Report], known: Set[str]) -> dict[str, Reading]:
    void = any(reports[m].valid is False for m in VOIDS_POSITION & reports.keys())
    found: dict[str, Reading] = {}
    at = next(
        (r for r in _of(reports, POSITIONS) if r.latitude_deg is not None and r.longitude_deg is not None),
        None,
    )
    quality = next((r.quality for r in _of(reports, QUALITIES) if r.quality is not None), None)
    unsaid = at is not None and at.valid is None and quality is None  # HPPOSLLH without its NAV-PVT
    if at is None or void or unsaid or (quality is not None and quality not in MEASURED | {ESTIMATED}):
        lost = bad(Cause.NOT_VALID) if void else _missing(reports, known, POSITIONS)
        found = dict.fromkeys(("latitude", "longitude", "height", "correction_age"), lost)
    else:
        estimated = at.estimated or quality == ESTIMATED
        found["latitude"] = _given(at.latitude_deg, estimated)
        found["longitude"] = _given(at.longitude_deg, estimated)
        found["height"] = _given(at.height_m, estimated)
        ages = (r.correction_age_s for r in _of(reports, QUALITIES))
        found["correction_age"] = _given(next((a for a in ages if a is not None), None), estimated)
    no_place = found["latitude"].cause is Cause.NOT_VALID
    for tag, field in (("sigma_north", "sigma_north_m"), ("sigma_east", "sigma_east_m")):
        sigma = _first(reports, known, SIGMAS, field)
        found[tag] = bad(Cause.NOT_VALID) if no_place and sigma.value is not None else sigma
    return found


def _heading(reports: dict[str, Report], known: Set[str]) -> dict[str, Reading]:
    """All of it from the one message that is believed. One that says that its heading is not valid
    voids a mere number of another one (THS and HDT come together)."""
    chosen = next((r for r in _of(reports, HEADINGS) if r.heading_rad is not None or _refused(r)), None)
    if chosen is None or chosen.heading_rad is None or chosen.heading_quality in CODE_ONLY:
        found = {"heading": _missing(reports, known, HEADINGS)}
    else:
        found = {
            "heading": _given(chosen.heading_rad, chosen.heading_quality in DOUBTFUL or chosen.estimated)
        }
    sources = (chosen,) if chosen is not None else ()
    for tag, field in (("sigma_heading", "sigma_heading_rad"), ("baseline", "baseline_m")):
        told = (getattr(r, field) for r in (*sources, *_of(reports, HEADINGS)))
        value = next((v for v in told if v is not None), None)
        found[tag] = good(value) if value is not None else _missing(reports, known, _GIVERS[tag])
    return found


def _refused(report: Report) -> bool:
    return report.valid is False or report.heading_quality == 0


_GIVERS = {
    "sigma_heading": ("UBX-NAV-RELPOSNED", "UNIHEADINGA", "HEADING2A", "PSSN,HRP", "INSPVAXA"),
    "baseline": ("UBX-NAV-RELPOSNED", "UNIHEADINGA", "HEADING2A", "PTNL,AVR", "PSTI,035"),
}


def _of(reports: dict[str, Report], messages: Iterable[str]) -> Iterable[Report]:
    return (reports[m] for m in messages if m in reports)


def _first(reports: dict[str, Report], known: Set[str], messages: tuple[str, ...], field: str) -> Reading:
    """The field of the first message that gives it and does not say that it is not valid."""
    for report in _of(reports, messages):
        value = getattr(report, field)
        if value is not None and report.valid is not False:
            return _given(value, report.estimated)
    return _missing(reports, known, messages)


def _given(value: float | None, estimated: bool) -> Reading:
    if value is None:
        return bad(Cause.NOT_VALID)
    return Reading(value, Quality.UNCERTAIN, Cause.ESTIMATED) if estimated else good(value)


def _missing(reports: dict[str, Report], known: Set[str], messages: Iterable[str]) -> Reading:
    """Why no message gives it: it is there and empty, it is missing now, or it has never come."""
    wanted = set(messages)
    if wanted & reports.keys():
        return bad(Cause.NOT_VALID)
    return bad(Cause.STALE if wanted & known else Cause.NOT_CONFIGURED)
