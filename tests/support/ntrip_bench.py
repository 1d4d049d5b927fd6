"""An NTRIP client that runs, with what it forwarded and said."""

from __future__ import annotations

import asyncio

from ntrip_casters import HOST

from drivers.gnss.ntrip import NtripClient, NtripConfig, Position

HERE = Position(
    tod_ns=43_200_000_000_000,
    latitude_deg=21.976,
    longitude_deg=106.712,
    height_m=300.0,
    quality=1,
    satellites=18,
)

QUICK = {
    "inactivity_timeout_s": 0.6,
    "connect_timeout_s": 2.0,
    "backoff_first_s": 0.02,
    "backoff_limit_s": 0.2,
    "gga_interval_s": 0.2,
}


class ClientBench:
    """`async with` runs the client. place: the receiver's position, None while it has none."""

    def __init__(
        self, port: int, mountpoint: str = "BASE", *, base_dir: str = "", place=HERE, **config
    ) -> None:
        self.frames: list[bytes] = []
        self.said: list[tuple[str, str]] = []
        self.place: Position | None = place
        settings = {"host": HOST, "port": port, "mountpoint": mountpoint} | QUICK | config
        self.config = NtripConfig(**settings)
        self.client = NtripClient(
            self.config,
            base_dir,
            frame=self.frames.append,
            position=lambda: self.place,
            tell=lambda level, text: self.said.append((level, text)),
        )

    @property
    def status(self):
        return self.client.status

    def heard(self, text: str) -> bool:
        return any(text in said for _, said in self.said)

    async def __aenter__(self) -> ClientBench:
        self.task = asyncio.create_task(self.client.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self.task.done(), self.task
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
