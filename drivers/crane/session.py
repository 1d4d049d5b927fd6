"""One connection's life: reads in rounds, commands between them, the PLC's heartbeat judged."""

from __future__ import annotations

import asyncio

from drivers._wire import Backoff
from drivers.crane.commands import CommandBlock, Values
from drivers.crane.config import CraneDriverConfig
from drivers.crane.link import ModbusLink, RefusedError
from drivers.crane.reading import Rounds
from drivers.crane.register_map import HEARTBEAT, RegisterMap
from drivers.crane.tags import COMMANDS, RANGES, STATES
from drivers.crane.wire import Batch
from gatectl.model.device import DevicePort
from gatectl.model.errors import DeviceError, WireError
from gatectl.model.quality import Cause, Quality

MS = 1_000_000
TICK_MS = 10.0  # how soon a new command is seen
REWRITE_MS = 20.0  # after a write that was not read back as written
MISSES_MAX = 3  # writes without an answer, in a row, before the connection is given up


class Notes:
    """What outlives a connection: what was said already, and how often a write was not taken.

    mismatches: writes that were not read back as written.
    """

    def __init__(self, name: str, port: DevicePort) -> None:
        self._name, self._port = name, port
        self._said: set[str] = set()
        self.mismatches = 0

    def once(self, key: str, text: str) -> None:
        """Log a warning, unless `key` was said before and not withdrawn."""
        if key not in self._said:
            self._said.add(key)
            self._port.log("warning", f"{self._name}: {text}")

    def withdraw(self, key: str) -> None:
        """It is over: say it again next time."""
        self._said.discard(key)


class Session:
    """From connect to loss. What is known of the PLC begins anew with it."""

    def __init__(
        self, config: CraneDriverConfig, regs: RegisterMap, link: ModbusLink, port: DevicePort, notes: Notes
    ) -> None:
        self._config, self._link, self._port, self._notes = config, link, port, notes
        self._block = CommandBlock(regs)
        self._rounds = Rounds(regs)
        self._echo: int | None = None
        self._adopted = False
        self._beat: float | None = None
        self._beat_mono_ns = port.mono_ns()
        self._alive = False
        self._tried: Values | None = None
        self._write_due_ns = 0
        self._misses = 0

    async def serve(self, backoff: Backoff) -> None:
        """Until the link fails (DeviceError). One request at a time, commands before reads."""
        await self._adopt()
        round_due_ns = 0
        in_round = False
        while True:
            now_ns = self._port.mono_ns()
            values = self._wanted()
            if values != self._tried or now_ns >= self._write_due_ns:
                await self._write(values)
            elif in_round and (batch := self._rounds.next()) is not None:
                await self._read(batch)
            elif in_round:
                in_round = False
                self._publish()
                if self._alive:
                    backoff.reset()
            elif now_ns >= round_due_ns:
                # A late round is not made up for.
                round_due_ns = max(round_due_ns + round(self._config.poll_ms * MS), now_ns)
                self._rounds.begin(now_ns)
                in_round = True
            else:
                due_ns = min(round_due_ns, self._write_due_ns)
                await asyncio.sleep(max(0.0, min(due_ns - now_ns, TICK_MS * MS)) / 1e9)

    async def write_safe(self) -> None:
        """Write the safe block and read it back. Raises DeviceError or WireError."""
        await self._adopt()
        registers = self._block.encode(self._block.safe())
        await self._link.write(self._block.batch.address, registers)
        if await self._link.read(self._block.batch) != registers:
            raise DeviceError("the PLC does not hold what was written", "check the PLC's program")

    async def _adopt(self) -> None:
        if not self._adopted:
            self._block.adopt([int(r) for r in await self._link.read(self._block.batch)])
            self._adopted = True

    # ---- commands -----------------------------------------------------------------------------

    def _commands(self) -> dict[str, float] | None:
        """All commands of one scan (read twice: a scan may write between two tags); None if stale."""
        if not self._port.commands_fresh():
            return None
        names = [spec.name for spec in COMMANDS]
        seen = [self._port.command(n).value for n in names]
        while (again := [self._port.command(n).value for n in names]) != seen:
            seen = again
        return dict(zip(names, seen, strict=True))

    def _wanted(self) -> Values:
        self._judge_heartbeat()
        commands = self._commands()
        values = self._block.wanted(commands, self._echo, self._alive)
        ordered = 0.0 if commands is None or not self._alive else commands["job_seq"]
        if ordered not in (0.0, values["job_seq"]):
            self._notes.once("seq", f"job_seq {ordered:g} does not follow the echo {self._echo}: not written")
        else:
            self._notes.withdraw("seq")
        return values

    async def _write(self, values: Values) -> None:
        self._tried = values
        self._write_due_ns = self._port.mono_ns() + round(self._config.heartbeat_ms * MS)
        try:
            registers = self._block.encode(values)
            self._notes.withdraw("encode")
        except WireError as error:
            self._notes.once("encode", f"command refused, the crane is held: {error.text()}")
            registers = self._block.encode(self._block.safe())
        else:
            self._block.told(values)
        try:
            await self._link.write(self._block.batch.address, registers)
            back = await self._link.read(self._block.batch)
        except RefusedError as error:
            self._mismatch(f"the command block is refused: {error.cause}")
        except DeviceError:
            # Maybe applied, maybe not: the next write has the same sequence number.
            self._misses += 1
            if self._misses >= MISSES_MAX:
                raise
        else:
            self._misses = 0
            if back == registers:
                self._notes.withdraw("mismatch")
            else:
                self._mismatch(f"wrote {registers} but read back {back}")

    def _mismatch(self, text: str) -> None:
        self._notes.mismatches += 1
        self._notes.once("mismatch", f"{text}; trying again with the same sequence number")
        self._write_due_ns = self._port.mono_ns() + round(REWRITE_MS * MS)

    # ---- states -------------------------------------------------------------------------------

    async def _read(self, batch: Batch) -> None:
        try:
            raw = await self._link.read(batch)
        except RefusedError as error:
            given_up = self._rounds.refused(error.code, self._port.mono_ns())
            if given_up is not None:
                tags = ", ".join(p.tag for p in given_up.points)
                self._notes.once(f"refused {tags}", f"{tags}: {error.text()}")
        except DeviceError:
            if not self._rounds.missed():
                raise
        else:
            self._rounds.arrived(raw, self._port.mono_ns())

    def _judge_heartbeat(self) -> None:
        self._alive = self._alive and self._since_beat_ns() < self._config.frozen_ms * MS

    def _since_beat_ns(self) -> int:
        return self._port.mono_ns() - self._beat_mono_ns

    def _take_heartbeat(self) -> None:
        beat = self._rounds.values.get(HEARTBEAT)
        if beat is not None and beat[0] != self._beat:
            # The first reading proves nothing: the counter may have stood there for hours.
            self._alive = self._beat is not None
            self._beat, self._beat_mono_ns = beat
        self._judge_heartbeat()

    def _publish(self) -> None:
        self._take_heartbeat()
        values, failed, port = self._rounds.values, self._rounds.failed, self._port
        if not self._alive:
            frozen = self._since_beat_ns() >= self._config.frozen_ms * MS
            if frozen:
                self._notes.once("frozen", "the PLC answers but its heartbeat stands still")
            port.put_all(Quality.BAD, Cause.FROZEN if frozen else Cause.LINK_DOWN)
            port.put("alive", 0.0)
            port.commit()
            self._echo = None
            return
        self._notes.withdraw("frozen")
        port.put("alive", 1.0)
        for spec in STATES:
            value, stamp_ns = values.get(spec.name, (0.0, None))
            low, high = RANGES.get(spec.name, (value, value))
            if spec.name in failed:
                port.put(spec.name, value, Quality.BAD, failed[spec.name])
            elif not low <= value <= high:
                port.put(spec.name, value, Quality.BAD, Cause.OUT_OF_RANGE, stamp_ns)
            else:
                port.put(spec.name, value, stamp_mono_ns=stamp_ns)
        if values.get("locked", (0.0,))[0] and values.get("unlocked", (0.0,))[0]:
            for name in ("locked", "unlocked"):
                port.put(name, 1.0, Quality.BAD, Cause.CONFLICT)
        port.commit()
        echo = values.get("job_echo")
        self._echo = None if echo is None else int(echo[0])
