"""`serve`: the north side of a node, from connect to goodbye."""

from __future__ import annotations

import asyncio

from gatectl.model.errors import WireError
from gatectl.model.messages import BrokerLink
from gatectl.model.node import Node
from gatectl.model.ports import NorthPort
from gatectl.north.gate import GateRole
from gatectl.north.inbox import Inbox
from gatectl.north.link import Link
from gatectl.north.outbox import Outbox
from gatectl.north.session import Inbound, Session
from gatectl.north.settings import settings
from gatectl.north.vehicle import VehicleRole

FLUSH_S = 1.0


async def serve(node: Node, port: NorthPort) -> None:
    """Speak MQTT for this node until cancelled; then flush, say goodbye and disconnect (about 3 s
    at most, at once without a broker).

    Raises ConfigError for broker settings, customs keys and names that cannot be used. A broker
    that is away is no error: it is logged, and reported to the scan as `BrokerLink`.
    """
    client_id = f"gatectl-{node.site.config.name}-{node.config.name}"
    broker = settings(node.config.mqtt, client_id, node.file)
    inbox = Inbox(port)
    role = GateRole(node, port, inbox) if node.config.role == "gate" else VehicleRole(node, port, inbox)
    changes = 0

    def on_message(session: Session, message: Inbound) -> None:
        if message.retain and message.topic in role.momentary:
            # Somebody told the broker to keep it: nobody means it now.
            port.log("warning", f"{message.topic}: ignored, a retained one; publish it without retain")
            session.acknowledge(message)
            return
        try:
            role.receive(session, message)
        except WireError as problem:
            # Refused for good: acknowledged, or the broker would send it for ever.
            port.log("warning", f"{message.topic}: refused: {problem.text()}")
            session.acknowledge(message)
            role.refused(message, problem)
        except Exception as error:
            # An exception that leaves the client library's callback would spoil its packet reader
            # and with it every later message. Not acknowledged: our mistake, not the sender's.
            port.log("error", f"{message.topic}: mistake in gatectl: {type(error).__name__}: {error}")
        if isinstance(role, GateRole) and role.take_settled():
            outbox.kick()

    def on_change(connected: bool) -> None:
        nonlocal changes
        changes += 1
        port.forward(BrokerLink(id=f"broker:{changes}", connected=connected))
        role.link_changed(connected)
        if connected:
            outbox.kick()

    link = Link(
        broker,
        role.subscriptions(),
        on_message=on_message,
        on_change=on_change,
        log=port.log,
        will=role.will,
        presence=role.presence,
    )
    outbox = Outbox(port, link, role)
    role.attach(link)
    port.forward(BrokerLink(id="broker:0", connected=False))
    tasks = [asyncio.create_task(part) for part in (link.run(), outbox.run(), inbox.run(), role.tick())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks[1:]:
            task.cancel()
        if link.connected:
            await outbox.flush(FLUSH_S)
            await link.leave(role.farewell())
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
