"""Register codec and batching: golden registers, and what must hold for all."""

from __future__ import annotations

import math
import struct
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.crane.commands import CommandBlock
from drivers.crane.reading import Rounds
from drivers.crane.register_map import RegisterMap, load_map
from drivers.crane.tags import COMMANDS, next_seq
from drivers.crane.wire import Batch, Order, Point, Type, plan, to_registers, to_value
from gatectl.model import Cause, WireError
from hil.devices.crane import DEMO_MAP

ORDERS = get_args(Order)
NUMBERS = [t for t in get_args(Type) if t != "bit"]


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        ("ABCD", [0x1234, 0x5678]),
        ("DCBA", [0x7856, 0x3412]),
        ("BADC", [0x3412, 0x7856]),
        ("CDAB", [0x5678, 0x1234]),
    ],
)
def test_orders_of_a_known_number(order: Order, registers: list[int]) -> None:
    point = Point(tag="x", address=0, type="uint32")
    assert to_value(point, registers, order) == 0x12345678
    assert to_registers(point, 0x12345678, order) == registers


@pytest.mark.parametrize(
    ("type_", "registers", "value"),
    [
        ("int16", [0xFFFE], -2.0),
        ("uint16", [0xFFFE], 65534.0),
        ("int32", [0xFFFF, 0xFFFE], -2.0),
        ("uint32", [0xFFFF, 0xFFFE], 4294967294.0),
        ("float32", [0x4048, 0xF5C3], 3.140000104904175),
    ],
)
def test_types_of_known_registers(type_: Type, registers: list[int], value: float) -> None:
    assert to_value(Point(tag="x", address=0, type=type_), registers, "ABCD") == value


def test_scale_offset_and_bits() -> None:
    assert to_value(Point(tag="x", address=0, scale=0.1, offset=-40.0), [650], "ABCD") == 25.0
    closed = Point(tag="estop", address=0, type="bit", bit=3, scale=-1.0, offset=1.0)
    assert to_value(closed, [0b1000], "ABCD") == 0.0
    assert to_value(closed, [0b0111], "ABCD") == 1.0
    assert to_value(Point(tag="x", address=0, function="coil", type="bit"), [True], "ABCD") == 1.0


@given(st.sampled_from(NUMBERS), st.sampled_from(ORDERS), st.data())
def test_every_register_value_comes_back(type_: Type, order: Order, data: st.DataObject) -> None:
    point = Point(tag="x", address=0, type=type_)
    raw = data.draw(st.lists(st.integers(0, 65535), min_size=point.width, max_size=point.width))
    value = to_value(point, raw, order)
    assume(math.isfinite(value))
    assert to_registers(point, value, order) == raw


@given(st.sampled_from(NUMBERS), st.floats(allow_nan=True, allow_infinity=True))
def test_a_value_that_does_not_fit_is_never_clipped(type_: Type, value: float) -> None:
    point = Point(tag="x", address=0, type=type_)
    try:
        registers = to_registers(point, value, "ABCD")
    except WireError:
        return
    back = to_value(point, registers, "ABCD")
    if type_ == "float32":
        assert back == struct.unpack(">f", struct.pack(">f", value))[0] or math.isnan(value)
    else:
        assert abs(back - value) <= 0.5


points = st.lists(
    st.builds(
        Point,
        tag=st.uuids().map(str),
        address=st.integers(0, 300),
        function=st.sampled_from(["holding", "input"]),
        type=st.sampled_from(["uint16", "int32", "float32"]),
    ),
    min_size=1,
    max_size=30,
)


@given(points, st.integers(0, 20), st.integers(2, 125))
def test_plan_reads_every_point_once_within_the_limits(group: list[Point], gap: int, limit: int) -> None:
    batches = plan(group, gap, limit)
    assert sorted(p.tag for b in batches for p in b.points) == sorted(p.tag for p in group)
    for batch in batches:
        assert batch.length <= limit
        assert all(batch.address <= p.address and p.end <= batch.address + batch.length for p in batch.points)
        assert {p.function for p in batch.points} == {batch.function}
        used = {a for p in batch.points for a in range(p.address, p.end)}
        holes = [a for a in range(batch.address, batch.address + batch.length) if a not in used]
        runs = [h for h in holes if all(h + i in holes for i in range(gap + 1))]
        assert not runs


def test_a_short_answer_is_refused() -> None:
    batch = Batch("input", 0, 3, (Point(tag="x", address=2),))
    with pytest.raises(WireError, match="2 values instead of 3"):
        batch.values([1, 2], "ABCD")


@given(points, st.sets(st.integers(0, 302), max_size=6))
def test_refused_addresses_cost_only_their_own_points(group: list[Point], bad: set[int]) -> None:
    regs = RegisterMap(state=tuple(group), command=())
    rounds = Rounds(regs)
    for now_s in range(3):
        rounds.begin(now_s * 10**9)
        while (batch := rounds.next()) is not None:
            if bad.intersection(range(batch.address, batch.address + batch.length)):
                rounds.refused(2, now_s * 10**9)
            else:
                rounds.arrived([7] * batch.length, now_s * 10**9)
    places: dict[tuple[str, int], set[int]] = {}
    for p in group:
        places.setdefault((p.function, p.address), set()).update(range(p.address, p.end))
    for p in group:
        healthy = not bad & places[p.function, p.address]
        assert (p.tag in rounds.values) == healthy
        assert (rounds.failed.get(p.tag) is Cause.NOT_CONFIGURED) == (not healthy)


def test_a_refused_point_is_tried_again_after_a_while() -> None:
    rounds = Rounds(RegisterMap(state=(Point(tag="x", address=0),), command=()))
    rounds.begin(0)
    assert rounds.refused(2, 0) is not None
    rounds.begin(9 * 10**9)
    assert rounds.next() is None
    rounds.begin(10 * 10**9)
    assert rounds.next() is not None


def test_a_busy_plc_is_a_fault_of_this_round_only() -> None:
    rounds = Rounds(RegisterMap(state=(Point(tag="x", address=0), Point(tag="y", address=1)), command=()))
    rounds.begin(0)
    assert rounds.refused(6, 0) is None
    assert rounds.failed == {"x": Cause.DEVICE_FAULT, "y": Cause.DEVICE_FAULT}
    rounds.begin(1)
    assert rounds.next() is not None
    assert len(rounds.plan) == 1


def test_nan_and_values_beyond_the_limits_have_no_value() -> None:
    regs = RegisterMap(
        state=(Point(tag="f", address=0, type="float32"), Point(tag="w", address=2, high=100.0)), command=()
    )
    rounds = Rounds(regs)
    rounds.begin(0)
    rounds.arrived([0x7FC0, 0, 101], 5)
    assert rounds.values == {}
    assert rounds.failed == {"f": Cause.NOT_VALID, "w": Cause.OUT_OF_RANGE}


def block() -> CommandBlock:
    return CommandBlock(load_map(DEMO_MAP))


def commands(**values: float) -> dict[str, float]:
    return {spec.name: 0.0 for spec in COMMANDS} | values


def test_the_block_is_golden() -> None:
    it = block()
    it.adopt([41, 7, 0, 0, 0, 0, 2])
    values = it.wanted(commands(job_seq=8, job=2, target=4.1, enable=1, reset_count=3), echo=7, alive=True)
    assert it.encode(values) == [42, 8, 2, 0, 4100, 1, 3]


@given(st.integers(0, 65535), st.integers(0, 65535), st.booleans(), st.booleans())
def test_only_the_next_number_orders_and_nothing_moves_without_life(
    echo: int, seq: int, alive: bool, fresh: bool
) -> None:
    it = block()
    it.adopt([0, echo, 0, 0, 0, 0, 0])
    given_ = commands(job_seq=seq, job=2, target=1.0, enable=1)
    values = it.wanted(given_ if fresh else None, echo, alive)
    assert values["job_seq"] in (echo, next_seq(echo))
    assert (values["job_seq"] == next_seq(echo)) == (alive and fresh and seq == next_seq(echo))
    assert (values["enable"] == 1.0) == (alive and fresh)
    if values["job_seq"] != seq:
        assert values["job"] == 0.0


def test_sequence_wraps_to_one() -> None:
    assert [next_seq(e) for e in (0, 1, 65534, 65535)] == [1, 2, 65535, 1]
