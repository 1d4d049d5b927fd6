"""The vehicle's side of leases: which one is taken, when it ends, how far it reaches.

A lease ends by itself: nobody has to be reachable for a vehicle to stop. Its clock is UTC, so without
a clock that is known to be right there is no valid lease.
"""

from __future__ import annotations

from msgspec import Struct

from gatectl.core.motion import Stretches
from gatectl.model.messages import Lease

FUTURE_MAX_NS = 1_000_000_000


class LeaseState(Struct):
    """The lease held. epoch, sequence: of the last one taken, never to be gone back behind."""

    epoch: int = -1
    sequence: int = -1
    blocks: tuple[str, ...] = ()
    expires_utc_ns: int = 0


def take(state: LeaseState, lease: Lease, serial: str, now_utc_ns: int, utc_ok: bool) -> str:
    """Take the lease, or say why not ("" = taken)."""
    if lease.serial != serial:
        return f"it is for {lease.serial}"
    if not utc_ok:
        return "the system clock is not known to be right"
    if (lease.epoch, lease.sequence) <= (state.epoch, state.sequence):
        return (
            f"epoch {lease.epoch}, sequence {lease.sequence} is not above the last one taken "
            f"({state.epoch}, {state.sequence})"
        )
    if lease.issued_utc_ns > now_utc_ns + FUTURE_MAX_NS:
        return "it was issued in the future: the clocks disagree"
    expires = lease.issued_utc_ns + lease.valid_for_ms * 1_000_000
    if lease.valid_for_ms <= 0 or expires <= now_utc_ns:
        return "it had already run out when it came"
    state.epoch, state.sequence = lease.epoch, lease.sequence
    state.blocks, state.expires_utc_ns = lease.blocks, expires
    return ""


def alive(state: LeaseState, now_utc_ns: int, utc_ok: bool) -> bool:
    """True while a lease is held that has not run out."""
    return utc_ok and now_utc_ns < state.expires_utc_ns


def reach_back(state: LeaseState, blocks: Stretches, s: float) -> float:
    """The same towards the beginning of the lane: metres along it down to which every block is held."""
    until = s
    for begin, end, block in reversed(blocks.between(0.0, s)):
        if end < until - 0.02 or block not in state.blocks:
            break
        until = min(until, begin)
    return 0.0 if until <= 0.02 else until


def reach(state: LeaseState, blocks: Stretches, s: float, lane_end: float) -> float:
    """Metres along the lane up to which every block from s on is held; s if its own is not.

    Ground of no block belongs to nobody and is never covered; a lane's last block reaches to its end.
    """
    until = s
    for begin, end, block in blocks.between(s, lane_end):
        if begin > until + 0.02 or block not in state.blocks:
            break
        until = max(until, end)
    return lane_end if until >= lane_end - 0.02 else until
