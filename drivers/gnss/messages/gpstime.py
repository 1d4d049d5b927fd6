"""GPS time as UTC. GPS counts weeks from 1980-01-06 and knows no leap seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAP_SECONDS = 18  # GPS minus UTC since 2017-01-01 (IERS Bulletin C)
GPS_EPOCH_DAY = 3657  # 1980-01-06 in days since 1970
DAY_MS = 86_400_000
NS_PER_MS = 10**6
MAX_LEAP_SECONDS = 60


class LogTime(NamedTuple):
    """Of a log's head. tod_ns, day: UTC, None while the receiver does not know the time."""

    tod_ns: int | None
    day: int | None
    leap_seconds: int | None  # where the log carries them


def from_week(week: int, ms: int, leap_seconds: int) -> tuple[int, int]:
    """(UTC time of day in ns, days since 1970) of GPS week and milliseconds in it."""
    utc_ms = ms - 1000 * leap_seconds
    day, tod_ms = divmod(utc_ms, DAY_MS)
    return tod_ms * NS_PER_MS, GPS_EPOCH_DAY + 7 * week + day


def from_itow(itow_ms: int, leap_seconds: int) -> int:
    """UTC time of day in ns of a GPS time of week."""
    return (itow_ms - 1000 * leap_seconds) % DAY_MS * NS_PER_MS


def of_head(head: Sequence[str], leap_seconds: int) -> LogTime:
    """Time of a log from the fields before its `;`, the name first.

    NovAtel (and Bynav): name, port, sequence, idle, time status, week, seconds, ...
    Unicore: name, idle, time reference, time status, week, milliseconds, reserved, version, leap
    seconds, delay. Only a time status FINE... and the GPS time reference count.
    """
    if len(head) >= 10 and head[2] in ("GPS", "BDS", "GPST", "BDST"):
        status, week_text, scale, carried = head[3], head[4], 1, _whole(head[8])
        ms_text = head[5]
        if not head[2].startswith("GPS"):
            return LogTime(None, None, None)
    elif len(head) >= 7:
        status, week_text, ms_text, scale, carried = head[4], head[5], head[6], 1000, None
    else:
        return LogTime(None, None, None)
    leap = carried if carried is not None and 0 < carried < MAX_LEAP_SECONDS else None
    week = _whole(week_text)
    try:
        ms = round(float(ms_text) * scale) if not ms_text.strip("0123456789.") else None
    except ValueError:
        ms = None
    if (
        not status.startswith("FINE")
        or week is None
        or not 0 < week < 10_000
        or ms is None
        or ms > 7 * DAY_MS
    ):
        return LogTime(None, None, leap)
    return LogTime(*from_week(week, ms, leap_seconds if leap is None else leap), leap)


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None
