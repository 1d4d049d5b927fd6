"""Customs, operators and shippers of the rig against a real gate north side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gatectl.model.errors import DeviceError, UsageError
from gatectl.model.messages import Fact, OperatorCommand, Receipt, ReleaseReceived
from gatectl.north.party import Operator
from gatectl.north.settings import Settings
from hil.broker import Broker
from hil.operators import Customs, Shipper
from tests.support.mqtt_brokers import KINDS
from tests.support.north_nodes import KEYS, make_node, serving
from tests.support.north_port import FakeNorthPort


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    broker = Broker(request.param)
    await broker.start()
    yield broker
    await broker.stop()


def at(port: int) -> Settings:
    return Settings("127.0.0.1", port, "")


async def judge(port: FakeNorthPort, node: str) -> None:
    """A core that answers everything as the real one would: verified and unexpired, or not."""
    done = 0
    while True:
        for fact in port.accepted[done:]:
            done += 1
            reasons = verdict(fact)
            port.emit(
                Receipt(
                    id=f"{node}-{done}",
                    to="",
                    correlation=fact.id,
                    accepted=not reasons,
                    reasons=reasons,
                    at_utc_ns=0,
                )
            )
        await asyncio.sleep(0.01)


def verdict(fact: Fact) -> tuple[str, ...]:
    if isinstance(fact, ReleaseReceived):
        if not fact.verified:
            return (fact.refusal,)
        if fact.expires_utc_ns <= time.time_ns():
            return ("it had expired",)
        if fact.container != "MSKU0000001":
            return ("another container",)
    if isinstance(fact, OperatorCommand) and fact.subject == "nobody":
        return ("unknown subject",)
    return ()


async def test_everybody_gets_an_answer(broker: Broker) -> None:
    async with serving(make_node("gate", broker.port)) as gate:
        core = asyncio.create_task(judge(gate, "gate-1"))
        port = broker.port
        async with (
            Customs("cn", KEYS["cn"], site="demo", broker=at(port)) as cn,
            Operator("lan", site="demo", broker=at(port)) as operator,
            Shipper("acme", site="demo", broker=at(port)) as shipper,
        ):
            advised = await shipper.pre_advise("T1", "MSKU0000001", "import", 20_000.0, "S1")
            assert (advised.result, advised.to) == ("accepted", "acme")
            assert (await cn.release("T1", "MSKU0000001")).result == "accepted"
            forged = await cn.release("T1", "MSKU0000001", signing_key=KEYS["vn"])
            assert (forged.result, "key" in forged.reasons[0]) == ("refused", True)
            expired = await cn.release("T1", "MSKU0000001", valid_s=-1.0)
            assert expired.reasons == ("it had expired",)
            other = await cn.release("T1", "MSKU0000002")
            assert other.reasons == ("another container",)
            elsewhere = await cn.release("T1", "MSKU0000001", site="elsewhere")
            assert "elsewhere" in elsewhere.reasons[0]
            malformed = await cn.release("T1", "MSKU1")
            assert (malformed.result, "container" in malformed.reasons[0]) == ("refused", True)
            assert (await cn.revoke("T1", "MSKU0000001")).result == "accepted"
            assert (await operator.command("reset", "crane_cn", node="gate-1")).result == "accepted"
            assert (await operator.command("reset", "nobody")).reasons == ("unknown subject",)
            again = cn.decision("release", "T1", "MSKU0000001")
            first, second = await cn.submit(again), await cn.submit(again)
            assert first == second
        sequences = [f.sequence for f in gate.accepted if isinstance(f, ReleaseReceived)]
        assert sequences == sorted(set(sequences))
        core.cancel()
        await asyncio.gather(core, return_exceptions=True)


async def test_a_release_survives_a_killed_broker(broker: Broker) -> None:
    async with (
        serving(make_node("gate", broker.port)) as gate,
        Customs("vn", KEYS["vn"], site="demo", broker=at(broker.port)) as vn,
    ):
        core = asyncio.create_task(judge(gate, "gate-1"))
        assert (await vn.release("T1", "MSKU0000001")).result == "accepted"
        await broker.kill()
        asking = asyncio.create_task(vn.release("T2", "MSKU0000001"))
        await asyncio.sleep(0.2)
        assert not asking.done()
        await broker.restart()
        assert (await asking).result == "accepted"
        assert len(gate.accepted) == 2
        core.cancel()
        await asyncio.gather(core, return_exceptions=True)


async def test_without_a_gate_there_is_no_receipt(broker: Broker) -> None:
    operator = Operator("lan", site="demo", broker=at(broker.port))
    with pytest.raises(UsageError, match="not started"):
        await operator.command("reset")
    await operator.start()
    with pytest.raises(DeviceError, match="no receipt"):
        await operator.command("reset", timeout_s=0.5)
    await operator.stop()
    await operator.stop()
