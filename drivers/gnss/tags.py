"""The tags of a gnss device (docs/architecture.md)."""

from __future__ import annotations

from drivers.gnss.config import GnssConfig
from drivers.gnss.corrections import correction_tags
from gatectl.model.tags import Kind, TagSpec

STALE_PERIODS = 2.5  # two missing epochs are seen as soon as the third ought to have come
ALIVE_STALE_S = 1.0  # `alive` is told again within it, whatever the receiver does


def tags(config: GnssConfig) -> tuple[TagSpec, ...]:
    """Every tag of the driver; all states. Angles clockwise from north, WGS 84.

    `alive` is what the driver itself knows, so it is GOOD in both states: 1 while valid messages come,
    0 while the link is down; all others are then BAD / LINK_DOWN and keep their last values.
    """
    stale_s = STALE_PERIODS / config.rate_hz

    def spec(name: str, unit: str, doc: str, kind: Kind = Kind.FLOAT) -> TagSpec:
        return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=stale_s, doc=doc)

    own = (
        TagSpec(
            name="alive",
            kind=Kind.BOOL,
            stale_after_s=max(ALIVE_STALE_S, stale_s),
            doc="valid messages arrive",
        ),
        spec("latitude", "deg", "of the antenna, north positive"),
        spec("longitude", "deg", "of the antenna, east positive"),
        spec("height", "m", "of the antenna above the ellipsoid"),
        spec("fix", "", "GGA quality: 0 none, 1 single, 2 differential, 4 fixed, 5 float", Kind.INT),
        spec("sigma_north", "m", "standard deviation as the receiver claims it"),
        spec("sigma_east", "m", "standard deviation as the receiver claims it"),
        spec("speed", "m/s", "over ground"),
        spec("course", "rad", "over ground, clockwise from north, 0 to 2 pi"),
        spec("heading", "rad", "of the antenna baseline, clockwise from north, 0 to 2 pi"),
        spec("sigma_heading", "rad", "standard deviation of the heading as the receiver claims it"),
        spec("baseline", "m", "distance of the two antennas as the receiver computes it"),
        spec("receiver_level", "m", "horizontal protection level of the receiver itself (UBX NAV-PL)"),
        spec("correction_age", "s", "of the RTK or differential corrections"),
        spec("satellites", "", "used in the solution", Kind.INT),
        spec("epoch_utc", "s", "the moment that the epoch describes, since 1970; changes once per epoch"),
        spec("epoch_age", "s", "how old the epoch was when its samples were stamped"),
    )
    return own if config.ntrip is None else own + correction_tags(stale_s)
