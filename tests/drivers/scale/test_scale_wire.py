"""Indicators' frames: real captures, and what damage can and cannot do."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.scale.wire import Frame, Framer, MtContinuous, StableWindow, Xk3190
from gatectl.model import WireError
from hil.devices.scale import mt_frame, xk3190_frame

MT = bytes.fromhex("022a3020203234353630202020202030" + "0d06")
XK = {
    bytes.fromhex("022b30303030303030314203"): 0.0,
    bytes.fromhex("022b30303135363030313903"): 1560.0,
    bytes.fromhex("022b30303136353030313903"): 1650.0,
}


def mt(
    a: int = 0x2A, b: int = 0x30, c: int = 0x20, weight: bytes = b" 24560", tare: bytes = b"     0"
) -> bytes:
    frame = bytes((2, a, b, c)) + weight + tare + b"\r"
    return frame + bytes((-sum(x & 0x7F for x in frame) & 0x7F,))


def xk(text: bytes) -> bytes:
    xor = 0
    for byte in text:
        xor ^= byte
    return b"\x02" + text + b"%02X" % xor + b"\x03"


def test_mettler_toledo_capture() -> None:
    assert mt() == MT
    reading = MtContinuous().decode(MT)
    assert reading == (24560.0, "kg", True, False, False, 1.0)


@pytest.mark.parametrize("capture", XK)
def test_xk3190_captures(capture: bytes) -> None:
    reading = Xk3190().decode(capture)
    assert reading.gross == XK[capture]
    assert reading.stable is None


def test_xor_does_not_see_exchanged_digits() -> None:
    a, b = list(XK)[1:]
    assert a[9:11] == b[9:11]  # why a weight near the limit is never believed from one reading


@pytest.mark.parametrize(
    ("fields", "gross", "increment"),
    [
        ({"a": 0x29}, 245600.0, 10.0),
        ({"a": 0x28}, 2456000.0, 100.0),
        ({"a": 0x33}, 2456.0, 0.2),
        ({"a": 0x3F}, 0.2456, 0.00005),
        ({"a": 0x6A}, 24560.0, 1.0),  # vendors that set b6
        ({"b": 0x32}, -24560.0, 1.0),
        ({"b": 0x31, "tare": b"  1440"}, 26000.0, 1.0),
        ({"b": 0x33, "weight": b"   440", "tare": b"  1440"}, 1000.0, 1.0),
        ({"b": 0x30, "tare": b"  1440"}, 24560.0, 1.0),
        ({"c": 0x28}, 24560.0, 1.0),  # print key pressed
    ],
)
def test_mettler_toledo_values(fields: dict[str, int], gross: float, increment: float) -> None:
    reading = MtContinuous().decode(mt(**fields))  # type: ignore[arg-type]
    assert reading.gross == pytest.approx(gross)
    assert reading.increment == pytest.approx(increment)


def test_mettler_toledo_states() -> None:
    assert MtContinuous().decode(mt(b=0x38)).stable is False
    assert MtContinuous().decode(mt(b=0x20)).unit == "lb"
    assert MtContinuous().decode(mt(c=0x22)).unit == ""
    over = MtContinuous().decode(mt(b=0x34, weight=b"      "))
    assert (over.gross, over.out_of_range, over.negative) == (None, True, False)
    assert MtContinuous().decode(mt(b=0x36)).negative


@pytest.mark.parametrize(
    "frame",
    [
        mt(a=0x0A),
        mt(b=0x10),
        mt(c=0x00),
        mt(c=0x30),
        mt(weight=b"  2 56"),
        mt(weight=b"      "),
        mt(b=0x31, tare=b" 1-440"),
        MT[:-1],
        MT[:-1] + b"\x07",
        b"\x03" + MT[1:],
    ],
)
def test_mettler_toledo_refuses(frame: bytes) -> None:
    with pytest.raises(WireError):
        MtContinuous().decode(frame)


@pytest.mark.parametrize(
    ("text", "gross"),
    [(b"-0001230", -123.0), (b"+0123452", 123.45), (b"+0003004", 0.03), (b"+9999990", 999999.0)],
)
def test_xk3190_values(text: bytes, gross: float) -> None:
    assert Xk3190().decode(xk(text)).gross == gross


@pytest.mark.parametrize("text", [b" 0001230", b"+0001235", b"+000 230", b"+00A1230"])
def test_xk3190_refuses(text: bytes) -> None:
    with pytest.raises(WireError):
        Xk3190().decode(xk(text))


def test_without_chk_the_frame_is_17_bytes() -> None:
    assert MtContinuous(checksum=False).decode(MT[:-1]).gross == 24560.0
    framer = Framer(MtContinuous(checksum=False))
    assert [r.gross for r in framer.feed(MT[:-1] * 3)] == [24560.0] * 3


@given(st.integers(-19, 9999), st.booleans(), st.sampled_from([10.0, 20.0]))
def test_what_the_simulated_indicator_sends_is_understood(tens: int, motion: bool, increment: float) -> None:
    kg = tens * 10.0
    reading = MtContinuous().decode(mt_frame(kg, increment, motion))
    assert (reading.gross, reading.stable, reading.increment) == (kg, not motion, increment)
    assert Xk3190().decode(xk3190_frame(kg, increment, motion)).gross == kg


@given(st.binary(max_size=40).filter(lambda b: 2 not in b), st.data())
def test_frames_are_found_in_garbage_however_they_are_cut(garbage: bytes, data: st.DataObject) -> None:
    for frame, kind in ((MT, MtContinuous()), (next(iter(XK)), Xk3190())):
        stream = garbage + frame + frame + garbage + frame
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        framer = Framer(kind)
        readings = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            readings += framer.feed(stream[start:end])
        assert len(readings) == 3


@given(st.binary(max_size=300), st.sampled_from(["mt", "xk"]))
def test_garbage_never_raises_nor_piles_up(data: bytes, kind: str) -> None:
    frame: Frame = MtContinuous() if kind == "mt" else Xk3190()
    framer = Framer(frame)
    framer.feed(data)
    assert len(framer._buffer) < frame.length


@given(st.integers(0, 17), st.integers(1, 255))
def test_one_damaged_byte_never_makes_another_mettler_toledo_weight(at: int, flip: int) -> None:
    damaged = bytearray(MT)
    damaged[at] ^= flip
    assume(flip != 0x80)  # bit 7 is not part of this 7-bit protocol's sum
    try:
        reading = MtContinuous().decode(bytes(damaged))
    except WireError:
        return
    assert flip & 0x80
    assert flip & 0x7F == 0 or reading.gross == 24560.0


@given(st.integers(0, 11), st.integers(1, 255))
def test_one_damaged_byte_never_makes_another_xk3190_weight(at: int, flip: int) -> None:
    damaged = bytearray(list(XK)[1])
    damaged[at] ^= flip
    with pytest.raises(WireError):
        Xk3190().decode(bytes(damaged))


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 255)), min_size=2, max_size=3))
def test_more_damage_passes_xk3190_only_where_xor_is_blind(damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(list(XK)[1])
    for at, flip in damage:
        damaged[at] ^= flip
    before, after = 0, 0
    for byte in list(XK)[1][1:9]:
        before ^= byte
    for byte in damaged[1:9]:
        after ^= byte
    try:
        Xk3190().decode(bytes(damaged))
    except WireError:
        return
    assert before == after


def test_window_is_stable_only_after_its_whole_time_within_the_band() -> None:
    window = StableWindow(band=20.0, time_s=1.0, gap_s=0.5)
    ms = 1_000_000
    assert [window.add(100.0, t * ms) for t in range(0, 1001, 250)] == [False] * 4 + [True]
    assert window.add(120.0, 1250 * ms)
    assert not window.add(121.0, 1500 * ms)
    assert window.add(121.0, 2500 * ms) is False  # a gap: nobody knows what was in between


@given(st.lists(st.floats(-1000, 1000), min_size=12, max_size=40))
def test_window_agrees_with_its_definition(values: list[float]) -> None:
    window = StableWindow(band=50.0, time_s=1.0, gap_s=0.5)
    for i, value in enumerate(values):
        recent = values[max(0, i - 10) : i + 1]
        assert window.add(value, i * 100_000_000) == (i >= 10 and max(recent) - min(recent) <= 50.0)
