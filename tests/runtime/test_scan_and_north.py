"""The scan's link against the north port, over real sockets, without processes around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mini_node import CORE_TAGS

from gatectl.model import Block, Direction, JournalError, Layout
from gatectl.model.messages import (
    AnyMessage,
    BrokerLink,
    Checkpoint,
    OperatorCommand,
    Receipt,
    VehicleConnection,
)
from gatectl.model.ports import Outgoing
from gatectl.runtime import clock
from gatectl.runtime.child import Child, Places
from gatectl.runtime.frames import Hello, Scanned, decode, encode
from gatectl.runtime.image import Image
from gatectl.runtime.journal import Journal
from gatectl.runtime.link import Endpoint
from gatectl.runtime.north_process import Port
from gatectl.runtime.scan_link import ScanLink

LAYOUT = Layout([Block("core", Direction.STATE, CORE_TAGS)])


def command(number: int) -> OperatorCommand:
    return OperatorCommand(id=f"c{number}", command="hold", subject="", who="test", issued_utc_ns=number)


def receipt(number: int) -> Receipt:
    return Receipt(id=f"r{number}", to="test", correlation=f"c{number}", accepted=True, at_utc_ns=number)


class Pair:
    """Both ends, and a clock that can be moved on."""

    def __init__(self, directory: Path) -> None:
        self.places = Places(directory)
        self.image = Image.create(self.places.image, LAYOUT)
        self.now_ns = clock.mono_ns()
        self.start_north()
        self.start_scan()

    def start_north(self) -> None:
        self.north_child = Child("north", self.places, Endpoint(self.places.north))
        self.journal = Journal(self.places.runtime_dir / "journal.sqlite", utc_ns=1)
        self.port = Port(self.north_child, self.journal, self.image)

    def kill_north(self) -> None:
        self.north_child.endpoint.close()
        self.journal.close()

    def start_scan(self) -> None:
        self.scan_child = Child("scan", self.places, Endpoint(self.places.scan))
        self.scan = ScanLink(self.scan_child.endpoint, self.places, self.scan_child.log)

    def kill_scan(self) -> None:
        self.scan_child.endpoint.close()

    def meet(self) -> None:
        self.scan.hello()
        for _ in range(3):
            self.port.receive()
            self.scan.poll(self.now_ns)
        assert self.scan.recovered is not None

    def one_scan(self, produced: list[AnyMessage] | None = None) -> list[AnyMessage]:
        self.now_ns += 300_000_000
        taken = self.scan.drain(self.now_ns)
        self.scan.send(1, produced or [], self.now_ns)
        self.port.receive()
        self.scan.poll(self.now_ns)
        return taken

    def close(self) -> None:
        self.kill_north()
        self.kill_scan()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def test_a_fact_is_consumed_once_and_its_answer_is_journaled(pair: Pair) -> None:
    pair.meet()
    assert pair.port.accept(command(1), "k1")
    assert not pair.port.accept(command(1), "k1")
    assert pair.one_scan([receipt(1)]) == [command(1)]
    assert pair.one_scan() == []
    assert pair.journal.unconsumed() == []
    assert [e.message for e in pair.journal.unpublished()] == [receipt(1)]
    assert pair.scan.batches_waiting == 0


def test_facts_wait_for_a_scan_process_that_is_not_there_yet(pair: Pair) -> None:
    for number in range(40):  # more than a socket's queue holds
        pair.port.accept(command(number), f"k{number}")
    pair.meet()
    taken: list[AnyMessage] = []
    for _ in range(20):
        taken += pair.one_scan()
        pair.port.pump()
    assert taken == [command(number) for number in range(40)]


def test_a_restarted_scan_process_meets_what_no_batch_consumed(pair: Pair) -> None:
    pair.meet()
    pair.port.accept(command(1), "k1")
    pair.one_scan([Checkpoint(id="x", key="k", body=b"after one")])
    pair.port.accept(command(2), "k2")
    assert pair.scan.drain(pair.now_ns) == [command(2)]  # and dies before its batch
    pair.kill_scan()
    pair.start_scan()
    pair.meet()
    recovered = pair.scan.recovered
    assert recovered is not None
    assert (recovered.boot_no, recovered.cold) == (2, False)
    assert [c.body for c in recovered.checkpoints] == [b"after one"]
    assert pair.one_scan() == [command(2)]


def test_a_restarted_north_process_gets_the_batches_and_delivers_nothing_twice(pair: Pair) -> None:
    pair.meet()
    pair.port.accept(command(1), "k1")
    pair.port.accept(command(2), "k2")
    taken = pair.scan.drain(pair.now_ns)
    pair.kill_north()
    pair.scan.send(1, [receipt(1)], pair.now_ns)
    pair.scan.send(2, [receipt(2)], pair.now_ns)
    assert pair.scan.batches_waiting == 2
    pair.start_north()
    for _ in range(4):
        pair.port.receive()  # says hello to a scan process that has been up for long
        taken += pair.one_scan()
    assert taken == [command(1), command(2)]
    assert pair.scan.batches_waiting == 0
    assert [e.message for e in pair.journal.unpublished()] == [receipt(1), receipt(2)]
    assert pair.journal.unconsumed() == []


def test_of_telemetry_the_newest_counts_and_a_new_scan_process_hears_it_again(pair: Pair) -> None:
    def connection(serial: str, number: int) -> VehicleConnection:
        return VehicleConnection(id=str(number), serial=serial, connection_state="ONLINE")

    pair.meet()
    for number in range(4):
        pair.port.forward(connection("A", number))
        pair.port.forward(connection("B", number))
    assert pair.one_scan() == [connection("A", 3), connection("B", 3)]
    assert pair.one_scan() == []
    pair.kill_scan()
    pair.start_scan()
    pair.meet()
    assert pair.one_scan() == [connection("A", 3), connection("B", 3)]


def test_a_journal_that_fails_acknowledges_nothing_and_is_tried_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.meet()

    def full(*_: object) -> None:
        raise JournalError("the disk is full", "make room")

    with monkeypatch.context() as patch:
        patch.setattr(pair.journal, "commit", full)
        pair.one_scan([receipt(1)])
        assert pair.scan.batches_waiting == 1
        assert pair.port.detail()["journal"] == "the disk is full"
    pair.one_scan()
    pair.one_scan()
    assert pair.scan.batches_waiting == 0
    assert pair.port.detail()["journal"] == "ok"
    assert [e.message for e in pair.journal.unpublished()] == [receipt(1)]


async def _take(stream: AsyncIterator[Outgoing], count: int) -> list[Outgoing]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_what_goes_out_goes_in_order_with_telemetry_and_again_until_published(pair: Pair) -> None:
    pair.meet()
    pair.one_scan([receipt(1), BrokerLink(id="b1", connected=True), receipt(2)])
    stream = pair.port.outgoing()
    first = await _take(stream, 3)
    assert [o.message for o in first] == [receipt(1), BrokerLink(id="b1", connected=True), receipt(2)]
    entry = first[0].entry
    assert entry is not None
    pair.port.published(entry)
    later = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    pair.one_scan([receipt(3)])
    async with asyncio.timeout(5):
        assert (await later).message == receipt(3)
    again = await _take(pair.port.outgoing(), 2)  # as after a restart
    assert [o.message for o in again] == [receipt(2), receipt(3)]


def test_what_waits_for_a_new_recorder_can_be_replayed_from_its_beginning(pair: Pair) -> None:
    """A recorder was killed, its successor's file began with what had waited, and then the node died:
    nothing of that file could be replayed, for the key frame came with the successor's greeting only."""
    pair.meet()
    pair.scan.keyframe_wanted = False
    pair.scan.record(b"1", 1)
    assert not pair.scan.keyframe_wanted
    pair.scan.record(b"2", 2)
    assert pair.scan.keyframe_wanted
    pair.scan.keyframe_wanted = False
    pair.scan.record(b"3", 3)
    assert not pair.scan.keyframe_wanted  # once for each time that it is away


def test_a_recorder_that_is_away_loses_the_oldest_and_asks_for_a_key_frame(pair: Pair) -> None:
    pair.meet()
    pair.scan.keyframe_wanted = False
    for number in range(600):
        pair.scan.record(str(number).encode(), number)
    assert pair.scan.records_lost == 600 - 512
    assert pair.scan.keyframe_wanted
    pair.scan.keyframe_wanted = False
    recorder = Endpoint(pair.places.recorder)
    recorder.send(pair.places.scan, encode(Hello("recorder", "i")))
    pair.scan.poll(pair.now_ns)
    assert pair.scan.keyframe_wanted
    got: list[bytes] = []
    for number in range(600, 700):
        pair.scan.record(str(number).encode(), number)
        got += recorder.receive()
    recorder.close()
    frames = [f for f in map(decode, got) if isinstance(f, Scanned)]
    assert [int(f.record) for f in frames] == list(range(89, 89 + len(frames)))
    assert len(frames) > 500
    assert {f.boot_no for f in frames} == {1}


def test_garbage_on_the_sockets_is_dropped(pair: Pair) -> None:
    stranger = Endpoint(pair.places.runtime_dir / "stranger")
    for place in (pair.places.scan, pair.places.north):
        stranger.send(place, b"\x00garbage")
    stranger.close()
    pair.meet()
    pair.port.accept(command(1), "k1")
    assert pair.one_scan() == [command(1)]
