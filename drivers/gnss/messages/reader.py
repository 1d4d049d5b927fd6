"""Frames as records: which layout a frame has, and what is not used, counted by reason."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from drivers.gnss.messages import hemisphere, nmea, novatel, septentrio, skytraq, trimble, ublox, unicore
from drivers.gnss.messages.gpstime import LEAP_SECONDS, of_head
from drivers.gnss.messages.layout import Layout, read
from drivers.gnss.messages.report import Report
from drivers.gnss.wire import LOG, UBX, Frame

STANDARD = {layout.name: layout for layout in nmea.LAYOUTS}
PROPRIETARY = {
    layout.name: layout
    for table in (unicore.SENTENCES, trimble.LAYOUTS, septentrio.LAYOUTS, skytraq.LAYOUTS, hemisphere.LAYOUTS)
    for layout in table
}
LOGS = {layout.name: layout for table in (novatel.LAYOUTS, unicore.LAYOUTS) for layout in table}
UBX_MESSAGES = ublox.LAYOUTS

NOT_USED, SECOND_ANTENNA, UNREADABLE = "not used", "second antenna", "unreadable"
MAX_NAMES = 200  # so that noise with a right checksum cannot fill the memory


class _Route(NamedTuple):
    """name: to count under. layout: None if the message is not read, for this reason."""

    name: str
    layout: Layout | None
    reason: str = ""


class Reader:
    """Reads the frames of one wire. Never raises.

    received: frames by name, used or not. unused: those that gave no record, by reason.
    leap_seconds: GPS minus UTC, until the receiver has said them.
    """

    def __init__(self, leap_seconds: int = LEAP_SECONDS) -> None:
        self.received: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()
        self.leap_seconds = leap_seconds
        self._routes: dict[str, _Route] = {}

    def read(self, frame: Frame) -> Report | None:
        """The record of a frame, or None for a message that is not used (counted in `unused`)."""
        if frame.form == UBX:
            return self._ubx(frame.body)
        text = frame.body.decode("ascii")
        if frame.form == LOG:
            return self._log(text)
        head, _, rest = text.partition(",")
        if head[:1] == "P":
            sub, _, behind = rest.partition(",")
            head = f"{head},{sub}"
            rest = behind
        route = self._routes.get(head) or self._route(head)
        self.received[route.name] += 1
        if route.layout is None:
            self.unused[route.reason] += 1
            return None
        return read(route.layout, rest.split(","))

    def _log(self, text: str) -> Report | None:
        head, _, body = text.partition(";")
        heads = head.split(",")
        route = self._routes.get("#" + heads[0]) or self._route_log(heads[0])
        self.received[route.name] += 1
        if route.layout is None:
            self.unused[route.reason] += 1
            return None
        time = of_head(heads, self.leap_seconds)
        if time.leap_seconds is not None:
            self.leap_seconds = time.leap_seconds
        return read(route.layout, body.split(","), tod_ns=time.tod_ns, day=time.day)

    def _ubx(self, body: bytes) -> Report | None:
        layout = UBX_MESSAGES.get(body[:2])
        if layout is None:
            self._count(f"UBX-{body[0]:02X}-{body[1]:02X}")
            self.unused[NOT_USED] += 1
            return None
        self.received[layout.name] += 1
        report = None
        if len(body) == layout.length + ublox.HEAD:
            if layout.name == "UBX-NAV-PVT":
                leap = ublox.leap_seconds_of(body)
                self.leap_seconds = self.leap_seconds if leap is None else leap
            report = layout.read(body, self.leap_seconds)
        if report is None:
            self.unused[UNREADABLE] += 1
        return report

    def _count(self, name: str) -> None:
        self.received[name if name in self.received or len(self.received) < MAX_NAMES else "other"] += 1

    def _route(self, head: str) -> _Route:
        return self._remember(head, name_of(head), *_standard(head))

    def _route_log(self, name: str) -> _Route:
        layout = LOGS.get(name)
        second = layout is None and name.endswith("HA") and f"{name[:-2]}A" in LOGS
        return self._remember("#" + name, name, layout, SECOND_ANTENNA if second else NOT_USED)

    def _remember(self, key: str, name: str, layout: Layout | None, reason: str) -> _Route:
        if layout is None and (len(self._routes) >= MAX_NAMES or not _printable(name)):
            return _Route("other", None, reason)
        route = self._routes[key] = _Route(name, layout, "" if layout else reason)
        return route


def name_of(head: str) -> str:
    """`GGA` of `GNGGA`; proprietary messages keep their maker: `PTNL,AVR`."""
    return head[2:] if len(head) in (5, 6) and head[0] != "P" else head


def _standard(head: str) -> tuple[Layout | None, str]:
    if head in PROPRIETARY:
        return PROPRIETARY[head], ""
    if head[:1] != "P" and len(head) == 5 and head[2:] in STANDARD:
        return STANDARD[head[2:]], ""
    second = len(head) == 6 and head[-1] == "H" and (head[2:-1] in STANDARD or head[:-1] in PROPRIETARY)
    return None, SECOND_ANTENNA if second or head == "KSXTH" else NOT_USED


def _printable(name: str) -> bool:
    return 2 <= len(name) <= 20 and name.replace(",", "").isalnum()
