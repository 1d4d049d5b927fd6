"""The gate's north side: fleet control over VDA 5050, both customs, shippers, operators."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from gatectl.model.errors import ConfigError, Finding, UsageError, WireError
from gatectl.model.messages import (
    AnyMessage,
    BlockChanged,
    Fact,
    Incident,
    InstantActionsIssued,
    LeaseIssued,
    OrderIssued,
    Receipt,
    Side,
    Status,
    TransitChanged,
    VehicleConnection,
    VehicleReport,
)
from gatectl.model.node import Node
from gatectl.model.ports import NorthPort
from gatectl.model.vda5050 import Header
from gatectl.north import facts, topics, vda_in
from gatectl.north.commands import subject_here
from gatectl.north.followup import Followup
from gatectl.north.headers import Headers
from gatectl.north.inbox import Arrival, Inbox, Memory
from gatectl.north.link import Link
from gatectl.north.names import GateTopics, VdaTopic, vda
from gatectl.north.session import Inbound, Publication, Session
from gatectl.north.signing import public_keys
from gatectl.north.status import node_status
from gatectl.north.wire import encode, parse, to_datetime, typed

TICK_S = 0.5
SIDES: tuple[Side, ...] = ("cn", "vn")


class GateRole:
    """Raises ConfigError for keys that are none and names that fit no topic."""

    def __init__(self, node: Node, port: NorthPort, inbox: Inbox) -> None:
        self._config = node.config
        self._site = node.site.config
        self._port = port
        self._inbox = inbox
        self._link: Link | None = None
        self._headers = Headers(port.utc_ns)
        self._keys = public_keys(self._site, node.config.site)
        self._followup = Followup()
        self._receipts = Memory()
        self._presences: dict[str, str] = {}
        self._settled = False
        try:
            self._topics = GateTopics(self._site.name)
            self._topics.node_status(node.config.name)
            self._makers = {v.serial: v.manufacturer for v in self._site.vehicle}
            self._states = {vda(v.manufacturer, v.serial, "state"): v.serial for v in self._site.vehicle}
            self._connections = {
                vda(v.manufacturer, v.serial, "connection"): v.serial for v in self._site.vehicle
            }
        except UsageError as error:
            raise ConfigError([Finding(node.file, "name", error.cause, error.remedy)]) from error
        self._releases: dict[str, Side] = {self._topics.release(side): side for side in SIDES}

    @property
    def momentary(self) -> tuple[str, ...]:
        """Topics whose messages are for now: a retained one is from another day."""
        return (self._topics.command, self._topics.preadvice)

    def attach(self, link: Link) -> None:
        self._link = link

    def subscriptions(self) -> list[tuple[str, int]]:
        inbound = [self._topics.preadvice, self._topics.command, *self._releases, *self._connections]
        return [(topic, 1) for topic in inbound] + [(topic, 0) for topic in self._states]

    # ---- presence -------------------------------------------------------------------------------

    def will(self) -> Publication:
        return node_status(self._topics, self._config, self._port.utc_ns(), online=False)

    def presence(self) -> list[Publication]:
        return [node_status(self._topics, self._config, self._port.utc_ns(), online=True)]

    def farewell(self) -> list[Publication]:
        return [node_status(self._topics, self._config, self._port.utc_ns(), online=False)]

    def link_changed(self, connected: bool) -> None:
        """Vehicles tell their presence again in every session (retained)."""

    async def tick(self) -> None:
        """Tell again what vehicles do not show to know."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._link is None or not self._link.connected:
                continue
            again, lost = self._followup.due(self._port.mono_ns())
            for message in again:
                self._port.log("info", f"{message.serial} does not show {message.id}: sent again")
                publication = self.publication(message)
                if publication is not None:
                    self._link.publish(publication)
            for message in lost:
                self._port.log("error", f"{message.serial} never showed {message.id}; see its errors")

    # ---- out ------------------------------------------------------------------------------------

    def publication(self, message: AnyMessage) -> Publication | None:
        name = self._config.name
        match message:
            case OrderIssued() if self._followup.shown(message):
                # It waited for its base, and a repetition by the core has overtaken it.
                return None
            case OrderIssued(serial=serial, order=order):
                return self._fleet(order, serial, "order")
            case InstantActionsIssued(serial=serial, instant_actions=actions):
                return self._fleet(actions, serial, "instantActions")
            case LeaseIssued(lease=lease):
                return Publication(self._topics.lease(lease.serial), encode(facts.lease_message(lease)))
            case TransitChanged(transit_id=transit):
                body = encode(facts.transit_message(message))
                return Publication(self._topics.transit(transit), body, 1, True)
            case BlockChanged(block=block):
                return Publication(self._topics.block(block), encode(facts.block_message(message)), 1, True)
            case Incident():
                return Publication(self._topics.incident, encode(facts.incident_message(message, name)), 1)
            case Receipt():
                return self._receipt(message)
            case Status():
                return node_status(
                    self._topics, self._config, self._port.utc_ns(), online=True, status=message
                )
        return None

    def lane(self, message: AnyMessage) -> str:
        return message.serial if isinstance(message, OrderIssued | InstantActionsIssued) else ""

    def held(self, message: AnyMessage) -> bool:
        return isinstance(message, OrderIssued) and self._followup.holds(message)

    def sent(self, message: AnyMessage) -> None:
        if isinstance(message, OrderIssued | InstantActionsIssued):
            self._followup.issued(message, self._port.mono_ns())

    def take_settled(self) -> bool:
        """True once after a vehicle has shown something that others wait for."""
        settled, self._settled = self._settled, False
        return settled

    # ---- in -------------------------------------------------------------------------------------

    def receive(self, session: Session, message: Inbound) -> None:
        """Raises WireError for what is refused (the caller logs it and acknowledges)."""
        topic = message.topic
        if topic in self._states:
            self._take_state(self._states[topic], message)
        elif topic in self._connections:
            serial = self._connections[topic]
            self._presence_of(serial, vda_in.connection(message.payload).connection_state)
            session.acknowledge(message)
        elif topic in self._releases:
            self._take_release(self._releases[topic], session, message)
        elif topic == self._topics.preadvice:
            advice = typed(parse(message.payload, "preadvice"), topics.PreAdviceMessage, "preadvice")
            self._take(facts.pre_advice(advice), session, message)
        elif topic == self._topics.command:
            what = "operator/command"
            command = typed(parse(message.payload, what), topics.CommandMessage, what)
            subject = subject_here(command, self._config)
            if subject is None:
                session.acknowledge(message)
                return
            self._take(facts.operator_command(command, subject), session, message)
        else:
            # amqtt sends a new client the retained messages of other clients' subscriptions too.
            session.acknowledge(message)

    def refused(self, message: Inbound, problem: WireError) -> None:
        """Answer a message of customs, shippers or operators that is none."""
        topic = message.topic
        if topic in self._releases:
            side = self._releases[topic]
            self._answer(self._topics.customs_receipt(side), side, message.payload, "customs", problem)
        elif topic == self._topics.preadvice:
            self._answer(self._topics.operator_receipt, "shipper", message.payload, "sender", problem)
        elif topic == self._topics.command:
            self._answer(self._topics.operator_receipt, "operator", message.payload, "who", problem)

    def _take_state(self, serial: str, message: Inbound) -> None:
        now_mono_ns, now_utc_ns = self._port.mono_ns(), self._port.utc_ns()
        state = vda_in.state(message.payload)
        # Whoever reports is there, whatever a will says that came late or was never corrected.
        if not message.retain and self._presences.get(serial, "ONLINE") != "ONLINE":
            self._presence_of(serial, "ONLINE")
        self._settled |= self._followup.seen(serial, state, now_mono_ns)
        report_id = f"state:{serial}:{state.header_id}"
        self._port.forward(
            VehicleReport(id=report_id, serial=serial, state=state, received_utc_ns=now_utc_ns)
        )

    def _presence_of(self, serial: str, connection_state: Any) -> None:
        self._presences[serial] = connection_state
        self._port.forward(
            VehicleConnection(
                id=f"connection:{serial}:{self._port.mono_ns()}",
                serial=serial,
                connection_state=connection_state,
            )
        )

    def _take_release(self, side: Side, session: Session, message: Inbound) -> None:
        plain = parse(message.payload, "release")
        typed_message = typed(plain, topics.ReleaseMessage, "release")
        fact = facts.release(typed_message, plain, side, self._site.name, self._keys.get(side))
        if not fact.verified:
            self._port.log("warning", f"customs {side}, release {fact.release_id}: {fact.refusal}")
        self._take(fact, session, message)

    def _take(self, fact: Fact, session: Session, message: Inbound) -> None:
        self._inbox.take(Arrival(fact, fact.id, session, message, lambda: self._known(fact)))

    # ---- receipts -------------------------------------------------------------------------------

    def _receipt_topic(self, origin: facts.Origin | None, to: str) -> str:
        for side in SIDES:
            if (origin.channel if origin else to) in (f"customs-{side}", side):
                return self._topics.customs_receipt(side)
        return self._topics.operator_receipt

    def _receipt(self, receipt: Receipt) -> Publication:
        topic = self._receipt_topic(facts.origin_of(receipt.correlation), receipt.to)
        payload = encode(facts.receipt_message(receipt, self._config.name))
        self._receipts.keep(receipt.correlation, payload)
        return Publication(topic, payload, 1)

    def _known(self, fact: Fact) -> None:
        """The sender asks again: it missed its receipt. If the core has not answered yet, it will."""
        origin = facts.origin_of(fact.id)
        payload = self._receipts.get(fact.id)
        if payload is None and origin is not None:
            known = topics.ReceiptMessage(
                node=self._config.name,
                to=origin.sender,
                correlation=origin.id,
                result="known",
                reasons=("this message came before and is in the journal",),
                at=to_datetime(self._port.utc_ns()),
            )
            payload = encode(known)
        if payload is not None and self._link is not None:
            self._link.publish(Publication(self._receipt_topic(origin, ""), payload, 1))

    def _answer(self, topic: str, to: str, payload: bytes, sender_key: str, problem: WireError) -> None:
        """A receipt for something that could not be read; the id if that much could be."""
        plain: Any = None
        with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            plain = msgspec.json.decode(payload)
        said = plain if isinstance(plain, dict) else {}
        correlation, sender = said.get("id"), said.get(sender_key)
        receipt = topics.ReceiptMessage(
            node=self._config.name,
            to=sender[:64] if isinstance(sender, str) and sender else to,
            correlation=correlation[:64] if isinstance(correlation, str) else "",
            result="refused",
            reasons=(problem.text(),),
            at=to_datetime(self._port.utc_ns()),
        )
        if self._link is not None:
            self._link.publish(Publication(topic, encode(receipt), 1))

    def _fleet(self, message: Header, serial: str, topic: VdaTopic) -> Publication:
        maker = self._makers.get(serial)
        if maker is None:
            raise UsageError(f"the site knows no vehicle {serial}", "add it to [[vehicle]] in site.toml")
        destination = vda(maker, serial, topic)
        filled = self._headers.fill(message, destination, maker, serial)
        return Publication(destination, encode(filled), 1)
