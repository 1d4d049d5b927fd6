"""A simulated crane PLC: a real Modbus TCP server, laid out by the register map of the real one."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData
from pymodbus.simulator import SimDevice as ModbusDevice

from drivers.crane.register_map import load_map
from drivers.crane.wire import Point, to_registers, to_value
from gatectl.model.errors import UsageError
from hil.devices.crane_plc import Plc
from hil.devices.faults import Faults
from hil.plant.crane import CranePlant

CYCLE_S = 0.02
REGISTERS = 200
DEMO_MAP = Path(__file__).parents[2] / "config" / "demo" / "crane_map.toml"

_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "stuck": {},
    "garbage": {},
    "wrong": {"tag": "", "value": 0.0},
    "slow": {"seconds": 0.1},
    "delay": {"seconds": 0.5},
    "drop": {"share": 0.3},
    "reset": {"seconds": 1.0},
}


class SimCrane:
    """A crane on the wire. The owner steps `plant`; this runs the PLC and answers Modbus.

    bad_registers: input registers that the PLC answers with exception 2 (for tests).
    forget_writes: the PLC confirms writes but does not take them (for tests). commands: the command
    block as written last. frames: (transaction id, function) of the newest requests, oldest first.
    """

    faults: ClassVar[dict[str, str]] = {
        "off": "the PLC loses its power: connections close, and it boots when it is cleared",
        "stuck": "the PLC's processor stands still: registers and heartbeat frozen, the drives stop",
        "garbage": "input registers hold random numbers",
        "wrong": "one value is wrong; tag = its name, value = what the register says",
        "slow": "answers come late; seconds (default 0.1)",
        "delay": "answers come later than anyone waits; seconds (default 0.5)",
        "drop": "answers are lost; share (default 0.3)",
        "reset": "the PLC restarts; seconds it is away (default 1.0)",
    }

    def __init__(self, name: str, plant: CranePlant, map_path: Path = DEMO_MAP) -> None:
        self.name = name
        self.plant = plant
        self.plc = Plc(plant)
        self.bad_registers: set[int] = set()
        self.forget_writes = False
        self.commands: dict[str, float] = {}
        self.frames: deque[tuple[int, int]] = deque(maxlen=10_000)
        self._map = load_map(map_path)
        if any(p.function != "input" or p.end > REGISTERS for p in self._map.state):
            raise UsageError(
                f"{map_path}: this simulation holds its states in input registers 0 to {REGISTERS - 1}",
                "use a map that does",
                where=name,
            )
        self._held: dict[str, float] | None = None
        self._random = random.Random(name)
        self._faults = Faults(name, _PARAMS)
        self._away_until_s = 0.0
        self._server: ModbusTcpServer | None = None
        self._port = 0

    # ---- SimDevice ----------------------------------------------------------------------------

    async def start(self) -> dict[str, Any]:
        """Listen on a free port of 127.0.0.1."""
        await self._listen()
        assert self._server is not None
        listener = cast(asyncio.Server, self._server.transport)  # kept: after a fault the same again
        self._port = listener.sockets[0].getsockname()[1]
        return {"host": "127.0.0.1", "tcp_port": self._port}

    async def run(self) -> None:
        """The PLC's cycle, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            now_s = loop.time()
            away = "off" in self._faults or now_s < self._away_until_s
            if away and self._server is not None:
                await self._hang_up()
                self.plc = Plc(self.plant)  # without power it forgets everything
            elif not away and self._server is None:
                with suppress(RuntimeError):  # the port may be busy for a moment: next cycle
                    await self._listen()
            if away or "stuck" in self._faults:
                self.plc.stop()
            else:
                self.plc.cycle(now_s)
            await asyncio.sleep(CYCLE_S)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._hang_up()

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault of `faults`. Raises UsageError for any other, or an unknown parameter."""
        if mode == "wrong" and params.get("tag") not in self.plc.values():
            raise UsageError("wrong needs the name of a state tag", 'give e.g. tag = "load"', where=self.name)
        self._faults.begin(mode, params)
        if mode == "stuck":
            self._held = self.plc.values()
        if mode == "reset":
            self._away_until_s = asyncio.get_running_loop().time() + self._faults.number("reset", "seconds")

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self._held = None
        self._away_until_s = 0.0

    # ---- the wire -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        block = SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)
        one = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
        device = ModbusDevice(
            self._map.device_id,
            simdata=(one, one, [block], [block]),
            action=self._access,
        )
        server = _Server(self, device, ("127.0.0.1", self._port))
        await server.serve_forever(background=True)
        self._server = server

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
            await asyncio.sleep(CYCLE_S)  # for connections that were being accepted at that moment
            for connection in list(server.active_connections.values()):
                connection.close()

    async def _access(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """pymodbus asks before every read and write; registers[0] is the register `start`."""
        if function == 4:
            if self.bad_registers.intersection(range(address, address + count)):
                return ExcCodes.ILLEGAL_ADDRESS
            self._fill(registers, start)
        elif values is not None and self.forget_writes:
            values[:] = registers[address - start : address - start + count]  # type: ignore[assignment]  # 16 only
        elif values is not None and "stuck" not in self._faults:
            self._written(address, [int(v) for v in values], registers, start)
        return None

    def _fill(self, registers: list[int], start: int) -> None:
        if "garbage" in self._faults:
            registers[:] = [self._random.randrange(65_536) for _ in registers]
            return
        values = self._held if self._held is not None else self.plc.values()
        if "wrong" in self._faults:
            wrong_tag = self._faults.text("wrong", "tag")
            values = {**values, wrong_tag: self._faults.number("wrong", "value")}
        for point in self._map.state:
            if point.type == "bit":
                registers[point.address - start] = 0
        for point in self._map.state:
            for i, register in enumerate(to_registers(point, values[point.tag], self._map.order)):
                at = point.address + i - start
                registers[at] = registers[at] | register if point.type == "bit" else register

    def _written(self, address: int, written: list[int], registers: list[int], start: int) -> None:
        holding = list(registers)
        holding[address - start : address - start + len(written)] = written
        read = partial(self._command, holding, start)
        self.commands = {p.tag: read(p) for p in self._map.command}
        self.plc.write(self.commands, asyncio.get_running_loop().time())

    def _command(self, holding: list[int], start: int, point: Point) -> float:
        return to_value(point, holding[point.address - start : point.end - start], self._map.order)

    def answer_delay_s(self) -> float | None:
        """How long this answer takes; None if it is lost."""
        faults = self._faults
        if "drop" in faults and self._random.random() < faults.number("drop", "share"):
            return None
        if "delay" in faults:
            return faults.number("delay", "seconds")
        return faults.number("slow", "seconds") if "slow" in faults else 0.0


class _Server(ModbusTcpServer):
    """pymodbus' server, with answers that may come late or never."""

    def __init__(self, crane: SimCrane, device: ModbusDevice, address: tuple[str, int]) -> None:
        self.crane = crane
        super().__init__(device, address=address, trace_pdu=self._trace)

    def callback_new_connection(self) -> ServerRequestHandler:
        # pymodbus leaves this and server_send untyped.
        return _Handler(self, self.trace_packet, self.trace_pdu, self.trace_connect)  # type: ignore[no-untyped-call]

    def _trace(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending:
            self.crane.frames.append((pdu.transaction_id, pdu.function_code))
        return pdu


class _Handler(ServerRequestHandler):
    server: _Server

    def server_send(self, pdu: ModbusPDU | None, addr: tuple[Any, ...] | None) -> None:
        delay_s = self.server.crane.answer_delay_s()
        if delay_s is None:
            return
        if delay_s > 0.0:
            self.loop.call_later(delay_s, self._send_late, pdu, addr)
        else:
            super().server_send(pdu, addr)  # type: ignore[no-untyped-call]  # see above

    def _send_late(self, pdu: ModbusPDU | None, addr: tuple[Any, ...] | None) -> None:
        if self.transport is not None:
            super().server_send(pdu, addr)  # type: ignore[no-untyped-call]  # see above
