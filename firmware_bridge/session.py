"""One connection to the controller as a state machine: bytes and times in, bytes and events out.

    state       | on                                  | becomes
    ------------|-------------------------------------|----------
    CONNECTING  | HELLO_ACK that passes every check    | CHECKED
    CONNECTING  | HELLO_ACK that does not              | REFUSED   (BridgeError says why)
    CHECKED     | first TELEMETRY                      | ACTIVE
    any         | frame of another connection, old     | same      (counted)
    any         | sequence, damaged, wrong length      | same      (counted)

A session is never used again after the wire was lost: the next one has another connection id.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from firmware_bridge.clock_sync import TICKS_WRAP, ClockSync
from firmware_bridge.dictionary import Dictionary
from firmware_bridge.errors import BridgeError
from firmware_bridge.frames import DELIMITER, VERSION, Decoder, Frame, FrameType, crc32c, encode

_ACK = struct.Struct("<BBBBIIH")
_ECHO = struct.Struct("<II")
_COMMAND = struct.Struct("<BBI")
_EVENT = struct.Struct("<BB")
_ENABLE, _RESET_VALID = 1, 2
_NEWER = 0x8000


class State(Enum):
    """Where the connection is; see the module's table."""

    CONNECTING = "connecting"
    CHECKED = "checked"
    ACTIVE = "active"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the controller must be. None: any is accepted. outputs, telemetry: name -> unit."""

    dictionary_crc: int | None = None
    config_crc: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    telemetry: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """Heartbeat with intent.

    reset_count None: the host does not know what the operator wants (its source is silent); the
    controller then takes the next count only as a baseline. outputs: values by name; an output that is
    left out falls back when its time limit ends.
    """

    enable: bool
    reset_count: int | None
    outputs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class HelloAccepted:
    """The controller passed the checks."""

    firmware: str
    config_crc: int
    dictionary: Dictionary


@dataclass(frozen=True, slots=True)
class Telemetry:
    """values: by name. sampled_mono_ns: when the controller sent it, in the host's clock."""

    values: dict[str, float]
    sampled_mono_ns: int
    received_mono_ns: int


@dataclass(frozen=True, slots=True)
class FirmwareEvent:
    """code, detail: as in docs/firmware-protocol.md."""

    code: int
    detail: int


Event = HelloAccepted | Telemetry | FirmwareEvent


@dataclass(slots=True)
class Counters:
    """Frames that were not accepted, by reason, and gaps in the sequence."""

    corrupt: int = 0
    foreign: int = 0  # another connection
    replayed: int = 0  # sequence not newer
    malformed: int = 0  # payload does not fit, or a type that a controller does not send
    lost: int = 0  # missing in the sequence


class Session:
    """connection_id: u32, different for every connection."""

    def __init__(self, connection_id: int, expected: Expected) -> None:
        self.connection_id = connection_id
        self.state = State.CONNECTING
        self.dictionary: Dictionary | None = None
        self.clock = ClockSync()
        self._expected = expected
        self._decoder = Decoder()
        self._counters = Counters()
        self._tx_sequence = 0
        self._rx_sequence: int | None = None

    @property
    def counters(self) -> Counters:
        """What was refused so far."""
        self._counters.corrupt = self._decoder.corrupt
        return self._counters

    def hello(self, now_mono_ns: int) -> bytes:
        """The bytes that open (or ask again for) the connection; a delimiter first ends any garbage."""
        return DELIMITER + self._encode(FrameType.HELLO, b"", now_mono_ns)

    def command(self, now_mono_ns: int, command: Command) -> bytes:
        """The bytes of one COMMAND. Raises BridgeError before the dictionary is known, for an unknown
        output and for a value that is no number."""
        if self.dictionary is None:
            raise BridgeError("the controller has not answered yet", "wait for HelloAccepted")
        flags = _ENABLE if command.enable else 0
        count = 0
        if command.reset_count is not None:
            flags |= _RESET_VALID
            count = command.reset_count % TICKS_WRAP
        items = self.dictionary.pack_outputs(command.outputs)
        head = _COMMAND.pack(flags, len(command.outputs), count)
        return self._encode(FrameType.COMMAND, head + items, now_mono_ns)

    def receive(self, data: bytes, now_mono_ns: int) -> list[Event]:
        """What these bytes mean. Raises BridgeError when the controller is refused; the session is
        then over."""
        events: list[Event] = []
        for frame in self._decoder.feed(data):
            event = self._accept(frame, now_mono_ns)
            if event is not None:
                events.append(event)
        return events

    def _encode(self, kind: FrameType, payload: bytes, now_mono_ns: int) -> bytes:
        stamp_us = now_mono_ns // 1000 % TICKS_WRAP
        sequence = self._tx_sequence
        self._tx_sequence = (sequence + 1) % 0x10000
        return encode(Frame(kind, sequence, self.connection_id, stamp_us, payload))

    def _accept(self, frame: Frame, now_mono_ns: int) -> Event | None:
        if frame.connection != self.connection_id:
            self._counters.foreign += 1
            return None
        if frame.version != VERSION:
            self.state = State.REFUSED
            raise BridgeError(
                f"the controller speaks protocol version {frame.version}, this host {VERSION}",
                "flash matching firmware, or install the gatectl release that speaks its version",
            )
        if self._rx_sequence is not None:
            ahead = (frame.sequence - self._rx_sequence) % 0x10000
            if not 0 < ahead < _NEWER:
                self._counters.replayed += 1
                return None
            self._counters.lost += ahead - 1
        self._rx_sequence = frame.sequence
        event: Event | None = None
        if frame.type == FrameType.HELLO_ACK:
            # A HELLO that was sent twice is answered twice; the first answer decided.
            return self._hello_ack(frame) if self.state is State.CONNECTING else None
        if self.dictionary is not None and frame.type == FrameType.TELEMETRY:
            event = self._telemetry(frame, self.dictionary, now_mono_ns)
        elif frame.type == FrameType.EVENT and len(frame.payload) == _EVENT.size:
            event = FirmwareEvent(*_EVENT.unpack(frame.payload))
        if event is None and self.state is not State.CONNECTING:
            self._counters.malformed += 1
        return event

    def _hello_ack(self, frame: Frame) -> HelloAccepted:
        try:
            return self._check(frame.payload)
        except BridgeError:
            self.state = State.REFUSED
            raise

    def _check(self, payload: bytes) -> HelloAccepted:
        if len(payload) < _ACK.size:
            raise BridgeError("the controller's answer is too short", "flash it with matching firmware")
        major, minor, patch, _, config_crc, dictionary_crc, length = _ACK.unpack_from(payload)
        data = payload[_ACK.size :]
        if len(data) != length or crc32c(data) != dictionary_crc:
            raise BridgeError(
                "the controller's dictionary does not match its own CRC", "flash its firmware again"
            )
        _check_crc("dictionary", "dictionary_crc", self._expected.dictionary_crc, dictionary_crc)
        _check_crc("configuration", "config_crc", self._expected.config_crc, config_crc)
        dictionary = Dictionary.parse(data)
        offered = {
            "output": {name: f.unit for name, f in dictionary.outputs.items()},
            "telemetry field": {name: f.unit for name, f in dictionary.telemetry.items()},
        }
        for kind, wanted in (
            ("output", self._expected.outputs),
            ("telemetry field", self._expected.telemetry),
        ):
            for name, unit in wanted.items():
                if offered[kind].get(name) != unit:
                    raise BridgeError(
                        f"firmware {major}.{minor}.{patch} has no {kind} {name!r} in {unit or 'no unit'!r}",
                        "flash the firmware that belongs to this release",
                    )
        self.dictionary = dictionary
        self.state = State.CHECKED
        return HelloAccepted(f"{major}.{minor}.{patch}", config_crc, dictionary)

    def _telemetry(self, frame: Frame, dictionary: Dictionary, now_mono_ns: int) -> Telemetry | None:
        values = dictionary.unpack_telemetry(frame.payload[_ECHO.size :])
        if values is None:
            return None
        echo_us, held_us = _ECHO.unpack_from(frame.payload)
        # The echo is our own stamp, at most minutes old: bring it back to our clock's full width.
        now_us = now_mono_ns // 1000
        sent_mono_ns = (now_us - (now_us - echo_us) % TICKS_WRAP) * 1000
        self.clock.add(sent_mono_ns, now_mono_ns, frame.stamp_us, held_us)
        sampled_mono_ns = self.clock.to_mono_ns(frame.stamp_us) if self.clock.ready else now_mono_ns
        self.state = State.ACTIVE
        return Telemetry(values, min(sampled_mono_ns, now_mono_ns), now_mono_ns)


def _check_crc(what: str, key: str, expected: int | None, found: int) -> None:
    if expected is not None and expected != found:
        raise BridgeError(
            f"the controller's {what} has CRC 0x{found:08X}, the node file expects 0x{expected:08X}",
            f"load the {what} that was commissioned, or check the new one and correct {key}",
        )
