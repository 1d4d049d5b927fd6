"""A simulated screening portal: a TCP server that repeats its verdicts until they are acknowledged."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from contextlib import suppress
from typing import Any, ClassVar, Literal, cast

import msgspec

from drivers.scanner.wire import Ack, Heartbeat, Refusal, Verdict, from_utc_ns, to_line
from hil.devices.faults import Faults

TICK_S = 0.05
VerdictWord = Literal["clear", "suspicious", "absent"]

_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "wrong": {"verdict": "suspicious"},
    "garbage": {},
    "slow": {"seconds": 3.0},
    "drop": {"share": 0.5},
    "stuck": {},
}


class SimPortal:
    """Screens what the world puts in front of it.

    heartbeat_s, resend_s: periods. answers: every answer of the other side, oldest first.
    forget_acks: so many acknowledgements that come next are lost (for tests).
    """

    faults: ClassVar[dict[str, str]] = {
        "off": "the connection closes, none is accepted",
        "wrong": "says another verdict; verdict (default suspicious)",
        "garbage": "sends lines that are no messages",
        "slow": "a verdict comes so many seconds after the screening",
        "drop": "lines are lost on the way; share",
        "stuck": "the connection stays, but nothing is said",
    }

    def __init__(self, name: str) -> None:
        self.name = name
        self.heartbeat_s = self.resend_s = 1.0
        self.answers: list[Ack | Refusal] = []
        self.forget_acks = 0
        self._session = secrets.token_hex(6)
        self._number = 0
        self._random = random.Random(name)
        self._faults = Faults(name, _PARAMS)
        self._unacked: dict[int, tuple[float, Verdict]] = {}
        self._said: set[int] = set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    async def start(self) -> dict[str, Any]:
        """Listen on a free port of 127.0.0.1."""
        await self._listen()
        assert self._server is not None
        self._port = self._server.sockets[0].getsockname()[1]
        return {"host": "127.0.0.1", "tcp_port": self._port}

    def screen(
        self, container: str, verdict: VerdictWord = "clear", operator: str = "sim", image_ref: str = ""
    ) -> None:
        """A container has passed."""
        if "off" in self._faults:
            return
        self._number += 1
        if "wrong" in self._faults:
            verdict = cast(VerdictWord, self._faults.text("wrong", "verdict"))
        message = Verdict(
            session=self._session,
            number=self._number,
            container_code=container,
            verdict=verdict,
            taken_time=from_utc_ns(time.time_ns()),
            image_ref=image_ref or f"sim://{self.name}/{self._session}/{self._number}.img",
            operator=operator,
        )
        wait_s = self._faults.number("slow", "seconds") if "slow" in self._faults else 0.0
        self._unacked[self._number] = (time.monotonic() + wait_s, message)

    @property
    def unacked(self) -> int:
        """Verdicts that nobody has acknowledged yet."""
        return len(self._unacked)

    async def run(self) -> None:
        """Heartbeats and verdicts, until cancelled."""
        beat_due_s = 0.0
        while True:
            now_s = time.monotonic()
            if "off" in self._faults:
                if self._server is not None:
                    await self._hang_up()
            elif self._server is None:
                with suppress(OSError):  # the port may be busy for a moment: next tick
                    await self._listen()
            if now_s >= beat_due_s:
                beat_due_s = now_s + self.heartbeat_s
                self._say(to_line(Heartbeat(session=self._session)))
            for number, (due_s, message) in list(self._unacked.items()):
                if self._writers and now_s >= due_s:
                    self._unacked[number] = (now_s + self.resend_s, message)
                    self._said.add(number)
                    self._say(to_line(message))
            await asyncio.sleep(TICK_S)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._hang_up()

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault of `faults`. Raises UsageError for any other, or an unknown parameter."""
        self._faults.begin(mode, params)
        if mode == "off":
            self._unacked.clear()

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await asyncio.sleep(TICK_S)  # for connections that are being accepted at this moment
        for writer in list(self._writers):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.close()
            return
        self._writers.add(writer)
        # What was not acknowledged is said again on every new connection.
        for number in self._said & self._unacked.keys():
            self._unacked[number] = (0.0, self._unacked[number][1])
        try:
            while line := await reader.readline():
                answer = msgspec.json.decode(line, type=Ack | Refusal)
                self.answers.append(answer)
                if not isinstance(answer, Ack) or answer.session != self._session:
                    continue
                if self.forget_acks > 0:
                    self.forget_acks -= 1
                else:
                    self._unacked.pop(answer.number, None)
        except (OSError, ValueError, msgspec.MsgspecError, asyncio.CancelledError):
            pass  # a connection that ends or speaks otherwise is simply closed
        finally:
            self._writers.discard(writer)
            writer.close()

    def _say(self, line: bytes) -> None:
        if "stuck" in self._faults:
            return
        if "drop" in self._faults and self._random.random() < self._faults.number("drop", "share"):
            return
        if "garbage" in self._faults:
            line = self._random.randbytes(30).replace(b"\n", b"?") + b"\r\n"
        for writer in self._writers:
            writer.write(line)
