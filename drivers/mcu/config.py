"""The drive controller's table in the node file."""

from __future__ import annotations

import re

from msgspec import Struct

from drivers._wire import check_wire
from gatectl.model.device import Wire

_CRC = re.compile(r"0x[0-9A-Fa-f]{1,8}")


class McuConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """wire: a serial port (or TCP, for a serial server).

    dictionary_crc, config_crc: what the controller must announce, as "0x1234ABCD"; "" accepts any and
    logs what it is, so that it can be copied here when the vehicle is commissioned.
    command_period_ms: between two COMMANDs. silent_after_ms: without telemetry for so long, the link
    counts as down.
    """

    wire: Wire
    dictionary_crc: str = ""
    config_crc: str = ""
    command_period_ms: float = 10.0
    silent_after_ms: float = 200.0


def parse_crc(text: str) -> int | None:
    """The number that a checked CRC key stands for; None for ""."""
    return int(text, 16) if text else None


def check(config: McuConfig) -> list[tuple[str, str, str]]:
    """Mistakes that types cannot see: (key, cause, remedy)."""
    found = check_wire(config.wire)
    for key, text in (("dictionary_crc", config.dictionary_crc), ("config_crc", config.config_crc)):
        if text and not _CRC.fullmatch(text):
            found.append((key, f"{text!r} is not a CRC", 'write it as the log shows it, e.g. "0x1234ABCD"'))
    if not 5.0 <= config.command_period_ms <= 50.0:
        found.append(
            (
                "command_period_ms",
                f"{config.command_period_ms:g} is outside 5 to 50",
                "the controller brakes after 200 ms of silence: use 10 or 20",
            )
        )
    if not 50.0 <= config.silent_after_ms <= 1000.0:
        found.append(
            (
                "silent_after_ms",
                f"{config.silent_after_ms:g} is outside 50 to 1000",
                "telemetry comes every 10 ms: use 200",
            )
        )
    return found
