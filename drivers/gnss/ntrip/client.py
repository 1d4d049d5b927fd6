"""Takes corrections from a caster for as long as it is run: connects, watches, connects again."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from msgspec import Struct, field

from drivers._wire import Backoff
from drivers.gnss.ntrip import sourcetable
from drivers.gnss.ntrip.answers import Kind
from drivers.gnss.ntrip.config import NEAREST, NtripConfig, read_password
from drivers.gnss.ntrip.connection import Ask, CasterError, Connection, Endpoint, read_table, tls_context
from drivers.gnss.ntrip.gga import Position, gga
from drivers.gnss.ntrip.rtcm import FrameSplitter, message_number
from gatectl.model.errors import DeviceError

SETTLED_S = 10.0
"""Corrections for so long (or one inactivity time-out, if that is shorter) end the back-off."""

RATE_WINDOW_S = 5.0
_POSITION_POLL_S = 0.2
_OTHER_VERSION = (400, 405, 426, 501, 505)
"""Refusals that another version of NTRIP may not meet."""

_FOR_A_WHILE = (408, 409, 425, 429)
"""Refusals of the 400s that pass by themselves."""


class Status(Struct):
    """How it stands, for tags and messages.

    mount: the mount point in use ("" while there is none). connects: connections on which
    corrections arrived. messages: frames by RTCM number. last_frame_s: event-loop time of the last frame.
    """

    mount: str = ""
    version: int = 0
    connects: int = 0
    failures: int = 0
    receiving: bool = False
    last_frame_s: float | None = None
    messages: Counter[int] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    positions_sent: int = 0


class NtripClient:
    """One caster's client.

    frame: given every whole RTCM 3 frame whose CRC holds, and nothing else, so that a damaged or
    hostile stream cannot reach the receiver's command interpreter. position: the receiver's place
    while it is valid, else None. tell: level and text for the log, each text once in a row.
    """

    def __init__(
        self,
        config: NtripConfig,
        base_dir: str,
        *,
        frame: Callable[[bytes], None],
        position: Callable[[], Position | None],
        tell: Callable[[str, str], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.status = Status()
        self._config = config
        self._base_dir = base_dir
        self._frame = frame
        self._position = position
        self._tell = tell
        self._chance = chance
        self._tls: ssl.SSLContext | None = None
        self._backoff = Backoff(config.backoff_first_s, config.backoff_limit_s)
        self._version = 1 if config.version == 1 else 2
        self._recent: deque[tuple[float, int]] = deque()

    async def run(self) -> NoReturn:
        """Until cancelled. No answer, refusal or outage ends it; each is told and tried again."""
        while True:
            try:
                await self._session()
            except DeviceError as error:
                pause_s = self._failed(error)
            await asyncio.sleep(pause_s)

    def bytes_per_s(self) -> float:
        """Of valid frames, over the last 5 s."""
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0][0] < now - RATE_WINDOW_S:
            self._recent.popleft()
        return sum(size for _, size in self._recent) / RATE_WINDOW_S

    def _failed(self, error: DeviceError) -> float:
        """Tell it; how long to wait, s."""
        self.status.failures += 1
        self.status.receiving = False
        self.status.mount = ""
        self._tell("warning", error.text())
        pause_s = self._backoff.next_s()
        if isinstance(error, CasterError):
            if error.silent and self._config.version == "auto":
                self._version = 3 - self._version
            if error.settled:
                pause_s = self._config.backoff_limit_s
        return pause_s * (1.0 - 0.5 * self._chance())

    async def _session(self) -> NoReturn:
        password = read_password(self._config, self._base_dir)  # anew: it may have been changed
        if self._config.tls and self._tls is None:
            ca_file = Path(self._base_dir) / self._config.ca_file if self._config.ca_file else None
            self._tls = await tls_context(ca_file)
        endpoint = Endpoint(host=self._config.host, port=self._config.port, tls=self._tls)
        mount = self._config.mountpoint
        if mount == NEAREST:
            mount = await self._nearest(endpoint, password)
        connection = await self._ask(endpoint, f"/{mount}", password)
        try:
            if connection.answer.kind is Kind.TABLE:
                offered = sourcetable.parse(await self._table(connection))
                raise self._no_such_mount(endpoint, mount, offered)
            self.status.mount = mount
            self.status.version = self._version
            await self._stream(connection, mount)
        finally:
            connection.close()

    async def _ask(self, endpoint: Endpoint, path: str, password: str) -> Connection:
        """An answer that is a stream or a table. Raises CasterError for all others."""
        position = self._position() if self._config.gga_interval_s else None
        ask = Ask(
            path=path,
            version=self._version,
            username=self._config.username,
            password=password,
            gga=gga(position) if position else b"",
            timeout_s=self._config.connect_timeout_s,
        )
        connection = await Connection.ask(endpoint, ask)
        answer = connection.answer
        if answer.kind in (Kind.STREAM, Kind.TABLE):
            return connection
        connection.close()
        if answer.status == 404 and path != "/":
            raise self._no_such_mount(endpoint, path[1:], await self._offered(endpoint, password))
        words = f"{answer.status or ''} {answer.reason}".strip()
        cause, remedy = f"refuses: {words}", "ask its operator"
        if answer.status == 401:
            cause, remedy = (
                f"refuses the user name or password ({words})",
                (
                    "check ntrip.username and the first line of ntrip.password_file"
                    if self._config.username
                    else "this mount point needs ntrip.username and ntrip.password_file"
                ),
            )
        elif answer.status == 403:
            cause, remedy = (
                f"forbids this account the mount point ({words})",
                "ask its operator for the right",
            )
        elif answer.status in (*_FOR_A_WHILE, 503):
            remedy = "it has too many users, or this account is in use elsewhere; it is tried again"
        raise CasterError(
            cause,
            remedy,
            where=endpoint.where,
            settled=400 <= answer.status < 500 and answer.status not in _OTHER_VERSION + _FOR_A_WHILE,
            silent=answer.status in _OTHER_VERSION,
        )

    async def _nearest(self, endpoint: Endpoint, password: str) -> str:
        """The name of the mount point nearest to the receiver, once that knows where it is."""
        while (position := self._position()) is None:
            self._tell("info", "waits for the receiver's position to choose the nearest mount point")
            await asyncio.sleep(_POSITION_POLL_S)
        connection = await self._ask(endpoint, "/", password)
        try:
            if connection.answer.kind is not Kind.TABLE:
                raise CasterError(
                    "sends no sourcetable", "name the mount point", where=endpoint.where, settled=True
                )
            offered = sourcetable.parse(await self._table(connection))
        finally:
            connection.close()
        place = (position.latitude_deg, position.longitude_deg)
        try:
            chosen, distance = sourcetable.nearest(
                offered, place, country=self._config.country, limit_km=self._config.max_distance_km
            )
        except DeviceError as error:
            raise CasterError(error.cause, error.remedy, where=endpoint.where, settled=True) from error
        self._tell("info", f"nearest mount point: {chosen.name}, {distance:.1f} km away")
        return chosen.name

    async def _table(self, connection: Connection) -> bytes:
        return await read_table(connection, sourcetable.END, self._config.connect_timeout_s)

    async def _offered(self, endpoint: Endpoint, password: str) -> list[sourcetable.Mount]:
        """What the caster says that it has; nothing if it does not say."""
        try:
            connection = await self._ask(endpoint, "/", password)
        except DeviceError:
            return []
        try:
            return sourcetable.parse(await self._table(connection))
        except DeviceError:
            return []
        finally:
            connection.close()

    def _no_such_mount(self, endpoint: Endpoint, mount: str, offered: list[sourcetable.Mount]) -> CasterError:
        listed = any(known.name == mount for known in offered)
        if listed:
            cause, remedy = (
                f"does not give {mount} out",
                "is its base station up, and has the account a right to it?",
            )
        else:
            cause, remedy = f"has no mount point {mount!r}", f"it has: {sourcetable.names(offered)}"
        # A caster that has just started lists nothing until its base stations are back.
        return CasterError(cause, remedy, where=endpoint.where, settled=bool(offered) and not listed)

    async def _stream(self, connection: Connection, mount: str) -> NoReturn:
        """Take frames until the connection fails, or no frame comes for inactivity_timeout_s."""
        config, status = self._config, self.status
        loop = asyncio.get_running_loop()
        splitter = FrameSplitter()
        strays = 0  # bytes since the last frame that are none
        alive_s = next_gga_s = loop.time()
        first_frame_s: float | None = None
        told_place = False
        while True:
            now = loop.time()
            position = self._position() if config.gga_interval_s else None
            if position is not None and now >= next_gga_s:
                connection.send(gga(position))
                status.positions_sent += 1
                next_gga_s = now + config.gga_interval_s
                if not told_place and first_frame_s is None:
                    alive_s = now  # a virtual reference station begins only now
                told_place = True
            # A caster that waits for our position is not dead; its end of the line still tells.
            waits_for_us = bool(config.gga_interval_s) and not told_place and first_frame_s is None
            if now >= alive_s + config.inactivity_timeout_s and not waits_for_us:
                raise self._inactive(connection, mount, strays)
            wake_s = alive_s + config.inactivity_timeout_s if not waits_for_us else now + _POSITION_POLL_S
            if config.gga_interval_s:
                wake_s = min(wake_s, max(next_gga_s, now + _POSITION_POLL_S))
            try:
                async with asyncio.timeout_at(wake_s):
                    data = await connection.read()
            except TimeoutError:
                continue
            frames = splitter.feed(data)
            strays = 0 if frames else strays + splitter.rejected["stray_bytes"]
            for frame in frames:
                alive_s = loop.time()
                if first_frame_s is None:
                    first_frame_s = alive_s
                    status.connects += 1
                    self._tell("info", f"{connection.endpoint.where}: corrections from {mount}")
                self._take(frame, alive_s)
            status.rejected += splitter.rejected
            splitter.rejected.clear()
            if first_frame_s is not None and alive_s - first_frame_s >= min(
                SETTLED_S, config.inactivity_timeout_s
            ):
                self._backoff.reset()

    def _take(self, frame: bytes, now_s: float) -> None:
        status = self.status
        status.receiving = True
        status.last_frame_s = now_s
        status.messages[message_number(frame)] += 1
        self._recent.append((now_s, len(frame)))
        self.bytes_per_s()  # keeps the window short
        self._frame(frame)

    def _inactive(self, connection: Connection, mount: str, strays: int) -> CasterError:
        heard = f", only {strays} bytes of something else" if strays else ""
        return CasterError(
            f"no RTCM 3 frame from {mount} for {self._config.inactivity_timeout_s:g} s{heard}",
            "its base station may be down, or sends another format (RTCM 3 is needed); it is connected anew",
            where=connection.endpoint.where,
        )
