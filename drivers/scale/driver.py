"""The scale driver: only listens."""

from __future__ import annotations

import asyncio
from typing import ClassVar, cast

from msgspec import Struct

from drivers._wire import Backoff, ByteStream, Outage, check_wire, keep_open
from drivers.scale.config import ScaleConfig
from drivers.scale.tags import STALE_AFTER_S, TAGS
from drivers.scale.wire import KG_PER_LB, Frame, Framer, MtContinuous, Reading, StableWindow, Xk3190
from gatectl.model.device import DevicePort
from gatectl.model.quality import Cause, Quality
from gatectl.model.tags import TagSpec


class ScaleDriver:
    """A weighing indicator in continuous output. See `drivers.scale.config` and `.wire`."""

    kind: ClassVar[str] = "scale"
    Config: ClassVar[type[Struct]] = ScaleConfig

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None:
        self._config = cast(ScaleConfig, config)
        self._port = port
        self._outage = Outage(name, port)
        self._backoff = Backoff(first_s=0.1, limit_s=2.0)
        self._window = self._new_window()

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:  # noqa: ARG003  the protocol asks for it
        """The same for every scale."""
        return TAGS

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """The wire, and settings that the protocol does not have."""
        conf = cast(ScaleConfig, config)
        found = check_wire(conf.wire, frozenset({"serial", "tcp"}))
        if conf.protocol == "xk3190" and not conf.checksum:
            found.append(("checksum", "an XK3190 frame always has one", "remove the key"))
        if conf.stable_time_s < 0.2:
            found.append(("stable_time_s", "is shorter than two readings", "use 1 s or more"))
        return found

    async def configure(self) -> None:
        """Nothing to prepare."""

    async def run(self) -> None:
        """Listen and reopen, until cancelled."""
        self._outage.tell(Cause.LINK_DOWN)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outage.keep_telling(STALE_AFTER_S))
            tasks.create_task(
                keep_open(self._config.wire, self._listen, lost=self._outage.lost, backoff=self._backoff)
            )

    async def make_safe(self) -> None:
        """A scale has no outputs."""

    async def close(self) -> None:
        """`run` has closed the wire when it was cancelled."""

    async def _listen(self, stream: ByteStream) -> None:
        conf, port = self._config, self._port
        frame: Frame = MtContinuous(conf.checksum) if conf.protocol == "mt_continuous" else Xk3190()
        framer = Framer(frame)
        self._window = self._new_window()
        silence_ns = round(conf.silence_s * 1e9)
        heard_ns = port.mono_ns()
        while True:
            left_s = max(0.0, (heard_ns + silence_ns - port.mono_ns()) / 1e9)
            try:
                async with asyncio.timeout(left_s):
                    data = await stream.read()
            except TimeoutError:
                self._silent(framer)
                heard_ns = port.mono_ns()
                continue
            readings = framer.feed(data)
            if readings:
                heard_ns = port.mono_ns()
                self._backoff.reset()
                for reading in readings:
                    self._publish(reading, heard_ns)

    def _silent(self, framer: Framer) -> None:
        if framer.errors or framer.skipped:
            why = framer.last_error.cause if framer.last_error else "no frame begins"
            self._outage.warn(
                f"bytes arrive but no valid frame ({why}); check baud, frame, protocol and checksum"
            )
            self._outage.tell(Cause.NOT_VALID)
        else:
            self._outage.warn("the indicator is silent; check cable, supply and that it sends continuously")
            self._outage.tell(Cause.LINK_DOWN)
        framer.errors = framer.skipped = 0
        framer.last_error = None

    def _publish(self, reading: Reading, now_ns: int) -> None:
        conf, port = self._config, self._port
        if reading.unit not in ("", conf.unit):
            self._outage.warn(
                f"the indicator sends {reading.unit}, configured is {conf.unit}: set both alike"
            )
            self._outage.tell(Cause.NOT_VALID, alive=1.0)
            return
        if reading.unit == "" and conf.protocol == "mt_continuous":
            self._outage.warn("the indicator sends neither kg nor lb: set it to kg")
            self._outage.tell(Cause.NOT_VALID, alive=1.0)
            return
        kg = None
        if reading.gross is not None:
            kg = reading.gross * (KG_PER_LB if conf.unit == "lb" else 1.0)
        stable = self._stable(reading, kg, now_ns)
        underload = (reading.out_of_range and reading.negative) or (
            kg is not None and kg < -conf.underload_kg
        )
        overload = (reading.out_of_range and not reading.negative) or (
            kg is not None and kg > conf.capacity_kg
        )
        port.put("alive", 1.0)
        port.put("stable", float(stable), stamp_mono_ns=now_ns)
        port.put("overload", float(overload), stamp_mono_ns=now_ns)
        port.put("underload", float(underload), stamp_mono_ns=now_ns)
        if kg is None or overload or underload:
            port.put("gross", kg or 0.0, Quality.BAD, Cause.OUT_OF_RANGE, now_ns)
        elif stable:
            port.put("gross", kg, stamp_mono_ns=now_ns)
        else:
            port.put("gross", kg, Quality.UNCERTAIN, Cause.UNSTABLE, now_ns)
        port.commit()
        self._outage.over()

    def _stable(self, reading: Reading, kg: float | None, now_ns: int) -> bool:
        if kg is None:
            return False
        if reading.stable is not None:
            return reading.stable
        return self._window.add(kg, now_ns)

    def _new_window(self) -> StableWindow:
        conf = self._config
        return StableWindow(conf.stable_band_kg, conf.stable_time_s, conf.stable_time_s / 2)
