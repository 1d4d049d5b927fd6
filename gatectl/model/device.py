"""What a driver is, and what it is given. Third parties implement `Driver` and register it under
the entry point group `gatectl.drivers`.

Lifecycle: unconfigured --configure--> inactive --run--> active --make_safe, close--> finalized.
`run` never returns by itself: it connects, speaks, and reconnects with a bounded back-off for as
long as the field process lives. Losing the wire is not an exception but quality: the driver
publishes its tags BAD with a cause and goes on trying.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from msgspec import Struct

from gatectl.model.messages import Fact
from gatectl.model.quality import Cause, Quality
from gatectl.model.tags import Sample, TagSpec


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a device is attached: exactly one of port (serial) and host + tcp_port.

    port: a tty path; baud: bit/s; bytesize/parity/stopbits as on the device's plate ("8N1").
    listen_port: for devices that push to us (HTTP cameras); host is then the bind address.
    """

    port: str = ""
    baud: int = 115200
    frame: str = "8N1"
    host: str = ""
    tcp_port: int = 0
    listen_port: int = 0


class DevicePort(Protocol):
    """The driver's side of the field process. All calls are quick and never block."""

    name: str

    def mono_ns(self) -> int:
        """The node's monotonic clock (the only clock a driver may stamp with)."""

    def utc_ns(self) -> int:
        """UTC, for messages that carry a date."""

    def put(
        self,
        tag: str,
        value: float,
        quality: Quality = Quality.GOOD,
        cause: Cause = Cause.NONE,
        stamp_mono_ns: int | None = None,
    ) -> None:
        """Stage one state tag (local name). stamp: when it was received; now if None."""

    def put_all(self, quality: Quality, cause: Cause) -> None:
        """Stage this quality for every state tag, values kept: the link is down, the device faulty."""

    def commit(self) -> None:
        """Publish everything staged, as one consistent block."""

    def command(self, tag: str) -> Sample:
        """The newest command. Use it only while `commands_fresh`."""

    def commands_fresh(self) -> bool:
        """False when the scan process has not written for too long: send safe values instead."""

    def emit(self, fact: Fact) -> None:
        """Send a fact north to the journal; kept and resent until it is journaled."""

    def next_id(self) -> str:
        """An id for a fact, unique for ever."""

    def log(self, level: str, text: str) -> None:
        """level: debug, info, warning, error."""


class Driver(Protocol):
    """One device's protocol state machine.

    kind: the entry point's name (`gnss`). Config: a frozen msgspec Struct with
    `forbid_unknown_fields=True`, the shape of the device's table in the node file (without the
    common keys name, driver, group); its docstring and field comments are its documentation.
    """

    kind: ClassVar[str]
    Config: ClassVar[type[Struct]]

    def __init__(self, name: str, config: Struct, port: DevicePort) -> None: ...

    @classmethod
    def tags(cls, config: Struct) -> tuple[TagSpec, ...]:
        """Every tag, states and commands. Every driver has the state `alive` (bool)."""

    @classmethod
    def check(cls, config: Struct) -> list[tuple[str, str, str]]:
        """Mistakes that types cannot see: (key below the device's table, cause, remedy)."""

    async def configure(self) -> None:
        """Prepare without touching the device. Raises DeviceError."""

    async def run(self) -> None:
        """Be active until cancelled."""

    async def make_safe(self) -> None:
        """Bring every output of the device to its safe value; bounded in time by the caller."""

    async def close(self) -> None:
        """Release the wire. Idempotent."""


class ProbeFinding(Struct, frozen=True, kw_only=True):
    """What a driver heard on a wire that it was asked to listen to.

    heard_bytes: all that came; used_bytes: those in whole, checked messages of this kind of device.
    messages: these messages by name; seconds: for how long was listened. protocol: for people, "" if it
    is no such device. config: the `config` of a `[[device]]` that fits, wire included; empty like
    protocol. notes: what whoever takes it over should know.
    """

    heard_bytes: int
    used_bytes: int
    seconds: float
    messages: dict[str, int]
    protocol: str = ""
    config: dict[str, Any] = {}
    notes: tuple[str, ...] = ()


@runtime_checkable
class Probing(Protocol):
    """What a driver's class may offer besides `Driver`: to find its device (`gatectl probe`).

    probe_bauds: the speeds at which such devices speak, likeliest first.
    """

    probe_bauds: ClassVar[tuple[int, ...]]

    @classmethod
    async def probe(cls, wire: Wire, listen_s: float) -> ProbeFinding:
        """Listen on the wire for listen_s, or shorter if what comes is clearly nothing to it; never
        write. Raises DeviceError if the wire cannot be opened or is lost."""


class Satellite(Struct, frozen=True, kw_only=True):
    """A satellite in view. name: such as G05 (RINEX); angles in deg, azimuth from north; cn0 in dB-Hz.
    used: in the solution; None: not told."""

    name: str
    elevation_deg: float | None = None
    azimuth_deg: float | None = None
    cn0_dbhz: float | None = None
    used: bool | None = None


class ReceiverView(Struct, frozen=True, kw_only=True):
    """What a receiver's driver knows beside its tags, for a live view.

    messages, rejected: counts since the start, by name and by reason. faults: what is wrong now:
    (text, remedy). satellites: newest complete set in view.
    """

    messages: dict[str, int]
    rejected: dict[str, int]
    satellites: tuple[Satellite, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Viewable(Protocol):
    """What a GNSS driver may offer besides `Driver` for `gatectl gnss --port`."""

    def view(self) -> ReceiverView:
        """As of now."""
