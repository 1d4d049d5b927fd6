"""The tags of a gnss device (docs/architecture.md) and how an epoch becomes samples."""

from __future__ import annotations

from drivers.gnss.config import GnssConfig
from gatectl.model.tags import Kind, TagSpec

STALE_PERIODS = 2.5  # two missing epochs are seen as soon as the third ought to have come


def tags(config: GnssConfig) -> tuple[TagSpec, ...]:
    """Every tag of the driver; all states. Angles clockwise from north, WGS 84."""
    stale_s = STALE_PERIODS / config.rate_hz

    def spec(name: str, unit: str, doc: str, kind: Kind = Kind.FLOAT) -> TagSpec:
        return TagSpec(name=name, unit=unit, kind=kind, stale_after_s=stale_s, doc=doc)

    return (
        spec("alive", "", "valid sentences arrive", Kind.BOOL),
        spec("latitude", "deg", "of the antenna, north positive"),
        spec("longitude", "deg", "of the antenna, east positive"),
        spec("height", "m", "of the antenna above the ellipsoid"),
        spec("fix", "", "GGA quality: 0 none, 1 single, 2 differential, 4 fixed, 5 float", Kind.INT),
        spec("sigma_north", "m", "standard deviation as the receiver claims it (GST)"),
        spec("sigma_east", "m", "standard deviation as the receiver claims it (GST)"),
        spec("speed", "m/s", "over ground"),
        spec("course", "rad", "over ground, clockwise from north, 0 to 2 pi"),
        spec("heading", "rad", "of the antenna baseline, clockwise from north, 0 to 2 pi"),
        spec("correction_age", "s", "of the RTK or differential corrections (GGA)"),
        spec("satellites", "", "used in the solution", Kind.INT),
        spec("epoch_utc", "s", "the moment that the epoch describes, since 1970; changes once per epoch"),
        spec("epoch_age", "s", "how old the epoch was when its samples were stamped"),
    )
