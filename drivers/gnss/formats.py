"""The forms in which GNSS messages stand on the wire: what begins at a place in a buffer. Pure.

Every function takes (buffer, start), where its form's first byte stands, and returns a Verdict.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from drivers.gnss.checksums import crc16_sbf, crc24q, crc32_log, fletcher8, xor8

MAX_TEXT = 400  # the standard says 82; real receivers send more than 200
MAX_LOG = 4096
MAX_BINARY = 8192  # payload of UBX and length of SBF; longer ones are not waited for

TEXT: Final = 1
LOG: Final = 2
UBX: Final = 3
SKIPPED: Final = 4

# Neither `$` nor `#` stands inside: each begins anew, so that a torn line takes no good one with it.
PLAIN_SENTENCE = re.compile(rb'[\r\n]*(\$([A-Z][ -"%-)+-~]{1,399})\*([0-9A-Fa-f]{2}))(?![ -"%-~])')
_SENTENCE_BODY = re.compile(rb'\$[A-Z][ -"%-)+-~]{0,399}').match
_TEXT_GOES_ON = re.compile(rb'[ -"%-~]').match
_DIGITS = re.compile(rb"[0-9A-Fa-f]{0,8}").match
_LOG_BODY = re.compile(rb'#[A-Z][ -"%-)+-~]{0,4096}').match


class Verdict(NamedTuple):
    """end: index behind what was judged, or -1 if more bytes are needed to judge it.

    form: TEXT, LOG or UBX with its body, SKIPPED with its name in `reason`, or 0 if it is no message, for
    this reason (`checksum`, `malformed`, `torn`, `overlong`; `` if nothing ever began here).
    """

    end: int
    form: int = 0
    body: bytes = b""
    reason: str = ""


WAIT: Final = Verdict(-1)


def text(buffer: bytes, start: int) -> Verdict:
    """`$...*hh`, or `$...*hhhhhhhh` with a CRC-32. KSXT comes with either, so a byte more is needed."""
    match = _SENTENCE_BODY(buffer, start)
    if match is None:  # names begin with a letter
        return WAIT if start + 1 == len(buffer) else Verdict(start + 1, reason="torn")
    star = match.end()
    if star - start > MAX_TEXT:
        return Verdict(star, reason="overlong")
    if star == len(buffer):
        return WAIT
    if buffer[star] != 0x2A:
        return Verdict(star, reason="torn")
    digits, end = _digits_at(buffer, star + 1)
    body = buffer[start + 1 : star]
    if len(digits) == 8 and int(digits, 16) == crc32_log(body):
        return Verdict(end, TEXT, body)
    # Text behind two digits: a comma became a star, or these are the first two of eight.
    ends = star + 3 == len(buffer) or not _TEXT_GOES_ON(buffer, star + 3)
    if len(digits) >= 2 and ends and int(digits[:2], 16) == xor8(body):
        may_be_longer = len(digits) < 8 and end == len(buffer) and body.startswith(b"KSXT")
        return WAIT if may_be_longer else Verdict(star + 3, TEXT, body)
    if len(digits) < 8 and end == len(buffer):
        return WAIT
    if len(digits) < 2:
        return Verdict(end, reason="malformed")
    return Verdict(end if len(digits) == 8 else star + 3, reason="checksum")


def log(buffer: bytes, start: int) -> Verdict:
    """`#NAME,...*hhhhhhhh` with a CRC-32."""
    match = _LOG_BODY(buffer, start)
    if match is None:  # a comment in a recording, or noise
        return WAIT if start + 1 == len(buffer) else Verdict(start + 1)
    star = match.end()
    if star - start > MAX_LOG:
        return Verdict(star, reason="overlong")
    if star == len(buffer):
        return WAIT
    if buffer[star] != 0x2A:
        return Verdict(star, reason="torn")
    digits, end = _digits_at(buffer, star + 1)
    if len(digits) < 8:
        return WAIT if end == len(buffer) else Verdict(end, reason="malformed")
    body = buffer[start + 1 : star]
    return Verdict(end, LOG, body) if int(digits, 16) == crc32_log(body) else Verdict(end, reason="checksum")


def ubx(buffer: bytes, start: int) -> Verdict:
    """B5 62, class, id, length (little-endian), payload, CK_A CK_B."""
    have = len(buffer) - start
    if have > 1 and buffer[start + 1] != 0x62:
        return Verdict(start + 1)
    if have < 6:
        return WAIT
    length = buffer[start + 4] | buffer[start + 5] << 8
    if length > MAX_BINARY:
        return Verdict(start + 1)
    end = start + 8 + length
    if end > len(buffer):
        return WAIT
    body = buffer[start + 2 : end - 2]
    if fletcher8(body) != buffer[end - 2 : end]:
        return Verdict(start + 1, reason="checksum")
    return Verdict(end, UBX, body)


def rtcm(buffer: bytes, start: int) -> Verdict:
    """D3, six zero bits, ten bits of length, payload, CRC-24Q (RTCM 10403). Receivers echo corrections."""
    have = len(buffer) - start
    if have > 1 and buffer[start + 1] & 0xFC:
        return Verdict(start + 1)
    if have < 3:
        return WAIT
    end = start + 6 + (buffer[start + 1] << 8 | buffer[start + 2])
    if end > len(buffer):
        return WAIT
    if crc24q(buffer[start : end - 3]) != int.from_bytes(buffer[end - 3 : end], "big"):
        return Verdict(start + 1, reason="checksum")
    number = buffer[start + 3] << 4 | buffer[start + 4] >> 4 if end - start >= 8 else 0
    return Verdict(end, SKIPPED, reason=f"RTCM {number}")


def sbf(buffer: bytes, start: int) -> Verdict:
    """`$@`, CRC-16, id and revision, length (a multiple of four, of the whole), body (Septentrio)."""
    if len(buffer) - start < 8:
        return WAIT
    length = buffer[start + 6] | buffer[start + 7] << 8
    if length % 4 or not 8 <= length <= MAX_BINARY:
        return Verdict(start + 1)
    end = start + length
    if end > len(buffer):
        return WAIT
    if crc16_sbf(buffer[start + 4 : end]) != int.from_bytes(buffer[start + 2 : start + 4], "little"):
        return Verdict(start + 1, reason="checksum")
    block = (buffer[start + 4] | buffer[start + 5] << 8) & 0x1FFF
    return Verdict(end, SKIPPED, reason=f"SBF {block}")


def _digits_at(buffer: bytes, start: int) -> tuple[bytes, int]:
    """Up to eight hex digits, and where they end."""
    match = _DIGITS(buffer, start)
    assert match is not None
    return match[0], match.end()
