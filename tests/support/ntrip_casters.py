"""Casters for the NTRIP tests: two real ones, and one that answers what a test tells it.

The real ones are RTKLIB's str2str (Debian package rtklib) and pygnssutils' gnssserver. Both take
their data from a `BaseStation`, a TCP server of ours, and run on free ports of the loopback.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from drivers.gnss.checksums import crc24q
from hil.broker import HOST, free_port

__all__ = [
    "HOST",
    "BaseStation",
    "GnssServer",
    "ScriptedCaster",
    "Str2Str",
    "frame_1005",
    "free_port",
    "rtcm_frame",
]

EXAMPLE_1005 = bytes.fromhex("d300133ed7d30202980edeef34b4bd62ac0941986f33360b98")
"""The message 1005 that the RTCM 3 standard gives as its example, with its CRC."""


def rtcm_frame(message: bytes) -> bytes:
    """A frame around a message of 0 to 1023 bytes."""
    body = bytes((0xD3, len(message) >> 8, len(message) & 0xFF)) + message
    return body + crc24q(body).to_bytes(3, "big")


def frame_1005(station: int) -> bytes:
    """The standard's example with another station number (0 to 4095), so that frames differ."""
    message = bytearray(EXAMPLE_1005[3:-3])
    message[1] = (message[1] & 0xF0) | station >> 8
    message[2] = station & 0xFF
    return rtcm_frame(bytes(message))


class BaseStation:
    """Sends a frame every period_s to whoever is connected; `sent` counts them."""

    def __init__(self, period_s: float = 0.02) -> None:
        self.port = free_port()
        self.sent = 0
        self.muted = False
        self.noise = b""
        self._period_s = period_s
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> BaseStation:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError):
            await reader.read()
        self._writers.discard(writer)
        writer.close()

    async def _send(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            if not self.muted:
                self.sent += 1
                for writer in self._writers:
                    writer.write(self.noise + frame_1005(self.sent % 4096))


class Process:
    """A caster in a process of its own; ended by its number, at the latest by `__aexit__`."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __aexit__)

    def command(self) -> list[str]:
        raise NotImplementedError

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._log.close()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command(), stdin=asyncio.subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        for _ in range(400):
            await asyncio.sleep(0.025)
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, self.port)
                writer.transport.abort()
                return
            assert self._process.returncode is None, self.log()
        raise AssertionError(f"does not listen: {self.log()}")

    async def kill(self) -> None:
        """Like a power failure."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None

    def stall(self, on: bool = True) -> None:
        """It stays connected and says nothing, until stall(False)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


class Str2Str(Process):
    """RTKLIB's caster: NTRIP 1, `ICY 200 OK` and a single line end."""

    mount = "BASE"

    def __init__(self, base: BaseStation, credentials: str = "") -> None:
        super().__init__()
        self._base_port = base.port
        self._credentials = credentials

    @staticmethod
    def binary() -> str | None:
        return shutil.which("str2str")

    def command(self) -> list[str]:
        entry = "Lang Son;RTCM 3.2;1005(1);2;GPS;NET;VNM;21.90;106.70;0;0;x;none;B;N;0;"
        user = f"{self._credentials}@" if self._credentials else ""
        return [
            str(self.binary()),
            *("-in", f"tcpcli://{HOST}:{self._base_port}"),
            *("-out", f"ntripc://{user}:{self.port}/{self.mount}:{entry}"),
            *("-r", "100"),
        ]


class GnssServer(Process):
    """pygnssutils' caster, version "1.0" or "2.0"; always with a password."""

    mount = "pygnssutils"

    def __init__(self, base: BaseStation, version: str) -> None:
        super().__init__()
        self._base_port = base.port
        self._version = version

    @staticmethod
    def binary() -> str | None:
        beside = Path(sys.executable).with_name("gnssserver")
        return str(beside) if beside.exists() else shutil.which("gnssserver")

    def command(self) -> list[str]:
        return [
            str(self.binary()),
            *("--socket", f"{HOST}:{self._base_port}"),
            *("--hostip", HOST, "--outport", str(self.port)),
            *("--ntripmode", "1", "--ntripversion", self._version),
            *("--ntripuser", "lan", "--ntrippassword", "geheim"),
            *("--format", "2", "--protfilter", "4"),
        ]


Script = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One client at the scripted caster. request: the head it sent."""

    def __init__(self, request: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.received = bytearray()
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes, *, piece: int = 0) -> None:
        """piece: cut into so many bytes each, sent apart."""
        for at in range(0, len(data), piece or len(data) or 1):
            self._writer.write(data[at : at + (piece or len(data))])
            await self._writer.drain()
            if piece:
                await asyncio.sleep(0)

    async def listen(self, until: bytes = b"") -> None:
        """Keep what the client sends until it has sent this (empty: until it leaves)."""
        with suppress(OSError):
            while data := await self._reader.read(1024):
                self.received += data
                if until and until in self.received:
                    return


class ScriptedCaster:
    """Answers each visit with `script`; closes when that returns. visits: all so far."""

    def __init__(self, script: Script, tls: object = None) -> None:
        self.port = free_port()
        self.script = script
        self.visits: list[Visit] = []
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ScriptedCaster:
        self._server = await asyncio.start_server(self._serve, HOST, self.port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            visit = Visit(head.decode(), reader, writer)
            self.visits.append(visit)
            await self.script(visit)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            writer.close()
