"""Local datagrams and the reliable order on top of them."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatectl.model import UsageError
from gatectl.model.messages import BrokerLink, Lease, LeaseIssued, VehicleConnection
from gatectl.runtime.frames import Ack, Data, Hello, Newest, decode, encode, telemetry_key
from gatectl.runtime.link import Endpoint, ReliableReceiver, ReliableSender


def test_datagrams_pass_and_an_absent_receiver_is_no_error(tmp_path: Path) -> None:
    a, b = Endpoint(tmp_path / "a"), Endpoint(tmp_path / "b")
    assert a.send(tmp_path / "b", b"one")
    assert not a.send(tmp_path / "nobody", b"one")
    assert b.receive() == [b"one"]
    assert b.receive() == []
    a.close()
    b.close()
    b.close()
    assert not (tmp_path / "b").exists()


def test_a_full_receiver_never_blocks_the_sender(tmp_path: Path) -> None:
    a, b = Endpoint(tmp_path / "a"), Endpoint(tmp_path / "b")
    taken = 0
    while a.send(tmp_path / "b", b"x" * 1000):
        taken += 1
        assert taken < 100_000
    assert a.refused == 1
    assert len(b.receive(limit=1_000_000)) == taken
    a.close()
    b.close()


def test_a_record_of_100_kb_fits_and_a_monster_is_refused(tmp_path: Path) -> None:
    a, b = Endpoint(tmp_path / "a"), Endpoint(tmp_path / "b")
    body = bytes(range(256)) * 400
    assert a.send(tmp_path / "b", body)
    assert b.receive() == [body]
    with pytest.raises(UsageError, match="wmem_max"):
        a.send(tmp_path / "b", b"x" * 50_000_000)
    a.close()
    b.close()


def test_a_stale_socket_is_replaced_and_a_successor_is_left_alone(tmp_path: Path) -> None:
    old = Endpoint(tmp_path / "s")
    new = Endpoint(tmp_path / "s")
    old.close()
    assert (tmp_path / "s").exists()
    new.close()
    assert not (tmp_path / "s").exists()


def test_a_bad_place_is_refused_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="runtime_dir"):
        Endpoint(tmp_path / ("x" * 120))
    with pytest.raises(UsageError, match="writable"):
        Endpoint(tmp_path / "no" / "s")


def test_frames_survive_the_wire_and_garbage_does_not() -> None:
    for frame in (Ack("i", 3), Hello("scan", "i"), Newest(BrokerLink(id="b", connected=True))):
        assert decode(encode(frame)) == frame
    for garbage in (b"", b"\xc1", b"\x93\xa5Nonsense", encode(Ack("i", 3))[:-1]):
        with pytest.raises(msgspec.MsgspecError):
            decode(garbage)


def test_telemetry_is_told_apart_by_kind_and_sender() -> None:
    def lease(serial: str) -> LeaseIssued:
        return LeaseIssued(
            id="1",
            lease=Lease(
                serial=serial,
                order_id="o",
                order_update_id=0,
                blocks=(),
                epoch=1,
                sequence=1,
                issued_utc_ns=0,
                valid_for_ms=1,
            ),
        )

    a = VehicleConnection(id="1", serial="A", connection_state="ONLINE")
    b = VehicleConnection(id="2", serial="B", connection_state="ONLINE")
    keys = {telemetry_key(m) for m in (a, b, lease("A"), lease("B"), BrokerLink(id="1", connected=True))}
    assert len(keys) == 5


class Channel:
    """Datagrams in flight, with a receiver that is sometimes full, and one that may die."""

    def __init__(self) -> None:
        self.flying: deque[bytes] = deque()
        self.open = True

    def send(self, datagram: bytes) -> bool:
        if not self.open or len(self.flying) >= 3:
            return False
        self.flying.append(datagram)
        return True


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["put", "deliver", "ack", "lose", "shut", "open", "wait", "receiver dies"])))
def test_every_body_arrives_once_and_in_order_whatever_happens(actions: list[str]) -> None:
    now = 0
    channel, acks = Channel(), Channel()
    sender = ReliableSender(channel.send, "field", "life1", resend_ns=100)
    receiver = ReliableReceiver()
    put = 0
    applied: list[int] = []

    def deliver() -> None:
        data = decode(channel.flying.popleft())
        assert isinstance(data, Data)
        number = int(data.body)
        if receiver.accept(data):
            if number not in applied:  # the journal's part: known after the receiver's death
                applied.append(number)
            receiver.done(data)
        acks.send(encode(receiver.ack(data)))

    def acknowledge() -> None:
        ack = decode(acks.flying.popleft())
        assert isinstance(ack, Ack)
        sender.acknowledged(ack, now)

    for action in actions:
        now += 10
        if action == "put":
            put += 1
            sender.put(str(put).encode())
        elif action == "deliver" and channel.flying:
            deliver()
        elif action == "ack" and acks.flying:
            acknowledge()
        elif action == "lose":
            channel.flying.clear()
            acks.flying.clear()
        elif action in ("shut", "open"):
            channel.open = action == "open"
        elif action == "wait":
            now += 1000
        elif action == "receiver dies":
            channel.flying.clear()
            receiver = ReliableReceiver()
        sender.pump(now)
        assert applied == list(range(1, len(applied) + 1))
    channel.open = True
    for _ in range(10 * put + 10):
        now += 1000
        sender.pump(now)
        while channel.flying:
            deliver()
        while acks.flying:
            acknowledge()
    assert applied == list(range(1, put + 1))
    assert len(sender) == 0


def test_a_newer_body_does_not_overtake_the_oldest_at_a_receiver_that_restarted() -> None:
    sent: list[bytes] = []

    def send(datagram: bytes) -> bool:
        sent.append(datagram)
        return True

    sender = ReliableSender(send, "field", "life1", resend_ns=100)
    for body in (b"1", b"2", b"3"):
        sender.put(body)
    sender.pump(0)
    receiver = ReliableReceiver()
    third, first = decode(sent[2]), decode(sent[0])
    assert isinstance(third, Data)
    assert isinstance(first, Data)
    assert not receiver.accept(third)
    assert receiver.ack(third) == Ack("life1", 0)
    assert receiver.accept(first)


def test_an_acknowledgement_for_another_life_counts_for_nothing() -> None:
    sender = ReliableSender(lambda _: True, "scan", "life2")
    sender.put(b"1")
    sender.pump(0)
    sender.acknowledged(Ack("life1", 9), 0)
    assert len(sender) == 1


def test_a_full_queue_is_refused() -> None:
    sender = ReliableSender(lambda _: False, "field", "life1", capacity=2)
    sender.put(b"1")
    sender.put(b"2")
    assert sender.full
    with pytest.raises(UsageError, match="wait for their receiver"):
        sender.put(b"3")
