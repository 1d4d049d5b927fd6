"""The screening portal: verdicts over TCP, one JSON object per line, each acknowledged."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from msgspec import Struct

from drivers._wire import Backoff, ByteStream, check_wire, keep_open
from drivers.scanner.config import PortalConfig
from drivers.scanner.life import Life
from drivers.scanner.tags import TAGS
from drivers.scanner.wire import Ack, Heartbeat, Lines, Refusal, Seen, parse_line, scan_verdict, to_line
from gatectl.model.device import DevicePort
from gatectl.model.errors import DeviceError, WireError
from gatectl.model.tags import TagSpec


class PortalDriver:
    """A portal that repeats each verdict until it is acknowledged; a repetition is acknowledged again
    and not handed over twice."""

    kind: ClassVar[str] = "screening_portal"
    Config: ClassVar[type[Struct]] = PortalConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        self._name = name
        self._config = cast(PortalConfig, config)
        self._port = port
        self._life = Life(name, port, self._config.silence_s)
        self._backoff = Backoff(first_s=0.2, limit_s=2.0)
        self._seen = Seen()
        self.refused = 0  # lines that were no messages

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """Only `alive`."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """The wire."""
        return check_wire(cast(PortalConfig, config).wire, frozenset({"tcp"}))

    async def configure(self) -> None:
        """Nothing to prepare."""

    async def run(self) -> None:
        """Connect, listen, reconnect, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._life.watch())
            tasks.create_task(
                keep_open(self._config.wire, self._listen, lost=self._lost, backoff=self._backoff)
            )

    async def make_safe(self) -> None:
        """A portal has no outputs."""

    async def close(self) -> None:
        """`run` has closed the connection when it was cancelled."""

    async def _listen(self, stream: ByteStream) -> None:
        lines = Lines()
        while True:
            try:
                async with asyncio.timeout(self._config.silence_s):
                    data = await stream.read()
            except TimeoutError as error:
                raise DeviceError(
                    f"silent for {self._config.silence_s:g} s", "check the portal", where=stream.where
                ) from error
            try:
                complete = lines.feed(data)
            except WireError as error:
                raise DeviceError(error.cause, error.remedy, where=stream.where) from error
            for line in complete:
                self._take(line, stream)

    def _take(self, line: bytes, stream: ByteStream) -> None:
        try:
            message = parse_line(line)
        except WireError as error:
            self.refused += 1
            self._life.warn(f"line refused: {error.text()}")
            stream.write(to_line(Refusal(cause=error.text())))
            return
        self._life.heard()
        self._backoff.reset()
        if isinstance(message, Heartbeat):
            return
        fact = scan_verdict(self._name, message)
        if fact.id not in self._seen:
            try:
                self._port.emit(fact)
            except DeviceError as error:  # too many facts wait for the journal: the portal repeats it
                self._life.warn(f"verdict {message.number} not taken yet: {error.text()}")
                return
            self._seen.add(fact.id)
        stream.write(to_line(Ack(session=message.session, number=message.number)))

    def _lost(self, error: DeviceError) -> None:
        self._life.lost(error.text())
