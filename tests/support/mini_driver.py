"""A third party's driver for tests: its device is a file that receives every output it is given."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from gatectl.model import DeviceError, Direction, Kind, TagSpec
from gatectl.model.device import DevicePort
from gatectl.model.messages import ContainerRead


class MiniConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """file: stands for the device. ill: raise (run fails), stuck (make_safe hangs), refuse (it raises).
    emit: how many facts to emit at the start."""

    file: str
    ill: str = ""
    emit: int = 0


class MiniDriver:
    kind: ClassVar[str] = "mini"
    Config = MiniConfig

    def __init__(self, name: str, config: MiniConfig, port: DevicePort) -> None:
        self._config = config
        self._port = port
        self._file = Path(config.file)

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:
        return (
            TagSpec(name="alive", kind=Kind.BOOL),
            TagSpec(name="level", unit="m"),
            TagSpec(name="valve", direction=Direction.COMMAND, safe_value=-1.0),
        )

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        return []

    async def configure(self) -> None:
        self._write("configured")

    async def run(self) -> None:
        for number in range(self._config.emit):
            self._port.emit(
                ContainerRead(
                    id=self._port.next_id(),
                    device=self._port.name,
                    lane="",
                    container=f"CSQU{number:07}",
                    confidence=1.0,
                    check_digit_ok=True,
                    seal="",
                    seal_state="unread",
                    image_ref="",
                    read_utc_ns=self._port.utc_ns(),
                )
            )
        last = None
        while True:
            if self._config.ill == "raise":
                raise RuntimeError("this driver is ill")
            valve = self._port.command("valve").value if self._port.commands_fresh() else -1.0
            if valve != last:
                self._write(f"valve {valve:g}")
                last = valve
            self._port.put("alive", 1.0)
            self._port.put("level", 4.5)
            self._port.commit()
            await asyncio.sleep(0.01)

    async def make_safe(self) -> None:
        if self._config.ill == "stuck":
            await asyncio.sleep(60)
        if self._config.ill == "refuse":
            raise DeviceError("refuses", "ask it nicely")
        self._write("safe")

    async def close(self) -> None:
        self._write("closed")

    def _write(self, line: str) -> None:
        with self._file.open("a") as file:
            file.write(line + "\n")
