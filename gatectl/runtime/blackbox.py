"""The black box's file format (MCAP), and reading it even where it is damaged.

Topics: `/config` (JSON, `ConfigRecord`) and `/layout` (JSON, the blocks of the image) once at the
beginning of every part; `/scan` (msgpack, `gatectl.runtime.records.ScanRecord`) for every scan;
`/tags` and `/messages` (JSON) for people: Foxglove and the mcap tools show them without any of our
code. Log time is UTC in ns. https://mcap.dev/spec
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk
from msgspec import Struct

from gatectl.model import Block, ConfigError, Layout, RecordingError
from gatectl.model.node import Node
from gatectl.model.site import Lane
from gatectl.runtime.config import load_node_from_sources

CONFIG, LAYOUT, SCAN, TAGS, MESSAGES = "/config", "/layout", "/scan", "/tags", "/messages"

_DAMAGE = (McapError, CRCValidationError, zstandard.ZstdError, struct.error, ValueError, EOFError, KeyError)


class ConfigRecord(Struct, frozen=True, kw_only=True):
    """What ran. file, digest, sources: of `Node`. lanes: as resolved. software: gatectl's version."""

    file: str
    digest: str
    sources: dict[str, str]
    lanes: tuple[Lane, ...]
    boot_no: int
    software: str

    @classmethod
    def of(cls, node: Node, boot_no: int, software: str) -> ConfigRecord:
        return cls(
            file=node.file,
            digest=node.digest,
            sources=node.sources,
            lanes=node.site.lanes,
            boot_no=boot_no,
            software=software,
        )

    def node(self) -> Node:
        """The node that ran. Raises RecordingError if this version does not accept its configuration."""
        try:
            return load_node_from_sources(self.sources, self.file, self.lanes)
        except ConfigError as error:
            raise RecordingError(
                f"the recorded configuration is not accepted by this version: {error.findings[0].text()}",
                f"replay it with gatectl {self.software}, which recorded it",
            ) from error


class Item(NamedTuple):
    """One message of the file, with its channel and (if it has one) schema record."""

    topic: str
    log_time_ns: int
    data: bytes
    channel: Channel
    schema: Schema | None


class Damage(NamedTuple):
    """A part of the file that cannot be read. at: byte offset; fatal: nothing after it is readable."""

    at: int
    cause: str
    fatal: bool


def read(path: Path) -> Iterator[Item | Damage]:
    """Every message in the order of writing, with damaged chunks and a cut-off end reported in place.

    Never holds more than one chunk in memory. Raises RecordingError when the file cannot be opened
    or is no MCAP file at all.
    """
    try:
        size = path.stat().st_size
        stream = path.open("rb")
    except OSError as error:
        raise RecordingError(
            f"cannot be opened: {error.strerror}", "give a recording (*.mcap)", where=str(path)
        ) from error
    with stream:
        head = stream.read(8)
        if head != b"\x89MCAP0\r\n":
            raise RecordingError("is no MCAP file", "give a recording (*.mcap)", where=str(path))
        stream.seek(0)
        # A damaged length field must not make the reader ask for more memory than the file is long.
        records = StreamReader(stream, emit_chunks=True, record_size_limit=size).records
        channels: dict[int, Channel] = {}
        schemas: dict[int, Schema] = {}
        while True:
            at = stream.tell()
            try:
                record = next(records, None)
            except _DAMAGE as error:
                yield Damage(at, _reason(error), fatal=True)
                return
            if record is None:
                return
            if isinstance(record, Chunk):
                yield from _chunk(record, at, channels, schemas)


def _chunk(
    chunk: Chunk, at: int, channels: dict[int, Channel], schemas: dict[int, Schema]
) -> Iterator[Item | Damage]:
    try:
        inside = breakup_chunk(chunk, validate_crc=True)
    except _DAMAGE as error:
        yield Damage(at, _reason(error), fatal=False)
        return
    for record in inside:
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message):
            channel = channels.get(record.channel_id)
            if channel is None:
                yield Damage(at, "a message of a channel whose definition is lost", fatal=False)
                return
            schema = schemas.get(channel.schema_id)
            yield Item(channel.topic, record.log_time, record.data, channel, schema)


def _reason(error: Exception) -> str:
    name = type(error).__name__
    return "the file ends in the middle of a record" if name == "EndOfFile" else f"{name}: {error}"


def decode_config(item: Item) -> ConfigRecord:
    """Raises RecordingError."""
    try:
        return msgspec.json.decode(item.data, type=ConfigRecord)
    except msgspec.MsgspecError as error:
        raise RecordingError(f"damaged {CONFIG} record: {error}", "try another part") from error


def decode_layout(item: Item) -> Layout:
    """Raises RecordingError."""
    try:
        return Layout(msgspec.json.decode(item.data, type=tuple[Block, ...]))
    except (msgspec.MsgspecError, ValueError) as error:
        raise RecordingError(f"damaged {LAYOUT} record: {error}", "try another part") from error
