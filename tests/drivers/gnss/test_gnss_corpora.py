"""Every recording of real receivers: counted by message and reason, and equal to pynmea2 field by field."""

import math
import random
import re
from collections import Counter
from datetime import date
from functools import reduce
from operator import xor
from pathlib import Path

import pynmea2
import pytest
from gnss_wire import crc32_bitwise, nmea
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gnss.messages import Reader, Report
from drivers.gnss.wire import LOG, TEXT, UBX, Framer

DATA = Path(__file__).parents[4] / "shared" / "data" / "gnss"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the GNSS recordings are not beside the repository")

# file: (messages by name, refused by reason)
CORPORA = {
    "gpsd_nmea-rtk.log": ({"GGA": 122, "RMC": 122}, {"stray_bytes": 266}),
    "gpsd_skytraq-PX1172RH_DS_heading.log": (
        {"GGA": 9, "RMC": 9, "VTG": 9, "ZDA": 9, "GLL": 9, "GSA": 36, "GSV": 42, "THS": 9, "HDT": 9,
         "PSTI,030": 9, "PSTI,032": 9, "PSTI,033": 18, "PSTI,035": 9, "PSTI,036": 9},
        {"stray_bytes": 982},
    ),
    "gpsd_zed-f9p-nmea.log": (
        {"GGA": 29, "RMC": 29, "VTG": 29, "GST": 29, "ZDA": 29, "GLL": 29, "GBS": 29, "GSA": 116, "GSV": 696},
        {"stray_bytes": 340},
    ),
    "trimbleR2_PTNL-GGK.txt": (
        {"GGA": 34, "RMC": 34, "VTG": 34, "GST": 34, "ZDA": 34, "GLL": 34, "GNS": 102, "GSA": 68, "GSV": 136,
         "PTNL,GGK": 34},
        {},
    ),
    # The truth file's RMC sentences carry wrong checksums: none of them may come through.
    "google_F9K_drive.SPAN-truth.gga": ({"GGA": 1748}, {"checksum": 1748}),
    "google_F9K_drive.nmea": (
        {"GGA": 1653, "RMC": 1653, "VTG": 1652, "GLL": 1654, "GSA": 6612, "GSV": 32_260, "TXT": 1},
        {"checksum": 13},
    ),
}  # fmt: skip
USED = {"GGA", "RMC", "VTG", "GST", "ZDA", "THS", "HDT", "PSTI,035", "PSTI,036", "PTNL,GGK"}
MPS_PER_KNOT = 1852 / 3600
LINE = re.compile(rb"\$([^$*\r\n]*)\*([0-9A-Fa-f]{2})")


def independent_counts(data: bytes) -> tuple[Counter[str], int]:
    """By regular expression and a plain XOR: sentences by name, and those whose checksum does not hold."""
    names: Counter[str] = Counter()
    wrong = 0
    for body, digits in LINE.findall(data):
        if reduce(xor, body, 0) != int(digits, 16):
            wrong += 1
            continue
        fields = body.decode().split(",")
        names[",".join(fields[:2]) if fields[0][0] == "P" else fields[0][2:]] += 1
    return names, wrong


@needs_data
@pytest.mark.parametrize("name", CORPORA)
def test_every_message_and_every_refusal_is_counted(name):
    data = (DATA / name).read_bytes()
    expected, refused = CORPORA[name]
    framer, reader = Framer(), Reader()
    reports = Counter(r.message for r in map(reader.read, framer.feed(data, 0)) if r is not None)
    assert reader.received == expected
    assert framer.rejected == refused
    assert reports == {kind: count for kind, count in expected.items() if kind in USED}
    assert reader.unused.total() == sum(count for kind, count in expected.items() if kind not in USED)
    names, wrong = independent_counts(data)
    assert reader.received == names
    assert framer.rejected["checksum"] == wrong


@needs_data
def test_there_is_no_recording_that_is_not_looked_at():
    assert {file.name for file in DATA.iterdir()} == set(CORPORA)


def number(text: str) -> float | None:
    return float(text) if text else None


def sigma(text: str) -> float | None:
    return number(text) or None


def tod_ns(moment) -> int | None:
    if not moment:
        return None
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * 10**9 + moment.microsecond * 1000


def days(day: date | None) -> int | None:
    return None if day is None else (day - date(1970, 1, 1)).days


def by_pynmea2(message) -> dict[str, object]:
    """The same record from pynmea2's fields, for what it is right about (valid sentences only)."""
    m = message
    match type(m).__name__:
        case "GGA":
            return {
                "tod_ns": tod_ns(m.timestamp),
                "quality": m.gps_qual,
                "satellites": int(m.num_sats),
                "latitude_deg": m.latitude,
                "longitude_deg": m.longitude,
                "height_m": m.altitude + float(m.geo_sep),
                "correction_age_s": number(m.age_gps_data) if m.gps_qual != 1 else None,
                "station": m.ref_station_id or None,
            }
        case "RMC":
            return {
                "tod_ns": tod_ns(m.timestamp),
                "day": days(m.datestamp),
                "valid": m.status == "A",
                "speed_mps": m.spd_over_grnd * MPS_PER_KNOT,
                "course_rad": None if m.true_course is None else math.radians(m.true_course) % math.tau,
            }
        case "GST":
            return {
                "tod_ns": tod_ns(m.timestamp),
                "sigma_north_m": m.std_dev_latitude,
                "sigma_east_m": m.std_dev_longitude,
                "sigma_up_m": m.std_dev_altitude,
            }
        case "VTG":
            return {
                "speed_mps": float(m.spd_over_grnd_kts) * MPS_PER_KNOT,
                "course_rad": None if m.true_track is None else math.radians(m.true_track) % math.tau,
            }
        case "ZDA":
            return {"tod_ns": tod_ns(m.timestamp), "day": days(date(m.year, m.month, m.day))}
        case "HDT":
            return {"heading_rad": math.radians(float(m.heading)) % math.tau}
        case "TNLGGK":  # its date is read as ddmmyy and its height left as text
            return {
                "latitude_deg": m.latitude,
                "longitude_deg": m.longitude,
                "satellites": int(m.num_sats),
                "height_m": float(m.height.removeprefix("EHT")),
            }
    return {}  # fmt: skip


@needs_data
@pytest.mark.parametrize("name", CORPORA)
def test_pynmea2_reads_the_same(name):
    compared: Counter[str] = Counter()
    reader = Reader()
    for frame in Framer().feed((DATA / name).read_bytes(), 0):
        report = reader.read(frame)
        if report is None:
            continue
        try:
            expected = by_pynmea2(pynmea2.parse(frame.data.decode(), check=True))
        except pynmea2.ParseError:
            assert report.message in ("THS", "PSTI,035", "PSTI,036")  # which it does not know
            continue
        if not expected:
            continue
        for field, value in expected.items():
            ours = getattr(report, field)
            if field == "tod_ns" and value is not None:  # pynmea2 rounds to a microsecond
                assert abs(ours - value) <= 1000, (frame.data, field)
            elif isinstance(value, float):
                assert ours == pytest.approx(value, rel=1e-12, abs=1e-12), (frame.data, field)
            else:
                assert ours == value, (frame.data, field)
        compared[report.message] += 1
    of_file = CORPORA[name][0]
    both = {"GGA", "RMC", "GST", "VTG", "ZDA", "HDT", "PTNL,GGK"}
    assert compared == {kind: count for kind, count in of_file.items() if kind in both}


@needs_data
def test_trimbles_two_messages_agree():
    """GGK has its own order of date, its own quality and an ellipsoidal height: GGA and RMC say the same.

    ZDA carries the time of its sending, a few hundredths of a second on.
    """
    reader = Reader()
    frames = Framer().feed((DATA / "trimbleR2_PTNL-GGK.txt").read_bytes(), 0)
    epochs: dict[int, dict[str, Report]] = {}
    for report in map(reader.read, frames):
        if report is not None and report.tod_ns is not None:
            epochs.setdefault(report.tod_ns // 10**9, {})[report.message] = report
    assert len(epochs) == 34
    for epoch in epochs.values():
        gga, ggk, rmc = epoch["GGA"], epoch["PTNL,GGK"], epoch["RMC"]
        assert (ggk.latitude_deg, ggk.longitude_deg) == (gga.latitude_deg, gga.longitude_deg)
        assert ggk.height_m == pytest.approx(gga.height_m, abs=2e-3)
        assert ggk.day == rmc.day == epoch["ZDA"].day
    pairs = Counter((e["GGA"].quality, e["PTNL,GGK"].quality) for e in epochs.values())
    assert pairs == {(2, 2): 25, (5, 5): 9}


def is_valid(frame) -> bool:
    """The checksum once more, by the book."""
    if frame.form == UBX:
        a = b = 0
        for byte in frame.data[2:-2]:
            a = (a + byte) & 0xFF
            b = (b + a) & 0xFF
        return frame.data[-2:] == bytes((a, b))
    body, _, digits = frame.data[1:].partition(b"*")
    if len(digits) == 8:
        return int(digits, 16) == crc32_bitwise(body)
    return frame.form == TEXT and int(digits, 16) == reduce(xor, body, 0)


def check_is_possible(report: Report) -> None:
    """No value that could not be one."""
    for name in report.__struct_fields__:
        value = getattr(report, name)
        assert not isinstance(value, float) or math.isfinite(value), name
        if value is None or isinstance(value, str):
            continue
        if name in ("heading_rad", "course_rad"):
            assert 0 <= value < math.tau
        elif name.startswith("sigma") or name in (
            "baseline_m",
            "speed_mps",
            "correction_age_s",
            "satellites",
        ):
            assert value >= 0
        elif name == "latitude_deg":
            assert abs(value) <= 90
        elif name == "longitude_deg":
            assert abs(value) <= 180
        elif name in ("quality", "heading_quality"):
            assert 0 <= value <= 6
        elif name == "tod_ns":
            assert 0 <= value < 86_401 * 10**9
    assert report.heading_rad is None or report.valid is not False
    assert report.latitude_deg is None or report.quality is None or 1 <= report.quality <= 6


@needs_data
@pytest.mark.parametrize("name", CORPORA)
def test_mutated_recordings_give_only_what_a_valid_message_says(name):
    """Bytes changed, lost or added in half of the lines: the others come, and nothing impossible."""
    rng = random.Random(name)
    lines = (DATA / name).read_bytes().splitlines(keepends=True)[:3000]
    intact, data = Counter(), bytearray()
    for line in lines:
        spoilt = bytearray(line)
        for _ in range(rng.choice((0, 0, 1, 3))):
            at = rng.randrange(len(spoilt) + 1)
            spoilt[at : at + rng.choice((0, 1, 1, 9))] = rng.randbytes(rng.choice((0, 1, 1, 4)))
        if bytes(spoilt) == line and line[:1] == b"$" and data[-1:] == b"\n":
            intact[bytes(line.strip())] += 1
        data += spoilt
    framer, reader, found = Framer(), Reader(), Counter()
    while data:
        cut = rng.randrange(1, 700)
        for frame in framer.feed(bytes(data[:cut]), 0):
            found[frame.data] += 1
            assert is_valid(frame)
            report = reader.read(frame)
            if report is not None:
                check_is_possible(report)
        del data[:cut]
    valid = {line for line in intact if reduce(xor, line[1:-3], 0) == int(line[-2:], 16)}
    assert all(found[line] >= intact[line] for line in valid)
    assert valid


# What a field may hold once it is damaged in a way that the checksum does not see.
damage = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$*#,"), max_size=12),
    st.sampled_from(
        ["nan", "inf", "-inf", "1e9", "1_0", "-1", "-2e10", "99999999999", "N", "0", "", "4", "A", "."]
    ),
)
HEADS = ["GNGGA", "GNRMC", "GNGST", "GNVTG", "GNZDA", "GNTHS", "GNHDT", "GNHPR", "KSXT", "PTNL,AVR",
         "PTNL,GGK", "PSSN,HRP", "PSTI,035", "PSTI,036", "PSAT,HPR", "PTNL", "P", "", "GGA", "A", "PSTI,032",
         "GNGGAH"]  # fmt: skip
LOGS = ["BESTNAVA", "UNIHEADINGA", "BESTPOSA", "HEADING2A", "INSPVAXA", "OBSVMA"]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HEADS), st.lists(damage, max_size=24))
def test_any_fields_under_a_right_checksum_are_read_or_refused(head, fields):
    for frame in Framer().feed(nmea(",".join([head, *fields])), 0):
        report = Reader().read(frame)
        if report is not None:
            check_is_possible(report)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LOGS), st.lists(damage, max_size=12), st.lists(damage, max_size=32), st.booleans())
def test_any_log_under_a_right_checksum_is_read_or_refused(name, head, fields, computed):
    body = ["SOL_COMPUTED", "NARROW_INT", *fields] if computed else fields
    text = ",".join([name, *head]) + ";" + ",".join(body)
    for frame in Framer().feed(f"#{text}*{crc32_bitwise(text.encode()):08x}".encode(), 0):
        assert frame.form == LOG
        report = Reader().read(frame)
        if report is not None:
            check_is_possible(report)


STRICT = {
    "latitude": re.compile(r"(\d\d|\d\d\d)(\d\d(?:\.\d*)?)"),
    "number": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)"),
    "time": re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(?:\.(\d{0,9}))?"),
}


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_field_is_what_it_strictly_says_or_nothing(data):
    """One field of a GGA damaged under a right checksum: no lenient conversion makes a number of it."""
    fields = ["021417.00", "3725.58362", "N", "12205.61915", "W", "4", "12", "0.76", "4.4", "M", "-30.0", "M",
              "0.7", "2000"]  # fmt: skip
    at = data.draw(st.integers(0, len(fields) - 1))
    old = fields[at]
    cut = data.draw(st.integers(0, len(old)))
    fields[at] = old[:cut] + data.draw(damage) + old[cut + data.draw(st.integers(0, 2)) :]
    (frame,) = Framer().feed(nmea("GNGGA," + ",".join(fields)), 0)
    report = Reader().read(frame)
    text = {i: field.strip() for i, field in enumerate(fields)}
    if report.tod_ns is not None:
        match = STRICT["time"].fullmatch(text[0])
        assert match is not None
        assert report.tod_ns // 10**9 == int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
    if report.latitude_deg is not None:
        match = STRICT["latitude"].fullmatch(text[1])
        assert match is not None
        assert abs(report.latitude_deg) == pytest.approx(int(match[1]) + float(match[2]) / 60, abs=1e-12)
        assert (report.latitude_deg < 0) == (text[2] == "S") or report.latitude_deg == 0
    for value, index in ((report.correction_age_s, 12),):
        if value is not None:
            assert STRICT["number"].fullmatch(text[index])
            assert value == float(text[index])
    if report.height_m is not None:
        assert STRICT["number"].fullmatch(text[8])
        assert report.height_m == pytest.approx(float(text[8]) + float(text[10]))
    if report.quality:
        assert text[5] == str(report.quality)
