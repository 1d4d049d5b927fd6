"""One connection to the broker: paho-mqtt driven by asyncio, without a thread of its own.

A session is used once. Everything that must outlive a lost connection lives in `link`, so that
no queue of the client library decides what is sent again. MQTT 3.1.1, clean session.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gatectl.model.errors import DeviceError
from gatectl.north.settings import Settings

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 5.0
HOUSEKEEPING_S = 0.5


class Publication(NamedTuple):
    """A message for a topic."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Inbound(NamedTuple):
    """A message from a topic. mid: to acknowledge it with (QoS 1)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int


class Session:
    """A connection from CONNECT to its end. All methods run in the event loop."""

    def __init__(
        self, settings: Settings, will: Publication | None, on_message: Callable[[Session, Inbound], None]
    ) -> None:
        self.closed = asyncio.Event()
        self.reason = ""
        self._settings = settings
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._sock: Any = None
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._acks: dict[int, asyncio.Future[None]] = {}
        self._housekeeping: asyncio.TimerHandle | None = None
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        if settings.username:
            client.username_pw_set(settings.username, settings.password or None)
        if settings.tls is not None:
            client.tls_set_context(settings.tls)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._message
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._no_write
        client.on_socket_close = self._socket_closed
        self._client = client

    async def open(self) -> None:
        """Connect and log in. Raises DeviceError (nobody there, or the broker refuses)."""
        where = f"broker {self._settings.host}:{self._settings.port}"
        remedy = "check [mqtt] host and port, and that the broker runs"
        # Name look-up, connect and the TLS handshake block: they must not hold up the journal.
        connecting = asyncio.ensure_future(
            asyncio.to_thread(
                self._client.connect, self._settings.host, self._settings.port, self._settings.keepalive_s
            )
        )
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._abandon)
            raise
        except (OSError, ValueError) as error:
            raise DeviceError(f"no connection: {error}", remedy, where=where) from error
        sock = cast(socket.socket | None, self._client.socket())
        if sock is None:
            raise DeviceError("the connection broke at once", remedy, where=where)
        self._sock = sock
        with contextlib.suppress(OSError):  # a peer that is gone already; reading says so next
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(sock, self._readable)
        if self._client.want_write():
            self._loop.add_writer(sock, self._writable)
        self._housekeeping = self._loop.call_later(HOUSEKEEPING_S, self._misc)
        try:
            code = await asyncio.wait_for(self._connack, ANSWER_TIMEOUT_S)
        except TimeoutError:
            self._finish("no CONNACK")
            raise DeviceError("accepts the connection but no login", remedy, where=where) from None
        if code.is_failure:
            self._finish("refused")
            raise DeviceError(
                f"refuses the login: {code}", "check [mqtt] username and password_file", where=where
            )

    async def subscribe(self, topics: list[tuple[str, int]]) -> list[str]:
        """Subscribe to (topic, QoS) pairs; the topics that the broker refused. Raises DeviceError."""
        result, mid = self._client.subscribe(topics)
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise DeviceError("the connection broke while subscribing")
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._answers[mid] = answer
        try:
            codes = await asyncio.wait_for(answer, ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise DeviceError("the broker does not answer a subscription") from None
        return [topic for (topic, _), code in zip(topics, codes, strict=False) if code.is_failure]

    def publish(self, publication: Publication) -> asyncio.Future[None] | None:
        """Send. With QoS 1 the future is done at the PUBACK; it fails with DeviceError if the
        session ends before. None for QoS 0 or a session that has ended."""
        if self.closed.is_set():
            return None
        topic, payload, qos, retain = publication
        info = self._client.publish(topic, payload, qos, retain)
        if qos == 0 or info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        ack: asyncio.Future[None] = self._loop.create_future()
        self._acks[info.mid] = ack
        return ack

    def acknowledge(self, message: Inbound) -> None:
        """Send the PUBACK of an inbound message, unless its session has ended."""
        if message.qos and not self.closed.is_set():
            self._client.ack(message.mid, message.qos)

    async def close(self) -> None:
        """DISCONNECT (so that the broker drops the last will), then end. Idempotent."""
        if not self.closed.is_set() and self._sock is not None:
            self._client.disconnect()
            # paho closes the socket itself once DISCONNECT is written, and reports it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.closed.wait()
        self._finish("closed")

    # ---- what paho asks for ---------------------------------------------------------------------

    def _readable(self) -> None:
        self._client.loop_read()
        # A TLS record may hold several packets that select() does not know of.
        while (pending := getattr(self._sock, "pending", None)) is not None and pending():
            self._client.loop_read()

    def _writable(self) -> None:
        self._client.loop_write()

    def _misc(self) -> None:
        """Keep-alive; a broker that does not answer a ping ends the session."""
        if not self.closed.is_set():
            self._client.loop_misc()
            self._housekeeping = self._loop.call_later(HOUSEKEEPING_S, self._misc)

    def _want_write(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        # Called in the connecting thread too, before the loop knows the socket: `open` looks again.
        if self._sock is not None:
            self._loop.add_writer(sock, self._writable)

    def _no_write(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        if self._sock is not None:
            self._loop.remove_writer(sock)

    def _socket_closed(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        if self._sock is not None:
            self._sock = None
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _connected(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if not self._connack.done():
            self._connack.set_result(code)

    def _disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._finish(str(code))

    def _subscribed(
        self, _client: paho.Client, _data: Any, mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        answer = self._answers.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _published(self, _client: paho.Client, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
        ack = self._acks.pop(mid, None)
        if ack is not None and not ack.done():
            ack.set_result(None)

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_message(
            self, Inbound(message.topic, bytes(message.payload), message.qos, message.retain, message.mid)
        )

    # ---- the end --------------------------------------------------------------------------------

    def _abandon(self, connecting: asyncio.Future[Any]) -> None:
        """The connect that nobody waits for any more."""
        if not connecting.cancelled():
            connecting.exception()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _finish(self, reason: str) -> None:
        """Forget the socket and fail whatever still waits. Idempotent."""
        if self.closed.is_set():
            return
        self.closed.set()
        self.reason = reason
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        sock = self._sock
        if sock is not None:
            self._socket_closed(self._client, None, sock)
            sock.close()
        lost = DeviceError(f"the connection to the broker ended: {reason}")
        if not self._connack.done():
            self._connack.set_exception(lost)
            self._connack.exception()  # nobody may be waiting
        futures: list[asyncio.Future[Any]] = [*self._answers.values(), *self._acks.values()]
        for waiting in futures:
            if not waiting.done():
                waiting.set_exception(lost)
                waiting.exception()
        self._answers.clear()
        self._acks.clear()
