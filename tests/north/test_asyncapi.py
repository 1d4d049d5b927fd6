"""The published contract is the one the code speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.errors import WireError
from gatectl.model.messages import BlockChanged, Explanation, Incident, Lease, Reason, Receipt, TransitChanged
from gatectl.north import facts, topics, wire
from gatectl.north.asyncapi import CHANNELS, document, files, schemas
from gatectl.north.names import GateTopics

FOLDER = Path(__file__).parents[2] / "config" / "asyncapi"
SCHEMAS = schemas()
FORMATS = jsonschema.FormatChecker()


def validator(kind: type) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMAS[kind.__name__], format_checker=FORMATS)


def test_the_exported_files_are_current() -> None:
    """Renew them with: python -m gatectl.north.asyncapi config/asyncapi"""
    there = {str(p.relative_to(FOLDER)): p.read_text() for p in FOLDER.rglob("*.json")}
    assert there == files("1")


def test_every_reference_resolves_and_every_schema_is_one() -> None:
    body = document("1")

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                target: Any = body
                for key in value["$ref"].removeprefix("#/").split("/"):
                    target = target[key]
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            for child in value:
                walk(child)

    walk(body)
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_addresses_are_the_topics_of_the_code() -> None:
    code = GateTopics("s")
    known = {
        code.preadvice,
        code.command,
        code.operator_receipt,
        code.incident,
        code.release("cn"),
        code.customs_receipt("cn"),
        code.transit("i"),
        code.block("i"),
        code.lease("x"),
        code.node_status("n"),
    }
    names = {"site": "s", "side": "cn", "id": "i", "serial": "x", "name": "n"}
    channels = document("1")["channels"]
    assert {c["address"].format(**names) for c in channels.values()} == known
    assert len(channels) == len(CHANNELS)
    for channel in channels.values():
        assert set(channel["parameters"]) == {k for k in names if f"{{{k}}}" in channel["address"]}


def test_what_we_publish_is_valid() -> None:
    lease = Lease(
        serial="AGV01",
        order_id="o",
        order_update_id=1,
        blocks=("a",),
        epoch=1,
        sequence=2,
        issued_utc_ns=123_456_789,
        valid_for_ms=3000,
    )
    reason = Reason(code="c", text="t", first_out=True)
    now = wire.to_datetime(1_764_000_000_123_456_789)
    published: list[topics.Wire] = [
        facts.lease_message(lease),
        facts.receipt_message(
            Receipt(id="1", to="cn", correlation="customs-cn:cn:R", accepted=True, at_utc_ns=1), "n"
        ),
        facts.transit_message(
            TransitChanged(
                id="1",
                transit_id="T",
                container="C",
                direction="import",
                vehicle="",
                state="S",
                previous="",
                cause="",
                evidence={"weight": "ok"},
                at_utc_ns=1,
            )
        ),
        facts.block_message(BlockChanged(id="1", block="b", holder="", previous="", cause="", at_utc_ns=1)),
        facts.incident_message(
            Incident(id="1", severity="alarm", subject="s", code="c", text="t", remedy="r", at_utc_ns=1), "n"
        ),
        topics.NodeStatusMessage(
            node="n",
            role="gate",
            online=True,
            at=now,
            explanations=(Explanation(subject="s", state="x", summary="y", reasons=(reason,)),),
        ),
    ]
    for message in published:
        body = json.loads(wire.encode(message))
        validator(type(message)).validate(body)
        assert wire.typed(body, type(message), "it") is not None
    assert facts.lease(facts.lease_message(lease)).issued_utc_ns == 123_456_000


GOOD: dict[str, Any] = {
    "id": "C1",
    "who": "lan",
    "node": "gate-1",
    "command": "reset",
    "subject": "T1",
    "issued_at": "2026-03-01T08:00:00Z",
}


@given(
    st.sampled_from(sorted(GOOD)),
    st.text(max_size=70)
    | st.sampled_from(["C1\n", "a/b", "x:y", "é", "reset", "", "a" * 65])
    | st.integers(),
)
def test_schema_and_code_refuse_the_same(key: str, value: Any) -> None:
    """Times aside: RFC 3339 checkers differ in what they let pass."""
    if key == "issued_at":
        value = str(value) if isinstance(value, int) else "not a time " + value
    body = GOOD | {key: value}
    valid = not list(validator(topics.CommandMessage).iter_errors(body))
    try:
        wire.typed(body, topics.CommandMessage, "command")
    except WireError:
        assert not valid or key == "issued_at"
    else:
        assert valid


@pytest.mark.parametrize("extra", [{"x": 1}, {"id": None}])
def test_unknown_and_missing_keys_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        wire.typed(GOOD | extra, topics.CommandMessage, "command")
