"""The GNSS receiver's driver: reads NMEA, publishes one commit per epoch."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

from msgspec import Struct

from drivers._wire import Backoff, ByteStream, keep_open
from drivers.gnss import config as configuration
from drivers.gnss import tags as tag_table
from drivers.gnss.config import GnssConfig
from drivers.gnss.epoch import Epoch, EpochAssembler
from drivers.gnss.samples import readings
from drivers.gnss.sentences import kind_of, parse
from drivers.gnss.timing import EpochClock
from drivers.gnss.wire import Line, NmeaFramer
from gatectl.model import Cause, DeviceError, Quality, TagSpec, WireError
from gatectl.model.device import DevicePort


class GnssDriver:
    """NMEA 0183 over a serial port or TCP. Receives only; the receiver is configured beforehand.

    received: sentences with a valid checksum, by kind. rejected: what was not used, by reason.
    """

    kind: ClassVar[str] = "gnss"
    Config: ClassVar[type[Struct]] = GnssConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        assert isinstance(config, GnssConfig)
        self.name = name
        self.received: Counter[str] = Counter()
        self._config = config
        self._port = port
        self._stream: ByteStream | None = None
        self._framer = NmeaFramer()
        self._assembler = EpochAssembler()
        self._clock = EpochClock(config.latency_s)
        self._backoff = Backoff()
        self._unreadable = 0
        self._values: dict[str, float] = {}
        self._told = ""  # what the log was told last, so that it is told once

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:
        assert isinstance(config, GnssConfig)
        return tag_table.tags(config)

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        assert isinstance(config, GnssConfig)
        return configuration.check(config)

    @property
    def rejected(self) -> Counter[str]:
        """Lines and sentences that were not used, by reason (`stray_bytes` counts bytes)."""
        total = self._framer.rejected + self._assembler.rejected
        if self._unreadable:
            total["unreadable"] = self._unreadable
        return total

    async def configure(self) -> None:
        """Nothing to prepare: the receiver is only listened to."""

    async def run(self) -> None:
        """Listen until cancelled; a lost wire is reopened."""
        await keep_open(self._config.wire, self._session, lost=self._lost, backoff=self._backoff)

    async def make_safe(self) -> None:
        """A receiver has no outputs."""

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _session(self, stream: ByteStream) -> None:
        self._stream = stream
        self._framer.reset()
        self._assembler.reset()
        loop = asyncio.get_running_loop()
        heard_s = loop.time()
        while True:
            left_s = heard_s + self._config.silence_s - loop.time()
            if left_s <= 0:
                raise DeviceError(
                    f"no valid sentence for {self._config.silence_s:g} s",
                    "check the receiver's supply, its baud rate, and that it is set to send NMEA",
                    where=stream.where,
                )
            wait_s = min(self._config.gap_s, left_s) if self._assembler.busy else left_s
            try:
                async with asyncio.timeout(wait_s):
                    data = await stream.read()
            except TimeoutError:
                for epoch in self._assembler.quiet():
                    self._publish(epoch)
                continue
            lines = self._framer.feed(data, self._port.mono_ns())
            if lines:
                heard_s = loop.time()
                self._backoff.reset()
                self._tell("info", f"receiving from {stream.where}")
            for line in lines:
                self._take(line)

    def _take(self, line: Line) -> None:
        kind = kind_of(line.text)
        self.received[kind] += 1
        try:
            sentence = parse(line.text)
        except WireError:
            self._unreadable += 1
            return
        if sentence is None:
            return
        for epoch in self._assembler.add(kind, sentence, line.first_mono_ns):
            self._publish(epoch)

    def _publish(self, epoch: Epoch) -> None:
        """Stage all tags of the epoch and commit them together."""
        if not epoch.sentences.keys() & {"GGA", "RMC"}:
            return  # the tail of a burst that began before the wire was opened
        port, stamp = self._port, epoch.first_mono_ns
        port.put("alive", 1.0, stamp_mono_ns=stamp)
        for tag, (value, quality, cause) in readings(epoch, set(self.received)).items():
            self._put(tag, value, quality, cause, stamp)
        utc_ns = self._clock.utc_ns(epoch)
        if utc_ns is None:
            self._put("epoch_utc", None, Quality.BAD, Cause.NOT_VALID, stamp)
            self._put("epoch_age", None, Quality.BAD, Cause.NOT_VALID, stamp)
        elif epoch.repeated:
            self._put("epoch_utc", utc_ns * 1e-9, Quality.BAD, Cause.FROZEN, stamp)
            self._put("epoch_age", None, Quality.BAD, Cause.FROZEN, stamp)
        else:
            age_s = self._clock.age_s(epoch, utc_ns)
            self._put("epoch_utc", utc_ns * 1e-9, Quality.GOOD, Cause.NONE, stamp)
            self._put("epoch_age", age_s, Quality.GOOD, Cause.NONE, stamp)
        port.commit()

    def _put(self, tag: str, value: float | None, quality: Quality, cause: Cause, stamp: int) -> None:
        """A value that is not given leaves the last one standing, marked by its quality."""
        if value is not None:
            self._values[tag] = value
        self._port.put(tag, self._values.get(tag, 0.0), quality, cause, stamp)

    def _lost(self, error: DeviceError) -> None:
        self._stream = None
        self._port.put_all(Quality.BAD, Cause.LINK_DOWN)
        self._port.put("alive", 0.0, Quality.BAD, Cause.LINK_DOWN)
        self._port.commit()
        self._tell("warning", error.text())

    def _tell(self, level: str, text: str) -> None:
        if text != self._told:
            self._told = text
            self._port.log(level, text)
