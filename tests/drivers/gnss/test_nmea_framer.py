"""Sentences out of whatever arrives."""

from functools import reduce
from operator import xor

from hypothesis import example, given
from hypothesis import strategies as st

from drivers.gnss.wire import MAX_LENGTH, NmeaFramer


def line(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


GOOD = line("GNGGA,021417.00,3725.58362,N,12205.61915,W,5,12,0.76,4.4,M,-30.0,M,0.0,2000")
TEXT = GOOD.decode().strip()


def texts(data: bytes) -> tuple[list[str], dict[str, int]]:
    framer = NmeaFramer()
    return [found.text for found in framer.feed(data, 0)], dict(framer.rejected)


def test_a_good_line_survives_what_comes_before_it():
    for prefix, counts in (
        (b"", {}),
        (b"$GNGGA,0214", {"torn": 1}),
        (b"$GNGGA,0214\r\n", {"torn": 1}),
        (b"$GNGGA,0214*", {"malformed": 1}),
        (b"$GNGGA,0214*5", {"malformed": 1}),
        (b"$GNGGA,0214*ZZ\r\n", {"malformed": 1, "stray_bytes": 1}),
        (b"$GNGGA,0214*00\r\n", {"checksum": 1}),
        (b"\xb5\x62\x01\x07\x5c", {"stray_bytes": 5}),
        (b"$GN\xb5\x62", {"torn": 1, "stray_bytes": 1}),
        (b"$" * 5, {"torn": 5}),
        (b"$" + b"A" * MAX_LENGTH, {"overlong": 1}),
    ):
        assert texts(prefix + GOOD) == ([TEXT], counts), prefix


def test_a_lost_line_end_costs_nothing():
    assert texts(GOOD.strip() + GOOD.strip() + GOOD)[0] == [TEXT] * 3


def test_lower_case_checksums_are_taken_and_given_on_in_upper_case():
    body = "GNVTG,,T,,M,0.025,N,0.045,K,A"
    assert texts(line(body).lower().replace(body.lower().encode(), body.encode()))[0] == [f"${body}*3B"]


def test_a_reset_drops_the_half_line():
    framer = NmeaFramer()
    framer.feed(GOOD[:20], 0)
    framer.reset()
    assert framer.feed(GOOD[20:] + GOOD, 0)[0].text == TEXT
    assert framer.rejected["torn"] == 1


def test_the_stamp_is_of_the_first_byte():
    framer = NmeaFramer()
    framer.feed(b"noise", 100)
    framer.feed(GOOD[:1], 200)
    framer.feed(GOOD[1:9], 300)
    assert framer.feed(GOOD[9:], 400)[0].first_mono_ns == 200


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
@example(b"$", [1])
def test_any_bytes_then_a_good_line(noise: bytes, cuts: list[int]):
    """Never an exception, never a wrong checksum, however it is cut; the good line always comes."""
    framer, data, found = NmeaFramer(), noise + GOOD, []
    for cut in cuts:
        found += framer.feed(data[:cut], 0)
        data = data[cut:]
    found += framer.feed(data, 0)
    assert found[-1].text == TEXT
    for text, _ in found:
        body, _, digits = text[1:].partition("*")
        assert int(digits, 16) == reduce(xor, body.encode(), 0)
    assert framer.feed(GOOD, 0)[0].text == TEXT


@given(st.integers(0, len(GOOD) - 3), st.integers(1, 255))
def test_a_changed_byte_never_passes(at: int, change: int):
    """XOR catches every single changed byte; the line behind it is not lost."""
    spoilt = bytearray(GOOD)
    spoilt[at] ^= change
    found, _ = texts(bytes(spoilt) + GOOD)
    same = bytes(spoilt).upper() == GOOD  # a checksum digit in the other case
    assert found == ([TEXT, TEXT] if same else [TEXT])
