"""The scan process's messages: facts in once, one batch out per scan, telemetry, records. Never blocks."""

from __future__ import annotations

import logging
from collections import deque

import msgspec

from gatectl.model.messages import AnyMessage, Fact, Status
from gatectl.model.scan import Recovered
from gatectl.runtime.child import Places
from gatectl.runtime.frames import (
    Ack,
    Batch,
    Data,
    Delivery,
    Hello,
    Newest,
    Recovery,
    Scanned,
    decode,
    encode,
    new_instance,
    telemetry_key,
)
from gatectl.runtime.link import Endpoint, ReliableReceiver, ReliableSender

# 10 s of a 50 Hz scan: a recorder that restarts misses nothing.
_RECORDS_KEPT = 512
_RECORDER_GONE = 2  # records that wait: the recorder's socket is not there, or long full
_delivery = msgspec.msgpack.Decoder(Delivery)


class ScanLink:
    """What the scan process says to and hears from its neighbours."""

    def __init__(self, endpoint: Endpoint, places: Places, log: logging.Logger) -> None:
        self._endpoint = endpoint
        self._places = places
        self._log = log
        self.instance = new_instance()
        self.recovered: Recovered | None = None
        self.keyframe_wanted = True
        self.records_lost = 0
        self._receiver = ReliableReceiver()
        self._batches = ReliableSender(
            lambda datagram: endpoint.send(places.north, datagram), "scan", self.instance
        )
        self._batch_no = 0
        self._consumed_in: dict[int, int] = {}  # entry: number of the batch that consumes it
        self._consuming: list[int] = []
        self._facts: list[tuple[int, AnyMessage]] = []
        self._telemetry: dict[str, AnyMessage] = {}
        self._unsent: dict[str, bytes] = {}
        self._records: deque[bytes] = deque()

    @property
    def _boot_no(self) -> int:
        return self.recovered.boot_no if self.recovered else 0

    @property
    def batches_waiting(self) -> int:
        """Batches that the journal has not acknowledged yet."""
        return len(self._batches)

    @property
    def records_waiting(self) -> int:
        """Records that the recorder has not taken yet."""
        return len(self._records)

    def hello(self) -> bool:
        """Ask north for what survived; the answer comes through `poll` into `recovered`."""
        return self._endpoint.send(self._places.north, encode(Hello("scan", self.instance)))

    def poll(self, now_mono_ns: int) -> None:
        """Take in what has arrived; messages wait for the next `drain`."""
        for datagram in self._endpoint.receive():
            try:
                self._take(datagram, now_mono_ns)
            except msgspec.MsgspecError as error:
                self._log.error("dropped a datagram that is no frame: %s", error)

    def drain(self, now_mono_ns: int) -> list[AnyMessage]:
        """The messages since the last call: facts in the journal's order, then the newest telemetry."""
        self.poll(now_mono_ns)
        facts, self._facts = self._facts, []
        telemetry, self._telemetry = self._telemetry, {}
        self._consuming = [entry for entry, _ in facts]
        return [message for _, message in facts] + list(telemetry.values())

    def send(self, scan_no: int, produced: list[AnyMessage], now_mono_ns: int) -> None:
        """Commit a scan: what the last `drain` gave out is consumed, these messages are produced.

        Raises UsageError when the journal has taken nothing for thousands of batches.
        """
        facts: list[AnyMessage] = []
        for message in produced:
            if isinstance(message, Fact):
                facts.append(message)
            else:
                newest = encode(Newest(message))
                self._unsent[telemetry_key(message)] = newest
                if isinstance(message, Status):
                    self._endpoint.send(self._places.supervisor, newest)
        if facts or self._consuming:
            self._batch_no += 1
            self._consumed_in.update(dict.fromkeys(self._consuming, self._batch_no))
            self._batches.put(encode(Batch(self._boot_no, self._batch_no, scan_no, self._consuming, facts)))
        self.pump(now_mono_ns)

    def record(self, record: bytes, now_utc_ns: int) -> None:
        """Queue one scan's record; when the recorder takes none for long, the oldest are lost."""
        self._records.append(encode(Scanned(self._boot_no, now_utc_ns, record)))
        if len(self._records) > _RECORDS_KEPT:
            self._records.popleft()
            self.records_lost += 1
            self.keyframe_wanted = True
        self.flush_records()
        if len(self._records) == _RECORDER_GONE:
            # What waits may become the beginning of a new recorder's file: it must be able to start from it.
            self.keyframe_wanted = True

    def flush_records(self) -> None:
        """Send the records that wait, as far as the recorder takes them."""
        while self._records and self._endpoint.send(self._places.recorder, self._records[0]):
            self._records.popleft()

    def pump(self, now_mono_ns: int) -> None:
        """Send what is due, as far as the receivers take it."""
        self._batches.pump(now_mono_ns)
        for key in list(self._unsent):
            if not self._endpoint.send(self._places.north, self._unsent[key]):
                break
            del self._unsent[key]

    def _take(self, datagram: bytes, now_mono_ns: int) -> None:
        match decode(datagram):
            case Data() as data:
                if self._receiver.accept(data):
                    delivery = _delivery.decode(data.body)
                    if delivery.entry not in self._consumed_in:
                        self._consumed_in[delivery.entry] = 0
                        self._facts.append((delivery.entry, delivery.message))
                    self._receiver.done(data)
                self._endpoint.send(self._places.north, encode(self._receiver.ack(data)))
            case Newest(message):
                key = telemetry_key(message)
                self._telemetry.pop(key, None)  # the newest also takes the newest's place in the order
                self._telemetry[key] = message
            case Ack() as ack:
                self._batches.acknowledged(ack, now_mono_ns)
                if ack.instance == self.instance:
                    # North sends nothing again that a journaled batch consumed.
                    self._consumed_in = {
                        e: n for e, n in self._consumed_in.items() if n == 0 or n > ack.number
                    }
            case Recovery(instance, recovered):
                if instance == self.instance and self.recovered is None:
                    self.recovered = recovered
            case Hello(name="north"):  # a new one: it then delivers again what was not consumed
                self.hello()
            case Hello(name="recorder"):
                self.keyframe_wanted = True
            case _:
                pass
