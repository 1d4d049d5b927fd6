"""The vehicle's north side: VDA 5050 2.1 upwards, leases and operator commands downwards."""

from __future__ import annotations

import asyncio
import math

import msgspec

from gatectl.model.errors import ConfigError, Finding, UsageError, WireError
from gatectl.model.messages import (
    AnyMessage,
    Incident,
    LeaseReceived,
    Receipt,
    Status,
    VehicleStateReport,
)
from gatectl.model.node import Node
from gatectl.model.ports import NorthPort
from gatectl.model.vda5050 import Connection, Header, State
from gatectl.north import facts, topics, vda_in
from gatectl.north.commands import subject_here
from gatectl.north.factsheet import VISUALIZATION_S, factsheet, visualization
from gatectl.north.headers import Headers
from gatectl.north.inbox import Arrival, Inbox
from gatectl.north.link import Link
from gatectl.north.names import GateTopics, VdaTopic, vda
from gatectl.north.session import Inbound, Publication, Session
from gatectl.north.status import node_status
from gatectl.north.wire import encode, parse, typed

# The core reports at least once a second.
STATE_FRESH_NS = 1_500_000_000


class VehicleRole:
    """One vehicle. Raises ConfigError if the node file names no vehicle or one that fits no topic."""

    def __init__(self, node: Node, port: NorthPort, inbox: Inbox) -> None:
        if node.config.vehicle is None:
            raise ConfigError([Finding(node.file, "vehicle", "missing", "a vehicle node needs [vehicle]")])
        self._vehicle = node.config.vehicle
        self._config = node.config
        self._site = node.site.config
        self._port = port
        self._inbox = inbox
        self._link: Link | None = None
        self._headers = Headers(port.utc_ns)
        self._errors = vda_in.ShownErrors()
        self._state: State | None = None
        self._state_mono_ns = 0
        self._connection_seen = "ONLINE"
        try:
            self._topics = GateTopics(self._site.name)
            self._lease = self._topics.lease(self._vehicle.serial)
            self._order = self._vda("order")
            self._instant = self._vda("instantActions")
            self._connection = self._vda("connection")
        except UsageError as error:
            raise ConfigError([Finding(node.file, "vehicle", error.cause, error.remedy)]) from error

    @property
    def momentary(self) -> tuple[str, ...]:
        """Topics whose messages are for now: a retained one is from another day."""
        return (self._order, self._instant, self._topics.command, self._lease)

    def attach(self, link: Link) -> None:
        self._link = link

    def subscriptions(self) -> list[tuple[str, int]]:
        return [
            (self._order, 1),
            (self._instant, 1),
            (self._connection, 1),
            (self._topics.command, 1),
            (self._lease, 0),
        ]

    # ---- presence -------------------------------------------------------------------------------

    def will(self) -> Publication:
        """Its header is stale by design: the broker sends it when we no longer can."""
        return self._presence("CONNECTIONBROKEN")

    def presence(self) -> list[Publication]:
        sheet = self._headers.fill(
            factsheet(self._vehicle, self._site),
            "factsheet",
            self._vehicle.manufacturer,
            self._vehicle.serial,
        )
        return [
            Publication(self._vda("factsheet"), encode(sheet), 1, True),
            self._presence("ONLINE"),
            node_status(self._topics, self._config, self._port.utc_ns(), online=True),
        ]

    def farewell(self) -> list[Publication]:
        return [
            self._presence("OFFLINE"),
            node_status(self._topics, self._config, self._port.utc_ns(), online=False),
        ]

    def link_changed(self, connected: bool) -> None:
        """Whoever listens again must not wait for the next event to know where we are."""
        if connected:
            self._send_state()

    async def tick(self) -> None:
        """Visualization, and our presence when somebody else's word about us stands (a late will)."""
        while True:
            await asyncio.sleep(VISUALIZATION_S)
            if self._link is None or not self._link.connected:
                continue
            if self._connection_seen != "ONLINE":
                self._connection_seen = "ONLINE"
                self._link.publish(self._presence("ONLINE"))
            layout, snapshot = self._port.layout(), self._port.snapshot()
            shown = visualization(layout, snapshot, self._port.mono_ns(), self._site.map_id)
            self._link.publish(self._stamped(shown, "visualization"))

    # ---- out ------------------------------------------------------------------------------------

    def publication(self, message: AnyMessage) -> Publication | None:
        match message:
            case VehicleStateReport(state=state):
                self._state, self._state_mono_ns = state, self._port.mono_ns()
                return self._state_publication(state)
            case Status():
                now = self._port.utc_ns()
                return node_status(self._topics, self._config, now, online=True, status=message)
            case Incident():
                body = facts.incident_message(message, self._config.name)
                return Publication(self._topics.incident, encode(body), 1)
            case Receipt():
                body_receipt = facts.receipt_message(message, self._config.name)
                return Publication(self._topics.operator_receipt, encode(body_receipt), 1)
        return None

    def lane(self, _message: AnyMessage) -> str:
        return ""

    def held(self, _message: AnyMessage) -> bool:
        return False

    def sent(self, _message: AnyMessage) -> None:
        """Nothing of a vehicle's is followed up."""

    # ---- in -------------------------------------------------------------------------------------

    def receive(self, session: Session, message: Inbound) -> None:
        """Raises WireError for what is refused (the caller logs it and acknowledges)."""
        serial = self._vehicle.serial
        if message.topic == self._order:
            order = vda_in.order_received(message.payload, serial)
            self._inbox.take(Arrival(order, order.id, session, message))
        elif message.topic == self._instant:
            actions = vda_in.instant_actions_received(message.payload, serial)
            self._inbox.take(Arrival(actions, actions.id, session, message))
        elif message.topic == self._lease:
            self._take_lease(message)
        elif message.topic == self._topics.command:
            self._take_command(session, message)
        elif message.topic == self._connection:
            self._connection_seen = vda_in.connection(message.payload).connection_state
            session.acknowledge(message)
        else:
            # amqtt sends a new client the retained messages of other clients' subscriptions too.
            session.acknowledge(message)

    def refused(self, message: Inbound, problem: WireError) -> None:
        """Show fleet control what was wrong with its message."""
        if message.topic in (self._order, self._instant):
            refs = vda_in.order_reference(message.payload) if message.topic == self._order else ()
            self._errors.add(message.topic.rsplit("/", 1)[1], problem, refs, self._port.mono_ns())
            self._send_state()

    def _take_lease(self, message: Inbound) -> None:
        lease = facts.lease(typed(parse(message.payload, "lease"), topics.LeaseMessage, "lease"))
        if lease.serial != self._vehicle.serial:
            raise WireError(f"it is for {lease.serial}", "publish it on that vehicle's topic", where="lease")
        received_id = f"lease:{lease.epoch}:{lease.sequence}"
        self._port.forward(LeaseReceived(id=received_id, lease=lease))

    def _take_command(self, session: Session, message: Inbound) -> None:
        what = "operator/command"
        command = typed(parse(message.payload, what), topics.CommandMessage, what)
        subject = subject_here(command, self._config)
        if subject is None:
            session.acknowledge(message)
            return
        fact = facts.operator_command(command, subject)
        self._inbox.take(Arrival(fact, fact.id, session, message))

    # ---- helpers --------------------------------------------------------------------------------

    def _vda(self, topic: VdaTopic) -> str:
        return vda(self._vehicle.manufacturer, self._vehicle.serial, topic)

    def _stamped(self, message: Header, topic: VdaTopic) -> Publication:
        filled = self._headers.fill(message, topic, self._vehicle.manufacturer, self._vehicle.serial)
        return Publication(self._vda(topic), encode(filled))

    def _presence(self, state: str) -> Publication:
        connection = msgspec.convert({"connectionState": state}, Connection)
        return self._stamped(connection, "connection")._replace(qos=1, retain=True)

    def _state_publication(self, state: State) -> Publication:
        """The core's state with our errors; a position that is no number is left out."""
        position = state.agv_position
        if position and not all(map(math.isfinite, (position.x, position.y, position.theta))):
            position = None
        errors = state.errors + self._errors.now(self._port.mono_ns())
        return self._stamped(msgspec.structs.replace(state, errors=errors, agv_position=position), "state")

    def _send_state(self) -> None:
        """Only a fresh one: an old state in a new header would hide that the scan is dead."""
        age_ns = self._port.mono_ns() - self._state_mono_ns
        if self._state is not None and self._link is not None and age_ns < STATE_FRESH_NS:
            self._link.publish(self._state_publication(self._state))
