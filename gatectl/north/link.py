"""The link to the broker: one session after another, for ever, with a capped back-off.

Order of every session: subscribe, then everything retained, then `up`. So whoever sees our retained
presence knows that we already listen, and a broker that came back empty is complete again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from gatectl.model.errors import DeviceError
from gatectl.north.session import Inbound, Publication, Session
from gatectl.north.settings import Settings

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
RETAINED_MAX = 2000
Log = Callable[[str, str], None]


class Link:
    """`run` keeps the link up; `publish` works while `connected`.

    on_message(session, message): acknowledge through the session it came from.
    on_change(connected): called on every change.
    presence(connected): retained messages that are made anew for every session, sent last.
    """

    def __init__(
        self,
        settings: Settings,
        subscriptions: list[tuple[str, int]],
        *,
        on_message: Callable[[Session, Inbound], None],
        on_change: Callable[[bool], None],
        log: Log,
        will: Callable[[], Publication] | None = None,
        presence: Callable[[], list[Publication]] | None = None,
    ) -> None:
        self.up = asyncio.Event()
        self._settings = settings
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_change = on_change
        self._log = log
        self._will = will
        self._presence = presence
        self._session: Session | None = None
        self._retained: OrderedDict[str, Publication] = OrderedDict()
        self._complaint = ""
        self._leaving = False

    @property
    def connected(self) -> bool:
        """True between a complete start of a session and its end."""
        return self.up.is_set() and self._session is not None and not self._session.closed.is_set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled or `leave`."""
        backoff_s = BACKOFF_FIRST_S
        loop = asyncio.get_running_loop()
        while not self._leaving:
            session = Session(self._settings, self._will() if self._will else None, self._on_message)
            self._session = session
            try:
                await session.open()
                await self._begin(session)
                self._complaint = ""
                self._log("info", f"broker {self._settings.host}:{self._settings.port}: connected")
                self.up.set()
                self._on_change(True)
                began_s = loop.time()
                await session.closed.wait()
                # Two clients with one id throw each other out: that must not become a storm.
                if loop.time() - began_s > BACKOFF_MAX_S:
                    backoff_s = BACKOFF_FIRST_S
                if not self._leaving:
                    self._log("warning", f"broker link lost: {session.reason}; connecting again")
            except DeviceError as error:
                # A broker that is away for hours is one line in the log, not thousands.
                if error.text() != self._complaint:
                    self._complaint = error.text()
                    self._log("warning", error.text())
            finally:
                if self.up.is_set():
                    self.up.clear()
                    self._on_change(False)
                if not session.closed.is_set():
                    await session.close()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    def publish(self, publication: Publication) -> asyncio.Future[None] | None:
        """Send now. The future of a QoS 1 message is done at its PUBACK and fails with DeviceError
        when the link breaks; None: QoS 0, or no link (nothing was sent)."""
        if not self.connected or self._session is None:
            return None
        return self._session.publish(publication)

    def remember(self, publication: Publication) -> None:
        """Send this retained message again at the start of every session (newest per topic; the
        oldest topics are forgotten beyond RETAINED_MAX)."""
        self._retained.pop(publication.topic, None)
        self._retained[publication.topic] = publication
        while len(self._retained) > RETAINED_MAX:
            self._retained.popitem(last=False)

    async def leave(self, farewell: list[Publication]) -> None:
        """Say goodbye (waiting at most 1 s for its PUBACKs), disconnect, and end `run`."""
        self._leaving = True
        session = self._session
        if session is None:
            return
        acks = [ack for p in farewell if (ack := session.publish(p)) is not None]
        if acks:
            await asyncio.wait(acks, timeout=1.0)
        await session.close()

    async def _begin(self, session: Session) -> None:
        if self._subscriptions:
            for topic in await session.subscribe(self._subscriptions):
                self._log("error", f"the broker refuses the subscription to {topic}; check its ACL")
        acks = [session.publish(p) for p in self._retained.values()]
        acks += [session.publish(p) for p in (self._presence() if self._presence else [])]
        for ack in acks:
            if ack is not None:
                await ack
        if session.closed.is_set():
            raise DeviceError(f"the connection to the broker ended: {session.reason}")
