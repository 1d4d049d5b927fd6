"""What a receiver vouches for and yet cannot be: looked for across epochs. No I/O, no clock.

| found | marked |
|---|---|
| the position stands still to the last digit while the receiver says that it moves | position BAD / FROZEN |
| the position is elsewhere than the speed allows | position BAD / CONFLICT for up to HOLD_S |
| RTK claimed with corrections older than `correction_age_max_s` | position UNCERTAIN / STALE |
| the heading stands still to the last digit while the course turns | heading BAD / FROZEN |
| the baseline is not `baseline_m` +- `baseline_tolerance_m` | heading, baseline BAD / CONFLICT |
| a heading comes, but no position: it was sent before it was valid | heading BAD / NOT_VALID |

The driver knows the receiver alone. A receiver that invents a consistent drive, or stands still with
all of its values, is found out by the localiser, which has wheels and gyro.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from drivers.gnss.config import GnssConfig
from drivers.gnss.samples import Reading
from gatectl.model import Cause, Quality

POSITION = ("latitude", "longitude", "height", "sigma_north", "sigma_east")
RTK = (4.0, 5.0)
FROZEN_M = 0.2  # driven by the receiver's own speed while no digit of the position changed
MOVING_MPS = 0.3  # slower may be noise while the antenna stands
FROZEN_TURN_RAD = math.radians(5.0)
COURSE_FROM_MPS = 0.5  # slower, the course is noise
HOLD_S = 2.0  # a new place that has held for so long is where the antenna is
GAP_S = 10.0  # after a gap of so long nothing is known of where it may be now
MARGIN_MPS = 1.0  # by which the speed may change between two epochs, and its error
SIGMA_M = {4.0: 0.05, 5.0: 0.5, 2.0: 2.0}  # where the receiver gives none; else SIGMA_ELSE_M
SIGMA_ELSE_M = 5.0
METRES_PER_DEG = 111_320.0
DAY_NS = 86_400 * 10**9


class Fault(NamedTuple):
    """Something that cannot be. code: stable; text and remedy: for people."""

    code: str
    text: str
    remedy: str


class _Place(NamedTuple):
    """Where the antenna was. sigma_m: horizontal. speed_mps: None if not given."""

    tod_ns: int
    latitude_deg: float
    longitude_deg: float
    sigma_m: float
    speed_mps: float | None


class Plausibility:
    """Readings of epochs in order in; the same readings, marked, and what is wrong out."""

    def __init__(self, config: GnssConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """The wire was opened anew: the receiver may be anywhere."""
        self._last: _Place | None = None  # the last epoch's, whatever it was worth
        self._kept: _Place | None = None  # the last one that was believed
        self._jumped_ns: int | None = None
        self._still_m = 0.0
        self._heading: float | None = None
        self._course: float | None = None

    def judge(self, found: dict[str, Reading], tod_ns: int) -> list[Fault]:
        """Mark `found` in place. tod_ns: UTC time of day of the epoch. Returns what is wrong with it now."""
        faults = [
            self._no_position(found),
            self._baseline(found),
            self._turn(found),
            *self._place(found, tod_ns),
            self._corrections(found),
        ]
        return [fault for fault in faults if fault is not None]

    def _no_position(self, found: dict[str, Reading]) -> Fault | None:
        if _value(found, "heading") is None or found["latitude"].cause is not Cause.NOT_VALID:
            return None
        _mark(found, ("heading",), Quality.BAD, Cause.NOT_VALID)
        return None  # a receiver that is starting up: no fault, only no heading

    def _baseline(self, found: dict[str, Reading]) -> Fault | None:
        baseline_m, wanted_m = _value(found, "baseline"), self._config.baseline_m
        if baseline_m is None or wanted_m is None:
            return None
        if abs(baseline_m - wanted_m) <= self._config.baseline_tolerance_m:
            return None
        _mark(found, ("heading", "baseline"), Quality.BAD, Cause.CONFLICT)
        return Fault(
            "baseline",
            f"the receiver's baseline is {baseline_m:.3f} m, configured are {wanted_m:g} m",
            "wrong ambiguities if it comes and goes; else measure the antennas' distance, correct baseline_m",
        )

    def _turn(self, found: dict[str, Reading]) -> Fault | None:
        """An old heading under a new stamp."""
        heading, course = _value(found, "heading"), _value(found, "course")
        if heading is None:
            return None
        if heading != self._heading:
            self._heading, self._course = heading, None
        speed = _value(found, "speed")
        if course is None or speed is None or speed < COURSE_FROM_MPS:
            return None
        if self._course is None:
            self._course = course
        if abs(math.remainder(course - self._course, math.tau)) <= FROZEN_TURN_RAD:
            return None
        _mark(found, ("heading",), Quality.BAD, Cause.FROZEN)
        return Fault(
            "heading_frozen",
            "the heading stands still to its last digit while the course turns",
            "look at the second antenna and its cable; restart the receiver",
        )

    def _place(self, found: dict[str, Reading], tod_ns: int) -> list[Fault | None]:
        latitude, longitude = _value(found, "latitude"), _value(found, "longitude")
        if latitude is None or longitude is None:
            self._still_m = 0.0
            return []
        place = _Place(tod_ns, latitude, longitude, _sigma_m(found), _value(found, "speed"))
        last, self._last = self._last, place
        frozen = self._frozen(last, place)
        jumped = None if frozen else self._jump(place)
        if frozen is not None:
            _mark(found, POSITION, Quality.BAD, Cause.FROZEN)
        elif jumped is not None:
            _mark(found, POSITION, Quality.BAD, Cause.CONFLICT)
        else:
            self._kept = place
        return [frozen, jumped]

    def _frozen(self, last: _Place | None, now: _Place) -> Fault | None:
        if last is None or (last.latitude_deg, last.longitude_deg) != (now.latitude_deg, now.longitude_deg):
            self._still_m = 0.0
            return None
        if now.speed_mps is not None and now.speed_mps >= MOVING_MPS:
            self._still_m += now.speed_mps * _seconds(last.tod_ns, now.tod_ns)
        if self._still_m <= FROZEN_M:
            return None
        return Fault(
            "position_frozen",
            f"the position stands still to its last digit while the receiver reports {now.speed_mps:.2f} m/s",
            "restart the receiver; if it comes back, renew its firmware",
        )

    def _jump(self, now: _Place) -> Fault | None:
        kept = self._kept
        dt = 0.0 if kept is None else _seconds(kept.tod_ns, now.tod_ns)
        if kept is None or dt > GAP_S:
            self._jumped_ns = None
            return None
        limit = self._config.speed_max_mps
        speed = max(limit if p.speed_mps is None else min(p.speed_mps, limit) for p in (kept, now))
        allowed = self._config.jump_m + (speed + MARGIN_MPS) * dt + 3.0 * (kept.sigma_m + now.sigma_m)
        moved = _distance_m(kept, now)
        if moved <= allowed:
            self._jumped_ns = None
            return None
        if self._jumped_ns is None:
            self._jumped_ns = now.tod_ns
        if _seconds(self._jumped_ns, now.tod_ns) > HOLD_S:
            self._jumped_ns = None
            return None
        return Fault(
            "position_jump",
            f"the position moved {moved:.2f} m in {dt:.2f} s, {allowed:.2f} m are possible",
            "a wrong RTK fix or reflections: look at sky and corrections; raise jump_m only if it is neither",
        )

    def _corrections(self, found: dict[str, Reading]) -> Fault | None:
        age_s, limit_s = _value(found, "correction_age"), self._config.correction_age_max_s
        if age_s is None or age_s <= limit_s or _value(found, "fix") not in RTK:
            return None
        _mark(found, (*POSITION, "fix"), Quality.UNCERTAIN, Cause.STALE)
        return Fault(
            "correction_stale",
            f"the receiver claims RTK with corrections {age_s:.0f} s old, more than {limit_s:g} s",
            "look at the correction service: radio, NTRIP caster, mount point; gatectl gnss shows the age",
        )


def _value(found: dict[str, Reading], tag: str) -> float | None:
    reading = found.get(tag)
    return None if reading is None or reading.quality is Quality.BAD else reading.value


def _mark(found: dict[str, Reading], tags: tuple[str, ...], quality: Quality, cause: Cause) -> None:
    """Make the readings at most as good as this; what is BAD already keeps its cause."""
    for tag in tags:
        reading = found.get(tag)
        if reading is not None and reading.quality > quality:
            found[tag] = Reading(reading.value, quality, cause)


def _sigma_m(found: dict[str, Reading]) -> float:
    north, east = _value(found, "sigma_north"), _value(found, "sigma_east")
    if north is not None and east is not None:
        return math.hypot(north, east)
    return SIGMA_M.get(_value(found, "fix") or 0.0, SIGMA_ELSE_M)


def _seconds(since_ns: int, now_ns: int) -> float:
    """Between two times of day; a time that was set back is a long time ago."""
    return (now_ns - since_ns) % DAY_NS * 1e-9


def _distance_m(a: _Place, b: _Place) -> float:
    """Horizontal, on a sphere, across the 180th meridian too; good to 1 % over kilometres."""
    north = (b.latitude_deg - a.latitude_deg) * METRES_PER_DEG
    east = math.remainder(b.longitude_deg - a.longitude_deg, 360.0) * METRES_PER_DEG
    return math.hypot(north, east * math.cos(math.radians(a.latitude_deg)))
