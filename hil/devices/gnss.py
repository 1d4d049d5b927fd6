"""A simulated GNSS/RTK receiver with two antennas: real messages on a pseudo-terminal, corrections back."""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from drivers.gnss.ntrip.rtcm import FrameSplitter, message_number
from gatectl.model.errors import UsageError
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin
from hil.devices.gnss_dialects import DIALECTS
from hil.devices.serial_line import SerialLine
from hil.plant.gnss import Fix, GnssModel, GnssNoise, VehicleTruth

BAUD = 115_200
_FIXES = {"float": Fix.FLOAT, "single": Fix.SINGLE, "fixed": Fix.FIXED}
_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "stuck": {},
    "garbage": {"bytes": 60.0},
    "wrong": {"east_m": 1.0, "north_m": 0.0, "fix": "fixed", "corrections": 1.0},
    "slow": {"factor": 5.0},
    "delay": {"seconds": 0.3},
    "drop": {"probability": 0.3},
    "corrupt": {"probability": 0.3},
    "reset": {"seconds": 3.0},
}


class GnssReceiver:
    """Epochs aligned to UTC at rate_hz; their bursts leave latency_s after the epoch.

    truth: asked once per epoch, at its time. origin: of the site frame. antenna: lever arm from the
    control point. dialect: whose messages are sent (`hil.devices.gnss_dialects.DIALECTS`). The error
    model is `self.model` (corrections, kind of fix, offset).

    received: RTCM 3 frames that came over the wire with a CRC that holds, by message number;
    refused: what came and is none (`crc`, `stray_bytes`). They do not change the fix: `wrong` does.
    """

    faults: ClassVar[dict[str, str]] = {
        "off": "no satellites: quality 0, status V, no position; float, then fixed after it ends",
        "stuck": "the last epoch is sent again and again",
        "garbage": "`bytes` random bytes before every sentence",
        "wrong": "offset `east_m` / `north_m`, `fix` float | single, `corrections` = 0: none arrive",
        "slow": "`factor` times fewer epochs",
        "delay": "every burst leaves `seconds` later",
        "drop": "each sentence is lost with `probability`",
        "corrupt": "in each sentence a bit flips with `probability`",
        "reset": "the receiver reboots: silent for `seconds`, then it has to find its fix again",
    }

    def __init__(
        self,
        name: str,
        truth: Callable[[], VehicleTruth],
        noise: GnssNoise,
        *,
        origin: Origin,
        antenna: AntennaConfig,
        rate_hz: float = 10.0,
        latency_s: float = 0.06,
        dialect: str = "nmea",
        utc_s: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.received: Counter[int] = Counter()
        self._splitter = FrameSplitter()
        self.model = GnssModel(origin, antenna, noise)
        self._truth = truth
        self._period_s = 1.0 / rate_hz
        self._latency_s = latency_s
        self._written = DIALECTS[dialect]
        self._utc_s = utc_s
        self._random = random.Random(noise.seed + 1)
        self._faults: dict[str, dict[str, float | str]] = {}
        self._last: list[bytes] = []
        self._silent_until_s = 0.0
        self._line = SerialLine()

    async def start(self) -> dict[str, Any]:
        """Open the line, and listen for corrections on it."""
        port = self._line.open()
        asyncio.get_running_loop().add_reader(self._line.fd, self._receive)
        return {"port": port, "baud": BAUD}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        number = math.floor(self._utc_s() / self._period_s) + 1
        while True:
            await asyncio.sleep(max(0.0, number * self._period_s - self._utc_s()))
            burst = self._burst(number * self._period_s)
            delay_s = self._latency_s + self._param("delay", "seconds")
            # A timer, not a sleep: a burst may still be under way when the next epoch comes.
            loop.call_later(max(0.0, number * self._period_s + delay_s - self._utc_s()), self._send, burst)
            step = max(1, round(self._param("slow", "factor"))) if "slow" in self._faults else 1
            # After a long halt of this process the missed epochs are not made up.
            number = max(number + step, math.floor(self._utc_s() / self._period_s))

    async def stop(self) -> None:
        if self._line.fd >= 0:
            asyncio.get_running_loop().remove_reader(self._line.fd)
        self._line.close()

    @property
    def refused(self) -> Counter[str]:
        """What came over the wire and is no RTCM 3 frame."""
        return self._splitter.rejected

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault; its parameters are named in `faults`. Raises UsageError."""
        if mode not in self.faults:
            raise UsageError(
                f"a GNSS receiver cannot do {mode!r}", f"use one of {', '.join(self.faults)}", where=self.name
            )
        known = _PARAMS[mode]
        for key, value in params.items():
            if key not in known or isinstance(value, str) != isinstance(known[key], str):
                names = ", ".join(known) or "none"
                raise UsageError(
                    f"{mode} does not take {key} = {value!r}", f"parameters: {names}", where=self.name
                )
        chosen = {**known, **params}
        if mode == "wrong" and chosen["fix"] not in _FIXES:
            raise UsageError(
                f"no kind of fix is called {chosen['fix']!r}", f"use {', '.join(_FIXES)}", where=self.name
            )
        self._faults[mode] = chosen
        if mode == "reset":
            self._silent_until_s = self._utc_s() + float(chosen["seconds"])
            self.model.restart()
        self._apply()

    def clear(self) -> None:
        self._faults.clear()
        self._apply()

    def _apply(self) -> None:
        """Faults that are errors of the measurement live in the model."""
        wrong = self._faults.get("wrong", {})
        self.model.available = "off" not in self._faults
        self.model.best = _FIXES[str(wrong.get("fix", "fixed"))]
        self.model.corrections = bool(wrong.get("corrections", 1.0))
        self.model.offset_m = (float(wrong.get("east_m", 0.0)), float(wrong.get("north_m", 0.0)))

    def _param(self, mode: str, key: str) -> float:
        return float(self._faults.get(mode, {}).get(key, 0.0))

    def _burst(self, epoch_utc_s: float) -> list[bytes]:
        if epoch_utc_s < self._silent_until_s:
            return []
        if "stuck" in self._faults and self._last:
            return self._last
        self._last = self._written(self.model.measure(self._truth(), epoch_utc_s), epoch_utc_s)
        return self._last

    def _send(self, burst: list[bytes]) -> None:
        self._line.write(b"".join(self._spoil(line) for line in burst))

    def _receive(self) -> None:
        with suppress(BlockingIOError):
            for frame in self._splitter.feed(os.read(self._line.fd, 4096)):
                self.received[message_number(frame)] += 1

    def _spoil(self, line: bytes) -> bytes:
        draw = self._random.random
        if draw() < self._param("drop", "probability"):
            return b""
        if draw() < self._param("corrupt", "probability"):
            spoilt = bytearray(line)
            spoilt[self._random.randrange(len(line))] ^= 1 << self._random.randrange(8)
            line = bytes(spoilt)
        noise = round(self._param("garbage", "bytes"))
        return self._random.randbytes(noise) + line
