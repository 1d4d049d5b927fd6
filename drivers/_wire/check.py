"""Mistakes in a `wire` table that types cannot see."""

from __future__ import annotations

import re

from gatectl.model.device import Wire

FRAME = re.compile(r"([5-8])([NEOMS])(1|1\.5|2)")


def check_wire(
    wire: Wire, kinds: frozenset[str] = frozenset({"serial", "tcp"}), key: str = "wire"
) -> list[tuple[str, str, str]]:
    """Mistakes in a `wire` table, as `Driver.check` returns them: (key, cause, remedy).

    kinds: what the device can be attached to, of `serial`, `tcp` and `listen`.
    """
    found: list[tuple[str, str, str]] = []
    given = [
        kind
        for kind, is_given in (
            ("serial", bool(wire.port)),
            ("tcp", bool(wire.tcp_port)),
            ("listen", bool(wire.listen_port)),
        )
        if is_given
    ]
    wanted = " or ".join(
        text
        for kind, text in (
            ("serial", "port (a serial port)"),
            ("tcp", "host and tcp_port"),
            ("listen", "listen_port"),
        )
        if kind in kinds
    )
    if len(given) != 1:
        cause = "names no wire" if not given else f"names {len(given)} wires: {', '.join(given)}"
        found.append((key, cause, f"give exactly one: {wanted}"))
    elif given[0] not in kinds:
        found.append((key, f"this device cannot be attached by {given[0]}", f"give {wanted}"))
    if wire.tcp_port and not wire.host:
        found.append((f"{key}.host", "tcp_port is given without a host", "name the device's address"))
    if wire.port and wire.host:
        found.append((f"{key}.host", "a serial port has no host", "remove one of the two"))
    for name, number in (("tcp_port", wire.tcp_port), ("listen_port", wire.listen_port)):
        if not 0 <= number <= 65_535:
            found.append((f"{key}.{name}", f"{number} is not a port number", "use 1 to 65535"))
    if wire.baud <= 0:
        found.append((f"{key}.baud", f"{wire.baud} is not a baud rate", "use the rate on the device's plate"))
    if not FRAME.fullmatch(wire.frame):
        found.append((f"{key}.frame", f"{wire.frame!r} is not a serial frame", 'use e.g. "8N1" or "7E1"'))
    return found
