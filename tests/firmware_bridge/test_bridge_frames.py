"""Frames: round trip, and damage of every kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.frames import MAX_ENCODED, Decoder, Frame, FrameType, decode, encode

U8, U16, U32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
FRAMES = st.builds(Frame, U8, U16, U32, U32, st.binary(max_size=900), U8)

GOLDEN = bytes.fromhex("03 01 01 01 08 78 56 34 12 40 42 0f 05 75 7c ff 03 00")


def test_golden_hello() -> None:
    assert encode(Frame(FrameType.HELLO, 0, 0x12345678, 1_000_000)) == GOLDEN


@given(st.lists(FRAMES, max_size=5), st.integers(1, 50))
def test_frames_survive_any_cutting_of_the_stream(frames: list[Frame], size: int) -> None:
    stream = b"\0".join([b"", *(encode(frame) for frame in frames)])
    decoder = Decoder()
    out = [frame for at in range(0, len(stream), size) for frame in decoder.feed(stream[at : at + size])]
    assert out == frames
    assert decoder.corrupt == 0


@given(FRAMES, st.data())
def test_a_turned_bit_is_always_noticed(frame: Frame, data: st.DataObject) -> None:
    damaged = bytearray(encode(frame))
    at = data.draw(st.integers(0, len(damaged) - 2))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    decoder = Decoder()
    assert decoder.feed(bytes(damaged)) == []
    assert decoder.corrupt >= 1


@given(FRAMES, st.data())
def test_a_lost_or_doubled_byte_is_noticed(frame: Frame, data: st.DataObject) -> None:
    sound = encode(frame)
    at = data.draw(st.integers(0, len(sound) - 2))
    for damaged in (sound[:at] + sound[at + 1 :], sound[:at] + sound[at : at + 1] * 2 + sound[at + 1 :]):
        assert Decoder().feed(damaged) in ([], [frame] if damaged == sound else [])


@given(st.binary(max_size=300))
def test_noise_before_a_frame_costs_at_most_itself(noise: bytes) -> None:
    frame = Frame(FrameType.TELEMETRY, 1, 2, 3, b"abc")
    assert Decoder().feed(noise + b"\0" + encode(frame))[-1] == frame


def test_endless_bytes_without_delimiter_do_not_grow_the_buffer() -> None:
    decoder = Decoder()
    for _ in range(100):
        assert decoder.feed(b"x" * 1000) == []
    assert len(decoder._buffer) <= MAX_ENCODED
    frame = Frame(FrameType.EVENT, 1, 2, 3)
    assert decoder.feed(b"\0" + encode(frame)) == [frame]
    assert decoder.corrupt == 1


def test_too_short_is_damaged() -> None:
    assert decode(b"\x05abcd") is None
    assert decode(b"\x01") is None
