"""Makes a clean file of a recording that was cut off or damaged."""

from __future__ import annotations

import os
from pathlib import Path

from mcap.writer import Writer
from msgspec import Struct

from gatectl.model import RecordingError, UsageError
from gatectl.runtime import blackbox, records
from gatectl.runtime.recorder import CHUNK_BYTES


class RecoverReport(Struct, kw_only=True):
    """messages: saved, by topic. scans: (first, last) scan_no that were saved.

    damage: what could not be read, in words, with byte offsets. lost_bytes: of the file's end.
    """

    source: str
    target: str
    messages: dict[str, int] = {}
    scans: tuple[int, int] | None = None
    damage: list[str] = []
    lost_bytes: int = 0


def recover(source: Path, target: Path | None = None) -> RecoverReport:
    """Save all that is readable of `source` into a new file (`NAME-recovered.mcap` beside it).

    The source is never changed and an existing target never overwritten. Raises RecordingError when
    nothing can be saved, UsageError for a target that exists or cannot be written.
    """
    if not source.is_file():
        cause = "is no file" if source.exists() else "does not exist"
        raise RecordingError(cause, "give a recording (*.mcap)", where=str(source))
    target = target or source.with_name(f"{source.stem}-recovered.mcap")
    report = RecoverReport(source=str(source), target=str(target))
    try:
        stream = target.open("xb")
    except FileExistsError as error:
        raise UsageError("exists already", "name another target", where=str(target)) from error
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", "name another", where=str(target)) from error
    done = False
    try:
        with stream:
            writer = Writer(stream, chunk_size=CHUNK_BYTES)
            writer.start(profile="gatectl", library="gatectl recover")
            _copy(source, writer, report)
            writer.finish()  # type: ignore[no-untyped-call]  # mcap leaves it without annotations
            stream.flush()
            os.fsync(stream.fileno())
        done = bool(report.messages)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", "free space", where=str(target)) from error
    finally:
        if not done:
            target.unlink(missing_ok=True)
    if not done:
        raise RecordingError("nothing in it can be saved", "try another part", where=str(source))
    return report


def _copy(source: Path, writer: Writer, report: RecoverReport) -> None:
    ids: dict[str, int] = {}
    for item in blackbox.read(source):
        if isinstance(item, blackbox.Damage):
            report.damage.append(f"at byte {item.at}: {item.cause}")
            if item.fatal:
                report.lost_bytes = source.stat().st_size - item.at
            continue
        if item.topic not in ids:
            schema, channel = item.schema, item.channel
            number = writer.register_schema(schema.name, schema.encoding, schema.data) if schema else 0
            ids[item.topic] = writer.register_channel(
                item.topic, channel.message_encoding, number, channel.metadata
            )
        count = report.messages[item.topic] = report.messages.get(item.topic, 0) + 1
        writer.add_message(ids[item.topic], item.log_time_ns, item.data, item.log_time_ns, count)
        if item.topic == blackbox.SCAN:
            scan_no = records.decode(item.data).scan_no
            report.scans = (report.scans[0] if report.scans else scan_no, scan_no)
