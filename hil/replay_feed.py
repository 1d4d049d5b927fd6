"""Plays recorded NMEA through a pseudo-terminal into the real gnss driver, faster than it happened.

The driver's clock is the recording's: its port says that a burst arrives `LATENCY_S` after the burst's
UTC, whatever the speed, and the next burst is only written when the driver has published the last one.
So ages and stamps are those of the drive, and the result does not depend on speed or load.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import tty
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.model import Cause, Quality, Sample, UsageError
from gatectl.model.device import Wire
from gatectl.model.messages import Fact

LATENCY_S = 0.06
CAR_MPS = 60.0  # a gate's vehicle is slower than the driver of the recording
ANSWER_S = 0.5  # a burst without a usable epoch (damaged, no position sentence) is not waited for longer
_TIMED = re.compile(rb"\$..(?:RMC|GGA|GLL|GNS|GST),(\d\d)(\d\d)(\d\d(?:\.\d*)?),")

Commit = dict[str, Sample]


class Burst(NamedTuple):
    """Consecutive lines of one epoch. utc_s: seconds, rising over midnight."""

    utc_s: float
    data: bytes


class Feed(NamedTuple):
    """What the driver published, commit by commit, and its counts of sentences."""

    commits: list[Commit]
    received: Counter[str]
    rejected: Counter[str]


class ReplayPort:
    """A `DevicePort` whose clock is set by the player and which keeps every epoch's commit; that the driver
    says again that it is alive, in a gap of the recording, is none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.now_ns = 0
        self.commits: list[Commit] = []
        self.committed = asyncio.Event()
        self._staged: Commit = {}
        self._is_epoch = False

    def mono_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns

    def put(
        self,
        tag: str,
        value: float,
        quality: Quality = Quality.GOOD,
        cause: Cause = Cause.NONE,
        stamp_mono_ns: int | None = None,
    ) -> None:
        self._is_epoch = self._is_epoch or tag == "epoch_utc"
        self._staged[tag] = Sample(
            value, quality, cause, self.now_ns if stamp_mono_ns is None else stamp_mono_ns
        )

    def put_all(self, quality: Quality, cause: Cause) -> None:
        for tag, sample in self._staged.items():
            self._staged[tag] = Sample(sample.value, quality, cause, self.now_ns)

    def commit(self) -> None:
        if self._is_epoch:
            self._is_epoch = False
            self.commits.append(dict(self._staged))
            self.committed.set()

    def command(self, tag: str) -> Sample:
        raise KeyError(f"a receiver has no command {tag}")

    def commands_fresh(self) -> bool:
        return False

    def emit(self, fact: Fact) -> None:
        raise TypeError(f"a receiver sends no facts: {fact}")

    def next_id(self) -> str:
        raise TypeError("a receiver sends no facts")

    def log(self, level: str, text: str) -> None:
        """Nothing is listening; the counts tell the same."""


def bursts(recording: bytes) -> Iterator[Burst]:
    """Cut a recording where the time in its sentences changes. Bytes are kept as they are."""
    utc_s: float | None = None
    day_s = 0.0
    lines: list[bytes] = []
    for line in recording.splitlines(keepends=True):
        match = _TIMED.search(line)
        if match is not None:
            time_s = day_s + int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
            if utc_s is not None and time_s < utc_s - 43_200:
                day_s += 86_400
                time_s += 86_400
            if utc_s is not None and time_s != utc_s:
                yield Burst(utc_s, b"".join(lines))
                lines = []
            utc_s = time_s
        lines.append(line)
    if utc_s is not None:
        yield Burst(utc_s, b"".join(lines))


async def play(
    recording: list[Burst], speed: float, rate_hz: float, progress: Callable[[float], None] | None = None
) -> Feed:
    """Write every burst to a pty, `speed` times faster than real, and collect the driver's commits.

    progress: is given the share done, 0 to 1, about twice a second.
    """
    if not recording:
        raise UsageError("the recording holds no NMEA sentence with a time", "give a file with RMC and GGA")
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    port = ReplayPort("gnss")
    config = GnssConfig(
        wire=Wire(port=os.ttyname(slave), baud=460_800),
        rate_hz=rate_hz,
        latency_s=LATENCY_S,
        silence_s=60.0,
        speed_max_mps=CAR_MPS,
    )
    driver = GnssDriver("gnss", config, port)
    loop = asyncio.get_running_loop()
    task = loop.create_task(driver.run())
    try:
        await asyncio.sleep(0.02)  # the driver opens its port, which empties the pty's buffer
        start_s, first_s = loop.time(), recording[0].utc_s
        told_s = 0.0
        for number, burst in enumerate(recording):
            await asyncio.sleep(start_s + (burst.utc_s - first_s) / speed - loop.time())
            port.now_ns = round((burst.utc_s + LATENCY_S) * 1e9)
            port.committed.clear()
            await _write(loop, master, burst.data)
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await port.committed.wait()
            if progress is not None and loop.time() - told_s > 0.5:
                told_s = loop.time()
                progress((number + 1) / len(recording))
        await asyncio.sleep(2 * config.gap_s)  # the last bytes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await driver.close()
        os.close(master)
        os.close(slave)
    return Feed(port.commits, driver.received, driver.rejected)


async def _write(loop: asyncio.AbstractEventLoop, fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            room = loop.create_future()
            loop.add_writer(fd, _wake, room)
            try:
                await room
            finally:
                loop.remove_writer(fd)


def _wake(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)
