"""The interlock matrix against its rules."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.core.safety import EffectResult, Matrix, MatrixState, explain, findings
from gatectl.model import Cause, ConfigError, Quality, Sample
from gatectl.model.site import InterlockCause, InterlockConfig, InterlockEffect, Limits

MS = 1_000_000


def cause(name: str, op: str = "is_true", **fields) -> InterlockCause:
    return InterlockCause(
        id=name, tag=f"d.{name}", op=op, text=f"{name} fails", remedy=f"mend {name}", **fields
    )


def matrix(*causes: InterlockCause, **effect: tuple[str, ...]) -> Matrix:
    config = InterlockConfig(cause=causes, effect=(InterlockEffect(id="go", role="gate", **effect),))
    return Matrix(config, "gate", Limits())


class Bench:
    """A matrix with its inputs; every call of `look` is one scan of 100 ms."""

    def __init__(self, m: Matrix) -> None:
        self.matrix, self.state, self.now = m, MatrixState(), 0
        self.values = dict.fromkeys(m.tags, 1.0)
        self.quality: dict[str, tuple[Quality, Cause]] = {}

    def read(self, tag: str) -> Sample:
        quality, why = self.quality.get(tag, (Quality.GOOD, Cause.NONE))
        return Sample(self.values[tag], quality, why, self.now)

    def look(self, reset: bool = False, running: bool = False, ms: int = 100) -> EffectResult:
        self.now += ms * MS
        on = frozenset({"go"}) if running else frozenset()
        (result,) = self.matrix.evaluate(self.state, self.read, self.now, reset, on)
        return result


def codes(result: EffectResult) -> list[str]:
    return [r.code for r in result.reasons]


def test_a_permissive_is_needed_to_start_only():
    bench = Bench(matrix(cause("p"), permissives=("p",)))
    assert bench.look().allowed
    bench.values["d.p"] = 0.0
    assert bench.look(running=True).allowed
    assert codes(bench.look()) == ["p"]


def test_an_interlock_matters_always_and_releases_by_itself():
    bench = Bench(matrix(cause("i"), interlocks=("i",)))
    bench.look()
    bench.values["d.i"] = 0.0
    result = bench.look(running=True)
    assert (result.allowed, result.tripped) == (False, False)
    bench.values["d.i"] = 1.0
    assert bench.look().allowed


def test_a_trip_latches_until_a_reset_rises_while_all_is_well():
    bench = Bench(matrix(cause("t"), trips=("t",)))
    assert bench.look().allowed
    bench.values["d.t"] = 0.0
    assert bench.look(running=True).tripped
    refused = bench.look(reset=True)
    assert refused.tripped
    assert "a reset was refused because this still fails" in refused.reasons[0].text
    bench.values["d.t"] = 1.0
    held = bench.look(reset=True)
    assert codes(held) == ["t", "reset_held"]
    assert "it is well again" in held.reasons[0].text
    assert bench.look().tripped
    assert bench.look(reset=True).allowed


def test_a_reset_that_stays_up_lets_nothing_start_and_stops_nothing_that_runs():
    bench = Bench(matrix(cause("t"), trips=("t",)))
    bench.look()
    bench.look(reset=True)
    result = bench.look(reset=True)
    assert codes(result) == ["reset_held"]
    assert result.reasons[0].first_out
    assert bench.look(reset=True, running=True).allowed


def test_a_reset_that_is_up_at_the_start_is_no_edge():
    bench = Bench(matrix(cause("t"), trips=("t",)))
    bench.values["d.t"] = 0.0
    bench.look(reset=True)
    bench.values["d.t"] = 1.0
    assert bench.look(reset=True).tripped


def test_first_out_and_chain_keep_the_order_of_arrival():
    names = ("a", "b", "c")
    bench = Bench(matrix(*(cause(n) for n in names), trips=("a",), interlocks=("b",), permissives=("c",)))
    bench.look()
    bench.values["d.b"] = 0.0
    assert codes(bench.look(running=True)) == ["b"]
    bench.values["d.a"] = bench.values["d.c"] = 0.0
    result = bench.look()
    assert codes(result) == ["b", "a", "c"]
    assert [r.first_out for r in result.reasons] == [True, False, False]
    bench.values["d.b"] = 1.0
    assert codes(bench.look()) == ["a", "c"]


def test_delays():
    bench = Bench(matrix(cause("i", on_delay_s=0.3, off_delay_s=0.2), interlocks=("i",)))
    assert "must hold for 0.3 s" in bench.look().reasons[0].text
    assert not bench.look().allowed
    assert not bench.look().allowed
    assert bench.look().allowed
    bench.values["d.i"] = 0.0
    assert bench.look().allowed
    bench.values["d.i"] = 1.0
    assert bench.look().allowed
    bench.values["d.i"] = 0.0
    assert bench.look().allowed
    assert bench.look().allowed
    assert not bench.look().allowed


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.UNCERTAIN])
def test_only_good_is_safe_and_the_off_delay_forgives_no_missing_value(quality):
    bench = Bench(matrix(cause("i", off_delay_s=9.0), interlocks=("i",)))
    assert bench.look().allowed
    bench.quality["d.i"] = (quality, Cause.STALE)
    (reason,) = bench.look(running=True).reasons
    assert reason.text == f"cannot tell whether i fails (d.i: {quality.name}, STALE)"
    assert reason.remedy == "mend i"


@pytest.mark.parametrize(
    ("op", "good", "bad"),
    [
        ("is_true", 1.0, 0.0),
        ("is_false", 0.0, 1.0),
        ("<=", 2.0, 2.1),
        (">=", 2.0, 1.9),
        ("==", 2.0, 3.0),
        ("!=", 3.0, 2.0),
    ],
)
def test_operators(op, good, bad):
    bench = Bench(matrix(cause("i", op, limit=2.0), interlocks=("i",)))
    bench.values["d.i"] = good
    assert bench.look().allowed
    for value in (bad, math.nan, math.inf):
        bench.values["d.i"] = value
        assert not bench.look().allowed


def test_reasons_say_the_actual_value_and_what_is_needed():
    bench = Bench(matrix(cause("i", "<=", limit_key="alert_limit_m"), interlocks=("i",)))
    bench.values["d.i"] = 0.75
    assert bench.look().reasons[0].text == "i fails (d.i: 0.75, needed <= 0.5)"
    truth = Bench(matrix(cause("i", "is_false"), interlocks=("i",)))
    assert truth.look().reasons[0].text == "i fails (d.i: true)"
    truth = Bench(matrix(cause("i"), interlocks=("i",)))
    truth.values["d.i"] = 0.0
    assert truth.look().reasons[0].text == "i fails (d.i: false)"


def test_the_device_takes_its_place_in_the_tags_and_other_roles_are_left_out():
    config = InterlockConfig(
        cause=(
            InterlockCause(id="x", tag="{device}.x", op="is_true", text="", remedy=""),
            InterlockCause(id="y", tag="core.{device}_y", op="is_true", text="", remedy=""),
            cause("other"),
        ),
        effect=(
            InterlockEffect(id="go", role="gate", trips=("x",), interlocks=("y",)),
            InterlockEffect(id="drive", role="vehicle", trips=("other",)),
        ),
    )
    m = Matrix(config, "gate", Limits(), "crane9")
    assert m.tags == ("crane9.x", "core.crane9_y")
    assert m.effects == ("go",)


def test_every_mistake_of_a_matrix_is_found_at_once():
    config = InterlockConfig(
        cause=(cause("a"), cause("a"), cause("b", limit_key="nowhere"), cause("c", on_delay_s=-1.0)),
        effect=(
            InterlockEffect(id="go", role="gate", trips=("a", "ghost"), interlocks=("a",)),
            InterlockEffect(id="go", role="gate"),
        ),
    )
    with pytest.raises(ConfigError) as caught:
        Matrix(config, "gate", Limits())
    keys = [f.key for f in caught.value.findings]
    assert keys == [
        "cause[1].id",
        "cause[2].limit_key",
        "cause[3].on_delay_s",
        "effect[0]",
        "effect[0]",
        "effect[1].id",
    ]
    assert all(f.remedy for f in caught.value.findings)


def test_explanations():
    bench = Bench(matrix(cause("a"), cause("b"), cause("c"), trips=("a",), interlocks=("b", "c")))
    assert explain("x", bench.look(), False).state == "ready"
    assert explain("x", bench.look(), True).state == "running"
    bench.values["d.b"] = 0.0
    result = bench.look(running=True)
    assert explain("x", result, True).state == "stopped"
    assert explain("x", result, True).summary == result.reasons[0].text
    assert explain("x", result, False).state == "waiting"
    bench.values["d.c"] = 0.0
    assert explain("x", bench.look(), False).summary.endswith("(and 1 more reason)")
    bench.values["d.a"] = 0.0
    tripped = explain("crane c1", bench.look(), False)
    assert (tripped.subject, tripped.state) == ("crane c1", "tripped")
    assert tripped.summary.endswith("(and 2 more reasons)")


def test_the_demo_matrices_are_without_mistakes():
    path = Path(__file__).parents[3] / "config" / "demo" / "interlocks.toml"
    config = msgspec.convert(tomllib.loads(path.read_text()), InterlockConfig)
    assert findings(config) == []


# ---- properties -----------------------------------------------------------------------------

NAMES = ("t1", "t2", "i1", "p1")
SCANS = st.lists(
    st.tuples(
        st.fixed_dictionaries({n: st.sampled_from(["ok", "no", "bad", "uncertain"]) for n in NAMES}),
        st.booleans(),
        st.booleans(),
    ),
    max_size=25,
)


def _run(scans):
    bench = Bench(
        matrix(*(cause(n) for n in NAMES), trips=("t1", "t2"), interlocks=("i1",), permissives=("p1",))
    )
    for inputs, reset, running in scans:
        for name, what in inputs.items():
            bench.values[f"d.{name}"] = 0.0 if what == "no" else 1.0
            quality = {"bad": Quality.BAD, "uncertain": Quality.UNCERTAIN}.get(what, Quality.GOOD)
            bench.quality[f"d.{name}"] = (quality, Cause.NONE)
        yield inputs, reset, running, bench.look(reset, running), bench.state


@given(SCANS)
def test_equals_an_independent_model(scans):
    latched: set[str] = set()
    before = True
    for inputs, reset, running, result, _ in _run(scans):
        ok = {n: inputs[n] == "ok" for n in NAMES}
        if reset and not before:
            latched = {n for n in latched if not ok[n]}
        latched |= {n for n in ("t1", "t2") if not ok[n]}
        held = reset and before and (bool(latched) or not running)
        expected = not latched and ok["i1"] and (running or ok["p1"]) and not held
        assert result.allowed is expected
        assert result.tripped is bool(latched)
        assert sum(r.first_out for r in result.reasons) == (0 if expected else 1)
        before = reset


@given(SCANS)
def test_a_trip_never_clears_without_a_rising_edge(scans):
    tripped, before = False, True
    for _, reset, _, result, _ in _run(scans):
        if tripped and not result.tripped:
            assert reset
            assert not before
        tripped, before = result.tripped, reset


@given(SCANS)
def test_a_sample_that_is_not_good_never_allows(scans):
    for inputs, _, running, result, _ in _run(scans):
        if any(inputs[n] in ("bad", "uncertain") for n in NAMES if not (running and n == "p1")):
            assert not result.allowed


@given(SCANS)
def test_the_state_is_plain_data(scans):
    for *_, state in _run(scans):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=MatrixState) == state
