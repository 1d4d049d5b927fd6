"""The transponder reader's table in the node file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gatectl.model.device import Wire


class TransponderReaderConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reader antenna below the vehicle. Where it stands on the vehicle is `[vehicle]`'s
    `transponder_forward_m` and `transponder_left_m`.

    wire: serial (or TCP through a converter). lateral_max_m: the antenna's reach to each side; what is
    reported beyond it is refused. signal_min: crossings with a weaker signal (0 to 1) have an uncertain
    lateral position. silence_s: no valid telegram for longer means link down.
    """

    wire: Wire
    lateral_max_m: Annotated[float, Meta(gt=0, le=1)] = 0.25
    signal_min: Annotated[float, Meta(ge=0, le=1)] = 0.2
    silence_s: Annotated[float, Meta(ge=0.05, le=10)] = 0.3
