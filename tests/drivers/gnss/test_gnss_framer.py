"""Messages out of whatever arrives."""

import pynmea2
import pytest
from gnss_wire import log, long_nmea, nmea, rtcm, sbf, ubx
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyrtcm import calc_crc24q
from pyubx2.ubxhelpers import calc_checksum

from drivers.gnss.checksums import crc24q, fletcher8, xor8
from drivers.gnss.formats import MAX_LOG, MAX_TEXT
from drivers.gnss.messages import Reader
from drivers.gnss.wire import LOG, TEXT, UBX, Framer

GGA = nmea("GNGGA,021417.00,3725.58362,N,12205.61915,W,5,12,0.76,4.4,M,-30.0,M,0.0,2000")
KSXT_BODY = (
    "KSXT,20211016083433.00,116.31296102,39.95817066,49.4911,223.57,-11.32,330.19,0.024,,1,3,28,27,,,,,,,,"
)
HEADING = log(
    'UNIHEADINGA,78,GPS,FINE,2428,116060000,0,0,18,11;SOL_COMPUTED,NARROW_INT,1.4773,179.0284,-2.4202,0,0.8,1,"9",27'
)
PVT = ubx("NAV-PVT", iTOW=1000, lat=21.9, lon=106.7, gSpeed=1, fixType=3)
CORRECTIONS = rtcm(bytes.fromhex("435000") + b"$GNGGA,0214#B\xb5\x62" * 9)
MEASUREMENTS = sbf(4027, b"$GNGGA,1*00" * 20)

# Good messages of every form that is given out, as they are on the wire.
GOOD = {
    "NMEA": GGA,
    "KSXT with XOR": nmea(KSXT_BODY),
    "KSXT with CRC-32": long_nmea(KSXT_BODY),
    "log": HEADING,
    "UBX": PVT,
}


def fed(data: bytes, *cuts: int) -> tuple[list[bytes], Framer]:
    """What comes of the data in pieces of these lengths and the rest."""
    framer, found = Framer(), []
    for cut in cuts:
        found += framer.feed(data[:cut], 0)
        data = data[cut:]
    found += framer.feed(data, 0)
    return [frame.data for frame in found], framer


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize(
    ("prefix", "counts"),
    [
        (b"", {}),
        (b"$GNGGA,0214", {"torn": 1}),
        (b"$GNGGA,0214\r\n", {"torn": 1}),
        (b"$GNGGA,0214*", {"malformed": 1}),
        (b"$GNGGA,0214*5", {"malformed": 1}),
        (b"$GNGGA,0214*ZZ\r\n", {"malformed": 1, "stray_bytes": 2}),
        (b"$GNGGA,0214*00\r\n", {"checksum": 1}),
        (b"$GNGGA,0214*00000000\r\n", {"checksum": 1}),
        (b"#BESTNAVA,97", {"torn": 1}),
        (b"#BESTNAVA,97*1234", {"malformed": 1}),
        (b"#BESTNAVA,97*12345678", {"checksum": 1}),
        (b"# a comment\r\n", {"stray_bytes": 11}),
        (b"\xff\x01\x07\x5c", {"stray_bytes": 4}),
        (b"$" * 5, {"torn": 5}),
        (b"$" + b"A" * (MAX_TEXT + 1), {"overlong": 1, "stray_bytes": 1}),
        (b"#" + b"A" * (MAX_LOG + 3), {"overlong": 1, "stray_bytes": 2}),
        (b"\xd3\xff\xb5\x99", {"stray_bytes": 4}),
    ],
)
def test_a_good_message_survives_what_comes_before_it(good, prefix, counts):
    found, framer = fed(prefix + good)
    assert found == [good.strip()]
    assert framer.rejected == counts


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize(
    "beginning",
    [PVT[:1], PVT[:2], PVT[:5], PVT[:60], CORRECTIONS[:1], CORRECTIONS[:2], CORRECTIONS[:40],
     MEASUREMENTS[:7], MEASUREMENTS[:80], b"\xb5\x62\x01\x07\xff\x1f", b"\xd3\x03\xff",
     b"$@\x00\x00\x00\x00\x00\x10"],
)  # fmt: skip
def test_a_binary_message_that_was_cut_off_takes_nothing_with_it(good, beginning):
    """Not even for a moment: the good one comes at once, although the length is not reached."""
    found, _ = fed(beginning + good)
    assert found[-1] == good.strip()


def test_corrections_and_blocks_are_skipped_with_what_is_in_them():
    found, framer = fed(CORRECTIONS + GGA + MEASUREMENTS + PVT + CORRECTIONS)
    assert found == [GGA.strip(), PVT]
    assert framer.skipped == {"RTCM 1077": 2, "SBF 4027": 1}
    assert not framer.rejected


def test_a_damaged_binary_message_costs_only_itself():
    for good in (PVT, CORRECTIONS, MEASUREMENTS):
        for at in range(2, len(good)):
            spoilt = bytearray(good)
            spoilt[at] ^= 0x10
            found, _ = fed(bytes(spoilt) + GGA + PVT)
            assert found[-2:] == [GGA.strip(), PVT]


def test_a_lost_line_end_costs_nothing():
    assert fed(GGA.strip() + GGA.strip() + HEADING.strip() + GGA)[0] == [
        GGA.strip(),
        GGA.strip(),
        HEADING.strip(),
        GGA.strip(),
    ]


def test_lower_case_checksums_are_taken():
    line = nmea("GNVTG,,T,,M,0.025,N,0.045,K,A")
    assert line.endswith(b"*3B\r\n")
    assert fed(line.replace(b"3B", b"3b"))[0] == [line.strip().replace(b"3B", b"3b")]


def test_a_ksxt_with_a_crc_is_not_taken_for_one_with_an_xor():
    """Two digits may be right by chance; the other six then are what decides."""
    for number in range(2000):
        body = f"KSXT,{number}"
        good = long_nmea(body)
        if good.split(b"*")[1][:2].upper() == nmea(body).split(b"*")[1][:2]:
            assert fed(good, len(good) - 5)[0] == [good.strip()]
            assert [f.form for f in Framer().feed(good, 0)] == [TEXT]
            return
    raise AssertionError("no such body found")


def test_a_reset_drops_the_half_line():
    framer = Framer()
    framer.feed(GGA[:20], 0)
    framer.reset()
    assert framer.feed(GGA[20:] + GGA, 0)[0].data == GGA.strip()
    assert framer.rejected["torn"] == 1


def test_the_stamp_is_of_the_first_byte():
    framer = Framer()
    framer.feed(b"noise", 100)
    framer.feed(GGA[:1], 200)
    framer.feed(GGA[1:9], 300)
    first, second = framer.feed(GGA[9:] + PVT[:3], 400)[0], framer.feed(PVT[3:] + HEADING, 500)
    assert first.first_mono_ns == 200
    assert [frame.first_mono_ns for frame in second] == [400, 500]


def test_form_and_body():
    forms = {
        name: (frame.form, frame.body) for name, good in GOOD.items() for frame in Framer().feed(good, 0)
    }
    assert forms == {
        "NMEA": (TEXT, GGA.strip()[1:-3]),
        "KSXT with XOR": (TEXT, KSXT_BODY.encode()),
        "KSXT with CRC-32": (TEXT, KSXT_BODY.encode()),
        "log": (LOG, HEADING.strip()[1:-9]),
        "UBX": (UBX, PVT[2:-2]),
    }


noise = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"$", b"#", b"*", b"\xb5\x62", b"\xd3\x00", b"$@", b",", b"\r\n", b"A",
                         b"GNGGA", b"\x00", b"0", b"$KSXT,", b"#BESTNAVA,", b"\xb5", b"\xd3",
                         b"\x01\x07\x5c\x00", b"\xff"]),
        max_size=60,
    ).map(b"".join),
    st.tuples(st.sampled_from([*GOOD.values(), CORRECTIONS, MEASUREMENTS]), st.integers(0, 120)).map(
        lambda pair: pair[0][: pair[1]]
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(noise, st.sampled_from(list(GOOD.values())), st.lists(st.integers(1, 60), max_size=12))
@example(b"$", GGA, [1])
@example(b"\xd3\x03\xff", GGA, [2, 3])
def test_any_bytes_then_a_good_message(prefix, good, cuts):
    """Never an exception, and the good one always comes, at once, however the bytes are cut."""
    found, framer = fed(prefix + good, *cuts)
    assert found[-1] == good.strip()
    assert framer.feed(GGA, 0)[-1].data == GGA.strip()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=12), st.sampled_from([*GOOD.values(), CORRECTIONS, MEASUREMENTS])),
        max_size=8,
    ).map(b"".join),
    st.lists(st.integers(1, 200), max_size=20),
)
def test_how_the_bytes_are_cut_changes_nothing(data, cuts):
    whole, framer = fed(data + b"\r\n")
    pieces, other = fed(data + b"\r\n", *cuts)
    assert whole == pieces
    assert framer.skipped == other.skipped


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([GGA, PVT, HEADING]), st.data())
def test_a_changed_byte_never_passes(good, data):
    """All checksums catch every single changed byte; the message behind it is not lost.

    No checksum covers the first byte: a log that begins with `$` is a sentence, but of a name that none has.
    """
    at = data.draw(st.integers(0, len(good.strip()) - 1))
    spoilt = bytearray(good)
    spoilt[at] ^= data.draw(st.integers(1, 255))
    reader = Reader()
    found = [f.data for f in Framer().feed(bytes(spoilt) + GGA, 0) if at or reader.read(f) is not None]
    same = bytes(spoilt).upper() == good.upper() and at > len(good) - 12  # a digit in the other case
    assert found == ([bytes(spoilt).strip(), GGA.strip()] if same else [GGA.strip()])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300))
def test_xor_is_that_of_pynmea2(text):
    assert xor8(text.encode()) == pynmea2.NMEASentence.checksum(text)


@given(st.binary(min_size=4, max_size=900))
def test_binary_checksums_are_those_of_pyubx2_and_pyrtcm(body):
    assert fletcher8(body) == calc_checksum(body)
    assert crc24q(body) == calc_crc24q(body)


def test_what_a_whole_binary_message_carries_is_not_taken_out_of_it():
    """Corrections or a block with a valid position inside: it is somebody else's."""
    for outer in (rtcm(b"\x43\x50\x00" + GGA), sbf(4027, GGA + HEADING), rtcm(b"\x43\x50\x00" + PVT)):
        found, framer = fed(outer + GGA)
        assert found == [GGA.strip()]
        assert framer.skipped.total() == 1
        assert not framer.rejected
