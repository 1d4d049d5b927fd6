"""The outbox against a link that breaks whenever it likes."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gatectl.model.errors import DeviceError, JournalError
from gatectl.model.messages import AnyMessage, BlockChanged, Status
from gatectl.north import outbox as outbox_module
from gatectl.north.outbox import IN_FLIGHT_MAX, Outbox
from gatectl.north.session import Publication
from tests.support.north_port import FakeNorthPort


class FlakyLink:
    """Counts what reaches the broker; the test acknowledges or breaks."""

    def __init__(self) -> None:
        self.connected = True
        self.wire: list[str] = []
        self.acks: list[asyncio.Future[None]] = []
        self.remembered: list[str] = []
        self.most = 0

    def publish(self, publication: Publication) -> asyncio.Future[None] | None:
        if not self.connected:
            return None
        self.wire.append(publication.topic)
        if not publication.qos:
            return None
        self.acks.append(asyncio.get_running_loop().create_future())
        self.most = max(self.most, len(self.acks))
        return self.acks[-1]

    def remember(self, publication: Publication) -> None:
        self.remembered.append(publication.topic)

    def acknowledge(self, count: int) -> None:
        for _ in range(min(count, len(self.acks))):
            self.acks.pop(0).set_result(None)

    def lose(self) -> None:
        self.connected = False
        for ack in self.acks:
            ack.set_exception(DeviceError("gone"))
        self.acks.clear()


class Lanes:
    """Every block is a lane; the test may hold one."""

    def __init__(self) -> None:
        self.on_hold: set[str] = set()
        self.done: list[str] = []

    def publication(self, message: AnyMessage) -> Publication | None:
        if isinstance(message, BlockChanged) and message.cause == "not for the wire":
            return None
        return Publication(message.id, b"", 0, isinstance(message, BlockChanged))

    def lane(self, message: AnyMessage) -> str:
        return message.block if isinstance(message, BlockChanged) else ""

    def held(self, message: AnyMessage) -> bool:
        return isinstance(message, BlockChanged) and message.block in self.on_hold

    def sent(self, message: AnyMessage) -> None:
        self.done.append(message.id)


def fact(number: int, lane: str = "", cause: str = "") -> BlockChanged:
    return BlockChanged(id=str(number), block=lane, holder="", previous="", cause=cause, at_utc_ns=0)


async def breathe() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("emit"), st.sampled_from(["", "a", "b"])),
        st.tuples(st.just("ack"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["lose", "back", "hold", "free"]), st.just("a")),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_everything_is_noted_once_and_lanes_keep_their_order(steps: list[tuple[str, Any]]) -> None:
    async def play() -> None:
        port, link, lanes = FakeNorthPort(), FlakyLink(), Lanes()
        outbox = Outbox(port, link, lanes)  # type: ignore[arg-type]  # the part of Link that it uses
        pump = asyncio.create_task(outbox.run())
        await breathe()
        facts: list[BlockChanged] = []
        for what, value in steps:
            if what == "emit":
                facts.append(fact(len(facts), value))
                port.emit(facts[-1])
            elif what == "ack":
                link.acknowledge(value)
            elif what == "lose":
                link.lose()
            elif what == "back":
                link.connected = True
            elif what == "hold":
                lanes.on_hold.add(value)
            else:
                lanes.on_hold.clear()
            await breathe()
            outbox.kick()
            await breathe()
        lanes.on_hold.clear()
        link.connected = True
        while port.entries:
            outbox.kick()
            await breathe()
            link.acknowledge(1)
            await breathe()
        assert sorted(port.published_entries) == list(range(1, len(facts) + 1))
        assert sorted(lanes.done) == sorted(f.id for f in facts)
        for lane in ("a", "b"):
            ids = [f.id for f in facts if f.block == lane]
            assert [i for i in lanes.done if i in ids] == ids
            first_sent = list(dict.fromkeys(i for i in link.wire if i in ids))
            assert first_sent == ids
        assert set(link.remembered) == {f.id for f in facts}
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)

    asyncio.run(play())


async def test_no_more_than_the_limit_is_in_flight() -> None:
    port, link, lanes = FakeNorthPort(), FlakyLink(), Lanes()
    outbox = Outbox(port, link, lanes)  # type: ignore[arg-type]  # the part of Link that it uses
    pump = asyncio.create_task(outbox.run())
    await breathe()
    for i in range(3 * IN_FLIGHT_MAX):
        port.emit(fact(i))
    while port.entries:
        await breathe()
        link.acknowledge(7)
    assert link.most == IN_FLIGHT_MAX
    assert link.wire == [str(i) for i in range(3 * IN_FLIGHT_MAX)]
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


async def test_telemetry_is_sent_at_once_or_never_and_what_is_not_for_the_wire_is_done() -> None:
    port, link, lanes = FakeNorthPort(), FlakyLink(), Lanes()
    outbox = Outbox(port, link, lanes)  # type: ignore[arg-type]  # the part of Link that it uses
    pump = asyncio.create_task(outbox.run())
    await breathe()
    link.connected = False
    port.emit(Status(id="lost", scan_no=1, explanations=(), detail={}))
    port.emit(fact(0, cause="not for the wire"))
    await breathe()
    assert port.entries != {}
    link.connected = True
    port.emit(Status(id="new", scan_no=2, explanations=(), detail={}))
    outbox.kick()
    await breathe()
    assert link.wire == ["new"]
    assert port.entries == {}
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


async def test_what_the_journal_cannot_note_is_noted_later(monkeypatch: Any) -> None:
    class Stubborn(FakeNorthPort):
        refusals = 2

        def published(self, entry: int) -> None:
            if self.refusals:
                self.refusals -= 1
                raise JournalError("the disk is full", "make room")
            super().published(entry)

    monkeypatch.setattr(outbox_module, "RETRY_S", 0.01)
    port, link, lanes = Stubborn(), FlakyLink(), Lanes()
    outbox = Outbox(port, link, lanes)  # type: ignore[arg-type]  # the part of Link that it uses
    pump = asyncio.create_task(outbox.run())
    await breathe()
    port.emit(fact(0))
    await breathe()
    link.acknowledge(1)
    await asyncio.sleep(0.1)
    assert (port.published_entries, len(port.texts("error")), link.wire) == ([1], 2, ["0"])
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
