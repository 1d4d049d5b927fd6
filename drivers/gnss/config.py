"""The `config` table of a gnss device."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from drivers._wire import check_wire
from drivers.gnss.ntrip import NtripConfig, check_ntrip
from gatectl.model.device import Wire

Metres = Annotated[float, Meta(gt=0, le=100)]


class GnssConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GNSS receiver that sends NMEA 0183, its maker's sentences, `#` logs or UBX over a serial port or
    TCP; any mixture that has a position and a date (docs/equipment-protocols.md lists the messages).

    wire: port and baud, or host and tcp_port.
    rate_hz: epochs per second that the receiver is set to; samples older than 2.5 periods are STALE.
    latency_s: from the epoch to the first byte of its burst on the wire (data sheet; 0.02 to 0.1). Not
    used while a pulse per second measures it.
    pps, pps_edge: the pulse's device, such as /dev/pps0, and the edge that marks the second; "" = none.
    gap_s: silence on the line that ends a burst.
    silence_s: without a valid message for so long the wire is taken as lost and opened again.
    baseline_m, baseline_tolerance_m: measured distance of the two antennas; a receiver that reports
    another one has a wrong heading. Without it that is not checked.
    jump_m: by how much two positions may disagree beyond speed and sigmas. speed_max_mps: of the vehicle.
    leap_seconds: GPS time minus UTC, for messages in GPS time from a receiver that does not say it.
    correction_age_max_s: RTK with older corrections is not taken for RTK.
    ntrip: a caster whose corrections are handed to the receiver; without it they come another way.
    base_dir: of the files that ntrip names; filled in by gatectl.
    """

    wire: Wire
    rate_hz: Annotated[float, Meta(ge=0.2, le=50)] = 10.0
    latency_s: Annotated[float, Meta(ge=0, le=1)] = 0.06
    pps: str = ""
    pps_edge: Literal["assert", "clear"] = "assert"
    gap_s: Annotated[float, Meta(ge=0.002, le=0.5)] = 0.03
    silence_s: Annotated[float, Meta(ge=0.2, le=60)] = 2.0
    baseline_m: Metres | None = None
    baseline_tolerance_m: Annotated[float, Meta(ge=0.005, le=1)] = 0.05
    jump_m: Metres = 1.0
    speed_max_mps: Annotated[float, Meta(gt=0, le=100)] = 15.0
    leap_seconds: Annotated[int, Meta(ge=0, le=60)] = 18
    correction_age_max_s: Annotated[float, Meta(gt=0, le=600)] = 20.0
    ntrip: NtripConfig | None = None
    base_dir: str = ""


def check(config: GnssConfig) -> list[tuple[str, str, str]]:
    """Mistakes that types cannot see: (key, cause, remedy)."""
    found = check_wire(config.wire)
    if config.gap_s * config.rate_hz >= 0.5:
        found.append(
            ("gap_s", "as long as half a period: bursts would run into each other", "make it shorter")
        )
    if config.silence_s * config.rate_hz < 3.0:
        found.append(("silence_s", "shorter than three epochs", "make it longer, or raise rate_hz"))
    if config.baseline_m is not None and config.baseline_tolerance_m > 0.5 * config.baseline_m:
        found.append(
            ("baseline_tolerance_m", "more than half of the baseline: nothing is checked", "make it smaller")
        )
    if config.pps and not config.pps.startswith("/"):
        found.append(("pps", f"{config.pps!r} is no device", "give its path, such as /dev/pps0"))
    if config.ntrip is not None:
        found += check_ntrip(config.ntrip, config.base_dir)
    return found
