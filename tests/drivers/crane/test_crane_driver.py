"""The crane driver against a real Modbus TCP server."""

from __future__ import annotations

from tests.support.crane_yard import crane_yard
from tests.support.device_port import eventually


async def test_states_arrive_in_si_units() -> None:
    async with crane_yard() as yard:
        yard.plant.wind_mps = 7.5
        await yard.up()
        await eventually(lambda: yard.port.value("wind_speed") == 7.5, "wind")
        assert yard.port.value("mode") == 2.0
        assert yard.port.value("hoist_height") == 8.0
        assert yard.port.value("trolley_position") == 14.0
        assert (yard.port.value("unlocked"), yard.port.value("locked")) == (1.0, 0.0)
        assert yard.port.value("estop") == 0.0
        yard.plant.estop = True
        await eventually(lambda: yard.port.value("estop") == 1.0, "estop")
