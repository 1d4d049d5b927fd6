"""The shared wire: real pseudo-terminals and real sockets."""

import asyncio
import os
import pty
import tty

import pytest
from device_port import eventually

from drivers._wire import Backoff, ByteStream, check_wire, keep_open, open_stream
from gatectl.model import DeviceError
from gatectl.model.device import Wire


def open_pty() -> tuple[int, str]:
    """A master and its slave's path; the slave is closed, so closing the master hangs it up."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    return master, name


async def test_serial_carries_bytes_both_ways_at_an_uncommon_rate():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name, baud=460_800, frame="7E1"))
    every_byte = bytes(range(256))
    os.write(master, every_byte)
    got = b""
    while len(got) < 256:
        got += await stream.read(100)
    assert got == every_byte
    stream.write(every_byte)
    await stream.drain()
    await eventually(lambda: bool(os.read(master, 256) == every_byte), "bytes arrive at the device")
    stream.close()
    stream.close()
    os.close(master)


async def test_unplugging_wakes_the_reader_and_refuses_later_writes():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0.02)
    assert not reading.done()  # "nothing yet" is not taken for a hang-up
    os.close(master)
    with pytest.raises(DeviceError, match="check cable"):
        await asyncio.wait_for(reading, 2)
    with pytest.raises(DeviceError):
        stream.write(b"x")
    with pytest.raises(DeviceError):
        await stream.drain()


async def test_a_cancelled_read_loses_nothing():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await stream.read()
    os.write(master, b"still here")
    assert await asyncio.wait_for(stream.read(), 2) == b"still here"
    stream.close()
    os.close(master)


async def test_closing_ends_a_waiting_read():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0)
    stream.close()
    with pytest.raises(DeviceError, match="was closed"):
        await asyncio.wait_for(reading, 2)
    os.close(master)


async def test_a_device_that_takes_nothing_is_an_error_not_a_growing_queue():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    stream.write(b"x" * 20_000)
    draining = asyncio.create_task(stream.drain())
    await asyncio.sleep(0.01)
    assert not draining.done()
    with pytest.raises(DeviceError, match="takes no more"):
        stream.write(b"x" * 80_000)
    with pytest.raises(DeviceError):
        await draining
    os.close(master)


async def test_a_slow_device_gets_everything_in_order():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    sent = b"".join(b"%06d" % n for n in range(5000))
    stream.write(sent)
    draining = asyncio.create_task(stream.drain())
    got = b""
    while len(got) < len(sent):
        try:
            got += os.read(master, 1000)
        except BlockingIOError:
            await asyncio.sleep(0.001)
    await asyncio.wait_for(draining, 2)
    assert got == sent
    stream.close()
    os.close(master)


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (Wire(port="/dev/no-such-port"), "no such port"),
        (Wire(port="/etc/passwd"), "names a serial port"),
        (Wire(port="/dev/ptmx", frame="9N1"), "not a serial frame"),
        (Wire(port="/dev/ptmx", baud=-5), "wire.baud"),
        (Wire(), "no wire"),
        (Wire(host="no-such-host.invalid", tcp_port=1), "cannot connect"),
    ],
)
async def test_what_cannot_be_opened_says_why(wire, words):
    with pytest.raises(DeviceError, match=words) as caught:
        await open_stream(wire)
    assert caught.value.remedy


async def test_a_port_is_opened_by_one_program_only():
    master, name = open_pty()
    stream = await open_stream(Wire(port=name))
    with pytest.raises(DeviceError, match="another program"):
        await open_stream(Wire(port=name))
    stream.close()
    os.close(master)


async def test_tcp_carries_bytes_and_sees_the_other_side_close():
    peers: list[asyncio.StreamWriter] = []

    async def serve(reader, writer):
        peers.append(writer)
        writer.write(await reader.readexactly(4))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stream = await open_stream(Wire(host="127.0.0.1", tcp_port=port))
    stream.write(b"ping")
    assert await asyncio.wait_for(stream.read(), 2) == b"ping"
    peers[0].close()
    with pytest.raises(DeviceError, match="closed the wire"):
        await asyncio.wait_for(stream.read(), 2)
    server.close()
    await server.wait_closed()
    with pytest.raises(DeviceError, match="refused"):
        await open_stream(Wire(host="127.0.0.1", tcp_port=port))


async def test_keep_open_reports_waits_and_comes_back(tmp_path):
    path = tmp_path / "tty"
    heard: list[bytes] = []
    lost: list[str] = []
    backoff = Backoff(0.01, 0.02)

    async def session(stream: ByteStream) -> None:
        while True:
            heard.append(await stream.read())
            backoff.reset()

    task = asyncio.create_task(
        keep_open(Wire(port=str(path)), session, lost=lambda e: lost.append(e.cause), backoff=backoff)
    )
    await eventually(lambda: "there is no such port" in lost, "absence is reported")
    for word in (b"first", b"second"):
        master, name = open_pty()
        path.unlink(missing_ok=True)
        path.symlink_to(name)
        count = len(lost)

        def said(master=master, word=word) -> bool:
            os.write(master, word)
            return b"".join(heard).count(word) > 0

        await eventually(said, "the port is found again")
        os.close(master)
        await eventually(lambda count=count: len(lost) > count, "unplugging is reported")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_pauses_grow_to_a_limit_and_are_the_same_every_time():
    backoff = Backoff(0.2, 5.0)
    first = [backoff.next_s() for _ in range(8)]
    assert first == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    backoff.reset()
    assert [backoff.next_s() for _ in range(8)] == first


@pytest.mark.parametrize(
    ("wire", "keys"),
    [
        (Wire(port="/dev/ttyS0"), []),
        (Wire(host="a", tcp_port=1), []),
        (Wire(), ["wire"]),
        (Wire(port="/dev/ttyS0", host="a", tcp_port=1), ["wire", "wire.host"]),
        (Wire(tcp_port=1), ["wire.host"]),
        (Wire(listen_port=80), ["wire"]),
        (Wire(host="a", tcp_port=70_000), ["wire.tcp_port"]),
        (Wire(port="/dev/ttyS0", baud=0, frame="8X1"), ["wire.baud", "wire.frame"]),
    ],
)
def test_mistakes_in_a_wire_table_are_all_found(wire, keys):
    found = check_wire(wire)
    assert [key for key, _, _ in found] == keys
    assert all(cause and remedy for _, cause, remedy in found)
