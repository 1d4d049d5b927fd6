"""One connection to the controller: the session of firmware_bridge on an open byte stream."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from drivers._wire import ByteStream
from firmware_bridge import BridgeError, Command, Event, Expected, HelloAccepted, Session, State
from gatectl.model import DeviceError

HELLO_PERIOD_S = 0.1
HELLO_TIMEOUT_S = 1.0

SAFE = Command(enable=False, reset_count=None, outputs={"accel": 0.0, "brake": 1.0})
"""Steering is left out on purpose: the controller leaves the wheels where they are."""


class McuLink:
    """Owns the stream. Every method that touches it raises DeviceError when the controller is lost or
    refused."""

    def __init__(self, stream: ByteStream, expected: Expected, mono_ns: Callable[[], int]) -> None:
        self._stream = stream
        self._mono_ns = mono_ns
        self.session = Session(secrets.randbits(32), expected)

    async def connect(self) -> HelloAccepted:
        """Say HELLO until the controller has passed the checks."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + HELLO_TIMEOUT_S
        while loop.time() < give_up_s:
            self._stream.write(self.session.hello(self._mono_ns()))
            again_s = loop.time() + HELLO_PERIOD_S
            while loop.time() < again_s:
                for event in await self.receive(again_s):
                    if isinstance(event, HelloAccepted):
                        return event
        counters = self.session.counters
        cause = "the drive controller does not answer"
        if counters.corrupt:
            cause += f" ({counters.corrupt} damaged frames came)"
        raise DeviceError(
            cause,
            "check its supply, cable and baud rate, and that it runs our firmware",
            where=self._stream.where,
        )

    async def receive(self, until_s: float) -> list[Event]:
        """What has arrived; waits for it until this moment of the event loop's clock."""
        try:
            async with asyncio.timeout_at(until_s):
                data = await self._stream.read()
        except TimeoutError:
            return []
        try:
            return self.session.receive(data, self._mono_ns())
        except BridgeError as error:
            raise DeviceError(error.cause, error.remedy, where=self._stream.where) from error

    def send(self, command: Command) -> None:
        """Send one COMMAND."""
        try:
            data = self.session.command(self._mono_ns(), command)
        except BridgeError as error:
            raise DeviceError(error.cause, error.remedy, where=self._stream.where) from error
        self._stream.write(data)

    @property
    def checked(self) -> bool:
        """Has the controller passed the checks?"""
        return self.session.state in (State.CHECKED, State.ACTIVE)

    def close(self) -> None:
        """Release the wire. Idempotent."""
        self._stream.close()
