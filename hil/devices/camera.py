"""A simulated container-code camera that pushes real HTTP events to whoever listens."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import time
from collections import deque
from typing import Any, ClassVar, Literal

import aiohttp
import msgspec

from drivers.scanner.wire import EVENT_PATH, KEEP_ALIVE_PATH, ContainerInfo, from_utc_ns
from hil.devices.faults import Faults

TICK_S = 0.05
POST_TIMEOUT_S = 3.0

_PARAMS: dict[str, dict[str, float | str]] = {
    "off": {},
    "wrong": {},
    "garbage": {},
    "slow": {"seconds": 3.0},
    "drop": {"share": 0.5},
    "stuck": {},
}


class SimCamera:
    """Reads what the world shows it and repeats each event until it is answered 200.

    keep_alive_s, retry_s: periods. answers: HTTP status of every post, oldest first (0: none came).
    """

    faults: ClassVar[dict[str, str]] = {
        "off": "sees nothing, sends nothing",
        "wrong": "misreads one digit: the check digit does not fit",
        "garbage": "posts bodies that are no events",
        "slow": "an event is sent so many seconds after the reading",
        "drop": "posts are lost on the way; share",
        "stuck": "keep-alives go on, but events are not sent until it is cleared",
    }

    def __init__(self, name: str) -> None:
        self.name = name
        self.keep_alive_s, self.retry_s = 1.0, 0.5
        self.answers: list[int] = []
        self._boot = secrets.token_hex(6)
        self._number = 0
        self._random = random.Random(name)
        self._faults = Faults(name, _PARAMS)
        self._events: deque[tuple[float, ContainerInfo]] = deque()
        self._url = ""
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> dict[str, Any]:
        """Choose the port at which the driver shall listen; the camera posts there."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POST_TIMEOUT_S))
        return {"host": "127.0.0.1", "listen_port": port}

    def read(
        self,
        container: str,
        seal: str = "",
        seal_state: Literal["intact", "opened", "missing", "unread"] = "intact",
        lane: str = "",
        confidence: float = 0.98,
    ) -> None:
        """A container stands in front: the camera reads it once."""
        if "off" in self._faults:
            return
        self._number += 1
        if "wrong" in self._faults and container:
            container = container[:-1] + str((int(container[-1]) + 1) % 10)
        event = ContainerInfo(
            event_id=f"{self.name}-{self._boot}-{self._number}",
            container_code=container,
            confidence=confidence,
            read_time=from_utc_ns(time.time_ns()),
            lane=lane,
            seal=seal,
            seal_state=seal_state,
            image_ref=f"sim://{self.name}/{self._boot}/{self._number}.jpg",
        )
        wait_s = self._faults.number("slow", "seconds") if "slow" in self._faults else 0.0
        self._events.append((time.monotonic() + wait_s, event))

    @property
    def unsent(self) -> int:
        """Events not yet answered 200."""
        return len(self._events)

    async def run(self) -> None:
        """Keep-alives and events, until cancelled."""
        alive_due_s = retry_due_s = 0.0
        while True:
            now_s = time.monotonic()
            if "off" not in self._faults and now_s >= alive_due_s:
                alive_due_s = now_s + self.keep_alive_s
                await self._post(KEEP_ALIVE_PATH, msgspec.json.encode({"deviceId": self.name}))
            may_send = "off" not in self._faults and "stuck" not in self._faults and now_s >= retry_due_s
            if may_send and self._events and now_s >= self._events[0][0]:
                if await self._post(EVENT_PATH, msgspec.json.encode(self._events[0][1])):
                    self._events.popleft()
                else:
                    retry_due_s = now_s + self.retry_s
            await asyncio.sleep(TICK_S)

    async def stop(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault of `faults`. Raises UsageError for any other, or an unknown parameter."""
        self._faults.begin(mode, params)
        if mode == "off":
            self._events.clear()

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    async def _post(self, path: str, body: bytes) -> bool:
        if "drop" in self._faults and self._random.random() < self._faults.number("drop", "share"):
            return False
        if "garbage" in self._faults:
            body = self._random.randbytes(40)
        assert self._http is not None
        try:
            async with self._http.post(self._url + path, data=body) as answer:
                self.answers.append(answer.status)
                await answer.read()
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            self.answers.append(0)
            return False
