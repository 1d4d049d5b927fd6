"""What cannot be is marked, and what can be is left alone."""

import math

import pytest

from drivers.gnss import GnssConfig
from drivers.gnss.faults import OVER_NS, FaultLog
from drivers.gnss.plausible import HOLD_S, Fault, Plausibility
from drivers.gnss.samples import Reading, bad, good
from gatectl.model import Cause, Quality
from gatectl.model.device import Wire

S = 10**9
METRE = 1 / 111_320.0
POSITION = ("latitude", "longitude", "height", "sigma_north", "sigma_east")


def epoch(north_m: float = 0.0, *, speed: float | None = 0.0, **changes: Reading) -> dict[str, Reading]:
    found = {
        "fix": good(4),
        "latitude": good(21.5 + north_m * METRE),
        "longitude": good(106.7),
        "height": good(300.0),
        "sigma_north": good(0.01),
        "sigma_east": good(0.01),
        "speed": good(speed) if speed is not None else bad(Cause.NOT_CONFIGURED),
        "course": good(0.0),
        "heading": good(1.0),
        "baseline": bad(Cause.NOT_CONFIGURED),
        "correction_age": good(0.8),
    }
    return found | changes


class Drive:
    """Epochs at 10 Hz into a Plausibility."""

    def __init__(self, **config) -> None:
        self.judge = Plausibility(GnssConfig(wire=Wire(port="/dev/ttyS1"), **config))
        self.number = 0

    def __call__(
        self, found: dict[str, Reading], after_s: float = 0.1
    ) -> tuple[list[str], dict[str, Reading]]:
        self.number += round(after_s * 10)
        codes = [fault.code for fault in self.judge.judge(found, self.number * S // 10)]
        return codes, found


def causes(found: dict[str, Reading], tags=POSITION) -> set[Cause]:
    return {found[tag].cause for tag in tags}


def test_an_ordinary_drive_is_left_alone():
    drive = Drive(baseline_m=1.5)
    for n in range(100):
        codes, found = drive(epoch(0.5 * n, speed=5.0, baseline=good(1.49), heading=good(n * 1e-3)))
        assert codes == []
        assert {r.quality for r in found.values()} == {Quality.GOOD}


def test_a_position_that_stands_still_while_the_receiver_moves_is_frozen():
    drive = Drive()
    seen = [drive(epoch(0.0, speed=1.0)) for _ in range(6)]
    assert [codes for codes, _ in seen][:3] == [[], [], []]
    assert seen[-1][0] == ["position_frozen"]
    assert causes(seen[-1][1]) == {Cause.FROZEN}
    assert seen[-1][1]["latitude"].quality is Quality.BAD
    assert drive(epoch(0.01, speed=1.0))[0] == []


def test_a_vehicle_that_stands_may_stand_still_to_the_last_digit():
    drive = Drive()
    assert all(drive(epoch(0.0, speed=0.04))[0] == [] for _ in range(600))


def test_a_jump_is_held_back_and_taken_over_when_it_stays():
    drive = Drive()
    drive(epoch(0.0, speed=1.0))
    codes, found = drive(epoch(5.0, speed=1.0))
    assert codes == ["position_jump"]
    assert causes(found) == {Cause.CONFLICT}
    assert found["fix"].quality is Quality.GOOD
    held = 1
    while drive(epoch(5.0 + 0.1 * held, speed=1.0))[0]:
        held += 1
    assert held == pytest.approx(HOLD_S * 10, abs=2)
    assert drive(epoch(5.0 + 0.1 * held + 0.1, speed=1.0))[0] == []


def test_a_jump_and_back_costs_only_itself():
    drive = Drive()
    drive(epoch(0.0))
    assert drive(epoch(50.0))[0] == ["position_jump"]
    assert drive(epoch(0.0))[0] == []


@pytest.mark.parametrize(
    ("metres", "speed", "config", "after_s", "codes"),
    [
        (1.2, 5.0, {}, 0.1, []),  # what 5 m/s and jump_m allow
        (2.0, 5.0, {}, 0.1, ["position_jump"]),
        (2.0, 5.0, {"jump_m": 2.0}, 0.1, []),
        (1.7, None, {"speed_max_mps": 2.0}, 0.1, ["position_jump"]),
        (1.7, None, {"speed_max_mps": 15.0}, 0.1, []),
        (9.0, 500.0, {"speed_max_mps": 15.0}, 0.1, ["position_jump"]),  # an absurd speed excuses nothing
        (100.0, 5.0, {}, 11.0, []),  # after a gap anything may be
    ],
)
def test_what_the_speed_allows(metres, speed, config, after_s, codes):
    drive = Drive(**config)
    drive(epoch(0.0, speed=speed))
    assert drive(epoch(metres, speed=speed), after_s)[0] == codes


def test_sigmas_that_are_large_excuse_a_jump_and_a_kind_of_fix_has_its_own():
    wide = {"sigma_north": good(1.0), "sigma_east": good(1.0)}
    drive = Drive()
    drive(epoch(0.0, **wide))
    assert drive(epoch(5.0, **wide))[0] == []
    none = {"sigma_north": bad(Cause.NOT_CONFIGURED), "sigma_east": bad(Cause.NOT_CONFIGURED)}
    drive = Drive()
    drive(epoch(0.0, fix=good(1), **none))
    assert drive(epoch(20.0, fix=good(1), **none))[0] == []
    drive = Drive()
    drive(epoch(0.0, **none))
    assert drive(epoch(2.0, **none))[0] == ["position_jump"]


def test_the_180th_meridian_and_midnight_are_no_jump():
    drive = Drive()
    drive.number = 863_999
    drive.judge.judge(epoch(longitude=good(179.9999999)), 86_399_900_000_000)
    assert drive.judge.judge(epoch(longitude=good(-179.9999999)), 0) == []
    assert [f.code for f in drive.judge.judge(epoch(longitude=good(-179.99)), 100_000_000)] == [
        "position_jump"
    ]


@pytest.mark.parametrize(
    ("age_s", "fix", "marked"), [(19.0, 4, False), (21.0, 4, True), (21.0, 5, True), (21.0, 2, False)]
)
def test_rtk_with_old_corrections_is_doubtful(age_s, fix, marked):
    codes, found = Drive()(epoch(correction_age=good(age_s), fix=good(fix)))
    assert codes == (["correction_stale"] if marked else [])
    expected = (Quality.UNCERTAIN, Cause.STALE) if marked else (Quality.GOOD, Cause.NONE)
    assert {found[t][1:] for t in (*POSITION, "fix")} == {expected}


def test_the_limit_of_the_corrections_age_is_configured():
    assert Drive(correction_age_max_s=60.0)(epoch(correction_age=good(50.0)))[0] == []
    assert Drive(correction_age_max_s=5.0)(epoch(correction_age=good(6.0)))[0] == ["correction_stale"]


@pytest.mark.parametrize(("baseline", "is_good"), [(1.46, True), (1.56, False), (1.44, False)])
def test_a_wrong_baseline_is_a_wrong_heading(baseline, is_good):
    codes, found = Drive(baseline_m=1.5)(epoch(baseline=good(baseline)))
    assert codes == ([] if is_good else ["baseline"])
    cause = Cause.NONE if is_good else Cause.CONFLICT
    assert causes(found, ("heading", "baseline")) == {cause}
    assert causes(found) == {Cause.NONE}
    assert Drive()(epoch(baseline=good(baseline)))[0] == []  # not configured, not checked


def test_an_old_heading_under_a_new_stamp():
    drive = Drive()
    turned = []
    for n in range(20):
        codes, found = drive(epoch(0.2 * n, speed=2.0, course=good(math.radians(n)), heading=good(1.0)))
        turned.append(found["heading"].cause)
    assert turned[:5] == [Cause.NONE] * 5
    assert turned[-1] is Cause.FROZEN
    assert codes == ["heading_frozen"]
    assert drive(epoch(4.0, speed=2.0, course=good(0.35), heading=good(1.01)))[0] == []


def test_a_steady_heading_on_a_straight_is_none_of_that():
    drive = Drive()
    assert all(drive(epoch(0.2 * n, speed=2.0))[0] == [] for n in range(200))


def test_no_heading_before_there_is_a_position():
    lost = {tag: bad(Cause.NOT_VALID) for tag in ("latitude", "longitude", "height")}
    codes, found = Drive()(epoch(**lost))
    assert codes == []
    assert found["heading"] == Reading(1.0, Quality.BAD, Cause.NOT_VALID)


def test_a_new_wire_begins_without_the_old_place():
    drive = Drive()
    drive(epoch(0.0))
    drive.judge.reset()
    assert drive(epoch(500.0))[0] == []


def test_a_fault_is_told_once_and_its_end():
    told: list[tuple[str, str]] = []
    log = FaultLog(lambda level, text: told.append((level, text)))
    fault = Fault("baseline", "it is wrong", "measure it")
    for n in range(5):
        log.update([fault] if n != 2 else [], n * S)
    assert told == [("warning", "it is wrong - measure it")]
    assert log.now == (fault,)
    log.update([], 4 * S + OVER_NS + 1)
    assert told[1:] == [("info", "over: it is wrong")]
    assert log.now == ()
