"""The link to the drive controller (MCU): frames, dictionary, session, clock sync. No I/O, no clock.

The bytes are described in docs/firmware-protocol.md; the other end is firmware/core. Whoever uses it
brings bytes and times in:

    session = Session(connection_id=secrets.randbits(32), expected=Expected())
    wire.write(session.hello(mono_ns()))
    events = session.receive(wire.read(), mono_ns())       # HelloAccepted, Telemetry, FirmwareEvent
    wire.write(session.command(mono_ns(), Command(...)))
"""

from firmware_bridge.clock_sync import ClockSync
from firmware_bridge.dictionary import Dictionary, OutputField, TelemetryField
from firmware_bridge.errors import BridgeError
from firmware_bridge.frames import Decoder, Frame, FrameType, encode
from firmware_bridge.session import (
    Command,
    Counters,
    Event,
    Expected,
    FirmwareEvent,
    HelloAccepted,
    Session,
    State,
    Telemetry,
)

__all__ = [
    "BridgeError",
    "ClockSync",
    "Command",
    "Counters",
    "Decoder",
    "Dictionary",
    "Event",
    "Expected",
    "FirmwareEvent",
    "Frame",
    "FrameType",
    "HelloAccepted",
    "OutputField",
    "Session",
    "State",
    "Telemetry",
    "TelemetryField",
    "encode",
]
