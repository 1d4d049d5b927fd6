"""What a simulated device is: an ordinary device on the wire, with faults on request."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol


class SimDevice(Protocol):
    """One simulated device. It is told the truth by the plant and speaks only bytes.

    faults: the modes of the rig's vocabulary that it supports, each with what it does.
    """

    faults: ClassVar[dict[str, str]]
    name: str

    async def start(self) -> dict[str, Any]:
        """Open the wire; returns the `wire` table for the node file (port, or host and port)."""

    async def run(self) -> None:
        """Serve until cancelled."""

    async def stop(self) -> None:
        """Close the wire; nothing is left behind. Idempotent."""

    def fault(self, mode: str, **params: float | str) -> None:
        """Begin a fault. Raises UsageError for a mode that this device does not support."""

    def clear(self) -> None:
        """End all faults."""
