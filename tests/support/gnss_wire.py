"""GNSS messages as bytes, built independently of the driver: by pyubx2, and checksums by the book."""

from functools import reduce
from operator import xor

from pyubx2 import GET, UBXMessage


def nmea(body: str) -> bytes:
    """`$body*hh` CR LF."""
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


def crc32_bitwise(data: bytes) -> int:
    """Reflected 0xEDB88320, from 0, without a final XOR, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value


def long_nmea(body: str) -> bytes:
    """`$body*hhhhhhhh` CR LF, as Unicore sends KSXT."""
    return f"${body}*{crc32_bitwise(body.encode()):08x}\r\n".encode()


def log(body: str) -> bytes:
    """`#body*hhhhhhhh` CR LF."""
    return f"#{body}*{crc32_bitwise(body.encode()):08x}\r\n".encode()


def ubx(identity: str, **fields: object) -> bytes:
    """A NAV message by pyubx2; fields that are not given are zero. Scaled fields are in pyubx2's units."""
    return bytes(UBXMessage("NAV", identity, GET, **fields).serialize())


def rtcm(payload: bytes) -> bytes:
    """An RTCM 3 frame with its CRC-24Q, bit by bit."""
    frame = b"\xd3" + len(payload).to_bytes(2, "big") + payload
    value = 0
    for byte in frame:
        value ^= byte << 16
        for _ in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= 0x1864CFB
    return frame + value.to_bytes(3, "big")


def sbf(block: int, payload: bytes) -> bytes:
    """An SBF block with its CRC-CCITT, bit by bit. payload: padded with zeros to a multiple of four."""
    payload += bytes(-len(payload) % 4)
    body = block.to_bytes(2, "little") + (8 + len(payload)).to_bytes(2, "little") + payload
    value = 0
    for byte in body:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
    return b"$@" + value.to_bytes(2, "little") + body
