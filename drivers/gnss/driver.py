"""The GNSS receiver's driver: listens, publishes one commit per epoch."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from drivers._wire import Backoff, ByteStream, keep_open
from drivers.gnss import config as configuration
from drivers.gnss import probe as probing
from drivers.gnss import tags as tag_table
from drivers.gnss.config import GnssConfig
from drivers.gnss.corrections import Corrections
from drivers.gnss.decoder import Decoder
from drivers.gnss.epoch import DATES, Epoch, EpochAssembler
from drivers.gnss.faults import FaultLog
from drivers.gnss.plausible import Fault, Plausibility
from drivers.gnss.pps import PpsDevice, PulseClock, clocks
from drivers.gnss.samples import PLACED, readings
from drivers.gnss.timing import ROLL_NS, EpochClock, LineClock, weeks_rolled
from gatectl.model import Cause, DeviceError, Quality, TagSpec
from gatectl.model.device import DevicePort, ProbeFinding, ReceiverView, Wire

TELL_S = 0.25  # `alive` is told again so often while no epoch does it, within its stale time
UARTS = ("ttyUSB", "ttyS", "ttyAMA", "ttySC", "ttymxc", "ttyTHS")
"""Lines on which bytes come one by one at the configured speed; USB CDC (ttyACM) and TCP do not."""

WEEK_ROLL = Fault(
    "week_roll",
    "the receiver's date is 1024 weeks back and is corrected: its firmware counts GPS weeks wrongly",
    "renew the receiver's firmware",
)


class GnssDriver:
    """NMEA 0183, makers' sentences, `#` logs and UBX over a serial port or TCP. Says nothing to the
    receiver except corrections, where a caster is configured; it is set up beforehand.

    received: valid messages, by name. rejected: what was not used, by reason.
    """

    kind: ClassVar[str] = "gnss"
    Config: ClassVar[type[Struct]] = GnssConfig
    probe_bauds: ClassVar[tuple[int, ...]] = probing.BAUDS

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        assert isinstance(config, GnssConfig)
        self.name = name
        self._config = config
        self._port = port
        self._stream: ByteStream | None = None
        self._decoder = Decoder(config.leap_seconds)
        self._assembler = EpochAssembler()
        self._plausibility = Plausibility(config)
        self._faults = FaultLog(port.log)
        self._line = LineClock(_line_baud(config.wire))
        self._clock = EpochClock(config.latency_s)
        self._pps = PpsDevice(config.pps, config.pps_edge) if config.pps else None
        self._pulses = PulseClock(self._pps.read, clocks) if self._pps else None
        self._corrections = (
            Corrections(config.ntrip, config.base_dir, config.wire, port) if config.ntrip else None
        )
        self._backoff = Backoff()
        self._heard = False  # on the wire as it is open now
        self._published_s: float | None = None
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

    @classmethod
    async def probe(cls, wire: Wire, listen_s: float) -> ProbeFinding:
        """Listen for a receiver (gatectl.model.device.Probing)."""
        return await probing.probe(wire, listen_s)

    @property
    def received(self) -> Counter[str]:
        return self._decoder.received

    @property
    def rejected(self) -> Counter[str]:
        """Messages that were not used, by reason (`stray_bytes` counts bytes)."""
        return self._decoder.rejected + self._assembler.rejected

    def view(self) -> ReceiverView:
        """For a live view (gatectl.model.device.Viewable)."""
        return ReceiverView(
            messages=dict(self.received),
            rejected=dict(self.rejected),
            satellites=self._decoder.sky.satellites(),
            faults=tuple((fault.text, fault.remedy) for fault in self._faults.now),
        )

    async def configure(self) -> None:
        """Nothing to prepare: the receiver is only listened to."""

    async def run(self) -> None:
        """Listen until cancelled; a lost wire is reopened."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_alive())
            if self._corrections is not None:
                tasks.create_task(self._corrections.run())
            tasks.create_task(
                keep_open(self._config.wire, self._session, lost=self._lost, backoff=self._backoff)
            )

    async def make_safe(self) -> None:
        """A receiver has no outputs."""

    async def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._pps is not None:
            self._pps.close()

    async def _session(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder.reset()
        self._assembler.reset()
        self._plausibility.reset()
        if self._corrections is not None:
            self._corrections.attach(stream)
        loop = asyncio.get_running_loop()
        heard_s = loop.time()
        while True:
            left_s = heard_s + self._config.silence_s - loop.time()
            if left_s <= 0:
                raise DeviceError(
                    f"no valid message for {self._config.silence_s:g} s",
                    "check the receiver's supply, its baud rate, and what it is set to send "
                    "(gatectl probe gnss finds out)",
                    where=stream.where,
                )
            wait_s = min(self._config.gap_s, left_s) if self._assembler.busy else left_s
            try:
                async with asyncio.timeout(wait_s):
                    data = await stream.read()
            except TimeoutError:
                self._publish_all(self._assembler.quiet())
                continue
            first_ns = self._line.first_ns(self._port.mono_ns(), len(data))
            frames = self._decoder.frames
            for report, stamp_ns in self._decoder.feed(data, first_ns):
                if report.message in DATES:
                    self._clock.told(report, stamp_ns)
                else:
                    self._publish_all(self._assembler.add(report, stamp_ns))
            if self._decoder.frames > frames:
                self._heard = True
                heard_s = loop.time()
                self._backoff.reset()
                self._tell("info", f"receiving from {stream.where}")

    def _publish_all(self, epochs: list[Epoch]) -> None:
        for epoch in epochs:
            # One without position and velocity is the tail of a burst that began before the wire was opened.
            if not PLACED.isdisjoint(epoch.reports):
                self._publish(epoch)

    def _publish(self, epoch: Epoch) -> None:
        """Stage all tags of the epoch and commit them together."""
        port, stamp = self._port, epoch.first_mono_ns
        found = readings(epoch, self.received.keys())
        faults = self._plausibility.judge(found, epoch.tod_ns)
        port.put("alive", 1.0, stamp_mono_ns=stamp)
        for tag, (value, quality, cause) in found.items():
            self._put(tag, value, quality, cause, stamp)
        utc_ns = self._clock.utc_ns(epoch)
        if utc_ns is not None and weeks_rolled(utc_ns, port.utc_ns()):
            utc_ns += ROLL_NS
            faults.append(WEEK_ROLL)
        if utc_ns is None:
            self._put("epoch_utc", None, Quality.BAD, Cause.NOT_VALID, stamp)
            self._put("epoch_age", None, Quality.BAD, Cause.NOT_VALID, stamp)
        elif epoch.repeated:
            self._put("epoch_utc", utc_ns * 1e-9, Quality.BAD, Cause.FROZEN, stamp)
            self._put("epoch_age", None, Quality.BAD, Cause.FROZEN, stamp)
        else:
            age_s = self._clock.age_s(epoch, utc_ns, self._pulse_ns())
            self._put("epoch_utc", utc_ns * 1e-9, Quality.GOOD, Cause.NONE, stamp)
            self._put("epoch_age", age_s, Quality.GOOD, Cause.NONE, stamp)
        if self._corrections is not None:
            self._corrections.epoch(epoch.tod_ns, found, stamp)
        port.commit()
        self._published_s = asyncio.get_running_loop().time()
        self._faults.update(faults, port.mono_ns())

    def _pulse_ns(self) -> int | None:
        if self._pulses is None:
            return None
        try:
            return self._pulses.mono_ns()
        except DeviceError as error:
            self._tell("warning", error.text())
            return None

    def _put(self, tag: str, value: float | None, quality: Quality, cause: Cause, stamp: int) -> None:
        """A value that is not given leaves the last one standing, marked by its quality."""
        if value is not None:
            self._values[tag] = value
        self._port.put(tag, self._values.get(tag, 0.0), quality, cause, stamp)

    def _lost(self, error: DeviceError) -> None:
        self._stream = None
        self._heard = False
        if self._corrections is not None:
            self._corrections.detach()
        self._port.put_all(Quality.BAD, Cause.LINK_DOWN)
        self._port.put("alive", 0.0)
        self._port.commit()
        self._tell("warning", error.text())

    async def _tell_alive(self) -> None:
        """`alive` must not grow stale while no epoch tells it: the driver lives."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TELL_S)
            recent = self._published_s is not None and loop.time() - self._published_s < 2 * TELL_S
            if not recent:
                self._port.put("alive", float(self._heard))
                self._port.commit()

    def _tell(self, level: str, text: str) -> None:
        if text != self._told:
            self._told = text
            self._port.log(level, text)


def _line_baud(wire: Wire) -> int:
    """The speed at which bytes come one by one, 0 where they do not."""
    return wire.baud if wire.port and Path(wire.port).resolve().name.startswith(UARTS) else 0
