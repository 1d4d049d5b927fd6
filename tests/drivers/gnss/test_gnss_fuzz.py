"""Mutated bytes through the whole driver: no exception, and no value that no valid line carries."""

import asyncio
import re
from contextlib import suppress
from functools import reduce
from itertools import pairwise
from operator import xor

import pytest
from device_port import FakePort
from gnss_wire import crc32_bitwise, rtcm
from hypothesis import given, settings
from hypothesis import strategies as st
from pyubx2 import UBXParseError, UBXReader

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.model import DeviceError
from gatectl.model.device import Wire
from gatectl.model.site import Origin
from hil.devices.gnss_dialects import DIALECTS, Dialect
from hil.plant.gnss import AntennaConfig, GnssModel, GnssNoise, VehicleTruth

CONFIG = GnssConfig(wire=Wire(port="/dev/none"), gap_s=0.002)
TAGS = GnssDriver.tags(CONFIG)
MODEL = GnssModel(
    Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0), AntennaConfig(), GnssNoise()
)
CORRECTIONS = rtcm(bytes.fromhex("435000") + bytes(range(90)))  # an echo, with `$`, `#` and `*` in it


def bursts(dialect: Dialect) -> list[bytes]:
    """Six epochs of a vehicle under way, the receiver's echo of its corrections behind each."""
    return [
        b"".join(dialect(MODEL.measure(VehicleTruth(n / 10, n / 10, 0.1, 2.0), 1e9 + n / 10), 1e9 + n / 10))
        + CORRECTIONS
        for n in range(6)
    ]


BURSTS = {name: bursts(dialect) for name, dialect in DIALECTS.items()}
# The wire formats once more, independently of the framer: what a valid message looks like.
MESSAGE = re.compile(rb"[$#]([ -\"%-)+-~]*)\*(?:([0-9A-Fa-f]{8})|([0-9A-Fa-f]{2}))")
LATITUDE_AT = {"GNGGA": 2, "PTNL": 4, "KSXT": 3}


class Script:
    """A stream that gives these chunks and is then unplugged."""

    where = "script"

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def read(self) -> bytes:
        if not self._chunks:
            raise DeviceError("the wire is gone")
        return self._chunks.pop(0)

    def close(self) -> None:
        pass


async def driven(chunks: list[bytes]) -> FakePort:
    port = FakePort("gnss", TAGS)
    driver = GnssDriver("gnss", CONFIG, port)
    try:
        await driver._session(Script([c for c in chunks if c]))
    except DeviceError:
        for epoch in driver._assembler.quiet():
            driver._publish(epoch)
    return port


def latitudes(data: bytes) -> set[float]:
    """Those of all messages in it whose checksum holds, in degrees without their sign."""
    found = set()
    for body, long, short in MESSAGE.findall(data):
        right = int(long, 16) == crc32_bitwise(body) if long else reduce(xor, body, 0) == int(short, 16)
        # The first two of eight digits may be the XOR of a sentence that stray digits follow.
        right |= bool(long) and reduce(xor, body, 0) == int(long[:2], 16)
        if not right:
            continue
        fields = body.decode().replace(";", ",").split(",")
        at = LATITUDE_AT.get(fields[0], 12 if fields[0] in ("BESTNAVA", "BESTPOSA") else 99)
        with suppress(ValueError, IndexError):
            value = float(fields[at])
            found.add(value // 100 + value % 100 / 60 if at in (2, 4) else value)
    for match in re.finditer(rb"\xb5\x62\x01(\x07\x5c|\x14\x24)\x00", data):
        end = match.start() + (100 if match[1] == b"\x07\x5c" else 44)
        with suppress(UBXParseError):
            found.add(UBXReader.parse(data[match.start() : end]).lat)
    return found


def is_real(value: float, real: set[float]) -> bool:
    return any(abs(abs(value) - abs(other)) < 2e-9 for other in real)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_whole_is_published_whole(dialect):
    data = b"".join(BURSTS[dialect])
    port = asyncio.run(driven([data]))
    real = latitudes(data)
    good = [c["latitude"].value for c in port.commits if c["latitude"].good]
    assert len(good) == len(port.commits) == len(BURSTS[dialect])
    assert all(is_real(value, real) for value in good)
    assert len(set(good)) == len(good)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 1.0),
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([b"$", b"*", b"\n", b"$GNGGA,", b"\xb5b", b"#BESTNAVA", b"\xd3\x00", b"$@"]),
            ),
            st.integers(0, 30),
        ),
        max_size=12,
    ),
    st.lists(st.floats(0.0, 1.0), max_size=8),
)
def test_mutations_never_raise_and_never_invent(dialect, edits, cuts):
    """Each edit replaces a few bytes by others; then the bytes come in any pieces."""
    data = b"".join(BURSTS[dialect])
    for part, new, removed in edits:
        at = int(part * len(data))
        data = data[:at] + new + data[at + removed :]
    edges = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    port = asyncio.run(driven([data[a:b] for a, b in pairwise(edges)]))
    real = latitudes(data)
    for commit in port.commits:
        sample = commit["latitude"]
        assert not sample.usable or is_real(sample.value, real)
        assert commit["epoch_utc"].usable == commit["epoch_age"].usable
