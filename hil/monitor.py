"""An ordinary MQTT client that watches a gate: transits, blocks, vehicles, incidents.

It sees what an integrator sees; the run's timeline and live progress come from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gatectl.model import vda5050
from gatectl.north import topics
from hil.timeline import Timeline

GATE = "gatectl/v1"


class Monitor:
    """vehicles: newest VDA 5050 state by serial; transits, blocks, statuses: newest message by name;
    incidents and receipts: all, in order. Fed by the client's own thread; readers only read."""

    def __init__(self, site: str, timeline: Timeline, clock_s: Callable[[], float]) -> None:
        self.site = site
        self.timeline = timeline
        self.clock_s = clock_s
        self.vehicles: dict[str, vda5050.State] = {}
        self.seen_s: dict[str, float] = {}
        self.transits: dict[str, topics.TransitMessage] = {}
        self.blocks: dict[str, topics.BlockMessage] = {}
        self.statuses: dict[str, topics.NodeStatusMessage] = {}
        self.incidents: list[topics.IncidentMessage] = []
        self.receipts: list[topics.ReceiptMessage] = []
        self.double_grants: list[str] = []
        self.malformed: list[str] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"hil-monitor-{time.monotonic_ns()}"
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def start(self, host: str, port: int) -> None:
        """Connect in the background and stay connected until `stop`."""
        self._client.connect_async(host, port, keepalive=5)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"{GATE}/{self.site}/#", 1), ("uagv/v2/+/+/state", 0)])

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            self._take(message.topic, bytes(message.payload))
        except msgspec.MsgspecError as error:
            self.malformed.append(f"{message.topic}: {error}")

    def _take(self, topic: str, payload: bytes) -> None:
        now = self.clock_s()
        if topic.startswith("uagv/"):
            state = msgspec.json.decode(payload, type=vda5050.State)
            self.vehicles[state.serial_number] = state
            self.seen_s[state.serial_number] = now
            return
        rest = topic.removeprefix(f"{GATE}/{self.site}/").split("/")
        match rest:
            case ["transit", name]:
                step = msgspec.json.decode(payload, type=topics.TransitMessage)
                known = self.transits.get(name)
                self.transits[name] = step
                if known is None or known.state != step.state:
                    self.timeline.add(now, name, step.state, mark=True)
            case ["block", name]:
                block = msgspec.json.decode(payload, type=topics.BlockMessage)
                self._grant(now, name, self.blocks.get(name), block)
                self.blocks[name] = block
            case ["incident"]:
                incident = msgspec.json.decode(payload, type=topics.IncidentMessage)
                self.incidents.append(incident)
                self.timeline.add(now, incident.subject or incident.node, f"! {incident.text}")
            case [*_, "receipt"]:
                self.receipts.append(msgspec.json.decode(payload, type=topics.ReceiptMessage))
            case ["node", name, "status"]:
                self.statuses[name] = msgspec.json.decode(payload, type=topics.NodeStatusMessage)
            case _:
                pass  # what others send to the gate

    def _grant(
        self, now: float, name: str, known: topics.BlockMessage | None, block: topics.BlockMessage
    ) -> None:
        if known is not None and known.id == block.id:
            return
        held = known.holder if known is not None else ""
        # Crane and vehicle hand the envelope to each other; between two vehicles it must be free first.
        between_vehicles = {held, block.holder} <= set(self.vehicles) and held != block.holder
        if held and block.holder and (block.previous != held or between_vehicles):
            self.double_grants.append(
                f"{name}: to {block.holder} from {block.previous or 'nobody'} while {held} held it"
            )
        who = block.holder or "free"
        self.timeline.add(now, f"block {name}", who)
