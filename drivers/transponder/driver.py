"""The transponder reader's driver: only listens."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from msgspec import Struct

from drivers._wire import Backoff, ByteStream, Outage, check_wire, keep_open
from drivers.transponder import probe as probing
from drivers.transponder.config import TransponderReaderConfig
from drivers.transponder.tags import CROSSING, STALE_AFTER_S, TAGS
from drivers.transponder.telegram import Framer, Telegram, Transit
from gatectl.model.device import DevicePort, ProbeFinding, Wire
from gatectl.model.quality import Cause, Quality
from gatectl.model.tags import TagSpec

REPEAT_NS = 40_000_000
"""A crossing is told at once; between crossings the tags are told again this often."""


class TransponderDriver:
    """A transponder or magnet reader; can be probed for. See `drivers.transponder.config` and `.telegram`."""

    kind: ClassVar[str] = "transponder"
    Config: ClassVar[type[Struct]] = TransponderReaderConfig
    probe_bauds: ClassVar[tuple[int, ...]] = probing.BAUDS

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        self._config = cast(TransponderReaderConfig, config)
        self._port = port
        self._backoff = Backoff(first_s=0.1, limit_s=2.0)
        self._outage = Outage(name, port)
        self._last: Telegram | None = None
        self._told_ns = 0
        self._moved_ns = 0
        self._lost_count = 0

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """The same for every reader."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """The wire."""
        return check_wire(cast(TransponderReaderConfig, config).wire, frozenset({"serial", "tcp"}))

    @classmethod
    async def probe(cls, wire: Wire, listen_s: float) -> ProbeFinding:
        """See `gatectl.model.device.Probing`."""
        return await probing.probe(wire, listen_s)

    async def configure(self) -> None:
        """Nothing to prepare."""

    async def run(self) -> None:
        """Listen and reopen, until cancelled."""
        self._outage.tell(Cause.LINK_DOWN)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outage.keep_telling(STALE_AFTER_S))
            tasks.create_task(
                keep_open(self._config.wire, self._listen, lost=self._outage.lost, backoff=self._backoff)
            )

    async def make_safe(self) -> None:
        """A reader has no outputs."""

    async def close(self) -> None:
        """`run` has closed the wire when it was cancelled."""

    async def _listen(self, stream: ByteStream) -> None:
        port, framer, transit = self._port, Framer(), Transit()
        silence_ns = round(self._config.silence_s * 1e9)
        heard_ns = self._moved_ns = port.mono_ns()
        self._last = None
        while True:
            left_s = max(0.0, (heard_ns + silence_ns - port.mono_ns()) / 1e9)
            try:
                async with asyncio.timeout(left_s):
                    data = await stream.read()
            except TimeoutError:
                self._silent(framer)
                framer, transit = Framer(), Transit()
                heard_ns = port.mono_ns()
                self._last = None
                continue
            now_ns = port.mono_ns()
            told, telegrams = self._last, framer.feed(data)
            for telegram in telegrams:
                late_ns = transit.late_ns(telegram.ticks, now_ns)
                self._follow(telegram, now_ns)
            if telegrams:  # after a stall many come at once: only the newest is as old as it seems
                heard_ns = now_ns
                self._backoff.reset()
                self._take(telegram, told, late_ns if transit.settled else None, now_ns, silence_ns)

    def _follow(self, telegram: Telegram, now_ns: int) -> None:
        """Count what is missing, and notice that the reader lives."""
        ahead = (telegram.number - self._last.number) & 0xFF if self._last else 1
        if ahead:
            self._moved_ns = now_ns
            self._lost_count += ahead - 1
        self._last = telegram

    def _take(
        self, telegram: Telegram, last: Telegram | None, late_ns: int | None, now_ns: int, silence_ns: int
    ) -> None:
        """last: the one that was taken before. late_ns: None while it is not known."""
        if now_ns - self._moved_ns > silence_ns:
            self._outage.warn("the reader repeats one telegram: it hangs; switch it off and on")
            self._outage.tell(Cause.FROZEN)
            return
        if self._outage.cause is Cause.FROZEN and self._moved_ns < now_ns:
            return
        if telegram.fault:
            if now_ns - self._told_ns < REPEAT_NS:
                return
            self._told_ns = now_ns
            self._outage.warn("the reader reports a fault of its antenna; check antenna and cable")
            self._outage.tell(Cause.DEVICE_FAULT, alive=1.0)
            return
        fresh = last is None or telegram.crossings != last.crossings
        if fresh or now_ns - self._told_ns >= REPEAT_NS:
            self._publish(telegram, late_ns, now_ns)
            self._told_ns = now_ns

    def _publish(self, telegram: Telegram, late_ns: int | None, now_ns: int) -> None:
        conf, port = self._config, self._port
        self._outage.over()
        port.put("alive", 1.0)
        port.put("lost", float(self._lost_count), stamp_mono_ns=now_ns)
        port.put("count", float(telegram.crossings), stamp_mono_ns=now_ns)
        if telegram.crossings == 0:
            for tag in CROSSING:
                port.put(tag, 0.0, Quality.BAD, Cause.NOT_VALID, now_ns)
            port.commit()
            return
        if telegram.code_read:
            port.put("id", float(telegram.code), stamp_mono_ns=now_ns)
        else:
            port.put("id", 0.0, Quality.BAD, Cause.NOT_VALID, now_ns)
        lateral_m = telegram.lateral_m
        if abs(lateral_m) > conf.lateral_max_m:
            port.put("lateral", lateral_m, Quality.BAD, Cause.OUT_OF_RANGE, now_ns)
        elif telegram.signal < conf.signal_min:
            port.put("lateral", lateral_m, Quality.UNCERTAIN, Cause.UNSTABLE, now_ns)
        else:
            port.put("lateral", lateral_m, stamp_mono_ns=now_ns)
        if telegram.age_s is None:
            port.put("age", 0.0, Quality.BAD, Cause.OUT_OF_RANGE, now_ns)
        elif late_ns is None:
            port.put("age", telegram.age_s, Quality.UNCERTAIN, Cause.ESTIMATED, now_ns)
        else:
            port.put("age", telegram.age_s + late_ns * 1e-9, stamp_mono_ns=now_ns)
        port.put("signal", telegram.signal, stamp_mono_ns=now_ns)
        port.commit()

    def _silent(self, framer: Framer) -> None:
        if framer.refused or framer.skipped:
            self._outage.warn(
                "bytes arrive but no valid telegram; check baud and frame, and that it is such a reader"
            )
            self._outage.tell(Cause.NOT_VALID)
        else:
            self._outage.warn("the reader is silent; check cable and supply")
            self._outage.tell(Cause.LINK_DOWN)
