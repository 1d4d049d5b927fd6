"""Everything that changes in a vehicle's core, and the part of it that survives a restart."""

from __future__ import annotations

from msgspec import Struct, field

from gatectl.core.motion import ExcitationState, LocaliserState, SpeedState, TrackState
from gatectl.core.safety import MatrixState
from gatectl.core.vehicle_lease import LeaseState
from gatectl.core.vehicle_marker import MarkerState
from gatectl.core.vehicle_order import OrderState
from gatectl.model import vda5050

RESETS_PER_BOOT = 1000


class InstantState(Struct):
    """Instant actions: their states (newest last), and what they left behind. halt_s: m along the lane
    where a pause or a cancellation stops the vehicle; None = not stopping. cancelling: action id."""

    states: list[vda5050.ActionState] = []
    paused: bool = False
    cancelling: str = ""
    halt_s: float | None = None
    report: bool = False


class ReportState(Struct):
    """When what was last sent (monotonic ns, 0 = never). changed: an event waits to be reported.
    shown: subject, state and reason codes of the last status. driving: as last reported."""

    state_mono_ns: int = 0
    status_mono_ns: int = 0
    changed: bool = True
    shown: tuple[tuple[str, ...], ...] = ()
    driving: bool = False


class VehicleState(Struct, kw_only=True):
    """State of `VehicleCore`.

    boot_no: of this start; counter: of message ids. started_utc_ns: of the first scan: commands
    from before it are not obeyed. resets: since this start; what the controller is sent is
    boot_no * RESETS_PER_BOOT + resets, and 0 before the first. seen: ids of the last commands.
    epoch_utc: of the last GNSS epoch taken. wheel: last measured m/s. way: the route that the place
    `track.s` belongs to (see `vehicle_network`); placed: it was looked up there. reverse: the direction
    of travel, changed only at standstill. wrong_way: the last start was refused for its heading. running:
    `drive` was carried out last scan; tripped: it was tripped (as it is at every start).
    """

    boot_no: int
    counter: int = 0
    started_utc_ns: int = 0
    reset_owed: bool = True
    resets: int = 0
    seen: list[str] = []
    running: bool = False
    tripped: bool = True
    epoch_utc: float = 0.0
    wheel: float = 0.0
    way: str = ""
    placed: bool = False
    wrong_way: bool = False
    reverse: bool = False
    localiser: LocaliserState
    marker: MarkerState = field(default_factory=MarkerState)
    track: TrackState
    speed: SpeedState
    excitation: ExcitationState
    matrix: MatrixState
    order: OrderState
    instant: InstantState
    lease: LeaseState
    report: ReportState


class VehicleCheckpoint(Struct):
    """What a new start takes over: the order and pause, and how far leases have come.

    Nothing of position, authority or trips: these are found anew."""

    order: OrderState
    paused: bool
    lease_epoch: int
    lease_sequence: int


def fresh(boot_no: int) -> VehicleState:
    """The state of a start without a past."""
    return VehicleState(
        boot_no=boot_no,
        localiser=LocaliserState(),
        track=TrackState(),
        speed=SpeedState(),
        excitation=ExcitationState(),
        matrix=MatrixState(),
        order=OrderState(),
        instant=InstantState(),
        lease=LeaseState(),
        report=ReportState(),
    )
