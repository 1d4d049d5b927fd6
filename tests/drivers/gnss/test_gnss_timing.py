"""Date and age of epochs."""

from drivers.gnss.epoch import Epoch
from drivers.gnss.sentences import DAY_NS, Rmc
from drivers.gnss.timing import EpochClock

S = 10**9
DAY = 20_000


def epoch(tod_ns: int, mono_ns: int, *, dated: bool = False, valid: bool = True, day: int = DAY) -> Epoch:
    sentences = {"RMC": Rmc(tod_ns, day, valid, False, 0.0, 0.0)} if dated else {}
    return Epoch(tod_ns, mono_ns, False, sentences)


def test_no_date_before_the_first_valid_rmc():
    clock = EpochClock(0.06)
    assert clock.utc_ns(epoch(S, 0)) is None
    assert clock.utc_ns(epoch(S, 0, dated=True, valid=False)) is None
    assert clock.utc_ns(epoch(2 * S, S, dated=True)) == DAY * DAY_NS + 2 * S
    assert clock.utc_ns(epoch(3 * S, 2 * S)) == DAY * DAY_NS + 3 * S


def test_midnight_without_rmc_moves_to_the_next_day_and_back_lines_stay():
    clock = EpochClock(0.06)
    clock.utc_ns(epoch(DAY_NS - S, 0, dated=True))
    assert clock.utc_ns(epoch(0, S)) == (DAY + 1) * DAY_NS
    assert clock.utc_ns(epoch(DAY_NS - S, S)) == (DAY + 1) * DAY_NS - S
    assert clock.utc_ns(epoch(S, 2 * S, dated=True, day=DAY + 1)) == (DAY + 1) * DAY_NS + S


def test_a_date_is_not_kept_for_ever():
    clock = EpochClock(0.06)
    clock.utc_ns(epoch(0, 0, dated=True))
    assert clock.utc_ns(epoch(5 * 3600 * S, 5 * 3600 * S)) is not None
    assert clock.utc_ns(epoch(12 * 3600 * S, 12 * 3600 * S)) is None


def ages(clock: EpochClock, times: list[tuple[float, float]]) -> list[float]:
    """times: (UTC s, reception s)."""
    return [round(clock.age_s(epoch(0, round(mono * S)), round(utc * S)), 6) for utc, mono in times]


def test_what_the_wire_adds_to_the_latency_shows_in_the_age():
    clock = EpochClock(0.06)
    assert ages(clock, [(10.0, 500.002), (10.1, 500.1), (10.2, 500.5), (10.3, 500.31)]) == [
        0.06,
        0.06,
        0.36,
        0.07,
    ]


def test_the_floor_is_of_the_last_minute():
    clock = EpochClock(0.06)
    ages(clock, [(0.0, 0.0)])
    steady = ages(clock, [(float(t), t + 0.2) for t in range(1, 70)])
    assert steady[0] == 0.26  # 200 ms later than before
    assert steady[-1] == 0.06  # for longer than a minute: that is how it is now


def test_a_corrected_time_is_not_a_delay():
    clock = EpochClock(0.06)
    assert ages(clock, [(100.0, 0.0), (101.0, 1.0), (84.0, 2.0), (85.0, 3.0)]) == [0.06] * 4
