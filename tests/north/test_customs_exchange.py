"""Customs, shippers and operators against a gate: receipts, refusals, repetitions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import msgspec

from gatectl.model.messages import OperatorCommand, PreAdvice, Receipt, ReleaseReceived
from gatectl.north.signing import sign
from tests.support.device_port import eventually
from tests.support.mqtt_brokers import Broker, Listener
from tests.support.north_nodes import KEYS, make_node, serving

Listen = Callable[..., Awaitable[Listener]]
RELEASE, RECEIPT = "gatectl/v1/demo/customs/cn/release", "gatectl/v1/demo/customs/cn/receipt"


def a_release(**changes: object) -> dict[str, object]:
    message: dict[str, object] = {
        "id": "R-1",
        "site": "demo",
        "customs": "cn",
        "release_id": "REL-1",
        "transit_id": "T1",
        "container": "MSKU0000001",
        "decision": "release",
        "sequence": 5,
        "issued_at": "2026-03-01T08:00:00Z",
        "expires_at": "2026-03-01T16:00:00+08:00",
    }
    return sign(message | changes, KEYS["cn"])


async def test_a_release_is_verified_journaled_once_and_answered_again(
    broker: Broker, listen: Listen
) -> None:
    async with serving(make_node("gate", broker.port)) as gate:
        office = await listen(RECEIPT, "gatectl/v1/demo/node/gate-1/status")
        await eventually(lambda: office.heard != [])
        await office.say(RELEASE, json.dumps(a_release()))
        await eventually(lambda: len(gate.accepted) == 1)
        fact = gate.accepted[0]
        assert isinstance(fact, ReleaseReceived)
        assert fact == ReleaseReceived(
            id="customs-cn:cn:R-1",
            release_id="REL-1",
            customs="cn",
            container="MSKU0000001",
            transit_id="T1",
            decision="release",
            issued_utc_ns=1_772_352_000_000_000_000,
            expires_utc_ns=1_772_352_000_000_000_000,
            sequence=5,
            verified=True,
        )
        # Asked again before the core has answered: it is known, and no more is said than that.
        await office.say(RELEASE, json.dumps(a_release(), indent=1))
        await eventually(lambda: len(office.on(RECEIPT)) == 1)
        assert json.loads(office.on(RECEIPT)[0].payload)["result"] == "known"
        receipt = Receipt(id="g-1", to="cn", correlation=fact.id, accepted=True, at_utc_ns=0)
        gate.emit(receipt)
        await eventually(lambda: len(office.on(RECEIPT)) == 2)
        await office.say(RELEASE, json.dumps(a_release()))
        await eventually(lambda: len(office.on(RECEIPT)) == 3)
        for message in office.on(RECEIPT)[1:]:
            body = json.loads(message.payload)
            assert (body["to"], body["correlation"], body["result"]) == ("cn", "R-1", "accepted")
        assert len(gate.accepted) == 1
        assert len(gate.duplicates) == 2


async def test_what_is_not_customs_own_is_journaled_as_refused(broker: Broker, listen: Listen) -> None:
    """...and never takes the place of the true message with the same id."""
    async with serving(make_node("gate", broker.port)) as gate:
        office = await listen(RECEIPT, "gatectl/v1/demo/node/gate-1/status")
        await eventually(lambda: office.heard != [])
        true = a_release()
        wrong = [
            true | {"container": "MSKU0000002"},
            sign(a_release(), KEYS["vn"]),
            true | {"signature": "not base64!"},
            true | {"signature": ""},
            a_release(customs="vn"),
            a_release(site="elsewhere"),
            true,
        ]
        for message in wrong:
            await office.say(RELEASE, json.dumps(message))
        await eventually(lambda: len(gate.accepted) == len(wrong))
        facts = [f for f in gate.accepted if isinstance(f, ReleaseReceived)]
        assert [f.verified for f in facts] == [False] * 6 + [True]
        assert all(f.refusal for f in facts[:-1])
        assert len({f.id for f in facts}) == len(facts)
        gate.emit(
            Receipt(id="g", to="cn", correlation=facts[0].id, accepted=False, reasons=("x",), at_utc_ns=0)
        )
        await eventually(lambda: len(office.on(RECEIPT)) == 1)
        assert json.loads(office.on(RECEIPT)[0].payload)["correlation"] == "R-1"


async def test_what_is_no_message_gets_an_answer_with_the_remedy(broker: Broker, listen: Listen) -> None:
    operator_receipt = "gatectl/v1/demo/operator/receipt"
    advice = {"id": "P1", "sender": "acme", "transit_id": "T1", "container": "MSKU0000001"}
    advice |= {"direction": "import", "seal": "S1", "issued_at": "2026-03-01T08:00:00Z"}
    command = {"id": "C1", "who": "lan", "command": "reset", "issued_at": "2026-03-01T08:00:00Z"}
    bad: list[tuple[str, object, str, str, str]] = [
        (RELEASE, a_release(container="MSKU1"), RECEIPT, "R-1", "container"),
        (RELEASE, a_release(surprise=1), RECEIPT, "R-1", "surprise"),
        (RELEASE, a_release(expires_at="2026-03-01T08:00:00"), RECEIPT, "R-1", "expires_at"),
        (RELEASE, a_release(id="R/1"), RECEIPT, "R/1", "id"),
        (RELEASE, [1], RECEIPT, "", "release"),
        (RELEASE, b"{]", RECEIPT, "", "JSON"),
        (RELEASE, b"[" * 100_000, RECEIPT, "", "JSON"),
        ("gatectl/v1/demo/preadvice", advice, operator_receipt, "P1", "declared_gross_kg"),
        ("gatectl/v1/demo/preadvice", advice | {"declared_gross_kg": -1}, operator_receipt, "P1", ">"),
        ("gatectl/v1/demo/operator/command", command | {"command": "fly"}, operator_receipt, "C1", "fly"),
        ("gatectl/v1/demo/operator/command", command | {"id": "C1\n"}, operator_receipt, "C1\n", "id"),
    ]
    async with serving(make_node("gate", broker.port)) as gate:
        client = await listen(RECEIPT, operator_receipt, "gatectl/v1/demo/node/gate-1/status")
        await eventually(lambda: client.heard != [])
        for i, (topic, message, answer, correlation, hint) in enumerate(bad):
            client.heard.clear()
            await client.say(topic, message if isinstance(message, bytes) else json.dumps(message))
            await eventually(lambda a=answer: client.on(a) != [], f"{i}")
            body = json.loads(client.on(answer)[0].payload)
            assert (body["result"], body["correlation"]) == ("refused", correlation)
            assert hint in body["reasons"][0]
            assert " - " in body["reasons"][0], "a remedy"
        assert gate.accepted == []
        assert len(gate.texts("warning")) == len(bad)


async def test_commands_go_where_they_are_addressed(broker: Broker, listen: Listen) -> None:
    topic = "gatectl/v1/demo/operator/command"
    async with (
        serving(make_node("gate", broker.port)) as gate,
        serving(make_node("vehicle", broker.port)) as vehicle,
    ):
        client = await listen("gatectl/v1/demo/node/gate-1/status", "uagv/v2/gatectl/AGV01/connection")
        await eventually(lambda: len({m.topic for m in client.heard}) == 2)
        cases = [  # node, subject -> subject at the gate, at the vehicle (None: not for it)
            ("", "", "", ""),
            ("", "AGV01", "AGV01", ""),
            ("vehicle-1", "", None, ""),
            ("AGV01", "AGV01", None, ""),
            ("gate-1", "AGV01", "AGV01", None),
            ("", "T1", "T1", None),
            ("", "gate-1", "", None),
            ("gate-2", "", None, None),
        ]
        for i, (node, subject, _, _) in enumerate(cases):
            command = {"id": f"C{i}", "who": "lan", "command": "reset", "node": node, "subject": subject}
            await client.say(
                topic, json.dumps(command | {"issued_at": "2026-03-01T08:00:00Z", "until": None})
            )
        for port, column in ((gate, 2), (vehicle, 3)):
            expected = {f"operator:lan:C{i}": c[column] for i, c in enumerate(cases) if c[column] is not None}
            await eventually(lambda p=port, e=expected: len(p.accepted) >= len(e))
            got = {f.id: f.subject for f in port.accepted if isinstance(f, OperatorCommand)}
            assert got == expected


async def test_a_pre_advice_becomes_a_fact(broker: Broker, listen: Listen) -> None:
    async with serving(make_node("gate", broker.port)) as gate:
        client = await listen("gatectl/v1/demo/node/gate-1/status")
        await eventually(lambda: client.heard != [])
        advice = {"id": "P1", "sender": "acme", "transit_id": "T1", "container": "MSKU0000001"}
        advice |= {"direction": "import", "seal": "S1", "issued_at": "2026-03-01T08:00:00.5Z"}
        await client.say(
            "gatectl/v1/demo/preadvice", msgspec.json.encode(advice | {"declared_gross_kg": 2e4})
        )
        await eventually(lambda: gate.accepted != [])
        assert gate.accepted == [
            PreAdvice(
                id="preadvice:acme:P1",
                transit_id="T1",
                container="MSKU0000001",
                direction="import",
                declared_gross_kg=20000.0,
                seal="S1",
                issued_utc_ns=1_772_352_000_500_000_000,
            )
        ]


async def test_a_retained_command_is_from_another_day(broker: Broker, listen: Listen) -> None:
    topics = ("gatectl/v1/demo/operator/command", "uagv/v2/gatectl/AGV01/order")
    early = await listen()
    command = {"id": "C1", "who": "lan", "command": "reset", "issued_at": "2026-03-01T08:00:00Z"}
    await early.say(topics[0], json.dumps(command), retain=True)
    bare = {"orderId": "o", "orderUpdateId": 0, "nodes": [], "edges": []}
    await early.say(topics[1], json.dumps(bare), retain=True)
    async with (
        serving(make_node("gate", broker.port)) as gate,
        serving(make_node("vehicle", broker.port)) as vehicle,
    ):
        for port, expected in ((gate, topics[:1]), (vehicle, topics)):
            for topic in expected:
                await eventually(lambda p=port, t=topic: any(t in w for w in p.texts("warning")), topic)
        await early.say(topics[0], json.dumps(command | {"id": "C2"}))
        await eventually(lambda: len(gate.accepted) == len(vehicle.accepted) == 1)
        assert gate.accepted[0].id == "operator:lan:C2"
