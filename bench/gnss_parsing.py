"""How many GNSS messages a second are read, by gatectl and by the libraries that could do it.

`python -m bench.gnss_parsing [--data DIR] [--seconds S]`. One run, one process, best of the
rounds, processor time. gatectl does all of its work: bytes as they come from the wire, framing,
checksum, a typed record. The libraries get whole messages, already cut; where they convert lazily, the
values are asked for. Exit code 1 if gatectl is slower than the fastest of them anywhere.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pynmea2
from pynmeagps import NMEAReader
from pyubx2 import GET, UBXMessage, UBXReader
from rich.console import Console
from rich.table import Table

from drivers.gnss.messages import Reader
from drivers.gnss.wire import Framer

DATA = Path(__file__).parents[2] / "shared" / "data" / "gnss"
CHUNK = 512  # bytes that a serial port hands over at a time
# What a user of pynmea2 would ask for; its conversions happen then.
ASKED = {
    "GGA": ("timestamp", "latitude", "longitude", "gps_qual", "num_sats", "altitude", "geo_sep",
            "age_gps_data"),
    "RMC": ("timestamp", "datestamp", "status", "spd_over_grnd", "true_course", "mode_indicator"),
    "GST": ("timestamp", "std_dev_latitude", "std_dev_longitude", "std_dev_altitude"),
    "VTG": ("true_track", "spd_over_grnd_kts", "faa_mode"),
    "HDT": ("heading",),
    "ZDA": ("timestamp", "day", "month", "year"),
}  # fmt: skip
BY_HAND = "(struct by hand)"  # a lower bound, not a reader: no framing, units or validity
Work = Callable[[], object]
_PVT = struct.Struct("<IHBBBBBBIiBBBBiiiiIIiiiiiIIHHIihH")


def gatectl(data: bytes) -> None:
    framer, reader = Framer(), Reader()
    for start in range(0, len(data), CHUNK):
        for frame in framer.feed(data[start : start + CHUNK], 0):
            reader.read(frame)


def by_pynmea2(lines: Iterable[str]) -> None:
    for line in lines:
        with suppress(pynmea2.ParseError, ValueError, TypeError):
            message = pynmea2.parse(line, check=True)
            for name in ASKED.get(type(message).__name__, ()):
                getattr(message, name)


def by_pynmeagps(lines: Iterable[str]) -> None:
    for line in lines:
        with suppress(Exception):  # it has several, and refuses what it does not know
            NMEAReader.parse(line)


def by_pyubx2(messages: Iterable[bytes]) -> None:
    for message in messages:
        UBXReader.parse(message)


def by_struct(messages: Iterable[bytes]) -> None:
    """The least that one could write by hand for a NAV-PVT: checksum byte by byte, fields by struct."""
    for message in messages:
        a = b = 0
        for byte in message[2:-2]:
            a = (a + byte) & 0xFF
            b = (b + a) & 0xFF
        if message[-2:] == bytes((a, b)):
            _PVT.unpack_from(message, 6)


def rate(work: Work, count: int, seconds: float) -> float:
    """Messages a second: the best round of `seconds` altogether."""
    best, until = 0.0, time.process_time() + seconds
    while True:
        start = time.process_time()
        work()
        end = time.process_time()
        best = max(best, count / (end - start))
        if end > until:
            return best


def recorded(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def sentences(data: bytes) -> list[str]:
    return [line.decode("ascii", "replace") for line in data.splitlines() if line[:1] == b"$"]


def ubx_stream(epochs: int) -> list[bytes]:
    """NAV-PVT, HPPOSLLH, RELPOSNED and PL of a moving base at 10 Hz, by pyubx2."""
    found = []
    for number in range(epochs):
        itow_ms = 100 * number
        place = {"lat": 21.976 + number * 1e-6, "lon": 106.712, "height": 300_000, "hAcc": 14, "vAcc": 20}
        for identity, fields in (
            ("NAV-PVT", {**place, "year": 2026, "month": 2, "day": 9, "validDate": 1, "validTime": 1,
                         "fullyResolved": 1, "fixType": 3, "gnssFixOk": 1, "diffSoln": 1, "carrSoln": 2,
                         "numSV": 30, "gSpeed": 2000, "headMot": 90.0, "lastCorrectionAge": 1}),
            ("NAV-HPPOSLLH", place),
            ("NAV-RELPOSNED", {"version": 1, "relPosLength": 150, "relPosHeading": 90.0, "accHeading": 0.3,
                               "gnssFixOK": 1, "relPosValid": 1, "carrSoln": 2, "isMoving": 1,
                               "relPosHeadingValid": 1}),
            ("NAV-PL", {"version": 1, "plPosValid": 1, "plPosFrame": 3, "plPos1": 300, "plPos2": 250}),
        ):  # fmt: skip
            found.append(bytes(UBXMessage("NAV", identity, GET, iTOW=itow_ms, **fields).serialize()))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with recordings of NMEA")
    parser.add_argument("--seconds", type=float, default=3.0, help="per reader and stream")
    options = parser.parse_args()
    streams: list[tuple[str, int, dict[str, Work]]] = []
    if options.data.is_dir():
        everything = recorded(options.data)
        lines = sentences(everything)
        used = [line for line in lines if line[3:6] in ASKED]
        for name, chosen in (("recordings", lines), ("recordings, GGA RMC GST VTG HDT ZDA only", used)):
            data = everything if chosen is lines else "\r\n".join([*chosen, ""]).encode()
            streams.append((
                name,
                len(chosen),
                {
                    "gatectl": lambda data=data: gatectl(data),  # type: ignore[misc]
                    "pynmea2": lambda chosen=chosen: by_pynmea2(chosen),  # type: ignore[misc]
                    "pynmeagps": lambda chosen=chosen: by_pynmeagps(chosen),  # type: ignore[misc]
                },
            ))  # fmt: skip
    else:
        print(f"no recordings in {options.data}: only UBX is measured (--data FOLDER)", file=sys.stderr)
    messages = ubx_stream(500)
    joined = b"".join(messages)
    positions = messages[::4]
    solutions = b"".join(positions)
    readers: dict[str, Work] = {"gatectl": lambda: gatectl(joined), "pyubx2": lambda: by_pyubx2(messages)}
    streams.append(("UBX NAV-PVT HPPOSLLH RELPOSNED PL", len(messages), readers))
    readers = {
        "gatectl": lambda: gatectl(solutions),
        "pyubx2": lambda: by_pyubx2(positions),
        BY_HAND: lambda: by_struct(positions),
    }
    streams.append(("UBX NAV-PVT", len(positions), readers))
    return show(streams, options.seconds)


def show(streams: list[tuple[str, int, dict[str, Work]]], seconds: float) -> int:
    table = Table("stream", "messages", "reader", "messages/s", "us each", "gatectl is")
    slower = False
    for name, count, readers in streams:
        rates = {reader: rate(work, count, seconds) for reader, work in readers.items()}
        for reader, value in rates.items():
            times = rates["gatectl"] / value
            slower |= times < 1.0 and reader != BY_HAND
            faster = "" if reader == "gatectl" else f"{times:.1f} times as fast"
            table.add_row(name, f"{count}", reader, f"{value:,.0f}", f"{1e6 / value:.1f}", faster)
    Console().print(table)
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
