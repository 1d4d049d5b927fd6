"""The drive controller on the rig: the real firmware in a process, on a real (pseudo-)terminal, with
the plant behind it. When it is dead, the spring-applied brake is on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from gatectl.model import UsageError
from hil.devices.firmware_build import build_firmware, default_build_dir
from hil.devices.firmware_process import FirmwareProcess, McuInputs, McuOutputs
from hil.devices.mcu_cable import SLOW_PERIOD_S, Cable

__all__ = ["McuDevice", "McuInputs", "McuOutputs"]

STEP_S = 0.01
VALVE_S = 0.1  # without a word from the controller for so long, the brake valve closes
RESTART_S = 0.5  # how long the controller takes to boot

_DEFAULTS: dict[str, dict[str, float]] = {
    "off": {},
    "stuck": {},
    "garbage": {"share": 0.3},
    "wrong": {"factor": 1.2},
    "slow": {"period_s": SLOW_PERIOD_S},
    "delay": {"delay_s": 0.15},
    "drop": {"share": 0.3},
    "corrupt": {"share": 0.01},
    "reset": {},
}


class McuDevice:
    """sensors: called 100 times a second for what the sensors see now; actuate: called with every
    output of the controller, and with the brake on while it is dead."""

    faults: ClassVar[dict[str, str]] = {
        "off": "no supply: the process is killed, the port hangs up and disappears; clear boots it again",
        "stuck": "the sensors keep the values that they have now",
        "garbage": "noise between the bytes, both ways; share: chance per chunk",
        "wrong": "the wheel speed sensor shows factor times the speed",
        "slow": "bytes come in bursts, both ways; period_s between them",
        "delay": "every byte comes delay_s later, both ways",
        "drop": "chunks of bytes are lost, both ways; share: chance per chunk",
        "corrupt": "bits are turned, both ways; share: chance per byte",
        "reset": "the controller restarts once",
    }

    def __init__(
        self,
        name: str,
        sensors: Callable[[], McuInputs],
        actuate: Callable[[McuOutputs], None],
        build_dir: Path | None = None,
    ) -> None:
        """build_dir: where the compiled firmware is kept; the user's cache if None."""
        self.name = name
        self._sensors = sensors
        self._actuate = actuate
        self._build_dir = build_dir or default_build_dir()
        self._executable = Path()
        self._cable: Cable | None = None
        self._process: FirmwareProcess | None = None
        self._powered = False
        self._boot_at_s: float | None = None
        self._stuck_at: McuInputs | None = None
        self._speed_factor = 1.0
        self._last_output_s = 0.0
        self._steer_rad = 0.0
        self._reverse = False

    @property
    def pid(self) -> int | None:
        """Of the firmware's process; None while it has none."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> dict[str, Any]:
        """Compile if needed, open the port, boot. Raises DeviceError when the firmware cannot be built."""
        self._executable = (await asyncio.to_thread(build_firmware, self._build_dir)).sim
        self._cable = Cable(self.name)
        self._powered = True
        self._boot()
        return {"port": str(self._cable.port), "baud": 460800}

    async def run(self) -> None:
        """Feed the sensors, restart what was reset, brake while the controller is dead."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            now_s = loop.time()
            if self._process is not None:
                self._feed(self._process)
            elif self._boot_at_s is not None and now_s >= self._boot_at_s:
                self._boot()
            if now_s - self._last_output_s > VALVE_S:
                self._brake()
            due_s = max(due_s + STEP_S, now_s)
            await asyncio.sleep(due_s - now_s)

    async def stop(self) -> None:
        """End the process and close the port; the brake is on. Idempotent."""
        self._powered = False
        self._boot_at_s = None
        self._halt()
        if self._cable is not None:
            self._cable.close()
            self._cable = None

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault (see `faults`); it adds to those that are on."""
        values = self._checked(mode, params)
        cable = self._cable
        if cable is None:
            raise UsageError(f"{self.name} is not started", "start the device first", where=self.name)
        if mode == "off":
            self._powered = False
            self._boot_at_s = None
            self._halt()
            cable.unplug()
        elif mode == "reset":
            self._halt()
        elif mode == "stuck":
            self._stuck_at = self._seen()
        elif mode == "wrong":
            self._speed_factor = values["factor"]
        elif mode == "garbage":
            cable.faults.garbage_share = values["share"]
        elif mode == "drop":
            cable.faults.drop_share = values["share"]
        elif mode == "corrupt":
            cable.faults.corrupt_share = values["share"]
        elif mode == "delay":
            cable.faults.delay_s = values["delay_s"]
        elif mode == "slow":
            cable.faults.slow_period_s = values["period_s"]
        self._choose_line()

    def clear(self) -> None:
        """End all faults; a controller without supply boots."""
        self._stuck_at = None
        self._speed_factor = 1.0
        if self._cable is not None:
            self._cable.faults.clear()
            self._choose_line()
            if not self._powered:
                self._powered = True
                self._boot()

    def _checked(self, mode: str, params: dict[str, float | str]) -> dict[str, float]:
        if mode not in _DEFAULTS:
            raise UsageError(
                f"{self.name} cannot do the fault {mode!r}",
                f"use one of {', '.join(_DEFAULTS)}",
                where=self.name,
            )
        values = dict(_DEFAULTS[mode])
        for key, value in params.items():
            if key not in values or isinstance(value, str) or value < 0:
                known = ", ".join(f"{k} (a number, {v:g} if not given)" for k, v in values.items()) or "none"
                raise UsageError(
                    f"fault {mode}: parameter {key}={value!r} is not understood",
                    f"its parameters: {known}",
                    where=self.name,
                )
            values[key] = float(value)
        return values

    def _seen(self) -> McuInputs:
        if self._stuck_at is not None:
            return self._stuck_at
        now = self._sensors()
        return replace(now, speed_mps=now.speed_mps * self._speed_factor)

    def _feed(self, process: FirmwareProcess) -> None:
        process.send(self._seen(), by_relay=self._cable is not None and self._cable.relaying)

    def _choose_line(self) -> None:
        """The relay stands in the line only while the cable is faulty."""
        if self._process is None or self._cable is None:
            return
        if not self._cable.faults.active:
            self._cable.detach()
        elif not self._cable.relaying:
            self._cable.relay(self._process.relay_fd)
        self._feed(self._process)  # tells it at once which line to use

    def _boot(self) -> None:
        if self._cable is None:
            return
        self._boot_at_s = None
        if not self._cable.plugged:
            self._cable.plug()
        self._process = FirmwareProcess(self._executable, self._cable.line_fd)
        asyncio.get_running_loop().add_reader(self._process.outputs_fd, self._on_outputs, self._process)
        self._choose_line()

    def _halt(self) -> None:
        """The firmware stops dead. While powered it boots again after RESTART_S."""
        if self._process is not None:
            loop = asyncio.get_running_loop()
            if self._cable is not None:
                self._cable.detach()
            loop.remove_reader(self._process.outputs_fd)
            self._process.kill()
            self._process = None
            if self._powered:
                self._boot_at_s = loop.time() + RESTART_S
        self._brake()

    def _on_outputs(self, process: FirmwareProcess) -> None:
        try:
            outputs = process.outputs()
        except EOFError:
            self._halt()  # it crashed: its watchdog restarts it
            return
        if outputs is not None:
            self._last_output_s = asyncio.get_running_loop().time()
            self._steer_rad, self._reverse = outputs.steer_rad, outputs.reverse
            self._actuate(outputs)

    def _brake(self) -> None:
        self._actuate(McuOutputs(self._steer_rad, 0.0, True, False, self._reverse))
