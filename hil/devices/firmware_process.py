"""The controller's firmware as a child process: its plant side and its life."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hil.priority import prefer

_SENSORS = struct.Struct("<ffffBBBB")
_OUTPUTS = struct.Struct("<ffBBBx")


@dataclass(frozen=True, slots=True)
class McuInputs:
    """What the controller's sensors see. Wheel speed m/s (negative backwards), steering angle rad and yaw
    rate rad/s (left positive), battery %; estop: pressed; valid False: the sensors do not answer."""

    speed_mps: float
    steer_angle_rad: float
    yaw_rate_rps: float
    load_present: bool = False
    estop: bool = False
    battery_pct: float = 80.0
    valid: bool = True


@dataclass(frozen=True, slots=True)
class McuOutputs:
    """What the controller does to the vehicle. accel_mps2: along the engaged direction of travel.
    brake: the spring-applied brake is on. reverse: the direction engaged is backwards."""

    steer_rad: float
    accel_mps2: float
    brake: bool
    armed: bool
    reverse: bool = False


class FirmwareProcess:
    """One run of gate_fw_sim, which speaks to the host on line_fd (inherited) or, while `send` says so,
    on a relay, whose other end is relay_fd. outputs_fd: readable when outputs came.

    It ends by itself when its standard input closes, so it cannot outlive this process.
    """

    def __init__(self, executable: Path, line_fd: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [str(executable), f"fd:{line_fd}", f"fd:{theirs.fileno()}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(line_fd, theirs.fileno()),
                bufsize=0,
            )
        prefer(self._process.pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._serial = ours
        ours.setblocking(False)
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def relay_fd(self) -> int:
        return self._serial.fileno()

    @property
    def outputs_fd(self) -> int:
        return self._stdout.fileno()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, inputs: McuInputs, by_relay: bool) -> None:
        """The sensors' newest values, and which line to use. Lost if the process is gone or takes none."""
        frame = _SENSORS.pack(
            inputs.speed_mps,
            inputs.steer_angle_rad,
            inputs.yaw_rate_rps,
            inputs.battery_pct,
            inputs.load_present,
            inputs.estop,
            inputs.valid,
            by_relay,
        )
        with suppress(BlockingIOError, BrokenPipeError):
            self._stdin.write(frame)

    def outputs(self) -> McuOutputs | None:
        """The newest complete outputs since the last call. Raises EOFError when the process ended."""
        try:
            data = os.read(self._stdout.fileno(), 4096)
        except BlockingIOError:
            return None
        if not data:
            raise EOFError
        data = self._rest + data
        whole = len(data) - len(data) % _OUTPUTS.size
        self._rest = data[whole:]
        if not whole:
            return None
        steer, accel, brake, armed, reverse = _OUTPUTS.unpack_from(data, whole - _OUTPUTS.size)
        return McuOutputs(steer, accel, bool(brake), bool(armed), bool(reverse))

    def kill(self) -> None:
        """End it at once and release everything. Idempotent."""
        if self.running:
            self._process.kill()
        self._process.wait()
        self._serial.close()
        self._stdin.close()
        self._stdout.close()
