"""The client against two real casters, RTKLIB's str2str and pygnssutils' gnssserver, through outages."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from device_port import eventually
from ntrip_bench import ClientBench
from ntrip_casters import HOST, BaseStation, GnssServer, Str2Str
from test_ntrip_tls import Authority

from drivers.gnss.checksums import crc24q

needs_str2str = pytest.mark.skipif(
    Str2Str.binary() is None, reason="str2str (package rtklib) is not installed"
)
needs_gnssserver = pytest.mark.skipif(GnssServer.binary() is None, reason="pygnssutils is not installed")
CASTERS = [
    pytest.param("str2str", marks=needs_str2str),
    pytest.param("gnssserver-1.0", marks=needs_gnssserver),
    pytest.param("gnssserver-2.0", marks=needs_gnssserver),
]
LOGIN = {"username": "lan", "password_file": "pw"}


def make(name: str, base: BaseStation):
    if name == "str2str":
        return Str2Str(base, "lan:geheim")
    return GnssServer(base, name.split("-")[1])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pw").write_text("geheim\n")
    (tmp_path / "other").write_text("falsch\n")
    return tmp_path


async def more_frames(bench: ClientBench, count: int = 5) -> None:
    begin = len(bench.frames)
    await eventually(lambda: len(bench.frames) >= begin + count, f"{count} more frames: {bench.said}", 8.0)


@pytest.mark.parametrize("name", CASTERS)
async def test_corrections_through_outages(name, folder):
    """Killed, started again, stalled, and without its base station: it always comes back by itself."""
    async with (
        BaseStation() as base,
        make(name, base) as caster,
        ClientBench(caster.port, caster.mount, base_dir=str(folder), **LOGIN) as bench,
    ):
        await more_frames(bench)
        await caster.kill()
        await eventually(lambda: bench.heard("cannot connect"), "the outage is told")
        assert not bench.status.receiving
        await caster.start()
        await more_frames(bench)

        caster.stall()
        await eventually(lambda: bench.heard("no RTCM 3 frame"), "the stall is told")
        caster.stall(False)
        await more_frames(bench)

        base.muted = True
        outages = bench.status.failures
        await eventually(lambda: bench.status.failures > outages, "silence is told")
        base.muted = False
        await more_frames(bench)

        assert all(crc24q(frame) == 0 for frame in bench.frames)
        assert bench.status.messages.keys() == {1005}
        assert bench.status.mount == caster.mount


@needs_str2str
async def test_what_rtklib_sends_through_noise_arrives_without_it():
    async with BaseStation() as base, Str2Str(base) as caster, ClientBench(caster.port) as bench:
        await more_frames(bench)
        base.noise = b"\xd3\x00 garbage \xd3\xff\xff"
        await more_frames(bench, 20)
        assert all(crc24q(frame) == 0 for frame in bench.frames)
        assert bench.status.rejected["stray_bytes"] > 0
        assert bench.status.failures == 0


@pytest.mark.parametrize("name", CASTERS)
async def test_a_wrong_password_and_a_wrong_mount_point(name, folder):
    async with BaseStation() as base, make(name, base) as caster:
        settings = {"base_dir": str(folder), "username": "lan"}
        async with ClientBench(caster.port, caster.mount, password_file="other", **settings) as bench:
            await eventually(lambda: bench.heard("refuses the user name or password"), "told")
            assert bench.frames == []
        async with ClientBench(caster.port, "NONE", password_file="pw", **settings) as bench:
            await eventually(lambda: bench.heard(f"it has: {caster.mount}"), f"told: {bench.said}")
            assert bench.frames == []


@needs_str2str
async def test_the_nearest_mount_point_of_a_real_sourcetable():
    async with (
        BaseStation() as base,
        Str2Str(base) as caster,
        ClientBench(caster.port, "nearest", country="VNM") as bench,
    ):
        await more_frames(bench)
        assert bench.status.mount == "BASE"


@asynccontextmanager
async def tls_before(port: int, context):
    """A TLS server that passes everything on to a plain one; gives its port."""
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader, writer):
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
        writers.update((writer, inner_writer))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)


@needs_str2str
async def test_a_real_caster_behind_tls(tmp_path):
    authority = Authority(tmp_path, "gate-authority")
    async with (
        BaseStation() as base,
        Str2Str(base) as caster,
        tls_before(caster.port, authority.server(HOST)) as port,
        ClientBench(port, base_dir=str(tmp_path), tls=True, ca_file=authority.ca_file) as bench,
    ):
        await more_frames(bench)
        assert bench.status.failures == 0
