"""The C bytes against the Python bytes."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

from cobs import cobs
from firmware_lib import Controller, library
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.frames import Frame, FrameType, crc32c, decode, encode

# The frame of docs/firmware-protocol.md.
GOLDEN_FRAME = Frame(
    FrameType.COMMAND,
    sequence=7,
    connection=0x12345678,
    stamp_us=1_000_000,
    payload=bytes.fromhex("03 03 02000000 00 0000003e 01 000000bf 02 00000000"),
)
GOLDEN_BYTES = bytes.fromhex(
    "04 01 03 07 08 78 56 34 12 40 42 0f 04 03 03 02 01 01 01 01 01 01 03 3e 01 01 01 03 bf 02 01 01 01 05"
    "b5 bf 41 ad 00"
)


class Header(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint8),
        ("type", ctypes.c_uint8),
        ("sequence", ctypes.c_uint16),
        ("connection", ctypes.c_uint32),
        ("stamp_us", ctypes.c_uint32),
    )


def c_encode(data: bytes) -> bytes:
    out = ctypes.create_string_buffer(len(data) + len(data) // 254 + 1)
    length = library().gate_cobs_encode(data, len(data), out)
    return out.raw[:length]


def c_decode(data: bytes) -> bytes:
    buffer = ctypes.create_string_buffer(data, len(data) or 1)
    length = library().gate_cobs_decode(buffer, len(data))
    return buffer.raw[:length]


def test_golden_frame_is_the_same_on_both_sides() -> None:
    body = c_decode(GOLDEN_BYTES[:-1])
    header = Header()
    assert library().gate_frame_open(body, ctypes.c_size_t(len(body)), ctypes.byref(header)) == 1
    assert (header.version, header.type, header.sequence) == (1, 3, 7)
    assert (header.connection, header.stamp_us) == (0x12345678, 1_000_000)
    assert body[12:-4] == GOLDEN_FRAME.payload
    rebuilt = ctypes.create_string_buffer(bytes(12) + GOLDEN_FRAME.payload + bytes(4), len(body))
    library().gate_frame_close(rebuilt, ctypes.byref(header), ctypes.c_size_t(len(GOLDEN_FRAME.payload)))
    assert c_encode(rebuilt.raw) + b"\0" == GOLDEN_BYTES
    assert encode(GOLDEN_FRAME) == GOLDEN_BYTES
    assert decode(GOLDEN_BYTES[:-1]) == GOLDEN_FRAME


def test_golden_frame_is_the_one_in_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "firmware-protocol.md"
    assert GOLDEN_BYTES.hex(" ") in " ".join(page.read_text().split())


def test_crc_is_castagnoli() -> None:
    assert library().gate_crc32c(b"123456789", 9) == 0xE3069283 == crc32c(b"123456789")


@given(st.one_of(st.binary(max_size=80), st.binary(min_size=250, max_size=520)))
def test_cobs_agrees_with_the_library(data: bytes) -> None:
    assert c_encode(data) == cobs.encode(data)
    assert c_decode(cobs.encode(data)) == data
    assert library().gate_crc32c(data, len(data)) == crc32c(data)


@given(st.integers(250, 260), st.integers(1, 255))
def test_cobs_around_a_full_run(length: int, byte: int) -> None:
    data = bytes([byte]) * length
    assert c_encode(data) == cobs.encode(data)
    assert c_encode(data + b"\0") == cobs.encode(data + b"\0")
    assert c_decode(c_encode(data)) == data


@example(b"\x03a\0")
@example(b"\x09abc")
@given(st.binary(max_size=60))
def test_cobs_refuses_what_the_library_refuses(data: bytes) -> None:
    try:
        expected = cobs.decode(data)
    except cobs.DecodeError:
        expected = b""
    assert c_decode(data) == expected


@given(st.floats(width=32))
def test_finite(value: float) -> None:
    lib = library()
    lib.gate_finite.argtypes = [ctypes.c_float]
    finite = struct.unpack("<I", struct.pack("<f", value))[0] & 0x7F800000 != 0x7F800000
    assert bool(lib.gate_finite(value)) == finite


def test_boots_silent() -> None:
    controller = Controller()
    for _ in range(500):
        out = controller.step()
        assert (out.brake, out.armed, out.accel_mps2) == (1, 0, 0.0)
    assert controller.tx() == b""
