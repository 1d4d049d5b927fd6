"""A driver's port for tests: keeps what the driver puts, commits, emits and logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gatectl.model import Cause, Quality, Sample
from gatectl.model.messages import Fact
from gatectl.model.tags import TagSpec

NEVER = Sample(0.0, Quality.BAD, Cause.NEVER_WRITTEN, 0)


class FakePort:
    """A `gatectl.model.device.DevicePort` in memory.

    samples: the committed samples by local name, as a reader of the image sees them. commits: every
    commit's samples, oldest first. facts: emitted facts. logs: (level, text). commands: set by the
    test with `set_command`; fresh: what `commands_fresh` answers. mono: replace it for another clock.
    """

    def __init__(self, name: str, tags: tuple[TagSpec, ...] = ()) -> None:
        self.name = name
        self.specs = {spec.name: spec for spec in tags}
        self.states = [spec.name for spec in tags if spec.direction == "state"]
        self.samples: dict[str, Sample] = dict.fromkeys(self.states, NEVER)
        self.staged: dict[str, Sample] = dict(self.samples)
        self.commits: list[dict[str, Sample]] = []
        self.facts: list[Fact] = []
        self.logs: list[tuple[str, str]] = []
        self.commands: dict[str, Sample] = {}
        self.fresh = True
        self.mono: Callable[[], int] = time.monotonic_ns
        self.utc: Callable[[], int] = time.time_ns
        self._ids = 0

    def mono_ns(self) -> int:
        return self.mono()

    def utc_ns(self) -> int:
        return self.utc()

    def put(
        self,
        tag: str,
        value: float,
        quality: Quality = Quality.GOOD,
        cause: Cause = Cause.NONE,
        stamp_mono_ns: int | None = None,
    ) -> None:
        if self.specs:
            assert tag in self.states, f"{tag} is not a state tag of {self.name}"
        assert (quality is Quality.GOOD) == (cause is Cause.NONE), f"{tag}: {quality} with {cause}"
        stamp = self.mono() if stamp_mono_ns is None else stamp_mono_ns
        self.staged[tag] = Sample(float(value), quality, cause, stamp)

    def put_all(self, quality: Quality, cause: Cause) -> None:
        stamp = self.mono()
        for tag, sample in self.staged.items():
            self.staged[tag] = Sample(sample.value, quality, cause, stamp)

    def commit(self) -> None:
        self.samples = dict(self.staged)
        self.commits.append(self.samples)

    def command(self, tag: str) -> Sample:
        if tag in self.commands:
            return self.commands[tag]
        spec = self.specs[tag]
        assert spec.direction == "command", f"{tag} is not a command tag of {self.name}"
        return Sample(spec.safe_value, Quality.BAD, Cause.NEVER_WRITTEN, 0)

    def commands_fresh(self) -> bool:
        return self.fresh

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)

    def next_id(self) -> str:
        self._ids += 1
        return f"{self.name}-test-{self._ids}"

    def log(self, level: str, text: str) -> None:
        assert level in ("debug", "info", "warning", "error")
        self.logs.append((level, text))

    # ---- for the test ----------------------------------------------------------------------

    def set_command(self, tag: str, value: float) -> None:
        """The newest command, GOOD, stamped now."""
        assert self.specs[tag].direction == "command", f"{tag} is not a command tag"
        self.commands[tag] = Sample(float(value), Quality.GOOD, Cause.NONE, self.mono())

    def value(self, tag: str) -> float:
        """The committed value; the test fails unless it is GOOD."""
        sample = self.samples[tag]
        assert sample.quality is Quality.GOOD, f"{tag} is {sample.quality!r}, {sample.cause!r}"
        return sample.value

    def bad(self, tag: str) -> Cause:
        """The cause of a committed BAD sample; the test fails if it is not BAD."""
        sample = self.samples[tag]
        assert sample.quality is Quality.BAD, f"{tag} is {sample.quality!r} = {sample.value}"
        return sample.cause


async def eventually(true: Callable[[], bool], what: str = "", within_s: float = 5.0) -> None:
    """Wait until `true()`; fail the test with `what` when it does not become so in time."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"did not happen within {within_s} s: {what}"
        await asyncio.sleep(0.005)
