"""The crane driver against a real Modbus TCP server with a PLC behind it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from crane_yard import crane_yard
from device_port import FakePort, eventually
from pymodbus.pdu import ModbusPDU

from drivers.crane import CraneDriver, CraneDriverConfig, Job, JobState, Refusal
from drivers.crane.link import ModbusLink
from gatectl.model import Cause, Quality
from gatectl.model.device import Wire
from gatectl.model.errors import DeviceError
from hil.devices.crane import DEMO_MAP, SimCrane

DONE = (JobState.DONE, Refusal.NONE)


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
        assert all(s.quality is Quality.GOOD for s in yard.port.samples.values())


async def test_each_job_is_executed_once_and_no_request_is_sent_twice() -> None:
    async with crane_yard(factor=8, heartbeat_ms=20.0) as yard:
        await yard.up()
        for target_m in (7.5, 8.0, 7.5):
            assert await yard.job(Job.HOIST, target_m) == DONE
        echo = yard.plc_echo()
        await asyncio.sleep(0.3)
        assert yard.plc_echo() == echo == 3
        assert max(Counter(yard.device.frames).values()) == 1


async def test_a_write_without_answer_is_not_copied_onto_the_wire() -> None:
    async with crane_yard(timeout_ms=50.0) as yard:
        await yard.up()
        yard.device.frames.clear()
        yard.device.fault("delay", seconds=0.12)
        await eventually(lambda: yard.port.samples["alive"].value == 0.0, "link lost")
        writes = Counter(f for f in yard.device.frames if f[1] == 16)
        assert writes
        assert max(writes.values()) == 1


async def test_frozen_heartbeat_takes_all_trust_and_authority() -> None:
    async with crane_yard() as yard:
        await yard.up()
        yard.port.set_command("enable", 1.0)
        await eventually(lambda: yard.written("enable") == 1.0, "enabled")
        yard.device.fault("stuck")
        await eventually(lambda: yard.port.samples["alive"].value == 0.0, "noticed")
        assert yard.port.samples["alive"].quality is Quality.GOOD
        assert yard.port.bad("hoist_height") is Cause.FROZEN
        yard.device.clear()
        await eventually(lambda: yard.port.samples["alive"].value == 1.0, "back")
        assert yard.port.value("hoist_height") == 8.0


async def test_stale_commands_disable_the_crane_but_order_nothing() -> None:
    async with crane_yard() as yard:
        await yard.up()
        assert await yard.job(Job.HOIST, 8.0) == DONE
        yard.port.set_command("job_seq", 2.0)
        yard.port.fresh = False
        await eventually(lambda: yard.written("enable") == 0.0, "disabled")
        assert yard.written("job") == float(Job.STOP)
        await asyncio.sleep(0.25)
        assert yard.plc_echo() == 1


async def test_losing_enable_aborts_a_running_job() -> None:
    async with crane_yard() as yard:
        await yard.up()
        await yard.begin(Job.HOIST, 3.0)
        await eventually(lambda: yard.plant.hoist_mps < -0.1, "moving")
        yard.port.set_command("enable", 0.0)
        await eventually(lambda: yard.port.value("job_state") == JobState.REFUSED, "aborted")
        assert yard.port.value("job_refusal") == Refusal.ABORTED
        await eventually(lambda: yard.plant.hoist_mps == 0.0, "stopped")


async def test_plc_stops_when_our_heartbeat_stops_and_wants_a_reset() -> None:
    async with crane_yard() as yard:
        await yard.up()
        await yard.begin(Job.HOIST, 3.0)
        await eventually(lambda: yard.plant.hoist_mps < -0.1, "moving")
        await yard.stop_driver()
        await eventually(lambda: yard.plant.hoist_mps == 0.0, "stopped by itself")
        assert yard.device.plc.reset_owed
        yard.start_driver()
        await yard.up()
        assert await yard.job(Job.HOIST, 8.0) == (JobState.REFUSED, Refusal.RESET_OWED)
        yard.port.set_command("reset_count", 1.0)
        await eventually(lambda: not yard.device.plc.reset_owed, "reset")
        assert await yard.job(Job.HOIST, yard.plant.height_m) == DONE


async def test_after_a_plc_restart_an_old_number_orders_nothing() -> None:
    async with crane_yard(factor=8) as yard:
        await yard.up()
        for target_m in (7.5, 8.0):
            assert await yard.job(Job.HOIST, target_m) == DONE
        yard.device.fault("reset", seconds=0.3)
        await eventually(lambda: yard.port.samples["alive"].value == 0.0, "away")
        assert yard.port.bad("job_echo") is Cause.LINK_DOWN
        await yard.up()
        await asyncio.sleep(0.3)  # job_seq 2 still stands in the commands
        assert yard.port.value("job_echo") == 0.0
        assert yard.port.value("job_state") == JobState.IDLE
        assert any("does not follow" in text for _, text in yard.port.logs)


async def test_a_bad_register_is_left_out_and_its_neighbours_stay() -> None:
    async with crane_yard() as yard:
        yard.device.bad_registers = {11}  # wind_speed, in the middle of the batch
        await yard.up()
        assert yard.port.bad("wind_speed") is Cause.NOT_CONFIGURED
        others = {t: s for t, s in yard.port.samples.items() if t != "wind_speed"}
        assert all(s.quality is Quality.GOOD for s in others.values())
        assert any("wind_speed" in text for _, text in yard.port.logs)


async def test_link_lost_is_told_and_made_good() -> None:
    async with crane_yard() as yard:
        await yard.up()
        yard.device.fault("off")
        await eventually(lambda: yard.port.samples["alive"].value == 0.0, "noticed")
        assert yard.port.samples["alive"].quality is Quality.GOOD
        assert {yard.port.bad(t) for t in yard.port.states if t != "alive"} == {Cause.LINK_DOWN}
        await asyncio.sleep(1.5)  # long enough for the longest pause between attempts
        assert yard.port.mono_ns() - yard.port.samples["alive"].stamp_mono_ns < 1_000_000_000
        yard.device.clear()
        await yard.up()


async def test_lost_answers_are_read_again() -> None:
    async with crane_yard(timeout_ms=30.0) as yard:
        await yard.up()
        commits = len(yard.port.commits)
        yard.device.fault("drop", share=0.1)
        await eventually(lambda: len(yard.port.commits) > commits + 20, "still publishing")


async def test_rubbish_is_out_of_range_or_a_conflict_never_believed_whole() -> None:
    async with crane_yard() as yard:
        await yard.up()
        yard.device.fault("garbage")
        await eventually(
            lambda: (
                yard.port.samples["mode"].cause is Cause.OUT_OF_RANGE
                or yard.port.samples["alive"].value == 0.0
            ),
            "refused",
        )


async def test_locked_and_unlocked_at_once_is_a_conflict() -> None:
    async with crane_yard() as yard:
        await yard.up()
        yard.device.fault("wrong", tag="locked", value=1.0)
        await eventually(lambda: yard.port.samples["locked"].cause is Cause.CONFLICT, "conflict")
        assert yard.port.bad("unlocked") is Cause.CONFLICT


async def test_a_write_that_does_not_take_is_counted_and_repeated() -> None:
    async with crane_yard() as yard:
        await yard.up()
        yard.device.forget_writes = True
        yard.port.set_command("reset_count", 4.0)
        await eventually(lambda: yard.driver.notes.mismatches >= 3, "mismatches")
        assert yard.port.value("hoist_height") == 8.0  # reading goes on
        assert sum("read back" in text for _, text in yard.port.logs) == 1
        yard.device.forget_writes = False
        await eventually(lambda: yard.written("reset_count") == 4.0, "taken at last")


async def test_a_target_that_no_register_holds_holds_the_crane() -> None:
    async with crane_yard() as yard:
        await yard.up()
        await yard.begin(Job.HOIST, 1e9, wait=False)
        await eventually(lambda: any("does not fit" in text for _, text in yard.port.logs), "told")
        await asyncio.sleep(0.2)
        assert yard.plc_echo() == 0


async def test_make_safe_disables_and_reads_it_back() -> None:
    async with crane_yard() as yard:
        await yard.up()
        await yard.begin(Job.HOIST, 3.0)
        await eventually(lambda: yard.plant.hoist_mps < -0.1, "moving")
        await yard.stop_driver(close=False)
        await yard.driver.make_safe()
        assert (yard.written("enable"), yard.written("job")) == (0.0, 0.0)
        await eventually(lambda: yard.plant.hoist_mps == 0.0, "stopped", within_s=3.0)
        await yard.driver.close()
        await yard.driver.make_safe()  # connects again by itself


async def test_make_safe_says_so_when_the_plc_is_away() -> None:
    async with crane_yard(run_driver=False) as yard:
        yard.device.fault("off")
        await asyncio.sleep(0.1)
        with pytest.raises(DeviceError, match="could not be told to stop"):
            await yard.driver.make_safe()


async def test_a_map_that_is_refused_stops_configure_and_is_explained_by_check(tmp_path: Path) -> None:
    bad = tmp_path / "map.toml"
    bad.write_text(DEMO_MAP.read_text().replace('tag = "wind_speed"', 'tag = "windspeed"'))
    config = CraneDriverConfig(
        wire=Wire(host="127.0.0.1", tcp_port=1), map="map.toml", base_dir=str(tmp_path)
    )
    found = CraneDriver.check(config)
    assert {key for key, _, _ in found} == {"map"}
    assert len(found) == 2  # the name that is none, and the one that is missing
    with pytest.raises(DeviceError, match="register map is refused"):
        await CraneDriver("crane", config, FakePort("crane")).configure()


def test_check_wants_a_tcp_wire_and_a_map_that_exists() -> None:
    config = CraneDriverConfig(wire=Wire(port="/dev/ttyS0"), map="nowhere.toml")
    assert [key for key, _, _ in CraneDriver.check(config)] == ["wire", "map"]


def test_sim_crane_refuses_what_it_cannot_do() -> None:
    from gatectl.model.errors import UsageError
    from hil.plant.crane import CranePlant

    device = SimCrane("crane", CranePlant(site=None, slots={}))  # type: ignore[arg-type]  # never asked
    for mode, params in (("corrupt", {}), ("drop", {"shares": 1.0}), ("wrong", {"tag": "nothing"})):
        with pytest.raises(UsageError):
            device.fault(mode, **params)  # type: ignore[arg-type]


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost() -> None:
    link = ModbusLink(Wire(host="127.0.0.1", tcp_port=1), 1, 0.1)

    async def answers_although_cancelled() -> ModbusPDU:
        try:
            await asyncio.sleep(10.0)
        except asyncio.CancelledError:
            return ModbusPDU()
        raise AssertionError

    task = asyncio.create_task(link._ask(answers_although_cancelled, "reading"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    link.close()
