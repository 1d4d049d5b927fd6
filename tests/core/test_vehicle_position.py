"""A start the wrong way round, and transponders that the site does not know."""

from __future__ import annotations

import math
from typing import Any

import pytest
from vehicle_loop import VehicleLoop
from vehicle_world import ALL, NODES

from gatectl.core.vehicle_marker import MarkerReader, MarkerState
from gatectl.model import Block, Direction, Layout, Quality, Snapshot, TagSpec, pack_quality
from gatectl.model.messages import Incident
from gatectl.model.node import VehicleConfig
from gatectl.model.quality import Cause


def incidents(loop: VehicleLoop, code: str) -> list[Incident]:
    return [m for m in loop.sent if isinstance(m, Incident) and m.code == code]


class Swapped(VehicleLoop):
    """The receiver's antennas are swapped until `right`."""

    right = False

    def _put(self, device: str, values: dict[str, float]) -> None:
        if device == "gnss" and not self.right:
            values = values | {"heading": (values["heading"] + math.pi) % math.tau}
        super()._put(device, values)


def test_a_heading_against_the_lane_is_refused_told_once_and_explained() -> None:
    loop = Swapped()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, NODES)
    loop.run(20.0)
    assert loop.core_tag("localised") == 0.0
    assert loop.plant.speed == 0.0
    (incident,) = incidents(loop, "wrong_way")
    assert incident.severity == "alarm"
    assert "heading_offset_deg" in incident.remedy
    assert loop.status["position"] == ("unknown", {"wrong_way"})
    assert loop.core_tag("reset_owed") == 1.0


def test_once_the_antennas_are_right_the_vehicle_starts_as_ever() -> None:
    loop = Swapped()
    loop.leased = ALL
    loop.ready()
    loop.right = True
    loop.ready()
    assert loop.status["position"] == ("trusted", set())
    loop.order(0, 6, NODES)
    assert loop.run(30.0, lambda x: x.plant.speed > 1.0)
    assert len(incidents(loop, "wrong_way")) == 1


def test_a_vehicle_away_from_every_lane_may_stand_as_it_likes() -> None:
    loop = VehicleLoop()
    here = loop.route.at(21.0)
    loop.plant.x, loop.plant.y = here.x - 30.0 * math.sin(here.yaw), here.y + 30.0 * math.cos(here.yaw)
    loop.plant.yaw = here.yaw + math.pi
    loop.run(3.0)
    assert loop.core_tag("localised") == 1.0
    assert not incidents(loop, "wrong_way")


TAGS = ("count", "id", "lateral", "age")
GOOD, WEAK = pack_quality(Quality.GOOD, Cause.NONE), pack_quality(Quality.UNCERTAIN, Cause.ESTIMATED)


class Reader:
    """A reader's tags; `read` at `now_s`."""

    def __init__(self) -> None:
        self.layout = Layout(
            [Block("t", Direction.STATE, tuple(TagSpec(name=n, stale_after_s=0.5) for n in TAGS))]
        )
        self.snapshot = Snapshot.empty(self.layout)
        self.snapshot.qualities = bytearray(self.snapshot.qualities)  # type: ignore[assignment] # written in place
        vehicle = VehicleConfig(serial="A", manufacturer="B", transponder="t")
        self.unit, self.state = MarkerReader(vehicle, {7: (1.0, 2.0)}, self.layout), MarkerState()

    def read(self, now_s: float, stamp_s: float, quality: int = GOOD, **values: float) -> Any:
        for name in TAGS:
            i = self.layout.index[f"t.{name}"]
            self.snapshot.values[i] = values[name]
            self.snapshot.stamps_mono_ns[i] = round(stamp_s * 1e9)
            self.snapshot.qualities[i] = quality  # type: ignore[index] # a bytearray here
        return self.unit.read(self.state, self.snapshot, round(now_s * 1e9), 2.0)


def test_a_crossing_counts_once_and_at_its_own_time() -> None:
    reader = Reader()
    assert reader.read(10.0, 10.0, count=3, id=7, lateral=0.1, age=2.0) == (None, 0)  # from before the start
    fix, stranger = reader.read(10.1, 10.1, count=4, id=7, lateral=0.1, age=0.05)
    assert stranger == 0
    assert (fix.stamp_mono_ns, fix.x, fix.y, fix.lateral) == (10_050_000_000, 1.0, 2.0, 0.1)
    assert fix.sigma_along > fix.sigma_across
    assert reader.read(10.2, 10.2, count=4, id=7, lateral=0.1, age=0.15) == (None, 0)


@pytest.mark.parametrize(
    ("quality", "stamp_s"), [(WEAK, 10.1), (0, 10.1), (GOOD, 9.0)], ids=["weak", "bad", "old"]
)
def test_a_crossing_waits_until_all_of_it_is_good(quality: int, stamp_s: float) -> None:
    reader = Reader()
    reader.read(10.0, 10.0, count=3, id=7, lateral=0.1, age=2.0)
    assert reader.read(10.1, stamp_s, quality, count=4, id=7, lateral=0.1, age=0.05) == (None, 0)
    assert reader.read(10.2, 10.2, count=4, id=7, lateral=0.1, age=0.15)[0] is not None


def test_a_transponder_that_the_site_does_not_know_is_named_once() -> None:
    reader = Reader()
    reader.read(10.0, 10.0, count=3, id=7, lateral=0.1, age=2.0)
    assert reader.read(10.1, 10.1, count=4, id=99, lateral=0.0, age=0.0) == (None, 99)
    assert reader.read(10.2, 10.2, count=4, id=99, lateral=0.0, age=0.1) == (None, 0)


def test_an_unknown_transponder_is_told() -> None:
    loop = VehicleLoop(transponder="reader")
    seen = {"lateral": 0.0, "age": 0.0, "signal": 1.0, "alive": 1.0}
    loop._put("reader", seen | {"count": 1.0, "id": 5.0})
    loop.step()
    loop._put("reader", seen | {"count": 2.0, "id": 5.0})
    loop.step()
    (incident,) = incidents(loop, "transponder_unknown")
    assert "5" in incident.text
