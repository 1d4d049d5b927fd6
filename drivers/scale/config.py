"""The scale's table in the node file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gatectl.model.device import Wire

Positive = Annotated[float, Meta(gt=0)]


class ScaleConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A weighing indicator that sends continuously.

    wire: serial (or TCP through a converter). protocol: `mt_continuous` (Mettler-Toledo) or `xk3190`
    (Yaohua). checksum: the Mettler-Toledo frame ends with CHK (a setting of the indicator). unit: what
    the indicator is set to; a frame that says another unit is refused. capacity_kg: more is overload,
    less than -underload_kg is underload, whether the indicator says so or not. stable_band_kg and
    stable_time_s: an indicator without a stability flag (xk3190) counts as stable while its readings
    stayed within the band for that time. silence_s: no valid frame for longer means link down.
    """

    wire: Wire
    protocol: Literal["mt_continuous", "xk3190"]
    checksum: bool = True
    unit: Literal["kg", "lb"] = "kg"
    capacity_kg: Positive = 100_000.0
    underload_kg: Positive = 200.0
    stable_band_kg: Positive = 20.0
    stable_time_s: Positive = 1.5
    silence_s: Positive = 1.0
