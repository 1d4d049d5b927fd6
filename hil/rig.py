"""The rig: a site's plant, simulated devices on real wires, a broker, and the real daemons.

Start-up writes the site's node files into the run folder with other wires, ports, folders and fresh
customs keys - nothing else is changed - and runs them. Teardown is attempted for everything,
whatever fails, and says what it could not end.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatectl.model import GatectlError, UsageError
from gatectl.model.messages import Side
from gatectl.model.node import Node
from gatectl.north.party import Operator
from gatectl.north.settings import Settings
from gatectl.runtime.config import load_node
from hil.binding import simulate, wired
from hil.broker import Broker
from hil.checkpoints import CheckStation
from hil.children import processes_naming
from hil.device import SimDevice
from hil.devices.camera import SimCamera
from hil.devices.portal import SimPortal
from hil.monitor import Monitor
from hil.nodes import Daemon
from hil.operators import Customs, Shipper
from hil.plant.vehicle import VehicleParams
from hil.priority import like_hardware
from hil.timeline import Timeline
from hil.world import World

_ROOT = Path(__file__).parents[1]
_SITES = (_ROOT / "config" / "demo", _ROOT / "gatectl" / "_config" / "demo")
DEMO_SITE = next((f for f in _SITES if f.is_dir()), _SITES[0])
WORLD_PERIOD_S = 0.01
STATION_EVERY = 10


class Rig:
    """One run. run_dir: new folder for everything it leaves; site_dir: *.toml of a site.

    real: devices (`node.device`) that keep the wire of their node file. plants: by serial, of vehicles
    that are not the ordinary one (another steering offset, dead time, lag). Use as `async with`.
    Attributes after start: world, devices (by `node.device`), daemons (by node), monitor, timeline,
    customs (by side), operator, shipper, broker.
    """

    def __init__(
        self,
        run_dir: Path,
        site_dir: Path = DEMO_SITE,
        *,
        broker: Literal["amqtt", "mosquitto"] = "amqtt",
        real: Iterable[str] = (),
        seed: int = 1,
        plants: Mapping[str, VehicleParams] | None = None,
    ) -> None:
        self.run_dir = run_dir
        self.site_dir = site_dir
        self.seed = seed
        self.plants = dict(plants or {})
        self.real = frozenset(real)
        self.broker = Broker(broker)
        self.timeline = Timeline()
        self.devices: dict[str, SimDevice] = {}
        self.daemons: dict[str, Daemon] = {}
        self.nodes: dict[str, Node] = {}
        self.customs: dict[Side, Customs] = {}
        self.teardown_problems: list[str] = []
        self._keys: dict[Side, Ed25519PrivateKey] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: BaseException | None = None
        self._born_s = time.monotonic()
        self._short_dir: Path | None = None
        self._preferred = contextlib.ExitStack()

    def clock_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._born_s

    # ---- start --------------------------------------------------------------------------------

    async def __aenter__(self) -> Rig:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def _start(self) -> None:
        files = sorted(
            f for f in self.site_dir.glob("*.toml") if "role" in tomllib.loads(f.read_text("utf-8"))
        )
        if not files:
            raise UsageError(
                "no node files here", "name a folder with a site and its nodes", where=str(self.site_dir)
            )
        self.nodes = {node.config.name: node for node in map(load_node, files)}
        unknown = self.real - {f"{n}.{d.name}" for n, node in self.nodes.items() for d in node.config.device}
        if unknown:
            raise UsageError(
                f"no such device: {', '.join(sorted(unknown))}", "write node.device as in the site"
            )
        self.run_dir.mkdir(parents=True)
        # Socket paths are limited to 107 bytes and belong on a tmpfs: not into the run folder.
        shm = Path("/dev/shm")  # tmpfs of every Linux
        self._short_dir = Path(
            tempfile.mkdtemp(prefix="gatectl-hil-", dir=shm if os.access(shm, os.W_OK) else None)
        )
        self._preferred.enter_context(like_hardware())
        self.world = World(next(iter(self.nodes.values())).site, self.seed, self.plants)
        port = await self.broker.start()
        wires = await self._start_devices()
        self._born_s = time.monotonic()
        self._spawn(self._run_world())
        self._write_site(wires, port)
        self.monitor = Monitor(self.site, self.timeline, self.clock_s)
        self.monitor.start("127.0.0.1", port)
        await self._start_people(port)
        for daemon in self.daemons.values():
            daemon.start()
            self._spawn(daemon.watch())

    @property
    def site(self) -> str:
        """The site's name."""
        return next(iter(self.nodes.values())).site.config.name

    def signing_keys(self) -> dict[Side, Ed25519PrivateKey]:
        """The private keys of this run's customs."""
        return dict(self._keys)

    async def _start_devices(self) -> dict[str, dict[str, Any]]:
        wires = {}
        number = 0
        for name, node in self.nodes.items():
            for device in node.config.device:
                number += 1
                key = f"{name}.{device.name}"
                if key in self.real:
                    continue
                sim = simulate(node, device, self.world, self.seed * 100 + number)
                self.devices[key] = sim
                wires[key] = await sim.start()
                self._spawn(sim.run())
        return wires

    def _write_site(self, wires: dict[str, dict[str, Any]], broker_port: int) -> None:
        target = self.run_dir / "config"
        shutil.copytree(self.site_dir, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        site_file = target / "site.toml"
        site = tomllib.loads(site_file.read_text("utf-8"))
        for entry in site["customs"]:
            key = self._keys[entry["side"]] = Ed25519PrivateKey.generate()
            entry["public_key"] = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        site_file.write_text(tomli_w.dumps(site), "utf-8")
        assert self._short_dir is not None
        for name, node in self.nodes.items():
            file = target / Path(node.file).name
            table = tomllib.loads(file.read_text("utf-8"))
            table["paths"] = {
                "state_dir": str(self.run_dir / name),
                "runtime_dir": str(self._short_dir / name),
            }
            table["mqtt"] = {"host": "127.0.0.1", "port": broker_port}
            table["device"] = [
                wired(d, wires[f"{name}.{d['name']}"]) if f"{name}.{d['name']}" in wires else d
                for d in table.get("device", [])
            ]
            file.write_text(tomli_w.dumps(table), "utf-8")
            log = self.run_dir / f"{name}.log"
            self.daemons[name] = Daemon(name, file, self._short_dir / name, log)

    async def _start_people(self, port: int) -> None:
        broker = Settings("127.0.0.1", port, "")
        for side, key in self._keys.items():
            self.customs[side] = await Customs(side, key, site=self.site, broker=broker).start()
        self.operator = await Operator("ann", site=self.site, broker=broker).start()
        self.shipper = await Shipper("forwarder", site=self.site, broker=broker).start()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failed = task.exception()

    def raise_if_failed(self) -> None:
        """Raise what ended a simulated device or the plant, if anything did."""
        if self._failed is not None:
            raise self._failed

    async def _run_world(self) -> None:
        stations = self._stations()
        count = 0
        due_s = time.monotonic()
        while True:
            self.world.advance_to(self.clock_s())
            count += 1
            if count % STATION_EVERY == 0:
                for station in stations:
                    station.step()
            due_s = max(due_s + WORLD_PERIOD_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    def _stations(self) -> list[CheckStation]:
        by_name = {key.split(".", 1)[1]: sim for key, sim in self.devices.items()}
        found = []
        for node in self.world.nodes.values():
            camera, portal = by_name.get(node.camera), by_name.get(node.portal)
            if isinstance(camera, SimCamera) or isinstance(portal, SimPortal):
                found.append(
                    CheckStation(
                        self.world,
                        node.id,
                        camera if isinstance(camera, SimCamera) else None,
                        portal if isinstance(portal, SimPortal) else None,
                    )
                )
        return found

    # ---- stop ---------------------------------------------------------------------------------

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop_nodes(self) -> dict[str, int | None]:
        """Ordered shutdown of all daemons; their exit codes."""
        codes = await asyncio.gather(*(d.stop() for d in self.daemons.values()))
        return dict(zip(self.daemons, codes, strict=True))

    async def stop(self) -> None:
        """End everything. Never raises; what did not end well is in `teardown_problems`. Idempotent."""
        steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [("nodes", self.stop_nodes)]
        people: list[Any] = [
            *self.customs.values(),
            getattr(self, "operator", None),
            getattr(self, "shipper", None),
        ]
        steps += [(f"client {p.name}", p.stop) for p in people if p is not None]
        steps += [(name, device.stop) for name, device in self.devices.items()]
        steps += [("broker", self.broker.stop)]
        for name, step in steps[:1]:
            await self._attempt(name, step)
        if hasattr(self, "monitor"):
            await self._attempt("monitor", lambda: asyncio.to_thread(self.monitor.stop))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for name, step in steps[1:]:
            await self._attempt(name, step)
        if self._short_dir is not None:
            for pid, command in processes_naming(str(self._short_dir)).items():
                self.teardown_problems.append(f"still running: {pid} {command}")
            shutil.rmtree(self._short_dir, ignore_errors=True)
            self._short_dir = None
        self._preferred.close()

    async def _attempt(self, name: str, step: Callable[[], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(30):
                await step()
        except (GatectlError, OSError, TimeoutError, RuntimeError) as error:
            self.teardown_problems.append(f"{name}: {error or type(error).__name__}")

    def leftovers(self) -> list[str]:
        """Processes, sockets or terminals of this run that still exist (call after `stop`)."""
        found = [f"process {pid}: {command}" for pid, command in processes_naming(str(self.run_dir)).items()]
        for sim in self.devices.values():
            port = getattr(sim, "port", None)
            if isinstance(port, str) and Path(port).exists():
                found.append(f"terminal {port}")
        return found + self.teardown_problems
