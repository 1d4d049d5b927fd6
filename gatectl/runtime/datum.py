"""From the datum of a survey to the datum of the receiver's positions (decision 0018).

Both are named by CRS and epoch. The way between them is a chain of
  1. the projection back to longitude and latitude (exact),
  2. the published operation between the two datums: PROJ's best one, never a ballpark one,
  3. the motion of the ground from the survey's epoch to the receiver's, if both frames do not move
     with it (ITRF, WGS 84, CGCS2000), by the station velocity that the site gives. It is applied in
     the newer of the two frames, because that is the one which velocities are published in (the
     origin of ITRF97 drifts by 3 mm a year against ITRF2014); if that is the survey's, before step 2.
Each part is charged for what it may be wrong; the sum is the way's accuracy.

Facts. VN-2000 (EPSG:4756) to WGS 84: seven parameters, EPSG:6960, stated accuracy 1 m. CGCS2000
(EPSG:4490) is by definition ITRF97 at epoch 2000.0 (Yang, Chinese Science Bulletin 54, 2009); PROJ
knows no operation from it, so it is taken as ITRF97 and charged 3 cm for its realisation. WGS 84
(EPSG:4326) without a realisation is an ensemble that is known to 2 m; it agrees with itself only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from gatectl.model.site import Origin, Velocity

PROJ_ERRORS = (CRSError, ProjError, ValueError, TypeError)

CGCS2000 = "China 2000"
CGCS2000_EPOCH = 2000.0
CGCS2000_FRAME = "EPSG:8996"  # ITRF97, geographic 2D
CGCS2000_ACCURACY_M = 0.03

FASTEST_MPY = 0.1
"""No plate moves faster, in m a year: what an unknown velocity may amount to."""

SAME_EPOCH_YEARS = 0.01

WGS_84 = CRS("EPSG:4326")
ITRF2014 = CRS("EPSG:9000")

_REALISATION = (
    'name the realisation of the correction service in [datum] crs, such as "EPSG:9000" (ITRF2014), '
    "or survey with the corrections that the vehicles use"
)


class Refused(Exception):
    """Something that cannot be used. key: in the file that it stands in."""

    def __init__(self, key: str, cause: str, remedy: str) -> None:
        self.key, self.cause, self.remedy = key, cause, remedy
        super().__init__(f"{key}: {cause}")


@dataclass(frozen=True)
class Frame:
    """A CRS and the epoch of coordinates in it. geographic: its longitudes and latitudes (2D)."""

    crs: CRS
    geographic: CRS
    epoch: float

    @property
    def datum(self) -> str:
        """The datum's name: two frames with the same one need no operation between them."""
        return str(_datum(self.geographic).name)

    @property
    def moves(self) -> bool:
        """True if the ground moves in it: coordinates of a mark change by some cm a year."""
        kind = _datum(self.geographic).type_name
        earth_fixed = ("WGS 84", "World Geodetic", CGCS2000)
        return kind.startswith("Dynamic") or any(name in self.datum for name in earth_fixed)

    @property
    def realised(self) -> float:
        """The reference epoch of the frame: the later, the newer it is. 0 where it has none."""
        described = _datum(_known(self)).to_json_dict()
        return float(described.get("frame_reference_epoch", 0.0))


@dataclass(frozen=True)
class Part:
    """One part of a way: what it is, and by how much it may be wrong, m."""

    text: str
    accuracy_m: float


class Way:
    """From coordinates of the survey to longitudes and latitudes of the receiver, deg."""

    def __init__(
        self,
        unproject: Transformer,
        operations: list[Transformer],
        step: tuple[float, float],
        *,
        epoch: float,
        step_first: bool,
    ) -> None:
        """step: motion of the ground, east and north in m. epoch: at which the operations are done."""
        self.parts: list[Part] = []
        self._unproject = unproject
        self._operations = operations
        self._step = step
        self._step_first = step_first
        self._epoch = epoch
        self._geod = Geod(ellps="GRS80")

    @property
    def accuracy_m(self) -> float:
        """The sum of the parts: they may all be wrong in the same direction."""
        return sum(part.accuracy_m for part in self.parts)

    @property
    def text(self) -> str:
        """One line for people."""
        if not self.parts:
            return "the survey is in the receiver's datum and epoch"
        return ", then ".join(f"{part.text} ({part.accuracy_m:.2g} m)" for part in self.parts)

    def go(self, points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
        """(x, y), east or longitude first -> longitudes, latitudes in deg. Raises one of PROJ_ERRORS."""
        lon, lat = self._unproject.transform([p[0] for p in points], [p[1] for p in points], errcheck=True)
        if self._step_first:
            lon, lat = self._moved(lon, lat)
        for operation in self._operations:
            count = len(lon)
            lon, lat, *_ = operation.transform(lon, lat, [0.0] * count, [self._epoch] * count, errcheck=True)
        if not self._step_first:
            lon, lat = self._moved(lon, lat)
        return list(lon), list(lat)

    def _moved(self, lon: list[float], lat: list[float]) -> tuple[list[float], list[float]]:
        east, north = self._step
        if not (east or north):
            return lon, lat
        azimuth, distance = math.degrees(math.atan2(east, north)), math.hypot(east, north)
        lon, lat, _ = self._geod.fwd(lon, lat, [azimuth] * len(lon), [distance] * len(lon))
        return lon, lat


def frame(name: str, epoch: float, *, crs_key: str, epoch_key: str) -> Frame:
    """The frame of this CRS and epoch. Raises Refused with the key that is wrong."""
    plain = name.upper().replace("-", "").replace("_", "").replace(" ", "")
    if any(word in plain for word in ("GCJ", "BD09", "MARS")):
        raise Refused(
            crs_key,
            f"{name} is an obfuscated system (up to 500 m off) and is never accepted",
            "survey the lane, or have it exported in CGCS2000 or WGS 84 coordinates by its surveyor",
        )
    try:
        crs = CRS.from_user_input(name)
    except PROJ_ERRORS as error:
        raise Refused(crs_key, f"{name!r} is no known CRS", "give an EPSG code, such as EPSG:4326") from error
    if not (crs.is_geographic or crs.is_projected) or crs.is_bound:
        raise Refused(crs_key, f"{crs.name} is neither geographic nor projected", "give such a CRS")
    geographic = crs.geodetic_crs.to_2d() if crs.geodetic_crs is not None else None
    if geographic is None or geographic.datum is None or "unknown" in str(geographic.datum.name).lower():
        raise Refused(
            crs_key, f"{crs.name} names no datum", "give an EPSG code, such as EPSG:9000 (ITRF2014)"
        )
    if geographic.datum.name == CGCS2000 and abs(epoch - CGCS2000_EPOCH) > SAME_EPOCH_YEARS:
        raise Refused(
            epoch_key,
            f"CGCS2000 coordinates are of epoch 2000.0, not {epoch:g}",
            "give 2000.0; if they were not reduced to it, name the ITRF that they are in",
        )
    return Frame(crs, geographic, epoch)


def way(
    survey: Frame, receiver: Frame, origin: Origin, velocity: Velocity | None, wanted: object = None
) -> Way:
    """The best way from one to the other near the origin.

    wanted: the operation that the surveyor used, by its published name, where there are several.
    Raises Refused if there is no way but a ballpark one, or none of the wanted name.
    """
    unproject = Transformer.from_crs(survey.crs, survey.geographic, always_xy=True, allow_ballpark=False)
    operations: list[Transformer] = []
    parts = _motion(survey, receiver, velocity)
    if survey.datum == receiver.datum:
        if wanted is not None:
            raise Refused("transformation", "the survey is in the receiver's datum already", "remove it")
    else:
        parts += [_as_itrf(f) for f in (survey, receiver) if f.datum == CGCS2000]
        for operation, part in _operations(_known(survey), _known(receiver), origin, wanted):
            operations.append(operation)
            parts.append(part)
    step_first = survey.realised > receiver.realised
    # Coordinates in a frame that moves with the plate have no epoch of their own: that of the other counts.
    early = not survey.moves or (receiver.moves and step_first)
    epoch = receiver.epoch if early else survey.epoch
    step = _step(survey, receiver, velocity)
    found = Way(unproject, operations, step, epoch=epoch, step_first=step_first)
    found.parts = parts
    return found


def _datum(geographic: CRS) -> Any:  # pyproj does not export the type
    assert geographic.datum is not None  # `frame` refuses those
    return geographic.datum


def _as_itrf(frame_: Frame) -> Part:
    return Part(f"{frame_.geographic.name} taken as ITRF97 at 2000.0", CGCS2000_ACCURACY_M)


def _known(frame_: Frame) -> CRS:
    """The CRS that PROJ knows operations of."""
    return CRS(CGCS2000_FRAME) if frame_.datum == CGCS2000 else frame_.geographic


def _years(survey: Frame, receiver: Frame) -> float:
    """Over how many years the ground moves between the two epochs; 0 in frames that move with it."""
    years = receiver.epoch - survey.epoch
    return years if survey.moves and receiver.moves and abs(years) > SAME_EPOCH_YEARS else 0.0


def _step(survey: Frame, receiver: Frame, velocity: Velocity | None) -> tuple[float, float]:
    if velocity is None:
        return 0.0, 0.0
    years = _years(survey, receiver)
    return velocity.east_mm * years / 1000.0, velocity.north_mm * years / 1000.0


def _motion(survey: Frame, receiver: Frame, velocity: Velocity | None) -> list[Part]:
    years = _years(survey, receiver)
    if not years:
        return []
    epochs = f"from epoch {survey.epoch:g} to {receiver.epoch:g}"
    if velocity is None:
        return [Part(f"unknown motion of the ground {epochs}", abs(years) * FASTEST_MPY)]
    return [Part(f"motion of the ground {epochs}", abs(years) * velocity.sigma_mm / 1000.0)]


def _operations(source: CRS, target: CRS, origin: Origin, wanted: object) -> list[tuple[Transformer, Part]]:
    """PROJ's operation; else by way of the WGS 84 ensemble, which national datums refer to, and ITRF2014."""
    try:
        for between in ([], [WGS_84], [WGS_84, ITRF2014], [ITRF2014, WGS_84]):
            hops = [source, *between, target]
            groups = [_group(a, b, origin) for a, b in pairwise(hops)]
            if all(group.transformers for group in groups):
                break
    except PROJ_ERRORS as error:
        raise Refused("crs", f"no way from {source.name} to {target.name}: {error}", _REALISATION) from error
    if not all(group.transformers for group in groups):
        raise Refused(
            "crs",
            f"no exact transformation from {source.name} to {target.name} is published "
            "(a ballpark one is not accepted)",
            _REALISATION,
        )
    if wanted is not None:
        known = [name for group in groups for name in _names(group)]
        if not isinstance(wanted, str) or wanted not in known:
            raise Refused("transformation", f"{wanted!r} is not available", f"known are: {'; '.join(known)}")
    return [_chosen(group, wanted) for group in groups]


def _group(source: CRS, target: CRS, origin: Origin) -> TransformerGroup:
    area = AreaOfInterest(
        max(origin.longitude_deg - 0.1, -180.0),
        max(origin.latitude_deg - 0.1, -90.0),
        min(origin.longitude_deg + 0.1, 180.0),
        min(origin.latitude_deg + 0.1, 90.0),
    )
    return TransformerGroup(source, target, always_xy=True, area_of_interest=area, allow_ballpark=False)


def _names(group: TransformerGroup) -> dict[str, Transformer]:
    """By published name, PROJ's best first; what has no stated accuracy is none."""
    return {_published(t): t for t in reversed(group.transformers) if t.accuracy >= 0}


def _chosen(group: TransformerGroup, wanted: object) -> tuple[Transformer, Part]:
    known = _names(group)
    if isinstance(wanted, str) and wanted in known:
        return known[wanted], Part(wanted, known[wanted].accuracy)
    if not group.best_available:
        missing = group.unavailable_operations[0].name if group.unavailable_operations else "one"
        raise Refused(
            "transformation",
            f"the best one, {missing}, needs a grid that is not installed",
            f"install it (projsync), or name another one: {'; '.join(known)}",
        )
    best = group.transformers[0]
    name = _published(best)
    if name not in known:
        raise Refused(
            "transformation", f"{name} has no stated accuracy", f"name another one: {'; '.join(known)}"
        )
    return best, Part(name, best.accuracy)


def _published(transformer: Transformer) -> str:
    """The published names without PROJ's own steps: `VN-2000 to WGS 84 (2)`."""
    steps = transformer.description.split(" + ")
    own = ("axis order change", "Conversion from", "Null geographic", "Null geocentric")
    named = [s for s in steps if " to " in s and not s.startswith(own)]
    return " + ".join(named) or str(transformer.description)
