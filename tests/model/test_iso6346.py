"""ISO 6346 check digits against published codes, and what the digit can and cannot find."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.iso6346 import CATEGORIES, check_digit, has_shape, is_valid

code10 = st.builds(
    lambda owner, category, serial: owner + category + serial,
    st.text(string.ascii_uppercase, min_size=3, max_size=3),
    st.sampled_from(CATEGORIES),
    st.text(string.digits, min_size=6, max_size=6),
)


@pytest.mark.parametrize("code", ["CSQU3054383", "MSKU6011672", "TGHU7599330"])
def test_published_codes_are_valid(code: str) -> None:
    assert is_valid(code)
    assert check_digit(code[:10]) == int(code[10])


@pytest.mark.parametrize(
    "code", ["", "CSQU3054384", "CSQU305438", "CSQU30543833", "csqu3054383", "CSQX3054383", "CSQU305438３"]
)
def test_other_texts_are_not_valid(code: str) -> None:
    assert not is_valid(code)


def test_remainder_ten_becomes_zero() -> None:
    values = dict(zip(string.ascii_uppercase, (n for n in range(10, 39) if n % 11), strict=True))
    values |= {d: int(d) for d in string.digits}
    codes = (f"CSQU{n:06d}" for n in range(1000))
    folded = [c for c in codes if sum(values[x] * 2**i for i, x in enumerate(c)) % 11 == 10]
    assert folded
    assert {check_digit(c) for c in folded} == {0}


def test_check_digit_refuses_what_is_no_code() -> None:
    with pytest.raises(ValueError, match="3 letters"):
        check_digit("1234567890")


@given(code10, st.integers(0, 9))
def test_exactly_one_digit_fits(code: str, digit: int) -> None:
    assert is_valid(f"{code}{digit}") == (digit == check_digit(code))


@given(st.text(max_size=14))
def test_never_raises(text: str) -> None:
    assert is_valid(text) in (True, False)
    assert has_shape(text) or not is_valid(text)
