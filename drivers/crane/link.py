"""The Modbus TCP connection to one PLC: every way to fail is one of two errors.

pymodbus defaults that would be wrong here: `retries` (3 copies of a timed-out write go out with one
transaction id: here every request is sent once, and repeating is the driver's decision) and the
reconnection with up to 300 s (here the driver reconnects). Late answers are dropped by their
transaction id, which pymodbus checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from drivers.crane.wire import Batch
from gatectl.model.device import Wire
from gatectl.model.errors import DeviceError

# What goes wrong on the wire is told through the driver's log, once, not for every request.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge, still busy",
    6: "busy",
    10: "gateway path not available",
    11: "gateway target does not answer",
}
ADDRESS_CODES = frozenset({2, 3})  # 3: the device allows fewer registers per request


class RefusedError(DeviceError):
    """The PLC answered with a Modbus exception; the link is fine. code: its number."""

    def __init__(self, code: int, what: str, where: str) -> None:
        self.code = code
        super().__init__(
            f"{what}: exception {code} ({EXCEPTIONS.get(code, 'unknown')})",
            "compare the register map with the PLC's program",
            where=where,
        )


class ModbusLink:
    """One connection. Use `open` first; after a DeviceError that is no RefusedError, close it."""

    def __init__(self, wire: Wire, device_id: int, timeout_s: float) -> None:
        self.where = f"{wire.host}:{wire.tcp_port}"
        self._device_id = device_id
        self._timeout_s = timeout_s
        self._client = AsyncModbusTcpClient(
            wire.host, port=wire.tcp_port, timeout=timeout_s, retries=0, reconnect_delay=0
        )

    async def open(self) -> None:
        """Connect. Raises DeviceError."""
        connected = await self._client.connect()
        _still_wanted()
        if not connected:
            raise DeviceError(
                f"no connection within {self._timeout_s:g} s",
                "check host, tcp_port, network and the PLC's supply",
                where=self.where,
            )

    def close(self) -> None:
        """Idempotent."""
        self._client.close()

    async def read(self, batch: Batch) -> list[int] | list[bool]:
        """One read, sent once. Raises RefusedError or DeviceError."""
        client, unit = self._client, self._device_id
        reads = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }
        what = f"reading {batch.length} x {batch.function} from {batch.address}"
        answer = await self._ask(
            lambda: reads[batch.function](batch.address, count=batch.length, device_id=unit), what
        )
        if batch.function in ("coil", "discrete"):
            return [bool(bit) for bit in answer.bits[: batch.length]]
        return [int(register) for register in answer.registers]

    async def write(self, address: int, registers: Sequence[int]) -> None:
        """One write of holding registers (function 16), sent once. Raises RefusedError or DeviceError."""
        what = f"writing {len(registers)} x holding from {address}"
        answer = await self._ask(
            lambda: self._client.write_registers(address, list(registers), device_id=self._device_id), what
        )
        if (answer.address, answer.count) != (address, len(registers)):
            raise DeviceError(
                f"{what}: the answer speaks of other registers", "check the PLC", where=self.where
            )

    async def _ask(self, request: Callable[[], Awaitable[ModbusPDU]], what: str) -> ModbusPDU:
        try:
            answer = await request()
        except (ModbusException, OSError) as error:
            raise DeviceError(
                f"{what}: no answer within {self._timeout_s:g} s", "check network and PLC", where=self.where
            ) from error
        finally:
            _still_wanted()
        if answer.isError():
            raise RefusedError(answer.exception_code, what, self.where)
        return answer


def _still_wanted() -> None:
    """Raise CancelledError if the task was cancelled while it waited.

    pymodbus waits with `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that comes
    together with the answer: without this a driver would go on for ever after it was told to end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
