from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.motion import Stretches
from gatectl.core.vehicle_lease import LeaseState, alive, reach, take
from gatectl.model.messages import Lease

NOW = 1_790_000_000_000_000_000
BLOCKS = Stretches([(0.0, 40.0, "a"), (40.0, 80.0, "b"), (80.0, 113.0, "c"), (120.0, 200.0, "d")])


def lease(
    sequence: int = 1, epoch: int = 1, issued: int = NOW, valid_ms: int = 3000, serial: str = "V"
) -> Lease:
    return Lease(
        serial=serial,
        order_id="o",
        order_update_id=0,
        blocks=("a", "b"),
        epoch=epoch,
        sequence=sequence,
        issued_utc_ns=issued,
        valid_for_ms=valid_ms,
    )


@given(
    numbers=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30),
)
def test_only_higher_numbers_are_ever_taken(numbers: list[tuple[int, int]]) -> None:
    state, highest = LeaseState(), (-1, -1)
    for epoch, sequence in numbers:
        taken = not take(state, lease(sequence, epoch), "V", NOW, True)
        assert taken == ((epoch, sequence) > highest)
        highest = max(highest, (epoch, sequence))
        assert (state.epoch, state.sequence) == highest


@given(
    late=st.integers(-5_000_000_000, 5_000_000_000),
    valid_ms=st.integers(-10, 5000),
    wait=st.integers(0, 6_000_000_000),
)
def test_a_lease_ends_by_itself(late: int, valid_ms: int, wait: int) -> None:
    state = LeaseState()
    refused = take(state, lease(issued=NOW - late, valid_ms=valid_ms), "V", NOW, True)
    expected_end = NOW - late + valid_ms * 1_000_000
    assert bool(refused) == (late < -1_000_000_000 or valid_ms <= 0 or expected_end <= NOW)
    assert alive(state, NOW + wait, True) == (not refused and NOW + wait < expected_end)
    assert not alive(state, NOW + wait, False)


def test_refusals_say_why_and_change_nothing() -> None:
    state = LeaseState()
    assert "for W" in take(state, lease(serial="W"), "V", NOW, True)
    assert "clock" in take(state, lease(), "V", NOW, False)
    assert "future" in take(state, lease(issued=NOW + 2 * 10**9), "V", NOW, True)
    assert state == LeaseState()
    assert take(state, lease(sequence=3), "V", NOW, True) == ""
    assert "not above" in take(state, lease(sequence=3), "V", NOW, True)


def test_reach_is_contiguous_and_ground_of_no_block_belongs_to_nobody() -> None:
    held = LeaseState(blocks=("a", "b"))
    assert reach(held, BLOCKS, 10.0, 200.0) == 80.0
    assert reach(LeaseState(blocks=("a", "c")), BLOCKS, 10.0, 200.0) == 40.0
    assert reach(LeaseState(blocks=("b",)), BLOCKS, 10.0, 200.0) == 10.0
    everything = LeaseState(blocks=("a", "b", "c", "d"))
    assert reach(everything, BLOCKS, 10.0, 200.0) == 113.0
    assert reach(everything, BLOCKS, 115.0, 200.0) == 115.0
    assert reach(everything, BLOCKS, 130.0, 200.0) == 200.0
