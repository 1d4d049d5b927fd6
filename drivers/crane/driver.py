"""The crane driver: one request at a time, commands always before the next read."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from msgspec import Struct

from drivers._wire import Backoff, check_wire
from drivers.crane.config import CraneDriverConfig
from drivers.crane.link import ModbusLink
from drivers.crane.register_map import RegisterMap, load_map
from drivers.crane.session import Notes, Session
from drivers.crane.tags import TAGS
from gatectl.model.device import DevicePort
from gatectl.model.errors import ConfigError, DeviceError, WireError
from gatectl.model.quality import Cause, Quality
from gatectl.model.tags import TagSpec

SAFE_ATTEMPTS = 2
TELL_S = 0.25  # "not alive" is published so often, within its stale time


class CraneDriver:
    """A crane behind a Modbus TCP PLC. See `drivers.crane.config`, `.tags`, `.commands`, `.reading`."""

    kind: ClassVar[str] = "crane"
    Config: ClassVar[type[Struct]] = CraneDriverConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        self._name = name
        self._config = cast(CraneDriverConfig, config)
        self._port = port
        self._regs: RegisterMap | None = None
        self._link: ModbusLink | None = None
        self._session: Session | None = None
        self._last_cause = ""
        self.notes = Notes(name, port)

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """The same for every crane; what one lacks is BAD / NOT_CONFIGURED."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """The wire, and every mistake in the register map."""
        conf = cast(CraneDriverConfig, config)
        found = check_wire(conf.wire, frozenset({"tcp"}))
        try:
            load_map(conf.map_path)
        except ConfigError as error:
            found += [("map", f"{f.file}: {f.key}: {f.cause}", f.remedy) for f in error.findings]
        return found

    async def configure(self) -> None:
        """Read the register map. Raises DeviceError."""
        try:
            self._regs = load_map(self._config.map_path)
        except ConfigError as error:
            raise DeviceError(
                f"the register map is refused: {error.findings[0].text()}",
                "gatectl check shows every mistake",
                where=self._name,
            ) from error

    async def run(self) -> None:
        """Connect, serve, reconnect, until cancelled. The link stays open then, for `make_safe`."""
        backoff = Backoff(first_s=0.1, limit_s=self._config.reconnect_max_ms / 1000)
        self._publish_down()
        while True:
            try:
                session = await self._connect()
                await session.serve(backoff)
            except (DeviceError, WireError) as error:
                await self.close()
                self._lost(error)
            pause_s = backoff.next_s()
            while pause_s > 0.0:
                await asyncio.sleep(min(pause_s, TELL_S))
                pause_s -= TELL_S
                self._publish_down()

    async def make_safe(self) -> None:
        """Write enable 0 and job STOP, and read them back; DeviceError if that fails."""
        for attempt in range(SAFE_ATTEMPTS):
            try:
                session = self._session or await self._connect()
                await session.write_safe()
            except (DeviceError, WireError) as error:
                await self.close()
                if attempt == SAFE_ATTEMPTS - 1:
                    raise DeviceError(
                        f"could not be told to stop: {error.cause}",
                        "it stops by itself when our heartbeat stands still",
                        where=self._name,
                    ) from error
            else:
                return

    async def close(self) -> None:
        """Release the connection."""
        if self._link is not None:
            self._link.close()
        self._link = self._session = None

    async def _connect(self) -> Session:
        if self._regs is None:
            await self.configure()
        assert self._regs is not None
        await self.close()
        self._link = ModbusLink(self._config.wire, self._regs.device_id, self._config.timeout_ms / 1000)
        await self._link.open()
        self._port.log("info", f"{self._name}: connected to {self._link.where}")
        self._session = Session(self._config, self._regs, self._link, self._port, self.notes)
        return self._session

    def _lost(self, error: DeviceError | WireError) -> None:
        if error.cause != self._last_cause:  # the same cause every second would bury the others
            self._port.log("warning", f"{self._name}: {error.text()}")
        self._last_cause = error.cause
        self._publish_down()

    def _publish_down(self) -> None:
        self._port.put_all(Quality.BAD, Cause.LINK_DOWN)
        self._port.put("alive", 0.0)
        self._port.commit()
