"""What is wrong with a container code, in words (ISO 6346; the arithmetic is in the model)."""

from __future__ import annotations

from gatectl.model import iso6346


def code_problem(code: str) -> str:
    """What is wrong with a container code; "" when nothing is."""
    if not iso6346.has_shape(code):
        return f"{code!r} is not a container code: it needs 3 letters, one of U J Z, and 7 digits"
    if not iso6346.is_valid(code):
        return f"{code!r} ends with {code[10]}, and its check digit is {iso6346.check_digit(code[:10])}"
    return ""
