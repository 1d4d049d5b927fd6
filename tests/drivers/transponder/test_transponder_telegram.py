"""Telegrams from bytes, and what a late arrival is worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.transponder.telegram import LENGTH, Framer, Telegram, Transit, checksum, decode
from hil.devices.transponder import telegram

# The telegram of docs/equipment-protocols.md.
GOLDEN = bytes.fromhex("a5 5a 07 03 00 05 00 00 00 11 ff f4 00 fa 30 39 cc 00")
GOLDEN += checksum(GOLDEN).to_bytes(2, "big")


def test_golden_telegram_is_read_sent_and_documented() -> None:
    told = decode(GOLDEN)
    assert told == Telegram(7, True, True, False, 5, 17, -0.012, pytest.approx(0.025), 12345, 0.8)
    assert telegram(7, 3, 5, 17, -0.012, 250, 12345, 0.8) == GOLDEN
    page = Path(__file__).parents[3] / "docs" / "equipment-protocols.md"
    assert GOLDEN.hex(" ") in " ".join(page.read_text().split())


def test_checksum_is_ccitt_false() -> None:
    assert checksum(b"123456789") == 0x29B1


def test_an_age_that_cannot_be_told_is_none() -> None:
    old = decode(telegram(0, 2, 1, 1, 0.0, 0xFFFF, 0, 1.0))
    assert old is not None
    assert old.age_s is None


@given(st.integers(0, LENGTH * 8 - 1))
def test_a_turned_bit_is_seen(bit: int) -> None:
    data = bytearray(GOLDEN)
    data[bit // 8] ^= 1 << bit % 8
    assert decode(bytes(data)) is None


@given(st.binary(max_size=60), st.lists(st.integers(1, 25), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_garbage_before_and_any_pieces(garbage: bytes, cuts: list[int]) -> None:
    whole = [telegram(n, 2, n, 100 + n, 0.01 * n, 10 * n, 100 * n, 0.9) for n in range(4)]
    stream = garbage + b"".join(whole)
    framer, found, at = Framer(), [], 0
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[at : at + cut])
        at += cut
    assert [t.number for t in found[-3:]] == [1, 2, 3], "garbage may cost the telegram behind it, no more"


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_garbage_alone_gives_nothing_and_is_not_kept(pieces: list[bytes]) -> None:
    framer = Framer()
    found = [t for piece in pieces for t in framer.feed(piece)]
    assert found == []
    assert len(framer._buffer) < LENGTH


def test_late_telegrams_are_told_from_slow_quartzes() -> None:
    transit, arrival_ns, worst = Transit(), 10**12, 0
    for n in range(20_000):  # 200 s: the reader's quartz loses 100 ppm
        arrival_ns += 10_001_000
        worst = max(worst, transit.late_ns((100 * n) & 0xFFFF, arrival_ns))
    assert worst < 10_000_000 * 1e-3
    assert transit.settled
    assert transit.late_ns((100 * 20_000) & 0xFFFF, arrival_ns + 10_001_000 + 80_000_000) == pytest.approx(
        80_000_000, abs=100_000
    )
    assert transit.late_ns((100 * 20_001) & 0xFFFF, arrival_ns + 20_002_000) < 100_000
