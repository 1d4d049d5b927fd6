"""The `config` table of a gnss device."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

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
    rate_hz: Annotated[float, Meta(ge=0.2, le=50)] = 10.0
    latency_s: Annotated[float, Meta(ge=0, le=1)] = 0.06
    gap_s: Annotated[float, Meta(ge=0.002, le=0.5)] = 0.03
    silence_s: Annotated[float, Meta(ge=0.2, le=60)] = 2.0


def check(config: GnssConfig) -> list[tuple[str, str, str]]:
    """Mistakes that types cannot see: (key, cause, remedy)."""
    found = check_wire(config.wire)
    if config.gap_s * config.rate_hz >= 0.5:
        found.append(
            ("gap_s", "as long as half a period: bursts would run into each other", "make it shorter")
        )
    if config.silence_s * config.rate_hz < 3.0:
        found.append(("silence_s", "shorter than three epochs", "make it longer, or raise rate_hz"))
    return found
