"""Serial ports of this machine, and who has them open. Opens none of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from serial.tools.list_ports_linux import SysFS

PATTERNS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyS*", "ttySC*", "ttymxc*", "ttyTHS*")


class SerialPort(NamedTuple):
    """path: to be written into a configuration. device: what it leads to. what: the adapter's own name."""

    path: str
    device: str
    what: str


def serial_ports(dev: Path = Path("/dev")) -> list[SerialPort]:
    """Every serial port, adapters first; each by its name in serial/by-id where it has one."""
    links = sorted((dev / "serial" / "by-id").glob("*"), reverse=True)
    stable = {os.path.realpath(link): str(link) for link in links}
    found: list[SerialPort] = []
    for pattern in PATTERNS:
        for device in sorted(dev.glob(pattern), key=lambda p: (len(p.name), p.name)):
            real = os.path.realpath(device)
            if pattern == "ttyS*" and not _has_uart(device.name):
                continue
            found.append(SerialPort(stable.get(real, str(device)), real, _what(real)))
    return found


def port_of(path: str) -> SerialPort:
    """A port that was named by hand: a tty, a link to one, or a pseudo-terminal."""
    real = os.path.realpath(path)
    return SerialPort(path, real, _what(real))


def holder(port: SerialPort, proc: Path = Path("/proc")) -> str:
    """Who has the port open, for people, a node of gatectl first; empty if nobody has, or another
    user's process, which cannot be seen. Another one reading along would steal every other byte."""
    found: list[tuple[bool, str]] = []
    for entry in sorted(proc.glob("[0-9]*"), key=lambda p: int(p.name)):
        if int(entry.name) == os.getpid():
            continue
        try:
            open_files = {str(fd.readlink()) for fd in (entry / "fd").iterdir()}
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if port.device in open_files:
            words = [word for word in words if word]
            found.append((not _is_field_process(words), _process(entry.name, words)))
    return min(found)[1] if found else ""


def taken(port: SerialPort) -> str:
    """As `holder`, but not of a pseudo-terminal: who made it has it open as well, without reading it."""
    return "" if port.device.startswith("/dev/pts/") else holder(port)


def _is_field_process(words: list[str]) -> bool:
    return "process" in words and "field" in words


def _process(pid: str, words: list[str]) -> str:
    if _is_field_process(words):
        node = next((word for word in words if word.endswith("node.msgpack")), "")
        return f"the running node {Path(node).parent.name} of gatectl (process {pid})"
    return f"process {pid} ({Path(words[0]).name if words else '?'})"


def _has_uart(name: str) -> bool:
    """Linux makes ttyS devices for UARTs that are not there; their type is 0."""
    try:
        return int(Path(f"/sys/class/tty/{name}/type").read_text().strip()) != 0
    except (OSError, ValueError):
        return True


def _what(device: str) -> str:
    try:
        described = SysFS(device)
    except (OSError, ValueError, IndexError):
        return ""
    text = described.description
    return "" if text in (None, "n/a") else str(text)
