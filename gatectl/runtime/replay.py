"""Re-runs the core on a recording and compares everything that it decided, bit by bit.

From the first key frame on, every scan is computed again from its recorded inputs. Commands, core
tags with their qualities, messages and later key frames must be the same bytes. Where scans are
missing the state is unknown: replay says so and goes on at the next key frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gatectl import core
from gatectl.model import Layout, RecordingError
from gatectl.model.node import Node
from gatectl.model.scan import Core, ScanOutputs
from gatectl.runtime import blackbox, records
from gatectl.runtime.blackbox import CONFIG, LAYOUT, SCAN, Damage, Item
from gatectl.runtime.records import ScanRecord
from gatectl.runtime.views import quality_text

Build = Callable[[Node, Layout], Core[Any]]


class Difference(Struct, frozen=True, kw_only=True):
    """The first thing that came out differently. what: a tag, `message 2`, `state` or `core`."""

    scan_no: int
    what: str
    recorded: str
    replayed: str


class Gap(Struct, frozen=True, kw_only=True):
    """Scans that are not in the file, and where replay went on (None: no key frame came)."""

    after: int
    before: int
    resumed_at: int | None = None


class ReplayReport(Struct, kw_only=True):
    """scans: compared. skipped: read but without a known state. keyframes: compared.

    recorded_s: time that the compared scans span; took_s: time it took to compute them.
    damage: what of the file could not be read.
    """

    file: str
    node: str = ""
    role: str = ""
    software: str = ""
    config_digest: str = ""
    scans: int = 0
    skipped: int = 0
    keyframes: int = 0
    messages: int = 0
    gaps: list[Gap] = []
    damage: list[str] = []
    difference: Difference | None = None
    recorded_s: float = 0.0
    took_s: float = 0.0

    @property
    def identical(self) -> bool:
        """True when at least one scan was compared and none differed."""
        return self.scans > 0 and self.difference is None

    @property
    def speed(self) -> float:
        """Times faster than real time; 0 if nothing was compared."""
        return self.recorded_s / self.took_s if self.took_s > 0 else 0.0


def build_core(node: Node, layout: Layout) -> Core[Any]:
    """`gatectl.core.build`."""
    built: Core[Any] = core.build(node, layout)
    return built


def replay(path: Path, build: Build = build_core) -> ReplayReport:
    """Replay one part of a recording, up to its first difference.

    build: makes the core from the recorded node and layout. Raises RecordingError for a file that
    is no recording, is too damaged to begin, or holds no key frame.
    """
    run = _Run(ReplayReport(file=str(path)), build)
    try:
        for item in blackbox.read(path):
            run.take(item)
            if run.report.difference is not None:
                break
    except RecordingError as error:
        error.where = error.where or str(path)
        raise RecordingError(error.cause, error.remedy, where=error.where) from error
    report = run.report
    if run.core is None:
        raise RecordingError(
            "the recording has no configuration or layout", "give another part", where=str(path)
        )
    if report.scans == 0 and report.difference is None:
        cause = f"none of its {report.skipped} scans follows a key frame"
        raise RecordingError(cause, "give a longer recording: key frames come regularly", where=str(path))
    return report


class _Run:
    """Replay in progress. state is None while it is unknown."""

    def __init__(self, report: ReplayReport, build: Build) -> None:
        self.report = report
        self.core: Core[Any] | None = None
        self._build = build
        self._config: blackbox.ConfigRecord | None = None
        self._layout: Layout | None = None
        self._state: Any = None
        self._last_no: int | None = None
        self._last_mono_ns = 0

    def take(self, item: Item | Damage) -> None:
        if isinstance(item, Damage):
            self.report.damage.append(f"at byte {item.at}: {item.cause}")
        elif item.topic == CONFIG:
            self._config = blackbox.decode_config(item)
        elif item.topic == LAYOUT:
            self._layout = blackbox.decode_layout(item)
        elif item.topic == SCAN:
            if self.core is None:
                self._start()
            self._scan(records.decode(item.data))

    def _start(self) -> None:
        if self._config is None or self._layout is None:
            raise RecordingError("scans come before configuration and layout", "give another part")
        node = self._config.node()
        self.core = self._build(node, self._layout)
        self.report.node, self.report.role = node.config.name, node.config.role
        self.report.software, self.report.config_digest = self._config.software, self._config.digest

    def _scan(self, record: ScanRecord) -> None:
        core_, report = self.core, self.report
        assert core_ is not None
        last, self._last_no = self._last_no, record.scan_no
        if last is not None and record.scan_no != last + 1:
            report.gaps.append(Gap(after=last, before=record.scan_no))
            self._state = None
        if record.keyframe:
            if not self._keyframe(record):
                return
        elif self._state is None:
            report.skipped += 1
            return
        elif report.scans:
            report.recorded_s += (record.now_mono_ns - self._last_mono_ns) / 1e9
        self._last_mono_ns = record.now_mono_ns
        inputs = records.inputs_of(record)
        begin = time.perf_counter()
        try:
            self._state, outputs = core_.scan(self._state, inputs, record.dt_ns)
        except Exception as error:
            # Whatever the core raises now, it did not raise then: that is the difference.
            text = f"{type(error).__name__}: {error}"
            report.difference = Difference(
                scan_no=record.scan_no, what="core", recorded="(outputs)", replayed=text
            )
            return
        report.took_s += time.perf_counter() - begin
        report.scans += 1
        report.messages += len(record.out_messages)
        report.difference = self._compare(record, outputs)

    def _keyframe(self, record: ScanRecord) -> bool:
        """Compare or take over the recorded state; False if it differs."""
        core_, report = self.core, self.report
        assert core_ is not None
        if self._state is not None:
            ours = records.encode_state(self._state)
            report.keyframes += 1
            report.recorded_s += (record.now_mono_ns - self._last_mono_ns) / 1e9
            if ours != record.keyframe:
                report.difference = _state_difference(record.scan_no, record.keyframe, ours)
                return False
            return True
        try:
            self._state = msgspec.msgpack.decode(record.keyframe, type=core_.state_type)
        except msgspec.MsgspecError as error:
            raise RecordingError(
                f"the key frame of scan {record.scan_no} does not fit this version's core: {error}",
                f"replay it with gatectl {report.software}, which recorded it",
            ) from error
        if report.gaps and report.gaps[-1].resumed_at is None:
            report.gaps[-1] = msgspec.structs.replace(report.gaps[-1], resumed_at=record.scan_no)
        return True

    def _compare(self, record: ScanRecord, outputs: ScanOutputs) -> Difference | None:
        assert self._layout is not None
        layout, scan_no = self._layout, record.scan_no
        names = [layout.names[i] for i in layout.commands()]
        found = _numbers(scan_no, names, record.commands, outputs.commands)
        if found is None:
            core_names = [f"core.{tag.name}" for b in layout.blocks if b.name == "core" for tag in b.tags]
            found = _numbers(scan_no, core_names, record.core_values, outputs.core_values)
            if found is None and record.core_qualities != outputs.core_qualities:
                found = _qualities(scan_no, core_names, record.core_qualities, outputs.core_qualities)
        return found or _messages(record, outputs)


def _numbers(scan_no: int, names: list[str], recorded: bytes, values: list[float]) -> Difference | None:
    ours = records.pack_floats(values)
    if ours == recorded:
        return None
    theirs = records.unpack_floats(recorded)
    if len(theirs) != len(values):
        counts = (f"{len(theirs)} values", f"{len(values)} values")
        return Difference(scan_no=scan_no, what="outputs", recorded=counts[0], replayed=counts[1])
    i = next(i for i in range(len(values)) if recorded[8 * i : 8 * i + 8] != ours[8 * i : 8 * i + 8])
    name = names[i] if i < len(names) else f"value {i}"
    return Difference(scan_no=scan_no, what=name, recorded=repr(theirs[i]), replayed=repr(values[i]))


def _qualities(scan_no: int, names: list[str], recorded: bytes, ours: bytes) -> Difference:
    pairs = list(zip(recorded, ours, strict=False))
    i = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    name = names[i] if i < len(names) else f"value {i}"
    shown = [quality_text(q[i]) if i < len(q) else "(none)" for q in (recorded, ours)]
    return Difference(scan_no=scan_no, what=f"{name} (quality)", recorded=shown[0], replayed=shown[1])


def _messages(record: ScanRecord, outputs: ScanOutputs) -> Difference | None:
    theirs = [records.encode_message(m) for m in record.out_messages]
    ours = [records.encode_message(m) for m in outputs.messages]
    for i in range(max(len(theirs), len(ours))):
        a = theirs[i] if i < len(theirs) else None
        b = ours[i] if i < len(ours) else None
        if a != b:
            shown = ["(none)" if m is None else _first_difference(m, o) for m, o in ((a, b), (b, a))]
            return Difference(
                scan_no=record.scan_no, what=f"message {i + 1}", recorded=shown[0], replayed=shown[1]
            )
    return None


def _state_difference(scan_no: int, recorded: bytes, ours: bytes) -> Difference:
    a, b = _first_difference(recorded, ours), _first_difference(ours, recorded)
    return Difference(scan_no=scan_no, what="state", recorded=a, replayed=b)


def _first_difference(body: bytes, other: bytes | None) -> str:
    """What `body` says where it differs from `other`, as `path = value`."""
    value = msgspec.msgpack.decode(body)
    path, inner = ("", value) if other is None else _descend("", value, msgspec.msgpack.decode(other))
    text = repr(inner)
    return f"{path + ' = ' if path else ''}{text if len(text) <= 300 else text[:300] + '...'}"


def _descend(path: str, a: Any, b: Any) -> tuple[str, Any]:
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        for key in a:
            if _differ(a[key], b[key]):
                return _descend(f"{path}.{key}" if path else str(key), a[key], b[key])
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            if _differ(x, y):
                return _descend(f"{path}[{i}]", x, y)
    return path, a


def _differ(a: Any, b: Any) -> bool:
    return msgspec.msgpack.encode(a) != msgspec.msgpack.encode(b)
