"""The drive controller's driver: commands down as a heartbeat, telemetry up as tags."""

from __future__ import annotations

import asyncio
import math
from typing import ClassVar, NoReturn

from msgspec import Struct

from drivers._wire import Backoff, open_stream
from drivers.mcu import config as configuration
from drivers.mcu.config import McuConfig, parse_crc
from drivers.mcu.tags import COMMANDS, FAULT_SENSOR, OUTPUT_UNITS, REPORTED, SENSED, TAGS, TELEMETRY_UNITS
from drivers.mcu.wire import SAFE, McuLink
from firmware_bridge import Command, Event, Expected, FirmwareEvent, Telemetry
from gatectl.model import Cause, DeviceError, Quality, TagSpec
from gatectl.model.device import DevicePort

PULSE_S = 0.1
SAFE_FOR_S = 0.1
SAFE_PERIOD_S = 0.01

EVENTS = {
    1: "armed",
    2: "disarmed",
    3: "reset refused",
    4: "command refused",
}
DISARM_CAUSES = ("", "boot", "new connection", "host timeout", "emergency stop", "fault", "no intent")
REFUSALS = ("", "wrong length", "unknown output", "not a number", "late")


class McuDriver:
    """Implements gatectl.model.device.Driver."""

    kind: ClassVar[str] = "mcu"
    Config: ClassVar[type[Struct]] = McuConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        assert isinstance(config, McuConfig)
        self.name = name
        self._config = config
        self._port = port
        self._expected = Expected(
            dictionary_crc=parse_crc(config.dictionary_crc),
            config_crc=parse_crc(config.config_crc),
            outputs=OUTPUT_UNITS,
            telemetry=TELEMETRY_UNITS,
        )
        self._link: McuLink | None = None
        self._alive = False
        self._last_error = ""
        self._making_safe = False
        self._braked = False

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """The same for every controller."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """Mistakes that types cannot see: (key, cause, remedy)."""
        assert isinstance(config, McuConfig)
        return configuration.check(config)

    async def configure(self) -> None:
        """Nothing to prepare: the first contact is `run`'s."""
        self._publish_down()

    async def run(self) -> None:
        """Connect, speak, reconnect, until cancelled. The wire then stays open until `close`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_connected())
            group.create_task(self._pulse())

    async def make_safe(self) -> None:
        """Command brake and no intent for 100 ms, from now on and for good. `run` may still be active:
        it reads the confirmation. Without a link there is nobody to tell: the controller then brakes by
        its own time limit."""
        self._making_safe = True
        self._braked = False
        if self._link is None or not self._link.checked:
            return
        for _ in range(round(SAFE_FOR_S / SAFE_PERIOD_S)):
            try:
                self._link.send(SAFE)
            except DeviceError as error:
                self._port.log("warning", f"while making safe: {error.text()}")
                break
            await asyncio.sleep(SAFE_PERIOD_S)
            if self._link is None:
                break
        if not self._braked:
            self._port.log("warning", "the brake was not confirmed; the controller's own time limit applies")

    async def close(self) -> None:
        """Release the wire. Idempotent."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._publish_down(Cause.SHUTDOWN)

    async def _keep_connected(self) -> NoReturn:
        backoff = Backoff(first_s=0.1, limit_s=2.0)
        while True:
            try:
                stream = await open_stream(self._config.wire)
                self._link = McuLink(stream, self._expected, self._port.mono_ns)
                await self._talk(self._link, backoff)
            except DeviceError as error:
                self._lost(error)
            await asyncio.sleep(backoff.next_s())

    async def _talk(self, link: McuLink, backoff: Backoff) -> NoReturn:
        hello = await link.connect()
        self._port.log(
            "info",
            f"drive controller connected: firmware {hello.firmware}, dictionary_crc "
            f"0x{hello.dictionary.crc:08X}, config_crc 0x{hello.config_crc:08X}",
        )
        loop = asyncio.get_running_loop()
        period_s = self._config.command_period_ms / 1000
        silent_s = self._config.silent_after_ms / 1000
        due_s = heard_s = loop.time()
        while True:
            # Reading comes first: after a stall of our own, what waits in the buffer is no silence.
            for event in await link.receive(due_s):
                self._handle(event)
                if isinstance(event, Telemetry):
                    heard_s = loop.time()
                    backoff.reset()
            now_s = loop.time()
            if now_s - heard_s > silent_s:
                raise DeviceError(
                    f"no telemetry for {self._config.silent_after_ms:g} ms",
                    "check the controller's supply and cable",
                    where=self._config.wire.port,
                )
            if now_s >= due_s:
                link.send(self._intent())
                due_s = max(due_s + period_s, now_s)

    def _intent(self) -> Command:
        """The core's commands; the safe ones when the core is silent or says nothing usable."""
        if self._making_safe or not self._port.commands_fresh():
            return SAFE
        samples = {tag.name: self._port.command(tag.name) for tag in COMMANDS}
        if not all(sample.usable and math.isfinite(sample.value) for sample in samples.values()):
            return SAFE
        return Command(
            enable=samples["enable"].value >= 0.5,
            reset_count=int(samples["reset_count"].value),
            outputs={name: samples[name].value for name in OUTPUT_UNITS},
        )

    def _handle(self, event: Event) -> None:
        if isinstance(event, Telemetry):
            self._publish(event)
        elif isinstance(event, FirmwareEvent):
            details = REFUSALS if event.code == 4 else DISARM_CAUSES
            detail = details[event.detail] if event.detail < len(details) else str(event.detail)
            text = EVENTS.get(event.code, f"event {event.code}")
            level = "info" if event.code == 1 else "warning"
            self._port.log(level, f"drive controller {text}{': ' if detail else ''}{detail}")

    def _publish(self, telemetry: Telemetry) -> None:
        link = self._link
        assert link is not None
        assert link.session.dictionary is not None
        fields = link.session.dictionary.telemetry
        values = telemetry.values
        blind = values["fault"] == FAULT_SENSOR
        for tag in REPORTED:
            value, field = values[tag.name], fields[tag.name]
            quality, cause = Quality.GOOD, Cause.NONE
            if blind and tag.name in SENSED:
                quality, cause = Quality.BAD, Cause.DEVICE_FAULT
            elif not field.min <= value <= field.max:  # NaN is outside, too
                quality, cause = Quality.BAD, Cause.OUT_OF_RANGE
            safe = value if math.isfinite(value) else 0.0
            self._port.put(tag.name, safe, quality, cause, telemetry.sampled_mono_ns)
        self._braked = values["brake_applied"] == 1.0
        self._port.put("alive", 1.0)
        self._port.commit()
        self._alive = True
        self._last_error = ""

    def _lost(self, error: DeviceError) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        self._alive = False
        self._publish_down()
        if error.text() != self._last_error:  # once per reason, not once per attempt
            self._last_error = error.text()
            self._port.log("warning", error.text())

    def _publish_down(self, cause: Cause = Cause.LINK_DOWN) -> None:
        self._port.put_all(Quality.BAD, cause)
        self._port.put("alive", 0.0)
        self._port.commit()

    async def _pulse(self) -> NoReturn:
        """Keep `alive` = 0 fresh while the link is down: the driver lives, the controller does not."""
        while True:
            await asyncio.sleep(PULSE_S)
            if not self._alive:
                self._publish_down()
