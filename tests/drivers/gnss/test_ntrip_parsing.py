"""The pure parts of the NTRIP client: heads, chunks, sourcetables, frames, positions."""

from contextlib import suppress

import msgspec
import pynmea2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ntrip_casters import EXAMPLE_1005, rtcm_frame
from pyrtcm import RTCMReader, calc_crc24q

from drivers.gnss.checksums import crc24q
from drivers.gnss.ntrip import NtripConfig, Position, check_ntrip
from drivers.gnss.ntrip.answers import Dechunker, HeadReader, Kind
from drivers.gnss.ntrip.gga import gga
from drivers.gnss.ntrip.requests import request
from drivers.gnss.ntrip.rtcm import FrameSplitter, message_number
from drivers.gnss.ntrip.sourcetable import distance_km, nearest, parse
from gatectl.model.errors import DeviceError, WireError

FRAMES = st.lists(st.binary(max_size=200), max_size=6).map(lambda bodies: [rtcm_frame(b) for b in bodies])


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """data cut at these places (taken modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def head(data: bytes, cuts: list[int]):
    """The answer and what is left of the body, with the bytes arriving in pieces."""
    reader = HeadReader()
    parts = pieces(data, cuts)
    for i, part in enumerate(parts):
        answer = reader.feed(part)
        if answer is not None:
            return answer, reader.rest + b"".join(parts[i + 1 :])
    return None, b""


# ---- frames ------------------------------------------------------------------------------------


def test_the_crc_is_the_standards():
    assert crc24q(EXAMPLE_1005) == 0
    assert crc24q(EXAMPLE_1005[:-3]) == 0x360B98
    assert message_number(EXAMPLE_1005) == 1005
    assert str(RTCMReader.parse(EXAMPLE_1005).identity) == "1005"


@given(st.binary(max_size=300))
def test_the_crc_agrees_with_pyrtcm(data):
    assert crc24q(data) == calc_crc24q(data)


@given(FRAMES, st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_come_out_whole_however_they_were_cut(frames, cuts):
    splitter = FrameSplitter()
    out = [frame for part in pieces(b"".join(frames), cuts) for frame in splitter.feed(part)]
    assert out == frames
    assert splitter.rejected.total() == 0


@given(
    FRAMES,
    st.binary(max_size=80).filter(lambda b: 0xD3 not in b),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_what_stands_between_frames_is_dropped_and_counted(frames, noise, cuts):
    splitter = FrameSplitter()
    stream = noise + b"".join(frame + noise for frame in frames)
    out = [frame for part in pieces(stream, cuts) for frame in splitter.feed(part)]
    assert out == frames
    assert splitter.rejected["stray_bytes"] == len(noise) * (len(frames) + 1)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_frame_never_passes_and_the_next_one_does(body, place, flip):
    damaged = bytearray(rtcm_frame(body))
    damaged[3 + place % (len(damaged) - 3)] ^= flip
    splitter = FrameSplitter()
    good = [rtcm_frame(bytes((number,)) * 1023) for number in (1, 2)]
    out = splitter.feed(bytes(damaged) + b"".join(good))
    assert out == good


def test_a_length_that_is_damaged_costs_no_good_frame_behind_it():
    splitter = FrameSplitter()
    stream = b"\xd3\x00\x08abc" + EXAMPLE_1005 * 3  # the length reaches into the good frame
    assert splitter.feed(stream) == [EXAMPLE_1005] * 3
    assert splitter.rejected["crc"] == 1


# ---- the caster's answers ----------------------------------------------------------------------


CUTS = st.lists(st.integers(0, 5000), max_size=8)


@given(CUTS)
@example([])
def test_icy_with_a_single_line_end_is_a_stream(cuts):
    answer, rest = head(b"ICY 200 OK\r\n" + EXAMPLE_1005, cuts)
    assert answer.kind is Kind.STREAM
    assert not answer.chunked
    assert rest == EXAMPLE_1005


@given(CUTS)
def test_a_v2_answer_with_a_status_line_that_runs_into_its_header(cuts):
    data = b"HTTP/1.1 200 OKNtrip-Version: Ntrip/2.0\r\nContent-Type: gnss/data\r\n\r\n" + EXAMPLE_1005
    answer, rest = head(data, cuts)
    assert answer.kind is Kind.STREAM
    assert rest == EXAMPLE_1005


@given(CUTS)
def test_a_chunked_v2_answer(cuts):
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: gnss/data\r\n\r\n3\r\nabc\r\n"
    answer, rest = head(data, cuts)
    assert answer.kind is Kind.STREAM
    assert answer.chunked
    assert rest == b"3\r\nabc\r\n"


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"SOURCETABLE 200 OK\r\nServer: x\r\n\r\nSTR;A\r\n", Kind.TABLE, 200),
        (b"HTTP/1.1 200 OK\r\nContent-Type: gnss/sourcetable\r\n\r\n", Kind.TABLE, 200),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html>", Kind.REFUSED, 200),
        (b"HTTP/1.0 401 Unauthorized\r\n", Kind.REFUSED, 401),
        (b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n", Kind.REFUSED, 404),
        (b"ERROR - Bad Password\r\n", Kind.REFUSED, 401),
        (b"ERROR - Mount Point Taken\r\n", Kind.REFUSED, 0),
        (b"HTTP/1.1 302 Found\r\nLocation: http://b:1/M\r\n\r\n", Kind.REDIRECT, 302),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", Kind.REFUSED, 304),
    ],
)
def test_what_a_caster_can_say(data, kind, status):
    answer, _ = head(data, [])
    assert (answer.kind, answer.status) == (kind, status)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"220 mail.example.org ESMTP\r\n", "not NTRIP"),
        (EXAMPLE_1005, "without having been asked"),
        (b"x" * 5000, "does not end"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 3000, "do not end"),
        (b"ICY 20\r\n", "not NTRIP"),
    ],
)
def test_what_is_no_caster_is_named(data, cause):
    with pytest.raises(WireError, match=cause):
        head(data, [])


@given(st.binary(max_size=200), CUTS)
def test_no_answer_makes_the_reader_fail_otherwise(data, cuts):
    with suppress(WireError):
        head(data, cuts)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), CUTS, st.sampled_from(["", ";name=value"]))
def test_chunks_come_off_wherever_they_were_cut(chunks, cuts, extension):
    coded = b"".join(f"{len(c):X}{extension}\r\n".encode() + c + b"\r\n" for c in chunks) + b"0\r\n\r\n"
    dechunker = Dechunker()
    assert b"".join(dechunker.feed(part) for part in pieces(coded, cuts)) == b"".join(chunks)
    assert dechunker.done


@pytest.mark.parametrize(
    "data", [b"zz\r\n", b"-1\r\n", b"\r\n", b"FFFFFFF\r\nx", b"2\r\nabcd\r\n", b"7" * 2000]
)
def test_a_chunk_that_is_none_is_refused(data):
    with pytest.raises(WireError):
        Dechunker().feed(data)


# ---- the sourcetable ---------------------------------------------------------------------------

TABLE = (
    b"CAS;rtk.example.vn;2101;x\r\n"
    b"STR;NEAR_CODE_ONLY;a;RTCM 3.2;1004(1);0;GPS;N;VNM;21.98;106.70;0;0;x;none;B;N;0;\r\n"
    b"STR;NEAR_RTCM2;a;RTCM 2.3;18(1);2;GPS;N;VNM;21.98;106.70;0;0;x;none;B;N;0;\r\n"
    b"STR;PINGXIANG;a;RTCM 3.2;1077(1);2;GPS;N;CHN;22.10;106.75;0;0;x;none;B;N;0;\r\n"
    b"STR;LANGSON;a;RTCM3;1077(1);2;GPS;N;VNM;21.85;106.76;1;1;x;none;B;N;0;\r\n"
    b"STR;HANOI;a;RTCM 3.3;1077(1);2;GPS;N;VNM;21.03;105.85;1;1;x;none;B;N;0;\r\n"
    b"STR;NOWHERE;a;RTCM 3.3;1077(1);2;GPS;N;VNM;0.00;0.00;1;1;x;none;B;N;0;\r\n"
    b"STR;broken\r\n"
    b"ENDSOURCETABLE\r\n"
)
HERE = (21.976, 106.712)


def test_the_nearest_mount_point_is_one_that_rtk_can_use():
    mounts = parse(TABLE)
    assert [m.name for m in mounts][:3] == ["NEAR_CODE_ONLY", "NEAR_RTCM2", "PINGXIANG"]
    assert len(mounts) == 6
    assert mounts[3].needs_gga
    assert nearest(mounts, HERE, limit_km=50)[0].name == "PINGXIANG"
    assert nearest(mounts, HERE, country="vnm", limit_km=50)[0].name == "LANGSON"
    with pytest.raises(DeviceError, match="LANGSON, is 15 km away"):
        nearest(mounts, HERE, country="VNM", limit_km=10)
    with pytest.raises(DeviceError, match="no mount point in LAO"):
        nearest(mounts, HERE, country="LAO", limit_km=50)


def test_distances_and_longitudes_that_count_to_360():
    assert distance_km((0, 0), (0, 1)) == pytest.approx(111.19, abs=0.1)
    west = parse(b"STR;W;a;RTCM 3;x;2;GPS;N;USA;40;253.5;0;0\r\n")[0]
    assert west.place == (40.0, pytest.approx(-106.5))


@given(st.binary(max_size=300))
def test_any_bytes_are_some_table(data):
    assert isinstance(parse(b"STR;" + data), list)


# ---- what we send ------------------------------------------------------------------------------


@given(
    st.integers(0, 86_399_999_999_999),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-500, 9000),
)
def test_the_position_reads_back(tod_ns, latitude, longitude, height):
    position = Position(
        tod_ns=tod_ns,
        latitude_deg=latitude,
        longitude_deg=longitude,
        height_m=height,
        quality=4,
        satellites=20,
    )
    text = gga(position).decode()
    assert text.endswith("\r\n")
    read = pynmea2.parse(text.strip(), check=True)
    assert read.latitude == pytest.approx(latitude, abs=2e-9)
    assert read.longitude == pytest.approx(longitude, abs=2e-9)
    assert read.altitude == pytest.approx(height, abs=0.006)
    assert read.gps_qual == 4
    seconds = read.timestamp.hour * 3600 + read.timestamp.minute * 60 + read.timestamp.second
    assert seconds == tod_ns // 1_000_000_000


def test_the_two_versions_of_a_request():
    common = {"host": "rtk.example.vn", "port": 2101, "username": "lan", "password": "bí mật"}
    one = request("/M", version=1, gga=b"$GPGGA*00\r\n", **common).decode()
    two = request("/M", version=2, gga=b"$GPGGA*00\r\n", **common).decode()
    assert one.startswith("GET /M HTTP/1.0\r\nUser-Agent: NTRIP ")
    assert two.startswith("GET /M HTTP/1.1\r\nHost: rtk.example.vn:2101\r\nNtrip-Version: Ntrip/2.0\r\n")
    assert "\r\nNtrip-GGA: $GPGGA*00\r\n" in two
    assert "GGA" not in one
    assert "Authorization: Basic bGFuOmLDrSBt4bqtdA==\r\n" in one
    assert "\r\n\r\n" not in two[:-4]
    assert "Authorization" not in request("/", version=1, host="h", port=1, username="", password="").decode()


# ---- the configuration -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"host": "http://rtk.example.vn"}, "host"),
        ({"host": "rtk example"}, "host"),
        ({"mountpoint": "A/B"}, "mountpoint"),
        ({"mountpoint": "A\r\nX: y"}, "mountpoint"),
        ({"country": "Viet Nam", "mountpoint": "nearest"}, "country"),
        ({"country": "VNM"}, "country"),
        ({"ca_file": "pw"}, "ca_file"),
        ({"ca_file": "absent.pem", "tls": True}, "ca_file"),
        ({"ca_file": "binary", "tls": True}, "ca_file"),
        ({"ca_file": ".", "tls": True}, "ca_file"),
        ({"username": "a:b", "password_file": "pw"}, "username"),
        ({"username": "a"}, "password_file"),
        ({"password_file": "pw"}, "username"),
        ({"username": "a", "password_file": "absent"}, "password_file"),
        ({"username": "a", "password_file": "empty"}, "password_file"),
        ({"username": "a", "password_file": "binary"}, "password_file"),
        ({"backoff_limit_s": 0.5}, "backoff_limit_s"),
    ],
)
def test_every_mistake_is_named_with_its_remedy(tmp_path, change, key):
    (tmp_path / "pw").write_text("secret\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    base = {"host": "rtk.example.vn", "mountpoint": "BASE"}
    assert check_ntrip(NtripConfig(**base), str(tmp_path)) == []
    found = check_ntrip(NtripConfig(**(base | change)), str(tmp_path))
    assert [k for k, _, _ in found] == [f"ntrip.{key}"]
    assert all(cause and remedy for _, cause, remedy in found)
    assert "secret" not in str(found)


def test_a_password_in_the_node_file_is_refused():
    with pytest.raises(msgspec.ValidationError, match="password"):
        msgspec.convert({"host": "h", "mountpoint": "m", "password": "x"}, NtripConfig)
