"""What happens by itself at a check station: a vehicle stands there, the camera reads, the portal screens."""

from __future__ import annotations

from hil.devices.camera import SimCamera
from hil.devices.portal import SimPortal
from hil.world import Vehicle, World

READ_AFTER_S = 1.0
SCREEN_AFTER_S = 2.5
AGAIN_S = 4.0


class CheckStation:
    """One check node's camera and portal; either may be absent (a real one sees for itself).

    They repeat every few seconds while a vehicle stands there, so that a bad reading can be followed
    by a good one.
    """

    def __init__(self, world: World, node: str, camera: SimCamera | None, portal: SimPortal | None) -> None:
        self._world = world
        self._node = world.nodes[node]
        self._camera, self._portal = camera, portal
        self._since_s: float | None = None
        self._read_s = self._screen_s = 0.0

    def step(self) -> None:
        """Call about ten times a second."""
        vehicle = self._world.at_node(self._node)
        now = self._world.time_s
        if vehicle is None:
            self._since_s = None
            return
        if self._since_s is None:
            self._since_s = now
            self._read_s, self._screen_s = now + READ_AFTER_S, now + SCREEN_AFTER_S
        if self._camera is not None and now >= self._read_s:
            self._read_s = now + AGAIN_S
            self._read(self._camera, vehicle)
        if self._portal is not None and now >= self._screen_s:
            self._screen_s = now + AGAIN_S
            if vehicle.cargo is not None:
                self._portal.screen(vehicle.cargo.code)

    def _read(self, camera: SimCamera, vehicle: Vehicle) -> None:
        box = vehicle.cargo
        if box is not None:
            camera.read(box.code, box.seal, box.seal_state, lane=vehicle.entry.lane)
