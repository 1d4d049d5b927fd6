"""Satellites in view, for people: GSV and GSA. They never become tags. No I/O.

GSV comes in groups of messages per constellation and, from NMEA 4.11 on, per signal; a group is taken
over when it is whole. GSA tells which of them are in the solution.
"""

from __future__ import annotations

import pynmea2

from gatectl.model.device import Satellite

# NMEA 4.11 talkers and GSA system numbers as RINEX letters.
_LETTER = {"GP": "G", "GL": "R", "GA": "E", "GB": "C", "BD": "C", "GQ": "J", "QZ": "J", "GI": "I"}
_SYSTEM = {"1": "G", "2": "R", "3": "E", "4": "C", "5": "J", "6": "I"}
MESSAGES = (b"GSV", b"GSA")


class Sky:
    """GSV and GSA sentences in, the satellites in view out."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], dict[str, Satellite]] = {}  # whole, by talker and signal
        self._partial: dict[tuple[str, str], dict[str, Satellite]] = {}
        self._partial_of = (0, 0)  # messages of the group, number of the last one
        self._used: dict[str, frozenset[str]] = {}  # by constellation, newest GSA
        self._told_used = False

    def read(self, text: str) -> None:
        """Take one sentence with a valid checksum, from `$` to its two digits; others are ignored."""
        try:
            message = pynmea2.parse(text, check=True)
        except (pynmea2.ParseError, ValueError):
            return
        if message.sentence_type == "GSV":
            self._gsv(message.talker, list(message.data))
        elif message.sentence_type == "GSA":
            self._gsa(message.talker, list(message.data))

    def satellites(self) -> tuple[Satellite, ...]:
        """By name; of several signals of a satellite the strongest counts."""
        best: dict[str, Satellite] = {}
        for group in self._groups.values():
            for name, satellite in group.items():
                known = best.get(name)
                if known is None or (satellite.cn0_dbhz or -1.0) > (known.cn0_dbhz or -1.0):
                    best[name] = satellite
        return tuple(
            Satellite(
                name=name,
                elevation_deg=s.elevation_deg,
                azimuth_deg=s.azimuth_deg,
                cn0_dbhz=s.cn0_dbhz,
                used=name in self._used.get(name[0], frozenset()) if self._told_used else None,
            )
            for name, s in sorted(best.items())
        )

    def _gsv(self, talker: str, fields: list[str]) -> None:
        total, number = _whole(fields, 0), _whole(fields, 1)
        if not total or not number or number > total:
            return
        # 3 fields, then 4 per satellite, then perhaps the signal.
        signal = fields[-1] if (len(fields) - 3) % 4 == 1 else ""
        if number == 1:
            self._partial = {}
        elif self._partial_of != (total, number - 1):
            self._partial_of = (0, 0)
            return  # one of the group was lost
        self._partial_of = (total, number)
        part = self._partial.setdefault((talker, signal), {})  # Trimble has several talkers in a group
        for at in range(3, len(fields) - 3, 4):
            prn = _whole(fields, at)
            if prn:
                name = _name(_LETTER.get(talker, "?"), prn)
                part[name] = Satellite(
                    name=name,
                    elevation_deg=_number(fields[at + 1]),
                    azimuth_deg=_number(fields[at + 2]),
                    cn0_dbhz=_number(fields[at + 3]),
                )
        if number == total:
            self._groups |= self._partial
            self._partial_of = (0, 0)

    def _gsa(self, talker: str, fields: list[str]) -> None:
        prns = [prn for prn in (_whole(fields, at) for at in range(2, 14)) if prn]
        system = fields[17] if len(fields) > 17 else ""
        letter = _SYSTEM.get(system) or _LETTER.get(talker)
        if letter is None:  # GN without a system number: the numbers themselves tell
            letter = "R" if prns and 65 <= prns[0] <= 96 else "G"
        self._told_used = True
        self._used[letter] = frozenset(_name(letter, prn) for prn in prns)


def _name(letter: str, prn: int) -> str:
    """NMEA numbers as RINEX names: GLONASS from 65, SBAS 33 to 64, QZSS from 193, BeiDou from 401."""
    if letter == "R" and prn >= 65:
        prn -= 64
    elif letter == "G" and 33 <= prn <= 64:
        letter, prn = "S", prn - 13  # 33 is PRN 120, RINEX S20
    elif letter == "J" and prn >= 193:
        prn -= 192
    elif letter == "C" and prn >= 401:
        prn -= 400
    return f"{letter}{prn:02d}"


def _whole(fields: list[str], at: int) -> int | None:
    text = fields[at] if at < len(fields) else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
