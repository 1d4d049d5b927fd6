"""A vehicle over transponders: what its simulated antenna crosses reaches the position."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from vehicle_loop import VehicleLoop
from vehicle_world import ALL, NODES, demo_site

from gatectl.model.site import Site, TransponderConfig
from hil.plant.gnss import VehicleTruth
from hil.plant.transponder import Crossing, ReaderParams, ReaderPlant

FORWARD_M, LEFT_M = 6.0, 0.1
LAST_GNSS_M = 27.0  # of the control point, on the way from 21 m to 62 m
ROW = tuple(
    (at, (-1) ** n * 0.05) for n, at in enumerate((34.0, 38.0, 42.0, 46.0, 50.0, 54.0, 58.0, 62.0, 66.0))
)


def site_with(places: tuple[tuple[float, float], ...]) -> Site:
    """The demo site with transponders on the lane east (m along, m left), of codes 100, 101, ..."""
    site = demo_site()
    table = tuple(
        TransponderConfig(id=100 + n, lane="east", at_m=at, lateral_m=left)
        for n, (at, left) in enumerate(places)
    )
    return msgspec.structs.replace(site, config=msgspec.structs.replace(site.config, transponder=table))


class Loop(VehicleLoop):
    """A loop whose vehicle has a reader; it tells as drivers/transponder does."""

    def __init__(self, site: Site, seed: int) -> None:
        super().__init__(
            seed=seed,
            site=site,
            transponder="reader",
            transponder_forward_m=FORWARD_M,
            transponder_left_m=LEFT_M,
        )
        self.reader = ReaderPlant(ReaderParams(FORWARD_M, LEFT_M), site.transponders(), random.Random(seed))
        self.crossings: list[Crossing] = []
        self.code_offset = 0

    def _sense(self) -> None:
        super()._sense()
        p = self.plant
        now_s = self.now * 1e-9
        self.crossings += self.reader.update(now_s, VehicleTruth(p.x, p.y, p.yaw, p.speed, p.yaw_rate))
        values = {"alive": 1.0, "count": float(len(self.crossings))}
        if self.crossings:
            last = self.crossings[-1]
            values |= {"id": float(last.code + self.code_offset), "lateral": last.lateral_m}
            values |= {"age": now_s - last.time_s, "signal": last.signal}
        self._put("reader", values)

    @property
    def error_m(self) -> float:
        """Of the core's position against the truth."""
        return math.hypot(self.core_tag("x") - self.plant.x, self.core_tag("y") - self.plant.y)


def to_the_check(loop: Loop) -> None:
    """On its way from the crane."""
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, NODES[:2])
    assert loop.run(30, lambda x: x.s_true > LAST_GNSS_M), loop.status


def without_gnss(places: tuple[tuple[float, float], ...], seed: int = 1, code_offset: int = 0) -> Loop:
    """GNSS ends on the way to the check. Until it stands, at most 40 s."""
    loop = Loop(site_with(places), seed)
    loop.code_offset = code_offset
    to_the_check(loop)
    loop.gnss.silent = True
    loop.run(2.0)
    loop.run(40, lambda x: x.plant.speed == 0.0)
    return loop


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_transponders_help_where_gnss_is_gone(seed: int) -> None:
    alone, guided = without_gnss((), seed), without_gnss(ROW, seed)
    assert len(guided.crossings) >= 2
    assert guided.error_m < alone.error_m
    assert guided.stop_error(NODES[1]) == pytest.approx(0.0, abs=0.1)  # it drove on to where it was sent
    assert guided.error_m < guided.core_tag("protection_level") < alone.core_tag("protection_level")


def test_codes_that_the_site_does_not_have_change_nothing() -> None:
    alone, lost = without_gnss((), 1), without_gnss(ROW, 1, code_offset=1000)
    assert lost.crossings
    assert lost.error_m == pytest.approx(alone.error_m, abs=1e-9)
    assert lost.core_tag("protection_level") == pytest.approx(alone.core_tag("protection_level"), abs=1e-9)


def test_a_transponder_that_lies_elsewhere_than_surveyed_is_refused_while_gnss_knows_better() -> None:
    loop = Loop(site_with(((34.0, 0.0),)), 1)
    there = site_with(((36.5, 0.0),)).transponders()
    loop.reader = ReaderPlant(ReaderParams(FORWARD_M, LEFT_M), there, random.Random(1))
    to_the_check(loop)
    worst = 0.0
    for _ in range(400):
        loop.step()
        worst = max(worst, loop.error_m)
    assert loop.crossings
    assert worst < 0.15
