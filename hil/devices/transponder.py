"""A simulated transponder reader on a pseudo-terminal (docs/equipment-protocols.md)."""

from __future__ import annotations

import asyncio
import binascii
import random
import struct
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hil.devices.faults import Faults
from hil.devices.serial_line import SerialLine
from hil.plant.gnss import VehicleTruth
from hil.plant.transponder import Crossing, ReaderPlant

PERIOD_S = 0.01
BAUD = 115_200
_AGE_MAX = 0xFFFF
_BODY = struct.Struct(">BBBBHIhHHBx")

_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "stuck": {},
    "garbage": {},
    "wrong": {"offset_m": 0.0, "code": 0.0, "signal": -1.0, "unread": 0.0, "antenna": 0.0},
    "slow": {"seconds": 0.1},
    "delay": {"seconds": 0.15},
    "drop": {"share": 0.3},
    "corrupt": {"share": 0.3},
    "reset": {"seconds": 0.5},
}


class SimTransponderReader:
    """Sends a telegram every 10 ms. truth: of the vehicle, asked before each; clock: the plant's time, s."""

    faults: ClassVar[dict[str, str]] = {
        "off": "no supply: the port hangs up and disappears; clear boots it, its count begins anew",
        "stuck": "repeats its last telegram",
        "garbage": "sends random bytes",
        "wrong": "lateral offset_m beside; another code, signal; unread, antenna 1: no codes, a fault",
        "slow": "one telegram in so many seconds",
        "delay": "telegrams arrive so many seconds later",
        "drop": "telegrams are lost; share",
        "corrupt": "one bit of a telegram is flipped; share of telegrams",
        "reset": "restarts once: silent for so many seconds, its count begins anew",
    }

    def __init__(
        self, name: str, truth: Callable[[], VehicleTruth], clock: Callable[[], float], plant: ReaderPlant
    ) -> None:
        self.name = name
        self.plant = plant
        self.crossings: list[Crossing] = []  # since the boot, for tests and truth
        self._truth, self._clock = truth, clock
        self._random = random.Random(name)
        self._faults = Faults(name, _PARAMS)
        self._dir: Path | None = None
        self._line = SerialLine()
        self._count = self._number = 0
        self._last: Crossing | None = None
        self._booted_s = 0.0
        self._sent = b""

    @property
    def port(self) -> str:
        """The port's name: a link that stays the same when the reader is unplugged and plugged."""
        assert self._dir is not None
        return str(self._dir / self.name)

    async def start(self) -> dict[str, Any]:
        """Open the pty."""
        self._dir = Path(tempfile.mkdtemp(prefix="gatectl-hil-"))
        self._plug()
        return {"port": self.port, "baud": BAUD}

    async def run(self) -> None:
        """Look and send, until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            period_s = self._faults.number("slow", "seconds") if "slow" in self._faults else PERIOD_S
            due_s = max(due_s + period_s, loop.time())
            self._look()
            data = self._bytes() if self._booted else b""
            if data and "delay" in self._faults:
                loop.call_later(self._faults.number("delay", "seconds"), self._write, data, self._line.fd)
            elif data:
                self._line.write(data)
            await asyncio.sleep(due_s - loop.time())

    async def stop(self) -> None:
        """Close the pty; nothing is left behind. Idempotent."""
        self._unplug()
        if self._dir is not None:
            with suppress(OSError):
                self._dir.rmdir()

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault of `faults`. Raises UsageError for any other, or an unknown parameter."""
        self._faults.begin(mode, params)
        if mode == "off":
            self._unplug()
        if mode == "reset":
            self._booted_s = asyncio.get_running_loop().time() + self._faults.number("reset", "seconds")
            self._restart()

    def clear(self) -> None:
        """End all faults."""
        if "off" in self._faults:
            self._restart()
            self._plug()
        self._faults.clear()

    @property
    def _booted(self) -> bool:
        return asyncio.get_running_loop().time() >= self._booted_s

    def _restart(self) -> None:
        self._count = self._number = 0
        self._last = None

    def _plug(self) -> None:
        Path(self.port).symlink_to(self._line.open())

    def _unplug(self) -> None:
        if self._line.fd >= 0:
            self._line.close()
            Path(self.port).unlink(missing_ok=True)

    def _write(self, data: bytes, to: int) -> None:
        if to == self._line.fd:  # delayed bytes of an earlier connection find nobody
            self._line.write(data)

    def _look(self) -> None:
        for crossing in self.plant.update(self._clock(), self._truth()):
            if "off" in self._faults or not self._booted:
                continue
            self.crossings.append(crossing)
            self._last = crossing
            self._count = self._count % 0xFFFF + 1

    def _bytes(self) -> bytes:
        faults, rng = self._faults, self._random
        if "off" in faults:
            return b""
        if "garbage" in faults:
            return rng.randbytes(20)
        if "stuck" not in faults or not self._sent:
            self._sent = self._telegram()
        if "drop" in faults and rng.random() < faults.number("drop", "share"):
            return b""
        if "corrupt" in faults and rng.random() < faults.number("corrupt", "share"):
            bit = rng.randrange(8 * len(self._sent))
            data = bytearray(self._sent)
            data[bit // 8] ^= 1 << bit % 8
            return bytes(data)
        return self._sent

    def _telegram(self) -> bytes:
        faults, last = self._faults, self._last
        ticks = time.monotonic_ns() // 100_000  # its own quartz: it runs on when the plant stalls
        self._number = (self._number + 1) & 0xFF
        status = 1 if self.plant.in_field else 0
        code, lateral_m, signal, age = 0, 0.0, 0.0, _AGE_MAX
        if last is not None:
            status |= 2
            code, lateral_m, signal = last.code, last.lateral_m, last.signal
            age = min(_AGE_MAX, round((self._clock() - last.time_s) * 1e4))
        if "wrong" in faults:
            lateral_m += faults.number("wrong", "offset_m")
            code = int(faults.number("wrong", "code")) or code
            shown = faults.number("wrong", "signal")
            signal = shown if shown >= 0.0 else signal
            status &= ~2 if faults.number("wrong", "unread") else ~0
            status |= 4 if faults.number("wrong", "antenna") else 0
        return telegram(self._number, status, self._count, code, lateral_m, age, ticks, signal)


def telegram(
    number: int, status: int, count: int, code: int, lateral_m: float, age: int, ticks: int, signal: float
) -> bytes:
    """The bytes of one telegram. age, ticks: 0.1 ms; signal: 0 to 1."""
    lateral_mm = max(-32768, min(32767, round(lateral_m * 1000)))
    level = max(0, min(255, round(signal * 255)))
    body = _BODY.pack(0xA5, 0x5A, number, status, count, code, lateral_mm, age, ticks & 0xFFFF, level)
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")
