"""A simulated weighing indicator on a pseudo-terminal, in either of the protocols."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from hil.devices.faults import Faults
from hil.devices.serial_line import SerialLine
from hil.plant.scale import ScalePlant

PERIOD_S = 0.1
BAUD = 9600
CAPACITY_KG = 100_000.0
UNDERLOAD_KG = -200.0

_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "stuck": {},
    "garbage": {},
    "wrong": {"factor": 1.0, "offset": 0.0, "unstable": 0.0},
    "corrupt": {"share": 0.5},
    "drop": {"share": 0.5},
    "slow": {"seconds": 0.5},
}


class SimScale:
    """Sends ten frames a second. weight_kg: what stands on the platform, asked ten times a frame.

    period_s: of frames, in real time; tests shorten it, the plant then runs as much faster.
    """

    faults: ClassVar[dict[str, str]] = {
        "off": "sends nothing",
        "stuck": "repeats its last frame",
        "garbage": "sends random bytes",
        "wrong": "shows weight * factor + offset (kg); unstable: amplitude (kg) of a swinging weight",
        "corrupt": "one bit of a frame is flipped; share of frames",
        "drop": "frames are lost; share",
        "slow": "one frame in so many seconds",
    }

    def __init__(
        self,
        name: str,
        weight_kg: Callable[[], float],
        protocol: Literal["mt_continuous", "xk3190"] = "mt_continuous",
        increment_kg: Literal[10, 20] = 10,
    ) -> None:
        self.name = name
        self.plant = ScalePlant(weight_kg=self._shown_kg, increment_kg=float(increment_kg))
        self.period_s = PERIOD_S
        self._true_kg = weight_kg
        self._encode = mt_frame if protocol == "mt_continuous" else xk3190_frame
        self._random = random.Random(name)
        self._faults = Faults(name, _PARAMS)
        self._last = b""
        self._line = SerialLine()

    async def start(self) -> dict[str, Any]:
        """Open the pty."""
        return {"port": self._line.open(), "baud": BAUD}

    async def run(self) -> None:
        """Weigh and send, until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            slower = self._faults.number("slow", "seconds") / PERIOD_S if "slow" in self._faults else 1.0
            due_s = max(due_s + self.period_s * slower, loop.time())
            self.plant.step(PERIOD_S * slower)
            self._line.write(self._bytes())
            await asyncio.sleep(due_s - loop.time())

    async def stop(self) -> None:
        """Close the pty."""
        self._line.close()

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault of `faults`. Raises UsageError for any other, or an unknown parameter."""
        self._faults.begin(mode, params)
        if "wrong" in self._faults:
            self.plant.swing_kg = self._faults.number("wrong", "unstable")

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self.plant.swing_kg = 0.0

    def _shown_kg(self) -> float:
        true_kg = self._true_kg()
        if "wrong" in self._faults:
            return true_kg * self._faults.number("wrong", "factor") + self._faults.number("wrong", "offset")
        return true_kg

    def _bytes(self) -> bytes:
        faults, rng = self._faults, self._random
        if "off" in faults or ("drop" in faults and rng.random() < faults.number("drop", "share")):
            return b""
        if "garbage" in faults:
            return rng.randbytes(18)
        if "stuck" not in faults or not self._last:
            self._last = self._encode(self.plant.reading_kg, self.plant.increment_kg, self.plant.motion)
        if "corrupt" in faults and rng.random() < faults.number("corrupt", "share"):
            bit = rng.randrange(8 * len(self._last))
            data = bytearray(self._last)
            data[bit // 8] ^= 1 << bit % 8
            return bytes(data)
        return self._last


def mt_frame(kg: float, increment_kg: float, motion: bool) -> bytes:
    """Mettler-Toledo continuous output with CHK, in tens of kg (decimal point code 1)."""
    a = 0x20 | 0x01 | ({10.0: 1, 20.0: 2}[increment_kg] << 3)
    out_of_range = kg > CAPACITY_KG or kg < UNDERLOAD_KG
    b = 0x30 | (0x02 if kg < 0 else 0) | (0x04 if out_of_range else 0) | (0x08 if motion else 0)
    weight = b"      " if out_of_range else b"%6d" % round(abs(kg) / 10)
    frame = bytes((0x02, a, b, 0x20)) + weight + b"     0\r"
    return frame + bytes((-sum(frame) & 0x7F,))


def xk3190_frame(kg: float, increment_kg: float, motion: bool) -> bytes:  # noqa: ARG001  it tells neither
    """Yaohua XK3190 continuous output, no decimals."""
    payload = (b"-" if kg < 0 else b"+") + b"%06d" % min(999_999, round(abs(kg))) + b"0"
    xor = 0
    for byte in payload:
        xor ^= byte
    return b"\x02" + payload + b"%02X" % xor + b"\x03"
