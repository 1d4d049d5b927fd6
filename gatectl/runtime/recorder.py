"""The black box's writer: one MCAP file per part, small chunks, on the disk every second.

Whatever the disk does, the node lives on: a write that fails ends the part, is logged once, and
recording begins again in a new part as soon as the disk takes it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import IO, Any

import msgspec
from mcap.writer import CompressionType, Writer

from gatectl import __version__
from gatectl.model import Layout, RecordingError
from gatectl.model.node import Node
from gatectl.runtime import blackbox, records
from gatectl.runtime.views import MESSAGES_SCHEMA, SCAN_FIELDS, messages_json, tags_json, tags_schema

CHUNK_BYTES = 128 * 1024
SYNC_NS = 1_000_000_000
TAGS_NS = 200_000_000
RETRY_NS = 5_000_000_000
PART_BYTES = 512 * 1024 * 1024

_log = logging.getLogger("gatectl.recorder")


class Recorder:
    """Writes the scans of one boot into `directory/NAME-BOOT-PART.mcap`; never overwrites a file.

    At most the last second is lost when the machine loses power. log_time_ns (UTC) also paces
    syncing and the `/tags` view: the recorder has no clock of its own.
    """

    def __init__(
        self, directory: Path, node: Node, layout: Layout, boot_no: int, *, part_bytes: int = PART_BYTES
    ) -> None:
        self._directory = directory
        self._node = node
        self._layout = layout
        self._boot_no = boot_no
        self._part_bytes = part_bytes
        self._part: _Part | None = None
        self._next_no = 1
        self._retry_ns: int | None = None
        self._dropped = 0
        self._shown = True

    @property
    def path(self) -> Path | None:
        """The part being written, or None while the disk takes nothing."""
        return self._part.path if self._part else None

    def write(self, record_bytes: bytes, log_time_ns: int) -> None:
        """Append one `ScanRecord` (encoded). Never raises for a disk that fails."""
        if self._part is None and not self._begin(log_time_ns):
            self._dropped += 1
            return
        part = self._part
        assert part is not None
        try:
            part.add(blackbox.SCAN, record_bytes, log_time_ns)
            self._views(part, record_bytes, log_time_ns)
            part.sync_when_due(log_time_ns)
            if part.size() >= self._part_bytes:
                self.close()
        except OSError as error:
            self._fail(error, log_time_ns)

    def flush(self) -> None:
        """Bring everything written so far to the disk: for the moments when no scan comes."""
        if self._part is not None:
            try:
                self._part.sync()
            except OSError as error:
                self._fail(error, self._part.last_ns)

    def close(self) -> None:
        """End the part with its index. Idempotent; the next `write` begins a new part."""
        part, self._part = self._part, None
        if part is not None:
            try:
                part.finish()
            except OSError as error:
                _log.error("%s: the end could not be written: %s", part.path, error.strerror)

    def _begin(self, log_time_ns: int) -> bool:
        if self._retry_ns is not None and 0 <= self._retry_ns - log_time_ns <= RETRY_NS:
            return False
        try:
            self._part = _Part(self._open(), self._node, self._layout, self._boot_no, log_time_ns)
        except OSError as error:
            self._fail(error, log_time_ns)
            return False
        if self._retry_ns is not None:
            _log.warning("recording again in %s; %d scans are missing", self._part.path, self._dropped)
        self._retry_ns, self._dropped = None, 0
        return True

    def _open(self) -> IO[bytes]:
        self._directory.mkdir(parents=True, exist_ok=True)
        while True:
            name = f"{self._node.config.name}-{self._boot_no:06d}-{self._next_no:03d}.mcap"
            self._next_no += 1
            try:
                return (self._directory / name).open("xb")
            except FileExistsError:
                continue

    def _fail(self, error: OSError, log_time_ns: int) -> None:
        if self._retry_ns is None:
            _log.error(
                "recording stopped: %s: %s; the node goes on. Free space in %s: recording resumes by itself",
                error.filename or self._directory,
                error.strerror or error,
                self._directory,
            )
        self._retry_ns = log_time_ns + RETRY_NS
        part, self._part = self._part, None
        if part is not None:
            part.abandon()

    def _views(self, part: _Part, record_bytes: bytes, log_time_ns: int) -> None:
        """What people see in Foxglove; a record that cannot be shown is recorded all the same."""
        try:
            record = records.decode(record_bytes)
            for body in messages_json(record):
                part.add(blackbox.MESSAGES, body, log_time_ns)
            if part.tags_due(log_time_ns):
                part.add(blackbox.TAGS, tags_json(record, self._layout), log_time_ns)
        except RecordingError as error:
            if self._shown:
                _log.error("a scan is recorded but cannot be shown: %s", error)
            self._shown = False


class _Part:
    """One open file. Every method may raise OSError."""

    def __init__(self, stream: IO[bytes], node: Node, layout: Layout, boot_no: int, now_ns: int) -> None:
        self.path = Path(stream.name)
        self.last_ns = now_ns
        self._stream = stream
        self._synced_ns = now_ns
        self._tags_ns: int | None = None
        self._writer = Writer(stream, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
        self._channels: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        try:
            self._writer.start(profile="gatectl", library=f"gatectl {__version__}")
            self._register(layout)
            config = blackbox.ConfigRecord.of(node, boot_no, __version__)
            self.add(blackbox.CONFIG, msgspec.json.encode(config), now_ns)
            self.add(blackbox.LAYOUT, msgspec.json.encode(layout.blocks), now_ns)
            self.sync()  # a chunk of its own, so that later damage never takes it along
            _sync_directory(self.path.parent)
        except OSError:
            self.abandon()
            raise

    def _register(self, layout: Layout) -> None:
        def channel(topic: str, encoding: str, name: str, schema: Any, meta: dict[str, str]) -> None:
            body = msgspec.json.encode(schema)
            schema_id = self._writer.register_schema(f"gatectl.{name}", "jsonschema", body)
            self._channels[topic] = self._writer.register_channel(topic, encoding, schema_id, meta)

        def json_schema(type_: Any) -> Any:
            return msgspec.json.schema(type_)

        channel(blackbox.CONFIG, "json", "Config", json_schema(blackbox.ConfigRecord), {})
        channel(blackbox.LAYOUT, "json", "Layout", {"type": "array"}, {"digest": layout.digest})
        scan = self._writer.register_schema("gatectl.ScanRecord", "", b"")
        self._channels[blackbox.SCAN] = self._writer.register_channel(
            blackbox.SCAN, "msgpack", scan, SCAN_FIELDS
        )
        channel(blackbox.TAGS, "json", "Tags", tags_schema(layout), {})
        channel(blackbox.MESSAGES, "json", "Message", MESSAGES_SCHEMA, {})

    def add(self, topic: str, data: bytes, log_time_ns: int) -> None:
        self.last_ns = log_time_ns
        count = self._counts[topic] = self._counts.get(topic, 0) + 1
        self._writer.add_message(
            self._channels[topic], log_time_ns, data, publish_time=log_time_ns, sequence=count & 0xFFFFFFFF
        )

    def tags_due(self, now_ns: int) -> bool:
        if self._tags_ns is not None and 0 <= now_ns - self._tags_ns < TAGS_NS:
            return False
        self._tags_ns = now_ns
        return True

    def sync_when_due(self, now_ns: int) -> None:
        if not 0 <= now_ns - self._synced_ns < SYNC_NS:
            self._synced_ns = now_ns
            self.sync()

    def sync(self) -> None:
        self._writer.flush()  # type: ignore[no-untyped-call]  # mcap leaves it without annotations
        os.fsync(self._stream.fileno())

    def size(self) -> int:
        return self._stream.tell()

    def finish(self) -> None:
        try:
            self._writer.finish()  # type: ignore[no-untyped-call]  # mcap leaves it without annotations
            self._stream.flush()
            os.fsync(self._stream.fileno())
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without an end: what is on the disk stays readable by `recover`."""
        try:
            self._stream.close()
        except OSError:
            _log.debug("closing %s failed", self.path)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
