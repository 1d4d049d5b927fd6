"""Blocks: stretches of lane with at most one holder.

Rules
- A block has one holder: a vehicle's serial, a crane's id, or "" when it is free.
- A request names every block up to the next stop. It is granted as a whole or not at all, so a
  vehicle never enters the border stretch without the room behind it to leave it again.
- Requests are served in the order in which they came; a later one may go first only while an
  earlier one cannot be granted anyway.
- A block is freed when the vehicle's tail, its protection level allowed for, has passed the
  block's end; never by time, never by silence.
- A crane's envelope is lent: the vehicle that stands in it gives it up, the crane returns it.
- Where a vehicle is seen it holds, granted or not; seen in another's block it is a conflict, and
  while a conflict lasts nothing is granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct, field

from gatectl.model.messages import Reason
from gatectl.model.site import BlockConfig


class BlockMap:
    """The blocks along each lane, in driving direction."""

    def __init__(self, blocks: tuple[BlockConfig, ...]) -> None:
        self.ids: tuple[str, ...] = tuple(b.id for b in blocks)
        self.border: frozenset[str] = frozenset(b.id for b in blocks if b.kind == "border")
        self.crane_block: dict[str, str] = {b.crane: b.id for b in blocks if b.kind == "crane"}
        self._spans: dict[str, list[tuple[float, float, str]]] = {}
        for block in blocks:
            for span in block.spans:
                self._spans.setdefault(span.lane, []).append((span.from_m, span.to_m, block.id))
        for spans in self._spans.values():
            spans.sort()

    def between(self, lane: str, from_m: float, to_m: float) -> tuple[str, ...]:
        """Blocks that share ground with this stretch of the lane."""
        return tuple(b for start, end, b in self._spans.get(lane, []) if end > from_m and start < to_m)

    def span(self, block: str, lane: str) -> tuple[float, float] | None:
        """(from, to) of a block on a lane; None when it is not on it."""
        return next(((start, end) for start, end, b in self._spans.get(lane, []) if b == block), None)


class Change(NamedTuple):
    """A block's new holder and why."""

    block: str
    holder: str
    previous: str
    cause: str


class Request(Struct):
    """blocks: everything from the vehicle's tail to its next stop `target`. place: in the queue."""

    blocks: list[str]
    target: str
    place: int


class Occupancy(Struct):
    """What must survive a restart. lent: envelope block -> the vehicle that stands in it."""

    holders: dict[str, str] = field(default_factory=dict)
    lent: dict[str, str] = field(default_factory=dict)


class TrafficState(Struct):
    """conflicts: vehicle -> the block of another that it was last seen in."""

    occupancy: Occupancy = field(default_factory=Occupancy)
    requests: dict[str, Request] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    places: int = 0


class Traffic:
    """Grants and frees blocks; everything that changes is in the state given to each call."""

    def __init__(self, blocks: BlockMap) -> None:
        self.map = blocks

    def holder(self, state: TrafficState, block: str) -> str:
        """Who holds it; "" when it is free."""
        return state.occupancy.holders.get(block, "")

    def held(self, state: TrafficState, holder: str) -> tuple[str, ...]:
        """Blocks of a holder, in site order."""
        return tuple(b for b in self.map.ids if self.holder(state, b) == holder)

    def seen(self, state: TrafficState, serial: str, lane: str, from_m: float, to_m: float) -> list[Change]:
        """A vehicle's body is seen on this stretch: free blocks under it become its own."""
        state.conflicts.pop(serial, None)
        changes = []
        for block in self.map.between(lane, from_m, to_m):
            holder = self.holder(state, block)
            if not holder:
                changes.append(self._set(state, block, serial, "the vehicle was seen in it"))
            elif serial not in (holder, state.occupancy.lent.get(block)):
                state.conflicts[serial] = block
        return changes

    def free_passed(self, state: TrafficState, serial: str, lane: str, tail_m: float) -> list[Change]:
        """The vehicle's tail is surely beyond `tail_m`: blocks that end before it become free."""
        changes = []
        for block in self.held(state, serial):
            span = self.map.span(block, lane)
            if span is not None and span[1] < tail_m:
                changes.append(self._set(state, block, "", f"{serial} has left it"))
        return changes

    def request(self, state: TrafficState, serial: str, blocks: tuple[str, ...], target: str) -> None:
        """Ask for a stretch; asking again for the same target keeps the place in the queue."""
        known = state.requests.get(serial)
        if known is not None and known.target == target:
            known.blocks = list(blocks)
            return
        state.places += 1
        state.requests[serial] = Request(list(blocks), target, state.places)

    def withdraw(self, state: TrafficState, serial: str) -> None:
        """Forget the vehicle's request, if there is one."""
        state.requests.pop(serial, None)

    def resolve(
        self, state: TrafficState, unfit: Mapping[str, tuple[Reason, ...]]
    ) -> tuple[dict[str, str], list[Change]]:
        """Serve the queue. unfit: why a vehicle (or, under "", nobody) may be granted anything.

        Returns the targets granted by vehicle, and the changes.
        """
        granted: dict[str, str] = {}
        changes: list[Change] = []
        for serial, request in sorted(state.requests.items(), key=lambda item: item[1].place):
            if self.why_not(state, serial, unfit):
                continue
            for block in request.blocks:
                if not self.holder(state, block):
                    changes.append(self._set(state, block, serial, f"granted up to {request.target}"))
            granted[serial] = request.target
            del state.requests[serial]
        return granted, changes

    def why_not(
        self, state: TrafficState, serial: str, unfit: Mapping[str, tuple[Reason, ...]]
    ) -> tuple[Reason, ...]:
        """Every reason why the vehicle's request cannot be granted now; empty when it can."""
        reasons = [*unfit.get("", ()), *unfit.get(serial, ())]
        for other, block in state.conflicts.items():
            reasons.append(
                Reason(
                    code="block_conflict",
                    text=f"{other} was seen in {block}, which {self.holder(state, block)} holds",
                    remedy="clear the place by hand; grants resume when the vehicles are apart",
                )
            )
        for block in state.requests[serial].blocks:
            holder = self.holder(state, block)
            if holder not in ("", serial):
                standing = state.occupancy.lent.get(block, "")
                what = f"{holder} holds it over {standing}" if standing else f"{holder} holds it"
                reasons.append(
                    Reason(
                        code="block_occupied",
                        text=f"block {block} is not free: {what}",
                        remedy=f"it is given when {standing or holder} has left it",
                    )
                )
        return tuple(reasons)

    def waiting_for(self, state: TrafficState, block: str) -> tuple[str, ...]:
        """Vehicles that ask for a block they do not hold, first come first."""
        queue = sorted(state.requests.items(), key=lambda item: item[1].place)
        return tuple(s for s, r in queue if block in r.blocks and self.holder(state, block) != s)

    def lend(self, state: TrafficState, crane: str, vehicle: str) -> list[Change]:
        """The vehicle that holds the crane's envelope gives it up; nothing when it does not hold it."""
        block = self.map.crane_block[crane]
        if self.holder(state, block) != vehicle:
            return []
        state.occupancy.lent[block] = vehicle
        return [self._set(state, block, crane, f"{vehicle} stands still and gives the envelope to the crane")]

    def give_back(self, state: TrafficState, crane: str) -> list[Change]:
        """The crane returns its envelope to the vehicle that stands in it; nothing when it has none."""
        block = self.map.crane_block[crane]
        if self.holder(state, block) != crane:
            return []
        vehicle = state.occupancy.lent.pop(block)
        return [self._set(state, block, vehicle, f"{crane} is clear and returns the envelope")]

    def _set(self, state: TrafficState, block: str, holder: str, cause: str) -> Change:
        previous = self.holder(state, block)
        state.occupancy.holders[block] = holder
        return Change(block, holder, previous, cause)
