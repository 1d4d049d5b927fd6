"""The container-code camera: an HTTP listener that the camera pushes to."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import ClassVar, cast

from aiohttp import web
from msgspec import Struct

from drivers._wire import Backoff, check_wire
from drivers.scanner.config import CameraConfig
from drivers.scanner.life import Life
from drivers.scanner.tags import TAGS
from drivers.scanner.wire import (
    BODY_LIMIT,
    EVENT_PATH,
    KEEP_ALIVE_PATH,
    Seen,
    container_read,
    parse_event,
    parse_keep_alive,
)
from gatectl.model.device import DevicePort
from gatectl.model.errors import DeviceError, WireError
from gatectl.model.tags import TagSpec

BODY_TIMEOUT_S = 5.0


class CameraDriver:
    """A camera that POSTs its readings. It is answered 200 only when the fact was handed over, so a
    camera that repeats until then loses none; a repetition is answered 200 and not handed over twice.
    """

    kind: ClassVar[str] = "container_camera"
    Config: ClassVar[type[Struct]] = CameraConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        self._name = name
        self._config = cast(CameraConfig, config)
        self._port = port
        self._life = Life(name, port, self._config.silence_s)
        self._seen = Seen()
        self._runner: web.AppRunner | None = None
        self.refused = 0  # requests that were answered 4xx or 5xx

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """Only `alive`."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """The wire, and the addresses allowed."""
        conf = cast(CameraConfig, config)
        found = check_wire(conf.wire, frozenset({"listen"}))
        for address in conf.allow:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                found.append(("allow", f"{address!r} is not an IP address", "give the camera's address"))
        return found

    async def configure(self) -> None:
        """Nothing to prepare."""

    async def run(self) -> None:
        """Listen, until cancelled; a port that is taken is tried again."""
        wire = self._config.wire
        backoff = Backoff(first_s=0.2, limit_s=5.0)
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post(EVENT_PATH, self._on_event)
        app.router.add_post(KEEP_ALIVE_PATH, self._on_keep_alive)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        while True:
            self._life.publish()
            try:
                await web.TCPSite(self._runner, wire.host or "127.0.0.1", wire.listen_port).start()
                break
            except OSError as error:
                self._life.lost(
                    f"cannot listen on {wire.host}:{wire.listen_port}: {error.strerror}"
                    " - end what uses the port, or choose another in the node file and the camera"
                )
            await asyncio.sleep(backoff.next_s())
        await self._life.watch()

    async def make_safe(self) -> None:
        """A camera has no outputs."""

    async def close(self) -> None:
        """Stop listening and close the cameras' connections."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _on_event(self, request: web.Request) -> web.Response:
        try:
            event = parse_event(await self._body(request))
        except WireError as error:
            return self._refuse(request, 400, error.text())
        self._life.heard()
        if event.event_id in self._seen:
            return web.json_response({"result": "duplicate", "eventId": event.event_id})
        try:
            self._port.emit(container_read(self._name, self._config.lane, event))
        except DeviceError as error:  # too many facts wait for the journal: the camera keeps it
            return self._refuse(request, 503, error.text())
        self._seen.add(event.event_id)
        return web.json_response({"result": "accepted", "eventId": event.event_id})

    async def _on_keep_alive(self, request: web.Request) -> web.Response:
        try:
            parse_keep_alive(await self._body(request))
        except WireError as error:
            return self._refuse(request, 400, error.text())
        self._life.heard()
        return web.json_response({"result": "ok"})

    async def _body(self, request: web.Request) -> bytes:
        """The body. Raises WireError, or an HTTP error for a peer or size that is not allowed."""
        if self._config.allow and request.remote not in self._config.allow:
            self.refused += 1
            raise web.HTTPForbidden(text=f"{request.remote} is not a camera of this lane")
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await request.read()
        except TimeoutError as error:
            raise WireError(f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from error

    def _refuse(self, request: web.Request, status: int, cause: str) -> web.Response:
        self.refused += 1
        self._life.warn(f"request of {request.remote} refused: {cause}")
        return web.json_response({"result": "refused", "cause": cause}, status=status)
