"""The session against the real firmware core, and against answers that are wrong."""

from __future__ import annotations

import math
import struct

import pytest
from firmware_lib import Bench

from firmware_bridge import (
    BridgeError,
    Command,
    Dictionary,
    Expected,
    Frame,
    FrameType,
    HelloAccepted,
    Session,
    State,
    Telemetry,
    encode,
)
from firmware_bridge.frames import crc32c

NOW_NS = 10**12


def entry(kind: int, name: bytes, unit: bytes = b"", type_: int = 0) -> bytes:
    head = struct.pack("<BBBBHffff", kind, 0, type_, 0, 0, 0.0, 1.0, 0.0, 0.0)
    return head + bytes([len(name)]) + name + bytes([len(unit)]) + unit


def ack(dictionary: bytes, crc: int | None = None, config_crc: int = 7, connection: int = 5) -> bytes:
    crc = crc32c(dictionary) if crc is None else crc
    payload = struct.pack("<BBBBIIH", 1, 2, 3, 0, config_crc, crc, len(dictionary)) + dictionary
    return encode(Frame(FrameType.HELLO_ACK, 0, connection, 0, payload))


def test_the_real_firmware_is_accepted_and_then_active() -> None:
    bench = Bench()
    assert bench.session.state is State.CONNECTING
    hello = bench.connect()
    assert bench.session.state is State.CHECKED
    assert hello.firmware == "1.1.0"
    assert set(hello.dictionary.outputs) == {"steer", "accel", "brake", "reverse"}
    steer = hello.dictionary.outputs["steer"]
    assert (steer.unit, steer.hold_ms, steer.freeze) == ("rad", 500, True)
    assert hello.dictionary.outputs["accel"].hold_ms == 200
    bench.run(0.05)
    assert bench.session.state is State.ACTIVE
    told = [event for event in bench.events if isinstance(event, Telemetry)]
    assert all(event.sampled_mono_ns <= event.received_mono_ns for event in told)
    assert told[-1].received_mono_ns - told[-1].sampled_mono_ns < 1_000_000


def test_expectations_that_hold_are_accepted() -> None:
    bench = Bench()
    first = bench.connect()
    bench.session = Session(
        77,
        Expected(first.dictionary.crc, first.config_crc, {"steer": "rad"}, {"speed": "m/s", "armed": ""}),
    )
    bench.controller.rx(bench.session.hello(bench.now_ns))
    bench.collect()
    assert isinstance(bench.events[-1], HelloAccepted)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected(dictionary_crc=1), "dictionary has CRC 0x"),
        (Expected(config_crc=1), "configuration has CRC 0x00000007, the node file expects 0x00000001"),
        (Expected(outputs={"steer": "rad"}), "has no output 'steer' in 'rad'"),
        (Expected(outputs={"horn": "s"}), "has no output 'horn' in 's'"),
        (Expected(telemetry={"speed": "m/s"}), "has no telemetry field 'speed'"),
    ],
)
def test_a_controller_that_is_not_the_expected_one_is_refused(expected: Expected, words: str) -> None:
    session = Session(5, expected)
    session.hello(NOW_NS)
    with pytest.raises(BridgeError) as caught:
        session.receive(ack(entry(0, b"steer", b"deg") + entry(1, b"horn")), NOW_NS)
    assert words in caught.value.cause
    assert caught.value.remedy
    assert session.state is State.REFUSED
    with pytest.raises(BridgeError, match="not answered yet"):
        session.command(NOW_NS, Command(False, None, {}))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ack(entry(0, b"a"), crc=1), "does not match its own CRC"),
        (ack(entry(0, b"a") + entry(1, b"a")), "names 'a' twice"),
        (ack(entry(2, b"a")), "kind 2"),
        (ack(entry(1, b"a", type_=9)), "cannot be read"),
        (ack(entry(0, b"\xff")), "cannot be read"),
        (ack(entry(0, b"abc")[:-3]), "cannot be read"),
        (ack(b"\0"), "cannot be read"),
        (encode(Frame(FrameType.HELLO_ACK, 0, 5, 0, b"abc")), "too short"),
        (encode(Frame(FrameType.HELLO_ACK, 0, 5, 0, b"", version=2)), "protocol version 2, this host 1"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(answer: bytes, words: str) -> None:
    session = Session(5, Expected())
    with pytest.raises(BridgeError) as caught:
        session.receive(answer, NOW_NS)
    assert words in caught.value.cause
    assert session.state is State.REFUSED


def test_frames_that_do_not_belong_are_counted_by_reason() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02)
    session = bench.session
    first, second, third = (
        encode(Frame(FrameType.TELEMETRY, number, session.connection_id, 0, b"short"))
        for number in (500, 501, 510)
    )
    session.receive(first + third + second + third, NOW_NS)
    session.receive(encode(Frame(FrameType.TELEMETRY, 511, 9999, 0, b"")), NOW_NS)
    session.receive(encode(Frame(FrameType.COMMAND, 512, session.connection_id, 0, b"")), NOW_NS)
    session.receive(b"\x05abc\0", NOW_NS)
    counters = session.counters
    assert (counters.replayed, counters.foreign, counters.corrupt) == (2, 1, 1)
    assert counters.malformed == 3
    assert counters.lost == (500 - 3) + (510 - 501) + (512 - 511)


def test_old_frames_of_the_sequence_wrap() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02)
    bench.session._rx_sequence = 0xFFFF
    events = bench.session.receive(
        encode(Frame(FrameType.EVENT, 0, bench.session.connection_id, 0, b"\x01\x00")), NOW_NS
    )
    assert len(events) == 1


def test_a_second_answer_to_hello_changes_nothing() -> None:
    bench = Bench()
    bench.connect()
    bench.controller.rx(bench.session.hello(bench.now_ns))
    before = len(bench.events)
    bench.collect()
    assert bench.events[before:] == []
    assert bench.session.state is State.CHECKED


def test_commands_that_make_no_sense_are_refused_here_already() -> None:
    bench = Bench()
    bench.connect()
    for outputs in ({"horn": 1.0}, {"steer": math.nan}, {"accel": math.inf}):
        with pytest.raises(BridgeError):
            bench.frame(outputs=outputs)


def test_numbers_beyond_float32_are_brought_into_it() -> None:
    bench = Bench()
    bench.arm()
    bench.run(0.05, reset=1, outputs={"accel": 1e300, "brake": 0.0})
    assert bench.out.accel_mps2 == pytest.approx(1.2)


def test_telemetry_of_another_length_is_none() -> None:
    dictionary = Dictionary.parse(entry(1, b"a") + entry(1, b"b", type_=1) + entry(1, b"c", type_=2))
    assert dictionary.unpack_telemetry(struct.pack("<fBI", 1.5, 2, 3)) == {"a": 1.5, "b": 2.0, "c": 3.0}
    assert dictionary.unpack_telemetry(b"") is None


def test_reset_counts_wrap_with_their_field() -> None:
    bench = Bench()
    bench.connect()
    bench.run(0.02, reset=(1 << 32) + 3)
    bench.run(0.02, reset=(1 << 32) + 4)
    assert bench.out.armed == 1
