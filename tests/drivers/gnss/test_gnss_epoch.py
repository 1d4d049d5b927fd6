"""Epochs: by UTC, whatever the order; and what happens at their edges."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gnss.epoch import UNTIMED, EpochAssembler
from drivers.gnss.messages import Report

MS = 10**6


def make(kind: str, number: int) -> Report:
    """The report of epoch `number`; the untimed ones carry the number where it can be seen."""
    tod_ns = None if kind in UNTIMED else number * 100 * MS
    return Report(
        message=kind,
        tod_ns=tod_ns,
        heading_rad=float(number) if kind in ("THS", "HDG") else None,
        speed_mps=float(number) if kind == "VTG" else None,
    )


def run(assembler: EpochAssembler, number: int, kinds, *, gap: bool = True):
    found = []
    for n, kind in enumerate(kinds):
        found += assembler.add(make(kind, number), number * 100 * MS + n * MS)
    return found + (assembler.quiet() if gap else [])


@pytest.mark.parametrize("order", list(permutations(["GGA", "RMC", "THS", "VTG"])))
def test_every_order_gives_whole_epochs_with_their_own_heading(order):
    assembler = EpochAssembler()
    assembler.quiet()
    epochs = [e for n in range(1, 6) for e in run(assembler, n, order)]
    assert [e.tod_ns for e in epochs] == [n * 100 * MS for n in range(1, 6)]
    for number, epoch in enumerate(epochs, 1):
        assert set(epoch.reports) == set(order)
        assert epoch.reports["THS"].heading_rad == number
        assert epoch.reports["VTG"].speed_mps == number
        assert epoch.first_mono_ns == number * 100 * MS
    assert not assembler.rejected


@pytest.mark.parametrize("order", [["GGA", "RMC", "THS"], ["THS", "GGA", "RMC"], ["RMC", "THS", "GGA"]])
def test_no_gaps_between_bursts_once_the_order_is_known(order):
    """A busy line or a late reader: bursts back to back still get their own heading."""
    assembler = EpochAssembler()
    assembler.quiet()
    run(assembler, 1, order)
    run(assembler, 2, order)
    epochs = [e for n in range(3, 9) for e in run(assembler, n, order, gap=False)]
    assert [e.reports["THS"].heading_rad for e in epochs] == [3, 4, 5, 6, 7, 8]


def test_a_complete_epoch_is_not_waited_for():
    assembler = EpochAssembler()
    run(assembler, 1, ["RMC", "GGA", "GST"])
    assert run(assembler, 2, ["GST", "GGA"], gap=False) == []
    assert len(run(assembler, 2, ["RMC"], gap=False)) == 1
    assert assembler.quiet() == []
    assert not assembler.busy


def test_the_next_time_ends_an_epoch():
    assembler = EpochAssembler()
    assert run(assembler, 1, ["GGA"], gap=False) == []
    (epoch,) = run(assembler, 2, ["RMC"], gap=False)
    assert list(epoch.reports) == ["GGA"]


def test_a_straggler_of_the_last_epoch_does_not_spoil_this_one():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA", "RMC"])
    run(assembler, 2, ["GGA"], gap=False)
    assert run(assembler, 1, ["GST"], gap=False) == []
    (epoch,) = run(assembler, 2, ["RMC"])
    assert set(epoch.reports) == {"GGA", "RMC"}
    assert assembler.rejected == {"late": 1}


def test_a_new_kind_at_the_end_is_waited_for_from_then_on():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA", "RMC"])
    run(assembler, 2, ["GGA", "RMC", "THS"])
    assert assembler.rejected == {"late": 1}
    (epoch,) = run(assembler, 3, ["GGA", "RMC", "THS"])
    assert epoch.reports["THS"].heading_rad == 3


def test_a_kind_that_stops_is_forgotten_after_three_bursts():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA", "RMC", "GST"])
    waited = [run(assembler, n, ["GGA", "RMC"], gap=False) or assembler.quiet() for n in range(2, 5)]
    assert [len(w) for w in waited] == [1, 1, 1]
    assert len(run(assembler, 5, ["GGA", "RMC"], gap=False)) == 1  # complete, without a gap


def test_a_lost_heading_leaves_its_epoch_without_and_the_next_with_its_own():
    assembler = EpochAssembler()
    assembler.quiet()
    for n in (1, 2):
        run(assembler, n, ["THS", "GGA", "RMC"])
    (without,) = run(assembler, 3, ["GGA", "RMC"], gap=False) or assembler.quiet()
    (later,) = run(assembler, 4, ["THS", "GGA", "RMC"])
    assert "THS" not in without.reports
    assert later.reports["THS"].heading_rad == 4


def test_entering_in_the_middle_of_a_burst_takes_no_heading_of_unknown_age():
    assembler = EpochAssembler()
    run(assembler, 1, ["THS", "VTG"], gap=False)
    (epoch,) = run(assembler, 2, ["GGA", "RMC"])
    assert set(epoch.reports) == {"GGA", "RMC"}
    assert assembler.rejected == {"unplaced": 2}


def test_the_same_moment_again_is_marked_but_a_doubled_line_is_not():
    assembler = EpochAssembler()
    (first,) = run(assembler, 1, ["GGA", "RMC"])
    (doubled,) = run(assembler, 2, ["GGA", "GGA", "RMC", "RMC"])
    (again,) = run(assembler, 2, ["GGA", "RMC"])
    (after,) = run(assembler, 3, ["GGA", "RMC"])
    assert [e.repeated for e in (first, doubled, again, after)] == [False, False, True, False]
    assert assembler.rejected == {"duplicate": 2}


def test_the_date_message_of_trimble_has_a_time_of_its_own():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA", "RMC"])
    assert assembler.add(Report(message="ZDA", tod_ns=150 * MS, day=20_000), 0) == []
    assert not assembler.busy
    assert not assembler.rejected


def test_a_sentence_without_time_is_counted():
    assembler = EpochAssembler()
    assert assembler.add(Report(message="GGA"), 0) == []
    assert assembler.rejected == {"untimed": 1}


def test_a_new_wire_begins_without_the_half_epoch_of_the_old():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA"], gap=False)
    assembler.reset()
    assert assembler.quiet() == []
    (epoch,) = run(assembler, 2, ["RMC", "GGA"])
    assert epoch.tod_ns == 200 * MS


def test_a_heading_computed_longer_than_the_position_finds_its_epoch():
    """It comes behind a silence, or even behind the first of the next epoch."""
    for gap in (True, False):
        assembler = EpochAssembler()
        found = []
        for number in range(1, 12):
            found += run(assembler, number, ["GGA", "RMC"], gap=gap)
            if gap or number > 1:
                late = make("HDG", number if gap else number - 1)
                found += assembler.add(late, number * 100 * MS + 50 * MS)
        epochs = found[4:]
        assert [e.tod_ns for e in found] == [n * 100 * MS for n in range(1, len(found) + 1)]
        assert len(found) >= 9
        assert [e.reports["HDG"].heading_rad * 100 * MS for e in epochs] == [e.tod_ns for e in epochs]


def test_a_laggard_that_stops_coming_holds_up_no_longer_than_three_epochs():
    assembler = EpochAssembler()
    for number in range(1, 8):
        run(assembler, number, ["GGA", "RMC"])
        assembler.add(make("HDG", number), number * 100 * MS + 50 * MS)
    late = [len(run(assembler, number, ["GGA", "RMC"])) for number in range(8, 16)]
    assert late[-3:] == [1, 1, 1]
    assert sum(late) == 8


def test_one_straggler_makes_nothing_wait():
    assembler = EpochAssembler()
    run(assembler, 1, ["GGA", "RMC"])
    assembler.add(make("GST", 1), 0)
    assert len(run(assembler, 2, ["GGA", "RMC"])) == 1


def test_the_same_time_of_another_day_is_not_a_repetition():
    assembler = EpochAssembler()
    assembler.add(make("GGA", 1), 0)
    assembler.quiet()
    (epoch,) = assembler.add(make("GGA", 1), 86_400 * 10**9)
    assert not epoch.repeated


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GGA", "RMC", "GST", "HDG", "THS", "VTG", "quiet", "reset"]), st.integers(0, 4)
        )
    )
)
def test_any_sequence_keeps_sentences_in_their_own_epoch(events):
    assembler, found = EpochAssembler(), []
    for n, (kind, number) in enumerate(events):
        if kind == "quiet":
            found += assembler.quiet()
        elif kind == "reset":
            assembler.reset()
        else:
            found += assembler.add(make(kind, number), n)
    for epoch in found:
        timed = [r.tod_ns for r in epoch.reports.values() if r.message not in UNTIMED]
        assert timed
        assert set(timed) == {epoch.tod_ns}
