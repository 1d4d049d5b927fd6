"""Mutated bytes through the whole driver: no exception, and no value that no valid line carries."""

import asyncio
import re
from functools import reduce
from itertools import pairwise
from operator import xor

from device_port import FakePort
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.model import DeviceError
from gatectl.model.device import Wire
from gatectl.model.site import Origin
from hil.devices.nmea import sentences
from hil.plant.gnss import AntennaConfig, GnssModel, GnssNoise, VehicleTruth

CONFIG = GnssConfig(wire=Wire(port="/dev/none"), gap_s=0.002)
TAGS = GnssDriver.tags(CONFIG)
MODEL = GnssModel(
    Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0), AntennaConfig(), GnssNoise()
)
BURSTS = [
    b"".join(sentences(MODEL.measure(VehicleTruth(n / 10, n / 10, 0.1, 2.0), 1e9 + n / 10), 1e9 + n / 10))
    for n in range(6)
]
DATA = b"".join(BURSTS)
# The wire format once more, independently of the framer: what a valid sentence looks like.
SENTENCE = re.compile(rb"\$([ -#%-)+-~]*)\*([0-9A-Fa-f]{2})")


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
    """Those of all GGA sentences in it whose checksum holds."""
    found = set()
    for body, digits in SENTENCE.findall(data):
        fields = body.decode().split(",")
        if reduce(xor, body, 0) == int(digits, 16) and fields[0].endswith("GGA") and len(fields) > 2:
            number = re.fullmatch(r"(\d{2,3})(\d\d(?:\.\d*)?)", fields[2].strip())
            if number:
                found.add(round(float(number[1]) + float(number[2]) / 60, 9))
    return found


def test_what_is_whole_is_published_whole():
    port = asyncio.run(driven([DATA]))
    assert {round(c["latitude"].value, 9) for c in port.commits if c["latitude"].good} == latitudes(DATA)
    assert len(port.commits) == len(BURSTS)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(DATA) - 1),
            st.one_of(st.binary(max_size=6), st.sampled_from([b"$", b"*", b"\n", b"$GNGGA,", b"\xb5b"])),
            st.integers(0, 30),
        ),
        max_size=12,
    ),
    st.lists(st.integers(1, len(DATA)), max_size=8),
)
def test_mutations_never_raise_and_never_invent(edits, cuts):
    """Each edit replaces a few bytes by others; then the bytes come in any pieces."""
    data = DATA
    for at, new, removed in edits:
        data = data[:at] + new + data[at + removed :]
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    port = asyncio.run(driven([data[a:b] for a, b in pairwise(edges)]))
    real = latitudes(data)
    for commit in port.commits:
        sample = commit["latitude"]
        assert not sample.usable or round(abs(sample.value), 9) in real
        assert commit["epoch_utc"].usable == commit["epoch_age"].usable
