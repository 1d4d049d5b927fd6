"""A broker of the rig's own: the embedded amqtt or Mosquitto, as a process that can be killed.

`python -m hil.broker --port N` is the embedded one. Both end with the process that started them,
however that ends: amqtt when its standard input closes, both by the kernel's parent-death signal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Literal

from gatectl.model.errors import DeviceError, UsageError
from hil.children import die_with_parent

HOST = "127.0.0.1"
READY_S = 10.0
STOP_S = 3.0
_ROOT = Path(__file__).parent.parent
# In the installed distribution the configuration lies inside the package.
_FOLDERS = (_ROOT / "config", _ROOT / "gatectl" / "_config")
MOSQUITTO_CONFIG = next((f for f in _FOLDERS if f.is_dir()), _FOLDERS[0]) / "broker" / "mosquitto.conf"


def mosquitto_binary() -> str | None:
    """Where Mosquitto is, or None. Debian puts it where a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A TCP port of the loopback that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def is_free(port: int) -> bool:
    """True if nobody listens there (connections that are still closing do not count)."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


class Broker:
    """One broker on the loopback. `port` is 0 until it was started and stays the same after that."""

    def __init__(self, kind: Literal["amqtt", "mosquitto"] = "amqtt") -> None:
        self.kind = kind
        self.host = HOST
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int:
        """The broker's process, 0 when there is none."""
        return 0 if self._process is None else self._process.pid

    async def start(self, port: int = 0) -> int:
        """Start and wait until it accepts connections; the port.

        Raises UsageError if Mosquitto is asked for and not installed, DeviceError if the broker
        does not come up (the port is taken, say).
        """
        if self._process is not None:
            raise UsageError("the broker runs already", "stop it first")
        self.port = port or self.port or free_port()
        if not is_free(self.port):
            raise DeviceError(f"port {self.port} is taken", "choose another", where=f"{self.kind} broker")
        self._process = self._spawn()
        try:
            async with asyncio.timeout(READY_S):
                while not await self._accepts():
                    if self._process.poll() is not None:
                        break
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pass
        if self._process.poll() is not None or not await self._accepts():
            code = self._process.poll()
            await self.kill()
            raise DeviceError(
                f"does not come up (exit code {code})",
                "run it by hand to see why",
                where=f"{self.kind} broker",
            )
        return self.port

    async def kill(self) -> None:
        """SIGKILL: no goodbye to anybody, everything in memory is lost. Idempotent."""
        if self._process is not None:
            self._process.kill()
            await self._reap()

    async def restart(self) -> None:
        """Start again on the same port (after `kill`, or instead of it)."""
        await self.kill()
        await self.start(self.port)

    async def stop(self) -> None:
        """An ordered end; nothing is left behind. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            await self._reap()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _spawn(self) -> subprocess.Popen[bytes]:
        """From the main thread: the parent-death signal follows the thread that forks."""
        return subprocess.Popen(
            self._command(),
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509  (it only calls prctl; no locks are taken)
        )

    async def _reap(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    def _command(self) -> list[str]:
        if self.kind == "amqtt":
            return [sys.executable, "-m", "hil.broker", "--port", str(self.port)]
        binary = mosquitto_binary()
        if binary is None:
            raise UsageError(
                "Mosquitto is not installed", "apt install mosquitto, or use the embedded broker"
            )
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="gatectl-broker-")
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(mosquitto_config(self.port), encoding="utf-8")
        return [binary, "-c", str(config)]


def mosquitto_config(port: int) -> str:
    """The delivered configuration with this port on the loopback, in memory, open to everybody."""
    replaced = {
        "listener": f"listener {port} {HOST}",
        "allow_anonymous": "allow_anonymous true",
        "persistence": "persistence false",
    }
    dropped = {"password_file", "acl_file", "persistence_location", "log_dest", "user", "pid_file"}
    lines: list[str] = []
    for line in MOSQUITTO_CONFIG.read_text(encoding="utf-8").splitlines():
        key = line.split(" ", 1)[0]
        if key not in dropped:
            lines.append(replaced.get(key, line))
    # Changing its user would make the kernel forget the parent-death signal.
    return "\n".join([*lines, "user root"]) + "\n"


async def serve(port: int) -> None:
    """The embedded broker, until its standard input closes."""
    from amqtt.broker import Broker as Amqtt  # noqa: PLC0415  (slow to import, and only here)
    from amqtt.contexts import BrokerConfig, ListenerConfig  # noqa: PLC0415

    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{HOST}:{port}")},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )
    broker = Amqtt(config)
    await broker.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    with contextlib.suppress(Exception):  # it complains about clients that are still there
        await broker.shutdown()


def main() -> None:
    """`python -m hil.broker --port N`."""
    parser = argparse.ArgumentParser(description="An MQTT 3.1.1 broker on the loopback, for rigs and tests.")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(arguments.port))


if __name__ == "__main__":
    main()
