"""The drive controller's C core in this process (ctypes), and a bench: host and controller on one
virtual clock, with the real session of firmware_bridge as the host.

FIRMWARE_LIBRARY in the environment names another build of the library, e.g. one made with --coverage.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import shutil
import tempfile
from collections.abc import Mapping
from ctypes import POINTER, byref, c_float, c_size_t, c_uint8, c_uint16, c_uint32, c_void_p
from pathlib import Path
from typing import Any

from firmware_bridge import Command, Event, Expected, FirmwareEvent, HelloAccepted, Session, Telemetry
from hil.devices.firmware_build import FirmwareBuild, build_firmware

STEER, ACCEL, BRAKE, REVERSE = 0, 1, 2, 3
STEP_US = 10_000
DRIVE: Mapping[str, float] = {"steer": 0.1, "accel": 0.5, "brake": 0.0}


@functools.cache
def firmware() -> FirmwareBuild:
    """Compiled once per test run, removed at its end."""
    place = tempfile.mkdtemp(prefix="gatectl-firmware-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return build_firmware(Path(place))


class Limits(ctypes.Structure):
    _fields_ = (
        ("min", c_float),
        ("max", c_float),
        ("fallback", c_float),
        ("rate_max", c_float),
        ("hold_ms", c_uint16),
        ("freeze", c_uint8),
    )


class Config(ctypes.Structure):
    _fields_ = (
        ("output", Limits * 4),
        ("speed_limit_mps", c_float),
        ("reverse_limit_mps", c_float),
        ("overspeed_margin_mps", c_float),
        ("rollback_mps", c_float),
        ("standstill_mps", c_float),
        ("standstill_ms", c_uint16),
        ("host_timeout_ms", c_uint16),
        ("forget_ms", c_uint16),
        ("late_ms", c_uint16),
        ("telemetry_ms", c_uint16),
    )


class Inputs(ctypes.Structure):
    _fields_ = (
        ("speed_mps", c_float),
        ("steer_angle_rad", c_float),
        ("yaw_rate_rps", c_float),
        ("battery_pct", c_float),
        ("load_present", c_uint8),
        ("estop", c_uint8),
        ("valid", c_uint8),
    )


class Outputs(ctypes.Structure):
    _fields_ = (
        ("steer_rad", c_float),
        ("accel_mps2", c_float),
        ("brake", c_uint8),
        ("armed", c_uint8),
        ("reverse", c_uint8),
    )


@functools.cache
def library() -> ctypes.CDLL:
    lib = ctypes.CDLL(os.environ.get("FIRMWARE_LIBRARY") or str(firmware().library))
    lib.gate_fw_size.restype = c_size_t
    lib.gate_fw_tx.restype = c_size_t
    lib.gate_fw_tx.argtypes = [c_void_p, c_void_p, c_size_t]
    lib.gate_fw_rx.argtypes = [c_void_p, c_uint8, c_uint32]
    lib.gate_fw_step.argtypes = [c_void_p, c_uint32, POINTER(Inputs), POINTER(Outputs)]
    lib.gate_fw_init.argtypes = [c_void_p, POINTER(Config)]
    lib.gate_fw_config_crc.restype = c_uint32
    lib.gate_fw_config_crc.argtypes = [POINTER(Config)]
    lib.gate_crc32c.restype = c_uint32
    lib.gate_crc32c.argtypes = [c_void_p, c_size_t]
    lib.gate_cobs_encode.restype = c_size_t
    lib.gate_cobs_encode.argtypes = [c_void_p, c_size_t, c_void_p]
    lib.gate_cobs_decode.restype = c_size_t
    lib.gate_cobs_decode.argtypes = [c_void_p, c_size_t]
    return lib


def default_config() -> Config:
    config = Config()
    library().gate_fw_default_config(byref(config))
    return config


class Controller:
    """The C core with its own ticks. inputs: what its sensors see; change them between steps."""

    def __init__(self, config: Config | None = None, now_us: int = 0) -> None:
        self.lib = library()
        self.memory = ctypes.create_string_buffer(self.lib.gate_fw_size())
        self.now_us = now_us
        self.inputs = Inputs(battery_pct=80.0, valid=1)
        self.outputs = Outputs(brake=1)
        self.lib.gate_fw_init(self.memory, byref(config or default_config()))

    def rx(self, data: bytes) -> None:
        for byte in data:
            self.lib.gate_fw_rx(self.memory, byte, self.now_us % (1 << 32))

    def step(self, dt_us: int = STEP_US) -> Outputs:
        self.now_us += dt_us
        self.lib.gate_fw_step(self.memory, self.now_us % (1 << 32), byref(self.inputs), byref(self.outputs))
        return self.outputs

    def tx(self, most: int = 4096) -> bytes:
        buffer = ctypes.create_string_buffer(4096)
        length = self.lib.gate_fw_tx(self.memory, buffer, most)
        return buffer.raw[:length]


class Bench:
    """A host and a controller. Time passes only in `run`."""

    def __init__(self, config: Config | None = None, start_us: int = 5_000_000) -> None:
        self.controller = Controller(config, start_us)
        self.connections = 0
        self.ahead_us = 77_000_000
        self.events: list[Event] = []
        self.session = self._session()

    @property
    def now_ns(self) -> int:
        """The host's clock; it differs from the controller's by a constant."""
        return (self.controller.now_us + self.ahead_us) * 1000

    @property
    def inputs(self) -> Inputs:
        return self.controller.inputs

    @property
    def out(self) -> Outputs:
        return self.controller.outputs

    @property
    def telemetry(self) -> dict[str, float]:
        """The newest one."""
        return next(event.values for event in reversed(self.events) if isinstance(event, Telemetry))

    @property
    def firmware_events(self) -> list[tuple[int, int]]:
        return [(e.code, e.detail) for e in self.events if isinstance(e, FirmwareEvent)]

    def connect(self) -> HelloAccepted:
        """A new connection, with another id."""
        self.session = self._session()
        self.controller.rx(self.session.hello(self.now_ns))
        before = len(self.events)
        self.collect()
        return next(e for e in self.events[before:] if isinstance(e, HelloAccepted))

    def frame(
        self, enable: bool = True, reset: int | None = 0, outputs: Mapping[str, float] = DRIVE
    ) -> bytes:
        return self.session.command(self.now_ns, Command(enable, reset, outputs))

    def run(self, seconds: float, **command: Any) -> None:
        """Steps of 10 ms with a COMMAND before each."""
        for _ in range(round(seconds * 1e6 / STEP_US)):
            self.controller.rx(self.frame(**command))
            self.controller.step()
            self.collect()

    def silence(self, seconds: float) -> None:
        """Steps of 10 ms without a word from the host."""
        for _ in range(round(seconds * 1e6 / STEP_US)):
            self.controller.step()
            self.collect()

    def arm(self) -> None:
        """Connect, baseline, rising edge; drives with `DRIVE` from then on."""
        self.connect()
        self.run(0.05, reset=0)
        self.run(0.05, reset=1)
        assert self.out.armed == 1

    def collect(self, most: int = 4096) -> None:
        self.events += self.session.receive(self.controller.tx(most), self.now_ns)

    def _session(self) -> Session:
        self.connections += 1
        return Session(self.connections, Expected())
