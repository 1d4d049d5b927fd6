"""The black box's record of one scan: everything that went into it and everything that came out.

Format (`/scan` in the MCAP file): one msgpack array with the fields of `ScanRecord` in order.
Arrays of numbers are packed little-endian (`<f8`, `<i8`) in layout order, so that a recorded NaN,
signed zero or denormal is compared bit for bit. Messages are msgpack maps with their `type`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gatectl.model import RecordingError, Snapshot
from gatectl.model.messages import AnyMessage
from gatectl.model.scan import ScanInputs, ScanOutputs


class ScanRecord(Struct, array_like=True, kw_only=True):
    """One scan. values, qualities, stamps: the snapshot that the core saw (N tags of the layout).

    commands: <f8, one per command tag. core_values: <f8, core_qualities: bytes, one per core tag.
    keyframe: msgpack of the core's state *before* this scan, empty on most scans. wake_late_ns,
    exec_ns: how late the scan woke and how long it took. New fields are only ever added at the end,
    with a default, so that older recordings stay readable.
    """

    scan_no: int
    dt_ns: int
    now_mono_ns: int
    now_utc_ns: int
    utc_ok: bool
    missed: int
    values: bytes
    qualities: bytes
    stamps: bytes
    messages: list[AnyMessage]
    commands: bytes
    core_values: bytes
    core_qualities: bytes
    out_messages: list[AnyMessage]
    keyframe: bytes = b""
    wake_late_ns: int = 0
    exec_ns: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ScanRecord)


def encode(record: ScanRecord) -> bytes:
    """The record as msgpack."""
    return _encoder.encode(record)


def decode(body: bytes) -> ScanRecord:
    """Inverse of `encode`. Raises RecordingError for bytes that are no scan record."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordingError(
            f"a scan record cannot be decoded: {error}",
            "the file is damaged, or was written by another version of gatectl: try `gatectl recover`",
        ) from error


def encode_state(state: object) -> bytes:
    """msgpack of a core's state, for key frames. Dicts keep their order of insertion: a core whose
    state follows from its inputs gives the same bytes in every run."""
    return _encoder.encode(state)


def encode_message(message: AnyMessage) -> bytes:
    """msgpack of one message: what two runs are compared by."""
    return _encoder.encode(message)


def pack_floats(values: Sequence[float]) -> bytes:
    """N floats -> 8N bytes, <f8."""
    return struct.pack(f"<{len(values)}d", *values)


def unpack_floats(body: bytes) -> list[float]:
    """Inverse of `pack_floats`. Raises RecordingError when the length is not a multiple of 8."""
    return list(struct.unpack(f"<{_count(body)}d", body))


def pack_ints(values: Sequence[int]) -> bytes:
    """N ints -> 8N bytes, <i8."""
    return struct.pack(f"<{len(values)}q", *values)


def unpack_ints(body: bytes) -> list[int]:
    """Inverse of `pack_ints`. Raises RecordingError when the length is not a multiple of 8."""
    return list(struct.unpack(f"<{_count(body)}q", body))


def record_of(
    inputs: ScanInputs,
    dt_ns: int,
    outputs: ScanOutputs,
    *,
    keyframe: bytes = b"",
    wake_late_ns: int = 0,
    exec_ns: int = 0,
) -> ScanRecord:
    """The record of one scan from what `Core.scan` was given and gave back."""
    return ScanRecord(
        scan_no=inputs.scan_no,
        dt_ns=dt_ns,
        now_mono_ns=inputs.now_mono_ns,
        now_utc_ns=inputs.now_utc_ns,
        utc_ok=inputs.utc_ok,
        missed=inputs.missed,
        values=pack_floats(inputs.snapshot.values),
        qualities=inputs.snapshot.qualities,
        stamps=pack_ints(inputs.snapshot.stamps_mono_ns),
        messages=inputs.messages,
        commands=pack_floats(outputs.commands),
        core_values=pack_floats(outputs.core_values),
        core_qualities=outputs.core_qualities,
        out_messages=outputs.messages,
        keyframe=keyframe,
        wake_late_ns=wake_late_ns,
        exec_ns=exec_ns,
    )


def inputs_of(record: ScanRecord) -> ScanInputs:
    """The inputs that `Core.scan` was given. Raises RecordingError for arrays of uneven length."""
    return ScanInputs(
        scan_no=record.scan_no,
        now_mono_ns=record.now_mono_ns,
        now_utc_ns=record.now_utc_ns,
        utc_ok=record.utc_ok,
        missed=record.missed,
        snapshot=Snapshot(unpack_floats(record.values), record.qualities, unpack_ints(record.stamps)),
        messages=list(record.messages),
    )


def _count(body: bytes) -> int:
    if len(body) % 8:
        raise RecordingError(
            f"an array in a scan record is {len(body)} bytes long, not a multiple of 8",
            "the file is damaged: try `gatectl recover`",
        )
    return len(body) // 8
