"""`gatectl probe`: which port, which speed, which protocol. Listens only; drivers know their devices."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import tomli_w
from msgspec import Struct

from gatectl.cli.ports import SerialPort, holder, port_of, serial_ports, taken
from gatectl.cli.show import table
from gatectl.model import DeviceError, UsageError
from gatectl.model.device import ProbeFinding, Probing, Wire
from gatectl.runtime import plugins

LISTEN_S = 2.5  # a receiver that sends once a second is heard twice
USED_SHARE = 0.3  # of the bytes; at a wrong speed hardly anything passes a checksum
SILENT_SPEEDS = 2  # a line on which something is sent gives bytes at any speed


class PortResult(Struct, kw_only=True):
    """What was found out about a port. state: `found`, `busy`, `silent`, `nothing` (something is sent, but
    nothing that the driver knows), `error` or `late` (the time was over). text: for people."""

    port: str
    device: str
    what: str
    state: str
    text: str = ""
    baud: int = 0
    finding: ProbeFinding | None = None


def probing_driver(name: str) -> type[Probing]:
    """The driver's class. Raises UsageError if it is not known or cannot probe."""
    driver = plugins.driver_class(name)
    if not isinstance(driver, Probing):
        able = [n for n in sorted(plugins.available()) if isinstance(plugins.driver_class(n), Probing)]
        raise UsageError(f"the driver {name} cannot look for its device", f"these can: {', '.join(able)}")
    return driver


def chosen_ports(given: list[str]) -> list[SerialPort]:
    """The ports to listen to. Raises UsageError if there is none."""
    ports = [port_of(path) for path in given] if given else serial_ports()
    if not ports:
        raise UsageError(
            "this machine has no serial port", "plug the device in, or name its port with --port"
        )
    return ports


async def probe_all(
    driver: type[Probing],
    ports: list[SerialPort],
    *,
    bauds: list[int],
    seconds: float,
    tell: Callable[[str], None],
) -> list[PortResult]:
    """Every port at once, its speeds one after the other; each port ends after `seconds`."""
    return list(
        await asyncio.gather(
            *(_probe_port(driver, port, bauds or list(driver.probe_bauds), seconds, tell) for port in ports)
        )
    )


async def _probe_port(
    driver: type[Probing], port: SerialPort, bauds: list[int], seconds: float, tell: Callable[[str], None]
) -> PortResult:
    result = PortResult(port=port.path, device=port.device, what=port.what, state="late")
    result.text = f"not done after {seconds:g} s; give it more --seconds, or name --baud"
    user = taken(port)
    if user:
        result.state, result.text = "busy", f"in use by {user}: stop it first"
        return result
    try:
        async with asyncio.timeout(seconds):
            await _try_speeds(driver, port, bauds, result, tell)
    except TimeoutError:
        pass
    except DeviceError as error:
        locked = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.EAGAIN, errno.EBUSY)
        user = holder(port) if locked else ""
        result.state = "busy" if locked else "error"
        result.text = f"in use by {user}: stop it first" if user else f"{error.cause} - {error.remedy}"
    return result


async def _try_speeds(
    driver: type[Probing],
    port: SerialPort,
    bauds: list[int],
    result: PortResult,
    tell: Callable[[str], None],
) -> None:
    heard, silent = 0, 0
    for baud in bauds:
        tell(f"{port.path} at {baud}")
        finding = await driver.probe(Wire(port=port.path, baud=baud), LISTEN_S)
        heard += finding.heard_bytes
        if finding.protocol and finding.used_bytes >= USED_SHARE * finding.heard_bytes:
            result.state, result.text, result.baud, result.finding = "found", "", baud, finding
            return
        silent += finding.heard_bytes == 0
        if silent >= min(SILENT_SPEEDS, len(bauds)) and not heard:
            result.state, result.text = "silent", "nothing is sent here"
            return
    result.state = "nothing"
    result.text = f"{heard} bytes heard, nothing that this driver knows, at {', '.join(map(str, bauds))}"


def show(results: list[PortResult], driver: str) -> None:
    """For people: the ports, what is sent on them, and a `[[device]]` for each device found."""
    rows = []
    for result in results:
        finding = result.finding
        if finding is None:
            rows.append([result.port, "-", result.state, result.text])
        else:
            rows.append([result.port, str(result.baud), finding.protocol, _messages(finding)])
    table(("port", "speed", "found", "what"), rows)
    found = [result for result in results if result.finding is not None]
    for number, result in enumerate(found, 1):
        print(f"\n# {result.what or result.port}")
        for note in result.finding.notes if result.finding else ():
            print(f"# {note}")
        print(snippet(driver, result, number), end="")
    if not found:
        print(f"no {driver} was found: is it switched on, plugged in, and set to send?", file=sys.stderr)


def snippet(driver: str, result: PortResult, number: int = 1) -> str:
    """A `[[device]]` for NODE.toml."""
    assert result.finding is not None
    name = driver if number == 1 else f"{driver}{number}"
    device = {"name": name, "driver": driver, "group": name, "config": result.finding.config}
    return tomli_w.dumps({"device": [device]})


def as_json(results: list[PortResult], driver: str) -> dict[str, Any]:
    """For programs."""
    return {"driver": driver, "ports": msgspec.to_builtins(results)}


def _messages(finding: ProbeFinding) -> str:
    counts = sorted(finding.messages.items(), key=lambda item: -item[1])
    each = ", ".join(f"{name} {count / finding.seconds:.1f}/s" for name, count in counts[:8])
    return each + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")
