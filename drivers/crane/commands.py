"""The command block: what is written to the PLC, every time as a whole. No I/O.

Rules
- The block always carries a heartbeat that counts; the PLC stops the crane when it stands still.
- Nothing moves on old commands: while the scan's commands are not fresh or the PLC is not alive,
  `enable` is 0 and `job` is STOP, and the sequence number stays what it was.
- A job is ordered by `job_seq` = PLC's echo + 1. Any other number (0, or one left over from before a
  restart of the PLC or of ours) orders nothing: then the number written last stays, or the echo.
- `reset_count` is only ever passed on, so that an increase means what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.crane.register_map import HEARTBEAT, RegisterMap
from drivers.crane.tags import Job, next_seq
from drivers.crane.wire import Batch, Point, to_registers

HEARTBEAT_MODULO = 32_768  # fits every integer type
Values = dict[str, float]


class CommandBlock:
    """Turns the scan's commands into registers; remembers what the PLC was told last."""

    def __init__(self, regs: RegisterMap) -> None:
        self._order = regs.order
        self._points: tuple[Point, ...] = regs.command
        self.batch = Batch(
            "holding", self._points[0].address, self._points[-1].end - self._points[0].address, self._points
        )
        self._heartbeat = 0
        self._told: Values = {}

    def adopt(self, registers: Sequence[int]) -> None:
        """After connecting: what the PLC holds is the starting value of counters and sequence."""
        self._told = {p.tag: v for p, v in self.batch.values(registers, self._order)}
        self._heartbeat = int(self._told.pop(HEARTBEAT)) % HEARTBEAT_MODULO

    def safe(self) -> Values:
        """No motion, no new job, no reset."""
        return {**self._told, "enable": 0.0, "job": float(Job.STOP)}

    def wanted(self, commands: Mapping[str, float] | None, echo: int | None, alive: bool) -> Values:
        """The values to write. commands: the scan's, None unless fresh; echo: None if not known."""
        values = self.safe()
        if commands is None:
            return values
        values["reset_count"] = commands["reset_count"]
        if not alive or echo is None:
            return values
        values["enable"] = 1.0 if commands["enable"] else 0.0
        seq = int(commands["job_seq"])
        if seq in (echo, next_seq(echo)):
            values.update(job_seq=seq, job=commands["job"], target=commands["target"])
        elif values["job_seq"] not in (echo, next_seq(echo)):
            values["job_seq"] = echo
        return values

    def encode(self, values: Values) -> list[int]:
        """The registers of the whole block, with the next heartbeat. Raises WireError."""
        beat = (self._heartbeat + 1) % HEARTBEAT_MODULO
        registers = [
            register
            for point in self._points
            for register in to_registers(
                point, beat if point.tag == HEARTBEAT else values[point.tag], self._order
            )
        ]
        self._heartbeat = beat
        return registers

    def told(self, values: Values) -> None:
        """These values are on their way: they are what the PLC may know from now on."""
        self._told = dict(values)
