"""A field process: runs the drivers of one device group against their blocks of the image."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gatectl.model import Cause, DeviceError, GatectlError, Quality, UsageError
from gatectl.model.device import Driver
from gatectl.model.messages import Fact
from gatectl.model.node import DeviceConfig, Node
from gatectl.runtime.child import BEAT_PERIOD_S, Child, Places, run_child
from gatectl.runtime.clock import mono_ns
from gatectl.runtime.device_port import Port
from gatectl.runtime.frames import Ack, decode, encode, new_instance
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
from gatectl.runtime.link import Endpoint, ReliableSender
from gatectl.runtime.plugins import device_config
from gatectl.runtime.realtime import make_realtime

# Realtime groups run this far below the scan, so that they never delay it.
_BELOW_SCAN = 10
_PUMP_PERIOD_S = 0.05
_MAKE_SAFE_LIMIT_S = 2.0
_CLOSE_LIMIT_S = 1.0
_CANCEL_LIMIT_S = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_HEALTHY_AFTER_S = 30.0


class Device:
    """One device: its driver, in a task of its own that is started again when it fails."""

    def __init__(self, node: Node, config: DeviceConfig, port: Port) -> None:
        """Raises ConfigError or UsageError when the driver cannot be had."""
        self.name = config.name
        self.port = port
        self.restarts = 0
        self._class, self._config = device_config(node.file, config)
        self._driver: Driver | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to run."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> bool:
        """Cancel `run`, then make_safe, then close: each bounded, each whatever came of the one before.

        False when the device could not be told to be safe.
        """
        await self._end_task()
        safe = await self._finalize()
        with suppress(GatectlError):
            self.port.put_all(Quality.BAD, Cause.SHUTDOWN)
            self.port.commit()
        return safe

    async def _keep_running(self) -> None:
        pause_s = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                self._driver = self._class(self.name, self._config, self.port)
                await self._driver.configure()
                await self._driver.run()
                failure = "run() returned, which a driver must not do"
            except Exception as error:
                # A driver may be anybody's code: whatever it raises must not end its neighbours.
                failure = (
                    error.text() if isinstance(error, GatectlError) else f"{type(error).__name__}: {error}"
                )
            self.port.put_all(Quality.BAD, Cause.DEVICE_FAULT)
            self.port.commit()
            if loop.time() - began_s > _HEALTHY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            self.restarts += 1
            self.port.log("error", f"driver failed, again in {pause_s:g} s: {failure}")
            await self._finalize()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _finalize(self) -> bool:
        driver, self._driver = self._driver, None
        if driver is None:
            return True
        safe = await self._bounded("make_safe", driver.make_safe, _MAKE_SAFE_LIMIT_S)
        await self._bounded("close", driver.close, _CLOSE_LIMIT_S)
        return safe

    async def _end_task(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_CANCEL_LIMIT_S)
        if not self._task.done():
            self.port.log("error", "driver does not end when cancelled; left behind")

    async def _bounded(self, what: str, step: Callable[[], Awaitable[None]], limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await step()
        except TimeoutError:
            self.port.log("error", f"{what} took longer than {limit_s:g} s: given up")
        except Exception as error:
            self.port.log("error", f"{what} failed: {error}")
        else:
            return True
        return False


class FieldProcess:
    """One life of a field process."""

    def __init__(self, child: Child, node: Node, group: str) -> None:
        """Raises UsageError (no such group, no image) and ConfigError."""
        self._child = child
        self._endpoint = child.endpoint
        configs = [device for device in node.config.device if device.group == group]
        if not configs:
            known = ", ".join(sorted({d.group for d in node.config.device})) or "none"
            raise UsageError(f"no device belongs to group {group}", f"groups are: {known}", where=node.file)
        self._realtime = any(device.realtime for device in configs)
        self._priority = max(node.config.scan.fifo_priority - _BELOW_SCAN, 0)
        image = Image.attach(child.places.image, load_layout(child.places.layout))
        north = child.places.north
        self._facts = ReliableSender(
            lambda datagram: self._endpoint.send(north, datagram), child.name, new_instance()
        )
        self.devices = [
            Device(
                node,
                config,
                Port(
                    config.name,
                    node.config.name,
                    image,
                    command_timeout_ns=round(node.config.scan.command_timeout_ms * 1e6),
                    emit=self._emit,
                    log=child.log,
                ),
            )
            for config in configs
        ]

    async def run(self) -> None:
        """Run all drivers until SIGTERM or SIGINT; then bring every device to its safe state."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        realtime = make_realtime(self._priority if self._realtime else 0, lock_memory=False)
        if realtime.note:
            self._child.log.warning("%s", realtime.text())
        loop.add_reader(self._endpoint.fileno(), self._receive)
        for device in self.devices:
            device.start()
        self._child.log.info("active: %s", ", ".join(device.name for device in self.devices))
        while not done.is_set() and not self._child.stopping:
            self._facts.pump(mono_ns())
            self._child.beat(
                "active",
                {
                    "scheduling": realtime.text(),
                    "driver_restarts": sum(device.restarts for device in self.devices),
                    "facts_waiting": len(self._facts),
                },
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PUMP_PERIOD_S if len(self._facts) else BEAT_PERIOD_S)
        await self._stop()
        loop.remove_reader(self._endpoint.fileno())

    async def _stop(self) -> None:
        self._child.begin_stop()
        results = await asyncio.gather(*(device.stop() for device in self.devices), return_exceptions=True)
        for device, result in zip(self.devices, results, strict=True):
            if result is True:
                self._child.log.info("%s: safe, closed", device.name)
            else:
                how = f" ({result})" if isinstance(result, BaseException) else ""
                self._child.log.error("%s: not confirmed safe; its own time-out stops it%s", device.name, how)
        self._facts.pump(mono_ns())
        if len(self._facts):
            self._child.log.error("%d facts were not journaled before the stop", len(self._facts))
        self._child.beat("stopped")

    def _emit(self, fact: Fact) -> None:
        try:
            self._facts.put(encode(fact))
        except UsageError as error:
            raise DeviceError(error.cause, error.remedy, where=self._child.name) from error
        self._facts.pump(mono_ns())

    def _receive(self) -> None:
        for datagram in self._endpoint.receive():
            try:
                frame = decode(datagram)
            except msgspec.MsgspecError as error:
                self._child.log.error("dropped a datagram that is no frame: %s", error)
                continue
            if isinstance(frame, Ack):
                self._facts.acknowledged(frame, mono_ns())
                self._facts.pump(mono_ns())


def run_field(node: Node, group: str) -> int:
    """The field process's main function. Returns the exit code."""
    places = Places(Path(node.config.paths.runtime_dir))
    child = Child(f"field-{group}", places, Endpoint(places.field(group)))

    def body() -> int:
        asyncio.run(FieldProcess(child, node, group).run())
        return 0

    return run_child(child, body)
