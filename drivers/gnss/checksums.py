"""The checksums of GNSS wire formats. Pure; each takes the bytes that its format covers."""

from __future__ import annotations

import binascii
import zlib
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

_CRC24Q_POLYNOMIAL = 0x1864CFB


def xor8(body: bytes) -> int:
    """XOR of all bytes (NMEA 0183, 5.2.2). Folded as one integer: twice as fast as byte by byte."""
    value = int.from_bytes(body, "little")
    while value >> 1024:
        value = (value >> 1024) ^ (value & ((1 << 1024) - 1))
    value ^= value >> 512
    value ^= value >> 256
    value ^= value >> 128
    value ^= value >> 64
    value ^= value >> 32
    value ^= value >> 16
    value ^= value >> 8
    return value & 0xFF


def crc32_log(body: bytes) -> int:
    """CRC-32 of NovAtel and Unicore logs: reflected 0xEDB88320, initial value 0, no final XOR.

    zlib inverts before and after; both inversions are taken back here.
    """
    return zlib.crc32(body, 0xFFFFFFFF) ^ 0xFFFFFFFF


def fletcher8(body: bytes) -> bytes:
    """CK_A CK_B over class, id, length and payload (u-blox interface description, UBX checksum)."""
    return (_fletcher_weights(len(body)) @ np.frombuffer(body, np.uint8)).tobytes()


def crc16_sbf(body: bytes) -> int:
    """CRC-16-CCITT, initial value 0, over an SBF block from its ID on (Septentrio reference guide)."""
    return binascii.crc_hqx(body, 0)


def crc24q(body: bytes) -> int:
    """CRC-24Q over an RTCM 3 frame without its last three bytes (RTCM 10403)."""
    table, value = _crc24q_table(), 0
    for byte in body:
        value = (value << 8 & 0xFFFFFF) ^ table[value >> 16 ^ byte]
    return value


@lru_cache(32)  # a receiver sends messages of a few lengths; noise claims all of them
def _fletcher_weights(length: int) -> NDArray[np.uint8]:
    """(2, length): how often each byte is in either running sum, modulo 256 as the sums are."""
    falling = np.arange(length, 0, -1).astype(np.uint8)
    return np.stack([np.ones(length, np.uint8), falling])


@cache
def _crc24q_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        value = index << 16
        for _ in range(8):
            value = value << 1 ^ (_CRC24Q_POLYNOMIAL if value & 0x800000 else 0)
        table.append(value & 0xFFFFFF)
    return tuple(table)
