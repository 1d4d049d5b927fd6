"""Date and age of epochs."""

import pytest

from drivers.gnss.epoch import Epoch
from drivers.gnss.messages import Report
from drivers.gnss.timing import DAY_NS, ROLL_NS, EpochClock, LineClock, weeks_rolled

S = 10**9
DAY = 20_000


def epoch(tod_ns: int, mono_ns: int, *, dated: bool = False, valid: bool = True, day: int = DAY) -> Epoch:
    reports = {"RMC": Report(message="RMC", tod_ns=tod_ns, day=day, valid=valid)} if dated else {}
    return Epoch(tod_ns, mono_ns, False, reports)


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


def test_a_date_that_comes_by_itself_dates_the_epochs_behind_it():
    clock = EpochClock(0.06)
    clock.told(Report(message="ZDA", tod_ns=5 * S + 50_000_000, day=DAY), 0)
    assert clock.utc_ns(epoch(6 * S, S)) == DAY * DAY_NS + 6 * S
    empty = EpochClock(0.06)
    empty.told(Report(message="ZDA", tod_ns=5 * S), 0)
    assert empty.utc_ns(epoch(6 * S, S)) is None


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


def test_a_date_that_changes_before_or_after_its_time_does_not_move_the_epoch():
    clock = EpochClock(0.06)
    clock.utc_ns(epoch(DAY_NS - S, 0, dated=True))
    assert clock.utc_ns(epoch(0, S, dated=True)) == (DAY + 1) * DAY_NS  # yesterday's date
    assert clock.utc_ns(epoch(S, 2 * S, dated=True, day=DAY + 1)) == (DAY + 1) * DAY_NS + S
    early = EpochClock(0.06)
    early.utc_ns(epoch(DAY_NS - 2 * S, 0, dated=True))
    assert early.utc_ns(epoch(DAY_NS - S, S, dated=True, day=DAY + 1)) == (DAY + 1) * DAY_NS - S


def test_a_date_that_was_wrong_is_corrected_outside_midnight():
    clock = EpochClock(0.06)
    clock.utc_ns(epoch(3600 * S, 0, dated=True, day=DAY - 1))
    assert clock.utc_ns(epoch(3601 * S, S, dated=True)) == DAY * DAY_NS + 3601 * S


@pytest.mark.parametrize("rate_hz", [1, 10])
def test_a_leap_second_is_neither_a_delay_nor_a_day(rate_hz):
    """23:59:58 to 00:00:02 with a 23:59:60: the age is that of every other epoch."""
    clock = EpochClock(0.06)
    seen = []
    for number in range(5 * rate_hz):
        since = number * S // rate_hz
        tod, day = DAY_NS - 2 * S + since, DAY
        if since >= 3 * S:
            tod, day = since - 3 * S, DAY + 1
        one = epoch(tod, 1000 * S + since, dated=True, day=day)
        utc = clock.utc_ns(one)
        seen.append((utc, round(clock.age_s(one, utc), 6)))
    assert {age for _, age in seen} == {0.06}
    assert seen[0][0] == (DAY + 1) * DAY_NS - 2 * S
    assert seen[2 * rate_hz][0] == seen[3 * rate_hz][0] == (DAY + 1) * DAY_NS
    assert seen[-1][0] == (DAY + 1) * DAY_NS + 2 * S - S // rate_hz


def test_a_pulse_measures_the_whole_age():
    clock = EpochClock(0.06)
    # The second 10 began at 500.0 on the monotonic clock; epochs arrive 85 ms after they were.
    moments = [(10.0, 500.085, 500.0), (10.1, 500.185, 500.0), (10.9, 501.3, 501.0), (11.0, 501.085, 501.0)]
    assert [
        round(clock.age_s(epoch(0, round(mono * S)), round(utc * S), round(pulse * S)), 6)
        for utc, mono, pulse in moments
    ] == [0.085, 0.085, 0.4, 0.085]
    # Its loss falls back on the configured latency.
    assert round(clock.age_s(epoch(0, round(501.185 * S)), round(11.1 * S)), 6) == 0.06


def test_an_epoch_longer_than_a_second_under_way_is_told_once_the_fastest_is_known():
    clock = EpochClock(0.06)
    clock.age_s(epoch(0, round(500.085 * S)), 10 * S, 500 * S)
    assert round(clock.age_s(epoch(0, round(502.5 * S)), 11 * S, 502 * S), 6) == 1.5


def test_bytes_that_were_read_together_came_one_after_the_other():
    line = LineClock(115_200)
    byte = 10 * S // 115_200
    assert line.first_ns(10 * S, 242) == 10 * S - 242 * byte
    assert line.first_ns(10 * S + 5 * byte, 100) == 10 * S  # the rest cannot have come before the last read
    assert line.first_ns(11 * S, 1) == 11 * S - byte
    direct = LineClock(0)
    assert [direct.first_ns(t, 4000) for t in (S, 2 * S)] == [S, 2 * S]


def test_a_week_roll_is_known_by_its_1024_weeks():
    now = 1_800_000_000 * S
    assert weeks_rolled(now - ROLL_NS + 3600 * S, now)
    assert not any(weeks_rolled(utc, now) for utc in (now, now - ROLL_NS - 2 * DAY_NS, 0))
