"""Wire helpers, names, settings, follow-up, inbox: the parts without a broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.errors import ConfigError, UsageError, WireError
from gatectl.model.messages import InstantActionsIssued, OrderIssued
from gatectl.model.node import MqttConfig
from gatectl.model.vda5050 import Action, ActionState, InstantActions
from gatectl.north import names, wire
from gatectl.north.facts import Origin, fact_id, origin_of
from gatectl.north.followup import FIRST_WAIT_NS, REPEATS_MAX, Followup
from gatectl.north.inbox import Memory
from gatectl.north.settings import settings
from tests.support.north_nodes import order, state

S = 1_000_000_000
NS = st.integers(0, 4_102_444_800 * S)


# ---- wire -----------------------------------------------------------------------------------


@given(NS)
def test_times_keep_their_microseconds(utc_ns: int) -> None:
    moment = wire.to_datetime(utc_ns)
    assert wire.to_utc_ns(moment) == utc_ns // 1000 * 1000
    assert wire.to_utc_ns(moment.astimezone(timezone(timedelta(hours=7)))) == utc_ns // 1000 * 1000
    text = wire.iso_ms(utc_ns)
    assert len(text) == 24
    assert wire.to_utc_ns(datetime.fromisoformat(text)) == utc_ns // 1_000_000 * 1_000_000


def test_times_are_utc() -> None:
    assert wire.iso_ms(1_764_000_000_123_999_999) == "2025-11-24T16:00:00.123Z"
    assert wire.to_datetime(0) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"NaN", b'{"a":1e999}', b"9007199254740993", b"\xff", b"[" * 10**5, b" " * (2 << 20)],
)
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        wire.parse(payload, "thing")
    assert caught.value.cause
    assert caught.value.remedy
    assert caught.value.where == "thing"


def test_integral_floats_are_integers_and_nulls_are_absent() -> None:
    assert repr(wire.parse(b'{"a":[3.0,2.5,-0.0,1e300]}', "x")) == "{'a': [3, 2.5, 0, 1e+300]}"
    assert wire.without_nulls({"a": None, "b": [None, {"c": None}], "d": float("nan")}) == {"b": [None, {}]}


# ---- names ----------------------------------------------------------------------------------


@given(st.text(max_size=8))
def test_a_topic_level_is_one_level(text: str) -> None:
    try:
        topic = names.vda("maker", text, "state")
    except UsageError:
        assert not text or set(text) & {*"/+#$", *map(chr, range(32))}
    else:
        assert topic.split("/") == ["uagv", "v2", "maker", text, "state"]


@given(st.text("abc.-_1", min_size=1), st.text("ab 1", min_size=1), st.sampled_from(["", "0f"]))
def test_a_fact_id_leads_back(wire_id: str, sender: str, forged: str) -> None:
    origin = Origin("customs-cn", sender, wire_id)
    assert origin_of(fact_id(origin, forged)) == origin
    assert origin_of(wire_id) is None


def test_memory_forgets_the_oldest() -> None:
    memory = Memory(2)
    for name in ("a", "b", "a", "c"):
        memory.keep(name, name.encode())
    assert [memory.get(n) for n in "abc"] == [b"a", None, b"c"]


# ---- settings -------------------------------------------------------------------------------


def test_every_unusable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    config = MqttConfig(
        username="u", password_file="missing", tls=True, ca_file="ca.pem", cert_file="none.pem"
    )
    with pytest.raises(ConfigError) as caught:
        settings(config, "id", str(tmp_path / "node.toml"))
    found = {f.key: f.text() for f in caught.value.findings}
    assert set(found) == {"mqtt.password_file", "mqtt.cert_file"}
    assert str(tmp_path / "missing") in found["mqtt.password_file"]
    config = MqttConfig(tls=True, ca_file="ca.pem")
    with pytest.raises(ConfigError, match="no certificates"):
        settings(config, "id", str(tmp_path / "node.toml"))
    config = MqttConfig(ca_file="ca.pem", password_file="ca.pem")
    with pytest.raises(ConfigError) as caught:
        settings(config, "id", str(tmp_path / "node.toml"))
    assert {f.key for f in caught.value.findings} == {"mqtt.tls", "mqtt.username"}


def test_the_password_is_the_files_first_line(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("se cret\r\nmore\n")
    got = settings(MqttConfig(username="u", password_file="pw"), "id", str(tmp_path / "node.toml"))
    assert (got.password, got.tls) == ("se cret", None)


# ---- follow-up ------------------------------------------------------------------------------


def issued(update: int, order_id: str = "o1") -> OrderIssued:
    return OrderIssued(id=f"{order_id}-{update}", serial="AGV01", order=order(order_id, update))


def test_an_update_waits_until_its_base_is_shown() -> None:
    follow = Followup()
    assert not follow.holds(issued(0))
    follow.issued(issued(0), 0)
    assert follow.holds(issued(1))
    assert not follow.holds(issued(0, "o2"))
    assert not follow.seen("AGV01", state(), S)
    assert follow.holds(issued(1))
    assert follow.seen("AGV01", state("o1", 0), 2 * S)
    assert not follow.holds(issued(1))


def test_a_state_that_came_before_the_puback_counts() -> None:
    follow = Followup()
    follow.seen("AGV01", state("o1", 0), 0)
    follow.issued(issued(0), 1)
    assert not follow.holds(issued(1))
    assert follow.due(10**12) == ([], [])


def test_it_is_repeated_only_when_a_later_state_does_not_show_it() -> None:
    follow = Followup()
    follow.issued(issued(0), 0)
    assert follow.due(100 * S) == ([], [])  # the vehicle is silent: nothing proves a loss
    follow.seen("AGV01", state(), S // 2)
    assert follow.due(100 * S) == ([], [])  # too soon to have known it
    now, sent = 0, []
    while now < 200 * S:
        now += S // 2
        follow.seen("AGV01", state(), now)
        again, lost = follow.due(now)
        sent += [now] * len(again)
        if lost:
            break
    assert [b - a for a, b in zip([0, *sent], sent, strict=False)] == [
        FIRST_WAIT_NS << n for n in range(REPEATS_MAX)
    ]
    assert lost == [issued(0)]
    assert not follow.holds(issued(1))


def test_what_is_shown_already_needs_no_telling() -> None:
    follow = Followup()
    follow.seen("AGV01", state("o1", 3), 0)
    assert [follow.shown(issued(n)) for n in (2, 3, 4)] == [True, True, False]
    assert not follow.shown(issued(0, "o2"))


def test_a_newer_order_or_a_cancellation_ends_the_repetition() -> None:
    for successor in (
        issued(0, "o2"),
        InstantActionsIssued(
            id="c",
            serial="AGV01",
            instant_actions=InstantActions(
                actions=(Action(action_type="cancelOrder", action_id="c1", blocking_type="HARD"),)
            ),
        ),
    ):
        follow = Followup()
        follow.issued(issued(0), 0)
        follow.issued(successor, 1)
        follow.seen("AGV01", state(), 5 * S)
        assert follow.due(9 * S) == ([successor], [])
        assert not follow.holds(issued(1))


def test_an_instant_action_is_shown_by_its_state() -> None:
    follow = Followup()
    action = Action(action_type="startPause", action_id="p1", blocking_type="HARD")
    message = InstantActionsIssued(id="i", serial="AGV01", instant_actions=InstantActions(actions=(action,)))
    follow.issued(message, 0)
    follow.seen("AGV01", state(), 2 * S)
    assert follow.due(3 * S) == ([message], [])
    shown = (ActionState(action_id="p1", action_status="FINISHED"),)
    follow.seen("AGV01", state(action_states=shown), 4 * S)
    assert follow.due(100 * S) == ([], [])
