"""Corrections on the receiver's wire: whole frames, bounded, and never in the reader's way."""

import asyncio
import os
import pty
import tty

import pytest
from device_port import FakePort, eventually
from ntrip_casters import BaseStation, Str2Str, frame_1005, rtcm_frame

from drivers._wire import open_stream
from drivers.gnss.checksums import crc24q
from drivers.gnss.corrections import MAX_AGE_S, Corrections, FrameQueue, correction_tags
from drivers.gnss.ntrip import NtripConfig
from drivers.gnss.ntrip.rtcm import FrameSplitter
from drivers.gnss.samples import Reading
from gatectl.model import Cause, Quality
from gatectl.model.device import Wire

BAUD = 9600
LIMIT = 4096  # bytes that may wait at 9600 baud
TOD_NS = 43_200_000_000_000


class Line:
    """A pty: the driver's stream on one end, the receiver's on the other."""

    async def __aenter__(self):
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.wire = Wire(port=os.ttyname(slave), baud=BAUD)
        self.stream = await open_stream(self.wire)
        os.close(slave)
        self.queue = FrameQueue(self.wire)
        self.splitter = FrameSplitter()
        self.frames: list[bytes] = []
        self.task = asyncio.create_task(self.queue.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.stream.close()
        if self.master >= 0:
            os.close(self.master)

    def receive(self) -> None:
        """What the receiver's end has, as frames."""
        try:
            while data := os.read(self.master, 4096):
                self.frames += self.splitter.feed(data)
        except BlockingIOError:
            pass


@pytest.fixture
async def line():
    async with Line() as line:
        yield line


async def test_frames_arrive_in_order(line):
    line.queue.attach(line.stream)
    frames = [frame_1005(n) for n in range(50)]
    for frame in frames:
        line.queue.put(frame)
    await eventually(lambda: line.receive() or len(line.frames) == 50, "50 frames")
    assert line.frames == frames
    assert (line.queue.sent, line.queue.dropped) == (50, 0)


async def test_a_line_that_takes_nothing_drops_the_oldest_whole_frames_and_reading_goes_on(line):
    line.queue.attach(line.stream)
    frames = [rtcm_frame(number.to_bytes(2, "big") * 400) for number in range(200)]
    for frame in frames:  # 160 kB against a receiver that reads nothing
        line.queue.put(frame)
        await asyncio.sleep(0)
    os.write(line.master, b"$GNGGA\r\n")
    async with asyncio.timeout(2):
        assert await line.stream.read() == b"$GNGGA\r\n"
    assert line.queue.dropped > 150
    waiting = 200 - line.queue.dropped - line.queue.sent
    assert waiting * len(frames[0]) <= LIMIT + len(frames[0])

    await eventually(lambda: line.receive() or line.queue.sent + line.queue.dropped == 200, "the rest")
    await eventually(lambda: line.receive() or len(line.frames) == line.queue.sent, "all that were sent")
    assert line.splitter.rejected.total() == 0  # never half a frame
    numbers = [frames.index(frame) for frame in line.frames]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 199  # the newest one is not what is dropped


async def test_without_a_wire_frames_are_dropped_and_an_old_wire_gets_none(line):
    line.queue.put(frame_1005(1))
    assert line.queue.dropped == 1
    line.queue.attach(line.stream)
    line.queue.put(frame_1005(2))
    line.queue.detach()
    await asyncio.sleep(0.05)
    line.receive()
    assert line.frames == []
    assert line.queue.dropped == 2


async def test_a_wire_that_breaks_costs_its_frames_only(line):
    line.queue.attach(line.stream)
    os.close(line.master)
    line.master = -1
    line.queue.put(frame_1005(1))
    line.queue.put(frame_1005(2))
    await eventually(lambda: line.queue.sent + line.queue.dropped == 2, "both are gone")
    async with Line() as second:
        line.queue.attach(second.stream)
        line.queue.put(frame_1005(3))
        await eventually(lambda: second.receive() or second.frames, "the next wire")
        assert second.frames == [frame_1005(3)]


async def test_what_has_waited_too_long_is_dropped(line, monkeypatch):
    line.queue.put(frame_1005(1))
    line.queue.attach(line.stream)
    loop = asyncio.get_running_loop()
    line.queue.put(frame_1005(2))
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + MAX_AGE_S + 1)
    await asyncio.sleep(0)
    monkeypatch.undo()
    await eventually(lambda: line.queue.dropped == 2, "dropped by age")


def good(value: float) -> Reading:
    return Reading(value, Quality.GOOD, Cause.NONE)


PLACE = {
    "latitude": good(21.976),
    "longitude": good(106.712),
    "height": good(300.0),
    "fix": good(1),
    "satellites": good(17),
}


@pytest.mark.parametrize(
    "change",
    [
        {"fix": good(0)},
        {"latitude": Reading(21.976, Quality.BAD, Cause.NOT_VALID)},
        {"longitude": Reading(106.712, Quality.UNCERTAIN, Cause.ESTIMATED)},
        {"fix": Reading(None, Quality.BAD, Cause.STALE)},
    ],
)
async def test_only_a_valid_position_is_told(change):
    port = FakePort("gnss", correction_tags(1.0))
    config = NtripConfig(host="127.0.0.1", mountpoint="BASE")
    corrections = Corrections(config, "", Wire(port="/dev/null"), port)
    corrections.epoch(TOD_NS, PLACE | change, 1)
    assert corrections._current() is None
    corrections.epoch(TOD_NS, PLACE, 1)
    told = corrections._current()
    assert told is not None
    assert (told.latitude_deg, told.quality, told.satellites) == (21.976, 1, 17)


@pytest.mark.skipif(Str2Str.binary() is None, reason="str2str (package rtklib) is not installed")
async def test_the_tags_tell_how_it_goes():
    async with BaseStation() as base, Str2Str(base) as caster, Line() as line:
        port = FakePort("gnss", correction_tags(1.0))
        config = NtripConfig(
            host="127.0.0.1",
            port=caster.port,
            mountpoint=caster.mount,
            inactivity_timeout_s=0.5,
            backoff_first_s=0.02,
            backoff_limit_s=0.1,
        )
        corrections = Corrections(config, "", line.wire, port)
        task = asyncio.create_task(corrections.run())

        def tags() -> bool:
            corrections.epoch(TOD_NS, PLACE, port.mono_ns())
            port.commit()
            line.receive()
            return True

        tags()
        assert port.value("corrections") == 0
        assert port.bad("corrections_idle") is Cause.NOT_VALID
        corrections.attach(line.stream)
        await eventually(
            lambda: tags() and port.value("corrections") == 1 and len(line.frames) > 10, "corrections"
        )
        assert all(crc24q(frame) == 0 for frame in line.frames)
        assert port.value("corrections_rate") > 0
        assert 0 <= port.value("corrections_idle") < 0.5
        assert port.value("corrections_dropped") == 0
        reconnects = port.value("corrections_reconnects")
        await caster.kill()
        await eventually(lambda: tags() and port.value("corrections") == 0, "the outage")
        await eventually(lambda: tags() and port.value("corrections_reconnects") > reconnects, "counted")
        assert any(level == "warning" and "corrections: caster" in text for level, text in port.logs)
        await caster.start()
        await eventually(lambda: tags() and port.value("corrections") == 1, "back again")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
