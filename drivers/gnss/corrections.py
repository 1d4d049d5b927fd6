"""Corrections on their way to the receiver: from the caster over the receiver's own wire.

The wire may be slower than the caster. What waits is bounded in bytes and in age; the oldest whole
frames are dropped first, and a frame that has begun on the wire is always finished. Writing never
holds up reading.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import NoReturn

from drivers._wire import ByteStream
from drivers.gnss.ntrip import NtripClient, NtripConfig, Position
from drivers.gnss.samples import Reading
from gatectl.model import Cause, DeviceError, Quality
from gatectl.model.device import DevicePort, Wire
from gatectl.model.tags import Kind, TagSpec

QUEUE_S = 2.0
"""As much may wait as the serial line carries in this time."""

MAX_AGE_S = 5.0
"""A correction that has waited longer is worth less than the one behind it."""

POSITION_KEPT_S = 5.0
"""A position older than this is not told to the caster."""


def correction_tags(stale_s: float) -> tuple[TagSpec, ...]:
    """The state tags of a receiver that gets its corrections from a caster. They come with each epoch."""

    def spec(name: str, unit: str, doc: str, kind: Kind = Kind.FLOAT) -> TagSpec:
        return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=stale_s, doc=doc)

    return (
        spec("corrections", "", "RTCM frames arrive from the caster", Kind.BOOL),
        spec("corrections_rate", "B/s", "of valid RTCM frames, mean of 5 s"),
        spec("corrections_idle", "s", "since the last valid RTCM frame"),
        spec("corrections_reconnects", "", "connections lost or refused since the start", Kind.INT),
        spec("corrections_dropped", "", "frames that the wire could not take in time", Kind.INT),
    )


class FrameQueue:
    """Whole frames on their way to the wire. dropped, sent: counted since the start."""

    def __init__(self, wire: Wire) -> None:
        self.dropped = 0
        self.sent = 0
        # Ten bits make a byte on a serial line. Less than a few frames would drop every long one.
        self._limit_bytes = max(4096, round(wire.baud / 10 * QUEUE_S)) if wire.port else 65_536
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._stream: ByteStream | None = None
        self._wake = asyncio.Event()

    def attach(self, stream: ByteStream) -> None:
        """The receiver's wire is open: frames go there from now on."""
        self._stream = stream

    def detach(self) -> None:
        """The wire is gone; what waits for it is old when it comes back."""
        self._stream = None
        self.dropped += len(self._frames)
        self._frames.clear()
        self._bytes = 0

    def put(self, frame: bytes) -> None:
        """Queue a frame. Never blocks; drops the oldest ones to stay within bounds."""
        if self._stream is None:
            self.dropped += 1
            return
        self._frames.append((asyncio.get_running_loop().time(), frame))
        self._bytes += len(frame)
        while self._bytes > self._limit_bytes:
            self._pop()
            self.dropped += 1
        self._wake.set()

    async def run(self) -> NoReturn:
        """Hand frame after frame to the wire, each when the one before has been taken."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if not self._frames or self._stream is None:
                self._wake.clear()
                continue
            queued_s, frame = self._pop()
            if loop.time() - queued_s > MAX_AGE_S:
                self.dropped += 1
                continue
            stream = self._stream
            try:
                stream.write(frame)
                await stream.drain()
                self.sent += 1
            except DeviceError:  # the driver hears it from its own read, and attaches the next wire
                self.dropped += 1
                if self._stream is stream:
                    self.detach()

    def _pop(self) -> tuple[float, bytes]:
        queued_s, frame = self._frames.popleft()
        self._bytes -= len(frame)
        return queued_s, frame


class Corrections:
    """A caster's client, the way to the receiver, and the tags that tell how it goes."""

    def __init__(self, config: NtripConfig, base_dir: str, wire: Wire, port: DevicePort) -> None:
        self.queue = FrameQueue(wire)
        self.client = NtripClient(
            config, base_dir, frame=self.queue.put, position=self._current, tell=self._tell
        )
        self._port = port
        self._told = ""
        self._position: tuple[float, Position] | None = None

    async def run(self) -> None:
        """Until cancelled; neither an outage of the caster nor of the wire ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.client.run())
            tasks.create_task(self.queue.run())

    def attach(self, stream: ByteStream) -> None:
        """The receiver's wire is open."""
        self.queue.attach(stream)

    def detach(self) -> None:
        """The receiver's wire is lost."""
        self.queue.detach()

    def epoch(self, tod_ns: int, readings: Mapping[str, Reading], stamp_mono_ns: int) -> None:
        """Take the place from an epoch's readings (tags of the driver) and stage our own tags.

        Only GOOD latitude and longitude of a fix that is one count: before that the caster is told nothing.
        """
        place = [readings.get(tag) for tag in ("latitude", "longitude", "fix")]
        known = [r.value for r in place if r and r.value is not None and r.quality is Quality.GOOD]
        if len(known) == len(place):
            latitude, longitude, fix = known
            if fix > 0:
                position = Position(
                    tod_ns=tod_ns,
                    latitude_deg=latitude,
                    longitude_deg=longitude,
                    height_m=_good(readings, "height"),
                    quality=round(fix),
                    satellites=round(_good(readings, "satellites")),
                )
                self._position = (asyncio.get_running_loop().time(), position)
        self._stage(stamp_mono_ns)

    def _current(self) -> Position | None:
        if self._position is None:
            return None
        known_s, position = self._position
        return position if asyncio.get_running_loop().time() - known_s <= POSITION_KEPT_S else None

    def _stage(self, stamp: int) -> None:
        status, put = self.client.status, self._port.put
        put("corrections", float(status.receiving), stamp_mono_ns=stamp)
        put("corrections_rate", self.client.bytes_per_s(), stamp_mono_ns=stamp)
        put("corrections_reconnects", float(status.failures), stamp_mono_ns=stamp)
        put("corrections_dropped", float(self.queue.dropped), stamp_mono_ns=stamp)
        if status.last_frame_s is None:
            put("corrections_idle", 0.0, Quality.BAD, Cause.NOT_VALID, stamp)
        else:
            idle_s = asyncio.get_running_loop().time() - status.last_frame_s
            put("corrections_idle", idle_s, stamp_mono_ns=stamp)

    def _tell(self, level: str, text: str) -> None:
        if text != self._told:
            self._told = text
            self._port.log(level, f"corrections: {text}")


def _good(readings: Mapping[str, Reading], tag: str) -> float:
    """The value if it is GOOD, else 0."""
    reading = readings.get(tag)
    return reading.value if reading and reading.value is not None and reading.quality is Quality.GOOD else 0.0
