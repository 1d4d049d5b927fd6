"""The runtime half of the north process: journal and links behind `gatectl.model.ports.NorthPort`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gatectl.model import JournalError, Layout, Snapshot
from gatectl.model.messages import AnyMessage, Fact, Telemetry
from gatectl.model.node import Node
from gatectl.model.ports import NorthPort, Outgoing
from gatectl.runtime import clock
from gatectl.runtime.child import Child, Places, run_child
from gatectl.runtime.frames import (
    Ack,
    Batch,
    Data,
    Delivery,
    Hello,
    Newest,
    Recovery,
    decode,
    encode,
    new_instance,
    telemetry_key,
)
from gatectl.runtime.image import Image
from gatectl.runtime.journal import Entry, Journal
from gatectl.runtime.layout import load_layout
from gatectl.runtime.link import Endpoint, ReliableReceiver, ReliableSender

Serve = Callable[[Node, NorthPort], Awaitable[None]]

_PUMP_PERIOD_S = 0.02
_HELLO_PERIOD_NS = 200_000_000
_OFFLINE_LIMIT_S = 4.0
_DELIVERIES_MAX = 1_000_000
_LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}
_message = msgspec.msgpack.Decoder(AnyMessage)
_batch = msgspec.msgpack.Decoder(Batch)


class Port:
    """`NorthPort` over journal, scan and image; and the other side of every reliable sender."""

    def __init__(self, child: Child, journal: Journal, image: Image) -> None:
        self._child = child
        self._journal = journal
        self._image = image
        self._receiver = ReliableReceiver()
        self._scan_instance = ""
        self._next_hello_ns = 0
        self._deliveries = self._new_deliveries()
        self._inbound: dict[str, bytes] = {}  # to be sent
        self._newest: dict[str, bytes] = {}  # of each kind and sender, for a scan process that starts anew
        self._outbound: dict[str, AnyMessage] = {}
        self._news = asyncio.Event()
        self._journal_failure = ""

    # ---- NorthPort -----------------------------------------------------------------------------

    def accept(self, fact: Fact, key: str) -> bool:
        """Journal an inbound fact durably, then hand it to the scan. False if its key is known."""
        self._journal.now_utc_ns = clock.utc_ns()
        entry = self._journal.accept(fact, key)
        if entry is None:
            return False
        self._deliver(Entry(entry, fact))  # type: ignore[arg-type]  # every Fact is one of AnyMessage
        return True

    def forward(self, telemetry: Telemetry) -> None:
        """Hand inbound telemetry to the scan; the newest of a kind and sender wins."""
        newest = Newest(telemetry)  # type: ignore[arg-type]  # every Telemetry is one of AnyMessage
        key = telemetry_key(newest.message)
        self._inbound[key] = self._newest[key] = encode(newest)
        self.pump()

    async def outgoing(self) -> AsyncIterator[Outgoing]:
        """Journaled facts that are not yet published, oldest first, with telemetry between."""
        after = 0
        while True:
            self._news.clear()
            entries = self._journal.unpublished(after)
            for entry, message in entries:
                after = entry
                yield Outgoing(entry, message)
                for telemetry in self._take_outbound():
                    yield telemetry
            for telemetry in self._take_outbound():
                yield telemetry
            if not entries:
                await self._news.wait()

    def published(self, entry: int) -> None:
        """The broker has acknowledged this entry; it is not offered again."""
        self._journal.published(entry)

    def layout(self) -> Layout:
        """The node's layout."""
        return self._image.layout

    def snapshot(self) -> Snapshot:
        """The process image now."""
        return self._image.snapshot()

    def mono_ns(self) -> int:
        """The node's monotonic clock."""
        return clock.mono_ns()

    def utc_ns(self) -> int:
        """UTC now."""
        return clock.utc_ns()

    def log(self, level: str, text: str) -> None:
        """level: debug, info, warning, error."""
        self._child.log.log(_LEVELS.get(level, logging.INFO), "%s", text)

    # ---- the links -----------------------------------------------------------------------------

    def receive(self) -> None:
        """Take in what the other processes sent."""
        for datagram in self._child.endpoint.receive():
            try:
                self._take(datagram)
            except msgspec.MsgspecError as error:
                self._child.log.error("dropped a datagram that is no frame: %s", error)
            except JournalError as error:
                # Not acknowledged: the sender keeps it and sends it again.
                if error.cause != self._journal_failure:
                    self._journal_failure = error.cause
                    self._child.log.error("%s", error.text())
        self.pump()

    def pump(self) -> None:
        """Send what is due to the scan process."""
        now_ns = clock.mono_ns()
        if not self._scan_instance and now_ns >= self._next_hello_ns:
            # A scan process that has been up for long does not say hello by itself to a new north.
            self._next_hello_ns = now_ns + _HELLO_PERIOD_NS
            self._child.endpoint.send(self._child.places.scan, encode(Hello("north", new_instance())))
        self._deliveries.pump(now_ns)
        for key in list(self._inbound):
            if not self._child.endpoint.send(self._child.places.scan, self._inbound[key]):
                break
            del self._inbound[key]

    def detail(self) -> dict[str, str | int | float | bool]:
        """For the heartbeat."""
        return {
            "journal": self._journal_failure or "ok",
            "deliveries_waiting": len(self._deliveries),
            "scan_known": bool(self._scan_instance),
        }

    def _take(self, datagram: bytes) -> None:
        match decode(datagram):
            case Data() as data:
                if self._receiver.accept(data):
                    self._apply(data)
                    self._receiver.done(data)
                self._child.endpoint.send(self._place_of(data.sender), encode(self._receiver.ack(data)))
            case Newest(message):
                self._outbound[telemetry_key(message)] = message
                self._news.set()
            case Ack() as ack:
                self._deliveries.acknowledged(ack, clock.mono_ns())
            case Hello(name="scan", instance=instance):
                self._greet(instance)
            case _:
                pass

    def _apply(self, data: Data) -> None:
        self._journal.now_utc_ns = clock.utc_ns()
        if data.sender == "scan":
            self._journal.commit(_batch.decode(data.body))
            self._news.set()
        else:
            fact = _message.decode(data.body)
            self.accept(fact, fact.id)
        if self._journal_failure:
            self._journal_failure = ""
            self._child.log.info("the journal can be written again")

    def _greet(self, instance: str) -> None:
        self._journal.now_utc_ns = clock.utc_ns()
        recovered = self._journal.boot(instance)
        if not self._child.endpoint.send(self._child.places.scan, encode(Recovery(instance, recovered))):
            return  # it asks again
        if instance != self._scan_instance:
            self._scan_instance = instance
            self._deliveries = self._new_deliveries()
            self._inbound = dict(self._newest)
            for entry in self._journal.unconsumed():
                self._deliver(entry)

    def _new_deliveries(self) -> ReliableSender:
        return ReliableSender(
            lambda datagram: self._child.endpoint.send(self._child.places.scan, datagram),
            "north",
            new_instance(),
            capacity=_DELIVERIES_MAX,
        )

    def _deliver(self, entry: Entry) -> None:
        if self._scan_instance:  # a scan process that comes up later gets it when it says hello
            self._deliveries.put(encode(Delivery(entry.entry, entry.message)))
            self._deliveries.pump(clock.mono_ns())

    def _take_outbound(self) -> list[Outgoing]:
        taken, self._outbound = self._outbound, {}
        return [Outgoing(None, message) for message in taken.values()]

    def _place_of(self, sender: str) -> Path:
        places = self._child.places
        return places.scan if sender == "scan" else places.runtime_dir / f"{sender}.sock"


async def _run(node: Node, child: Child, port: Port, serve: Serve) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serve(node, port))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(child.endpoint.fileno(), port.receive)
    while not stop.is_set() and not child.stopping and not task.done():
        port.pump()
        child.beat("serving", port.detail())
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PUMP_PERIOD_S)
    if not stop.is_set() and task.done() and not task.cancelled() and task.exception() is None:
        child.log.error("the north side ended by itself")
    child.begin_stop()
    task.cancel()
    await asyncio.wait([task], timeout=_OFFLINE_LIMIT_S)
    loop.remove_reader(child.endpoint.fileno())
    if not task.done():
        child.log.error("the north side did not say OFFLINE within %g s", _OFFLINE_LIMIT_S)
    elif not task.cancelled() and (failure := task.exception()) is not None:
        raise failure
    child.beat("stopped", port.detail())


def run_north(node: Node, serve: Serve) -> int:
    """The north process's main function. serve: `gatectl.north.service.serve`; it runs until it is
    cancelled and then says OFFLINE. Returns the exit code."""
    places = Places(Path(node.config.paths.runtime_dir))
    child = Child("north", places, Endpoint(places.north))

    def body() -> int:
        path = Path(node.config.paths.state_dir) / "journal.sqlite"
        journal = Journal(path, utc_ns=clock.utc_ns())
        try:
            image = Image.attach(places.image, load_layout(places.layout))
            asyncio.run(_run(node, child, Port(child, journal, image), serve))
        finally:
            journal.close()
        return 0

    return run_child(child, body)
