"""Quality of a sample: separate from the value, always with its cause, one byte in the image."""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    """How far a value may be trusted."""

    BAD = 0
    UNCERTAIN = 1
    GOOD = 2


class Cause(IntEnum):
    """Why a sample is not GOOD (NONE when it is). Values are wire and file format: never renumber."""

    NONE = 0
    NEVER_WRITTEN = 1
    STALE = 2
    LINK_DOWN = 3
    DEVICE_FAULT = 4
    NOT_VALID = 5  # the device itself says that the value is not valid
    OUT_OF_RANGE = 6
    FROZEN = 7  # a counter or value that must move stands still
    UNSTABLE = 8
    NOT_CONFIGURED = 9
    ESTIMATED = 10
    CONFLICT = 11  # signals that must agree do not
    SHUTDOWN = 12


def pack_quality(quality: Quality, cause: Cause) -> int:
    """The image's quality byte: quality in bits 6-7, cause in bits 0-5."""
    return (quality << 6) | cause


def unpack_quality(byte: int) -> tuple[Quality, Cause]:
    """Inverse of `pack_quality`; a byte that no writer produces raises ValueError."""
    return Quality(byte >> 6), Cause(byte & 0x3F)


GOOD_BYTE = pack_quality(Quality.GOOD, Cause.NONE)
NEVER_BYTE = pack_quality(Quality.BAD, Cause.NEVER_WRITTEN)
