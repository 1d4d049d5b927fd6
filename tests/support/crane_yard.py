"""A crane with its ground, its PLC on a real socket, and the driver on the other end, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from drivers.crane import CraneDriver, CraneDriverConfig, Job
from gatectl.model.device import Wire
from hil.devices.crane import DEMO_MAP, SimCrane
from hil.plant.crane import Cargo, CranePlant, Spot
from tests.support.device_port import FakePort, eventually

SLOTS = {"yard": 14.0, "east": 6.0, "west": 0.0}
TOPS = {"yard": 2.6, "east": 4.1, "west": 4.1}


@dataclass(frozen=True)
class Box:
    """A container."""

    mass_kg: float = 20_000.0


@dataclass
class Ground:
    """A `CraneSite`: boxes by slot; vehicles stand in `lanes`."""

    boxes: dict[str, Cargo] = field(default_factory=dict)
    lanes: set[str] = field(default_factory=lambda: {"yard", "east", "west"})
    aligned: bool = True

    def look(self, slot: str) -> Spot | None:
        if slot not in self.lanes:
            return None
        return Spot(TOPS[slot], self.boxes.get(slot), self.aligned or slot == "yard")

    def take(self, slot: str) -> None:
        del self.boxes[slot]

    def put(self, slot: str, cargo: Cargo) -> None:
        assert slot not in self.boxes
        self.boxes[slot] = cargo


@dataclass
class Yard:
    """Everything of one crane."""

    ground: Ground
    plant: CranePlant
    device: SimCrane
    driver: CraneDriver
    port: FakePort

    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def up(self) -> None:
        """Wait until the PLC is alive."""
        await eventually(lambda: self.port.samples["alive"].value == 1.0, "crane alive")

    def plc_echo(self) -> int:
        """Number of the last job that the PLC took."""
        return self.device.plc.echo

    def written(self, tag: str) -> float:
        """What the PLC was told last."""
        return self.device.commands.get(tag, 0.0)

    async def begin(self, job: Job, target_m: float = 0.0, wait: bool = True) -> int:
        """Order a job as the core does; returns its number. wait: until the PLC has taken it."""
        seq = int(self.port.value("job_echo")) + 1
        for tag, value in (("enable", 1.0), ("target", target_m), ("job", float(job)), ("job_seq", seq)):
            self.port.set_command(tag, value)
        if wait:
            await eventually(lambda: self.plc_echo() == seq, f"{job!r} taken")
        return seq

    async def job(self, job: Job, target_m: float = 0.0, within_s: float = 10.0) -> tuple[int, int]:
        """Order a job and wait for its end: (job_state, job_refusal)."""
        seq = await self.begin(job, target_m)
        await eventually(
            lambda: (
                self.port.samples["job_echo"].value == seq
                and self.port.samples["job_state"].value in (2.0, 3.0)
            ),
            f"{job!r} to {target_m} to end",
            within_s,
        )
        return int(self.port.value("job_state")), int(self.port.value("job_refusal"))

    def start_driver(self) -> None:
        """Run the driver."""
        self.tasks["driver"] = asyncio.create_task(self.driver.run())

    async def stop_driver(self, close: bool = True) -> None:
        """As if its process had died."""
        await _cancel(self.tasks.pop("driver"))
        if close:
            await self.driver.close()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _steps(plant: CranePlant, factor: int) -> None:
    while True:
        for _ in range(factor):
            plant.step(0.01)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def crane_yard(
    factor: int = 1, map_path: Path = DEMO_MAP, run_driver: bool = True, **config: float
) -> AsyncIterator[Yard]:
    """Running PLC and driver; everything is closed afterwards.

    factor: the plant runs so many times faster than real time. config: of the driver.
    """
    ground = Ground()
    plant = CranePlant(site=ground, slots=SLOTS)
    device = SimCrane("crane", plant, map_path)
    wire = Wire(**await device.start())
    driver_config = CraneDriverConfig(wire=wire, map=str(map_path), **config)
    port = FakePort("crane", CraneDriver.tags(driver_config))
    driver = CraneDriver("crane", driver_config, port)
    await driver.configure()
    yard = Yard(ground, plant, device, driver, port)
    yard.tasks["device"] = asyncio.create_task(device.run())
    yard.tasks["plant"] = asyncio.create_task(_steps(plant, factor))
    if run_driver:
        yard.start_driver()
    try:
        yield yard
        for task in yard.tasks.values():
            if task.done():
                task.result()
    finally:
        for task in yard.tasks.values():
            await _cancel(task)
        await driver.close()
        await device.stop()
        await asyncio.sleep(0)
