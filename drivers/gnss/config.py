"""The `config` table of a gnss device."""

from __future__ import annotations

from msgspec import Struct

from drivers._wire import check_wire
from gatectl.model.device import Wire


class GnssConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GNSS receiver that sends NMEA 0183 over a serial port or TCP.

    Needed: GGA and RMC (RMC carries the date). Wanted: GST (sigmas), THS or HDT (heading), VTG.

    wire: port and baud, or host and tcp_port.
    rate_hz: epochs per second that the receiver is set to; samples older than 2.5 periods are STALE.
    latency_s: from the epoch to the first byte of its burst on the wire (data sheet; 0.02 to 0.1).
    gap_s: silence on the line that ends a burst.
    silence_s: without a valid sentence for so long the wire is taken as lost and opened again.
    """

    wire: Wire
    rate_hz: float = 10.0
    latency_s: float = 0.06
    gap_s: float = 0.03
    silence_s: float = 2.0


def check(config: GnssConfig) -> list[tuple[str, str, str]]:
    """Mistakes that types cannot see: (key, cause, remedy)."""
    found = check_wire(config.wire)
    for key, value, low, high in (
        ("rate_hz", config.rate_hz, 0.2, 50.0),
        ("latency_s", config.latency_s, 0.0, 1.0),
        ("gap_s", config.gap_s, 0.002, 0.5),
        ("silence_s", config.silence_s, 0.2, 60.0),
    ):
        if not low <= value <= high:
            found.append((key, f"{value:g} is out of range", f"use {low:g} to {high:g}"))
    if not found and config.gap_s * config.rate_hz >= 0.5:
        found.append(
            ("gap_s", "as long as half a period: bursts would run into each other", "make it shorter")
        )
    if not found and config.silence_s * config.rate_hz < 3.0:
        found.append(("silence_s", "shorter than three epochs", "make it longer, or raise rate_hz"))
    return found
