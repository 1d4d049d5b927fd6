"""Recorder, replay and recover, with the smallest core that has all kinds of outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from msgspec import Struct

from gatectl.model import Block, Direction, Layout, RecordingError, Snapshot, TagSpec, UsageError
from gatectl.model.messages import Incident
from gatectl.model.node import Node
from gatectl.model.scan import Recovered, ScanInputs, ScanOutputs
from gatectl.runtime import records
from gatectl.runtime.config import load_node
from gatectl.runtime.recorder import Recorder
from gatectl.runtime.recover import recover
from gatectl.runtime.replay import replay

NODE = load_node(Path(__file__).parents[2] / "config" / "demo" / "vehicle1.toml")
LAYOUT = Layout(
    [
        Block("dev", Direction.STATE, (TagSpec(name="level", unit="m"),)),
        Block("dev", Direction.COMMAND, (TagSpec(name="valve", direction=Direction.COMMAND),)),
        Block("core", Direction.STATE, (TagSpec(name="sum"),)),
    ]
)
PERIOD_NS = 20_000_000
UTC_NS = 1_790_000_000_000_000_000


class State(Struct):
    total: float = 0.0
    count: int = 0


class TinyCore:
    """Integrates one tag. gain: a replay with another one must differ."""

    state_type = State

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def start(self, recovered: Recovered) -> State:
        return State()

    def scan(self, state: State, inputs: ScanInputs, dt_ns: int) -> tuple[State, ScanOutputs]:
        state.total += inputs.snapshot.values[0] * self.gain * dt_ns / 1e9
        state.count += 1
        messages: list[Any] = []
        if state.count % 10 == 0:
            messages.append(
                Incident(
                    id=f"n-1-{state.count}",
                    severity="info",
                    subject="dev",
                    code="ten",
                    text="",
                    remedy="",
                    at_utc_ns=inputs.now_utc_ns,
                )
            )
        return state, ScanOutputs(
            commands=[state.total * 0.5], core_values=[state.total], core_qualities=b"\x80", messages=messages
        )

    def shutdown(self, state: State) -> list[float]:
        return [0.0]


def build(node: Node, layout: Layout) -> TinyCore:
    assert node == NODE
    assert layout.digest == LAYOUT.digest
    return TinyCore()


def scans(count: int, key_every: int = 50) -> list[records.ScanRecord]:
    core, state, found = TinyCore(), State(), []
    for n in range(1, count + 1):
        inputs = ScanInputs(
            scan_no=n,
            now_mono_ns=n * PERIOD_NS,
            now_utc_ns=UTC_NS + n * PERIOD_NS,
            utc_ok=True,
            missed=0,
            snapshot=Snapshot([n * 0.1, 0.0, 0.0], b"\x80\x80\x01", [n * PERIOD_NS] * 3),
            messages=[],
        )
        keyframe = records.encode_state(state) if n % key_every == 5 else b""
        state, outputs = core.scan(state, inputs, PERIOD_NS)
        found.append(records.record_of(inputs, PERIOD_NS, outputs, keyframe=keyframe))
    return found


def record(directory: Path, every: list[records.ScanRecord]) -> Path:
    recorder = Recorder(directory, NODE, LAYOUT, 7)
    for item in every:
        recorder.write(records.encode(item), item.now_utc_ns)
    path = recorder.path
    recorder.close()
    assert path is not None
    return path


def test_a_replay_is_identical(tmp_path: Path) -> None:
    report = replay(record(tmp_path, scans(300)), build)
    assert report.identical
    assert (report.scans, report.skipped, report.keyframes) == (296, 4, 5)
    assert report.messages == 30
    assert report.recorded_s == pytest.approx(295 * 0.02)
    assert (report.node, report.config_digest) == ("vehicle-1", NODE.digest)


def test_another_core_differs_at_the_first_scan(tmp_path: Path) -> None:
    report = replay(record(tmp_path, scans(100)), lambda node, layout: TinyCore(1.0 + 1e-12))
    assert not report.identical
    assert report.difference is not None
    assert (report.difference.scan_no, report.difference.what) == (5, "dev.valve")
    assert report.difference.recorded != report.difference.replayed


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"commands": records.pack_floats([-0.0])}, "dev.valve"),
        ({"core_values": records.pack_floats([1.0])}, "core.sum"),
        ({"core_qualities": b"\x01"}, "core.sum (quality)"),
        ({"out_messages": []}, "message 1"),
        ({"keyframe": records.encode_state(State(1.0, 69))}, "state"),
        ({"values": records.pack_floats([8.0, 0.0, 0.0])}, "dev.valve"),
    ],
)
def test_one_changed_byte_is_found_where_it_is(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    every = scans(100)
    for key, value in change.items():
        setattr(every[69], key, value)
    report = replay(record(tmp_path, every), build)
    assert report.difference is not None
    assert (report.difference.scan_no, report.difference.what) == (70, what)


def test_a_gap_is_reported_and_passed_at_the_next_key_frame(tmp_path: Path) -> None:
    every = scans(200)
    report = replay(record(tmp_path, every[:80] + every[90:]), build)
    assert report.identical
    [gap] = report.gaps
    assert (gap.after, gap.before, gap.resumed_at) == (80, 91, 105)
    assert report.scans == 76 + 96


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="key frame"):
        replay(record(tmp_path, scans(4)), build)
    path = tmp_path / "x.mcap"
    path.write_bytes(b"nothing")
    with pytest.raises(RecordingError, match="no MCAP"):
        replay(path, build)


def test_recordings_never_overwrite_and_show_tags_to_people(tmp_path: Path) -> None:
    first, second = record(tmp_path, scans(60)), record(tmp_path, scans(60))
    assert first.name == "vehicle-1-000007-001.mcap"
    assert second.name == "vehicle-1-000007-002.mcap"
    with first.open("rb") as stream:
        shown = [json.loads(m.data) for _, _, m in make_reader(stream).iter_messages(topics=["/tags"])]
    assert len(shown) == 6  # 1.2 s at 5 Hz
    assert shown[0]["values"]["dev"]["level"] == 0.1
    assert shown[0]["not_good"] == {"core.sum": "BAD NEVER_WRITTEN"}


def test_a_disk_that_takes_nothing_does_not_stop_the_node(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "blackbox"
    blocked.write_text("a file where the directory should be")
    recorder = Recorder(blocked, NODE, LAYOUT, 1)
    every = scans(600)
    for item in every[:100]:
        recorder.write(records.encode(item), item.now_utc_ns)
    assert recorder.path is None
    assert caplog.text.count("recording stopped") == 1
    blocked.unlink()
    for item in every[100:]:
        recorder.write(records.encode(item), item.now_utc_ns)
    path = recorder.path
    recorder.close()
    assert "recording again" in caplog.text
    assert path is not None
    assert replay(path, build).identical


def test_recover_a_file_cut_anywhere(tmp_path: Path) -> None:
    whole = record(tmp_path, scans(200))
    body = whole.read_bytes()
    for i in range(1, 40):
        cut = tmp_path / f"cut{i}.mcap"
        cut.write_bytes(body[: len(body) * i // 40])
        try:
            report = recover(cut)
        except RecordingError:
            assert not cut.with_name(f"cut{i}-recovered.mcap").exists()
            continue
        saved = Path(report.target)
        with saved.open("rb") as stream:
            assert sum(1 for _ in make_reader(stream).iter_messages()) == sum(report.messages.values())
        if report.scans and report.scans[1] > 5:
            assert replay(saved, build).identical
    assert report.scans is not None
    assert report.scans[0] == 1
    assert report.scans[1] >= 100


def test_recover_refuses_to_overwrite_and_skips_a_damaged_chunk(tmp_path: Path) -> None:
    whole = record(tmp_path, scans(300))
    body = bytearray(whole.read_bytes())
    with whole.open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    damaged = summary.chunk_indexes[2]  # the first holds the configuration
    middle = damaged.chunk_start_offset + damaged.chunk_length // 2
    body[middle : middle + 8] = bytes(byte ^ 0xFF for byte in body[middle : middle + 8])
    whole.write_bytes(body)
    saved = recover(whole)
    assert len(saved.damage) == 1
    assert saved.scans == (1, 300)
    report = replay(Path(saved.target), build)
    assert report.identical
    assert len(report.gaps) == 1
    with pytest.raises(UsageError, match="exists"):
        recover(whole)


def test_the_first_part_ends_at_its_size(tmp_path: Path) -> None:
    empty = record(tmp_path / "empty", scans(1)).stat().st_size  # configuration, layout and schemas
    recorder = Recorder(tmp_path, NODE, LAYOUT, 1, part_bytes=empty + 15_000)
    for item in scans(1000):
        recorder.write(records.encode(item), item.now_utc_ns)
    recorder.close()
    parts = sorted(tmp_path.glob("*.mcap"))
    assert len(parts) > 1
    assert replay(parts[0], build).identical
    assert replay(parts[1], build).identical
