"""Listening to a wire to find out whether a receiver speaks there, and how it is to be configured."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise
from typing import Any

from drivers._wire import listen, wire_table
from drivers.gnss.decoder import Decoder
from drivers.gnss.epoch import UNTIMED
from drivers.gnss.messages import Report
from drivers.gnss.samples import HEADINGS, POSITIONS, SIGMAS
from gatectl.model.device import ProbeFinding, Wire

BAUDS = (115_200, 460_800, 38_400, 9_600, 230_400, 921_600, 57_600, 19_200, 4_800)
NOISE_BYTES = 300  # so many without one valid message: the speed is wrong, or it is no receiver
RATES_HZ = (0.2, 0.5, 1.0, 2.0, 4.0, 5.0, 8.0, 10.0, 20.0, 25.0, 50.0)
_FORMS = (("UBX-", "UBX"), ("PTNL", "Trimble PTNL"), ("PSSN", "Septentrio PSSN"), ("KSXT", "KSXT"))
_LOGS = frozenset({"BESTNAVA", "BESTPOSA", "UNIHEADINGA", "HEADING2A", "INSPVAXA"})


async def probe(wire: Wire, listen_s: float) -> ProbeFinding:
    """Listen for listen_s; ends early on NOISE_BYTES without a valid message. Never writes.

    Raises DeviceError if the wire cannot be opened (busy, no such port, no permission) or is lost.
    """
    decoder, heard = Decoder(), _Heard()

    def hear(data: bytes) -> bool:
        heard.bytes += len(data)
        for report, _ in decoder.feed(data, time.monotonic_ns()):
            heard.take(report)
        return decoder.frames > 0 or heard.bytes < NOISE_BYTES

    return heard.finding(wire, decoder, await listen(wire, listen_s, hear))


class _Heard:
    def __init__(self) -> None:
        self.bytes = 0
        self.last: dict[str, Report] = {}
        self.times: Counter[int] = Counter()

    def take(self, report: Report) -> None:
        self.last[report.message] = report
        if report.tod_ns is not None and (report.message in POSITIONS or report.message == "RMC"):
            self.times[report.tod_ns] += 1

    def finding(self, wire: Wire, decoder: Decoder, seconds: float) -> ProbeFinding:
        names = list(decoder.received)
        found = ProbeFinding(
            heard_bytes=self.bytes,
            used_bytes=decoder.used_bytes,
            seconds=seconds,
            messages=dict(decoder.received),
        )
        if not names or not decoder.frames:
            return found
        config: dict[str, Any] = {"wire": wire_table(wire)}
        rate_hz = self._rate_hz()
        if rate_hz is not None:
            config["rate_hz"] = rate_hz
            if rate_hz < 1.5:
                config["silence_s"] = round(4.0 / rate_hz, 1)
        baselines = [r.baseline_m for r in self.last.values() if r.baseline_m]
        if baselines:
            config["baseline_m"] = round(baselines[0], 3)
        return ProbeFinding(
            heard_bytes=found.heard_bytes,
            used_bytes=found.used_bytes,
            seconds=found.seconds,
            messages=found.messages,
            protocol=_protocol(names),
            config=config,
            notes=tuple(self._notes(rate_hz)),
        )

    def _rate_hz(self) -> float | None:
        """From the times in the messages, not from their arrival."""
        times = sorted(self.times)
        steps = Counter(b - a for a, b in pairwise(times))
        if not steps:
            return None
        step_s = steps.most_common(1)[0][0] * 1e-9
        return min(RATES_HZ, key=lambda rate: abs(rate * step_s - 1.0))

    def _notes(self, rate_hz: float | None) -> list[str]:
        notes = []
        given = set(self.last)
        if not given & set(POSITIONS):
            notes.append("no position message: set the receiver to send GGA, KSXT, GGK, BESTNAVA or NAV-PVT")
        if not any(r.day is not None for r in self.last.values()):
            notes.append("no date: set the receiver to send RMC or ZDA as well")
        if not given & set(HEADINGS):
            notes.append("no heading: a vehicle needs two antennas and THS, UNIHEADINGA, AVR or the like")
        if given and not given & set(SIGMAS):
            notes.append("no standard deviations: set the receiver to send GST")
        if rate_hz is None and given - UNTIMED:
            notes.append("fewer than two epochs heard: check rate_hz")
        if rate_hz is not None and rate_hz < 5:
            notes.append(f"{rate_hz:g} Hz is slow for a driving vehicle: set 10 Hz")
        if any(r.baseline_m for r in self.last.values()):
            notes.append("baseline_m is what the receiver says: compare it with a tape measure")
        notes.append("latency_s: take it from the receiver's data sheet")
        return notes


def _protocol(names: list[str]) -> str:
    """`NMEA 0183 + UBX`, by what was heard."""
    found = [text for start, text in _FORMS if any(n.startswith(start) for n in names)]
    if any(n in _LOGS for n in names):
        found.append("# logs")
    if any(len(n) == 3 for n in names):
        found.insert(0, "NMEA 0183")
    return " + ".join(found) or "other messages"
