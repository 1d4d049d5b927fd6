"""Customs decisions and container codes."""

from __future__ import annotations

import pytest

from gatectl.core.flow import ReleaseBook, code_problem, file_release, line_permit, release_problems
from gatectl.core.flow.releases import _KEPT
from gatectl.model.messages import ReleaseReceived

BOX = "CSQU3054383"
NOW = 1_000


def release(sequence: int = 1, **changes) -> ReleaseReceived:
    fields = {
        "id": f"m{sequence}", "release_id": f"R{sequence}", "customs": "cn", "container": BOX,
        "transit_id": "T1", "decision": "release", "issued_utc_ns": 0, "expires_utc_ns": 5_000,
        "sequence": sequence, "verified": True,
    }  # fmt: skip
    return ReleaseReceived(**(fields | changes))


def codes(book: ReleaseBook, now: int = NOW) -> list[str]:
    return [r.code for r in release_problems(book, "cn", "T1", BOX, now)]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("CSQU3054383", ""),
        ("MSKU9070323", ""),
        ("CSQU3054384", "check digit is 3"),
        ("CSQX3054383", "not a container code"),
        ("csqu3054383", "not a container code"),
        ("CSQU305438", "not a container code"),
        ("CSQU30543A3", "not a container code"),
        ("", "not a container code"),
    ],
)
def test_container_codes(code, word):
    assert (word in code_problem(code)) if word else not code_problem(code)


def test_remainder_ten_counts_as_zero():
    tens = [f"CSQU{n:06d}0" for n in range(200) if not code_problem(f"CSQU{n:06d}0")]
    values = dict(zip("CSQU", (13, 30, 28, 32), strict=True))
    remainders = {
        sum(values.get(c, int(c) if c.isdigit() else 0) << i for i, c in enumerate(t[:10])) % 11 for t in tens
    }
    assert remainders == {0, 10}


def test_a_good_release_counts_until_it_expires():
    book = ReleaseBook()
    assert codes(book) == ["release_missing_cn"]
    assert file_release(book, release(), BOX, NOW) == ()
    assert codes(book) == []
    assert codes(book, 5_000) == ["release_expired_cn"]


def test_the_newest_sequence_wins_and_a_revoke_ends_it():
    book = ReleaseBook()
    file_release(book, release(5), BOX, NOW)
    for old in (4, 5):
        (why,) = file_release(book, release(old, decision="revoke"), BOX, NOW)
        assert why == f"its sequence {old} is not above 5, the last one taken"
    assert codes(book) == []
    file_release(book, release(6, decision="revoke"), BOX, NOW)
    assert codes(book) == ["release_revoke_cn"]
    file_release(book, release(7, decision="hold"), BOX, NOW)
    assert codes(book) == ["release_hold_cn"]
    file_release(book, release(8), BOX, NOW)
    assert codes(book) == []


def test_every_reason_of_a_refusal_is_given_and_kept_until_a_good_one_comes():
    book = ReleaseBook()
    wrong = file_release(
        book, release(verified=False, refusal="unknown key", container="X", expires_utc_ns=10), BOX, NOW
    )
    assert [w.split(":")[0].split(" container")[0] for w in wrong] == [
        "its signature does not hold",
        "it had expired when it arrived",
        "it is for",
    ]
    assert codes(book) == ["release_missing_cn", "release_refused_cn"]
    assert "unknown key" in release_problems(book, "cn", "T1", BOX, NOW)[1].text
    file_release(book, release(), BOX, NOW)
    assert book.refusals == {}
    assert "no detail" in file_release(book, release(2, verified=False), BOX, NOW)[0]
    assert codes(book) == [], "a refused message changes nothing"


def test_a_release_before_the_pre_advice_is_judged_when_it_is_needed():
    book = ReleaseBook()
    assert file_release(book, release(container="MSKU9070323"), "", NOW) == ()
    assert codes(book) == ["release_other_container_cn"]


def test_an_expired_revoke_still_counts():
    book = ReleaseBook()
    file_release(book, release(1), BOX, NOW)
    assert file_release(book, release(2, decision="revoke", expires_utc_ns=1), BOX, NOW) == ()
    assert codes(book) == ["release_revoke_cn"]


def test_the_line_needs_both_and_a_right_clock():
    book = ReleaseBook()
    file_release(book, release(), BOX, NOW)
    assert [r.code for r in line_permit(book, "T1", BOX, NOW, True)] == ["release_missing_vn"]
    file_release(book, release(customs="vn"), BOX, NOW)
    assert line_permit(book, "T1", BOX, NOW, True) == ()
    assert [r.code for r in line_permit(book, "T1", BOX, NOW, False)] == ["clock_not_right"]


def test_the_book_is_bounded():
    book = ReleaseBook()
    for i in range(_KEPT + 5):
        file_release(book, release(transit_id=f"T{i}"), BOX, NOW)
    assert len(book.filed) == _KEPT
    assert "T0/cn" not in book.filed
