"""The whole chain: caster -> driver -> serial line -> receiver, while NMEA flows the other way."""

import asyncio
import time

import pytest
from device_port import FakePort, eventually
from ntrip_casters import HOST, BaseStation, Str2Str

from drivers.gnss import GnssConfig, GnssDriver
from drivers.gnss.ntrip import NtripConfig
from gatectl.model import Cause
from gatectl.model.device import Wire
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin
from hil.devices.gnss import GnssReceiver
from hil.plant.gnss import GnssNoise, VehicleTruth

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
RATE_HZ = 20.0


@pytest.mark.skipif(Str2Str.binary() is None, reason="str2str (package rtklib) is not installed")
async def test_corrections_reach_the_receiver_through_an_outage_and_positions_never_stop():
    receiver = GnssReceiver(
        "gnss",
        lambda: VehicleTruth(100.0, 50.0, 0.3, speed=2.0),
        GnssNoise(),
        origin=ORIGIN,
        antenna=AntennaConfig(forward_m=4.0, up_m=3.2),
        rate_hz=RATE_HZ,
        latency_s=0.01,
    )
    wire = Wire(**await receiver.start())
    receiving = asyncio.create_task(receiver.run())
    async with BaseStation() as base, Str2Str(base) as caster:
        ntrip = NtripConfig(
            host=HOST,
            port=caster.port,
            mountpoint=caster.mount,
            gga_interval_s=0.2,
            inactivity_timeout_s=0.5,
            backoff_first_s=0.02,
            backoff_limit_s=0.1,
        )
        config = GnssConfig(wire=wire, rate_hz=RATE_HZ, gap_s=0.01, silence_s=5.0, ntrip=ntrip)
        port = FakePort("gnss", GnssDriver.tags(config))
        driver = GnssDriver("gnss", config, port)
        await driver.configure()
        task = asyncio.create_task(driver.run())

        def value(tag: str) -> float:
            return port.samples[tag].value

        await eventually(lambda: receiver.received[1005] >= 20, "corrections at the receiver")
        await eventually(
            lambda: value("corrections") == 1 and value("corrections_rate") > 0, "the tags say so"
        )
        assert port.value("fix") > 0

        await caster.kill()
        await eventually(lambda: value("corrections") == 0, "the outage is seen")
        epochs = len(port.commits)
        await eventually(lambda: len(port.commits) > epochs + 10, "positions go on")
        assert port.value("latitude") == pytest.approx(ORIGIN.latitude_deg, abs=0.01)

        await caster.start()
        before = receiver.received[1005]
        await eventually(lambda: receiver.received[1005] > before + 10, "corrections are back")
        await eventually(lambda: value("corrections_reconnects") > 0, "the outage was counted")

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await driver.close()
    assert receiver.refused.total() == 0  # whole frames only
    gaps = [
        b["epoch_utc"].value - a["epoch_utc"].value
        for a, b in zip(port.commits, port.commits[1:], strict=False)
    ]
    assert max(gaps) < 5 / RATE_HZ
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    await receiver.stop()


async def test_a_lost_receiver_takes_its_correction_tags_with_it():
    receiver = GnssReceiver(
        "gnss",
        lambda: VehicleTruth(100.0, 50.0, 0.3, speed=2.0),
        GnssNoise(),
        origin=ORIGIN,
        antenna=AntennaConfig(),
        rate_hz=RATE_HZ,
        utc_s=time.time,
    )
    wire = Wire(**await receiver.start())
    receiving = asyncio.create_task(receiver.run())
    ntrip = NtripConfig(host=HOST, port=9, mountpoint="BASE", backoff_first_s=0.05, backoff_limit_s=0.05)
    config = GnssConfig(wire=wire, rate_hz=RATE_HZ, gap_s=0.01, silence_s=0.5, ntrip=ntrip)
    port = FakePort("gnss", GnssDriver.tags(config))
    driver = GnssDriver("gnss", config, port)
    task = asyncio.create_task(driver.run())
    await eventually(
        lambda: len(port.commits) > 3 and port.value("alive") == 1, "positions without corrections"
    )
    await eventually(lambda: port.samples["corrections_reconnects"].value > 0, "attempts are counted")
    assert port.value("corrections") == 0
    receiver.fault("reset", seconds=60.0)
    await eventually(lambda: port.samples["latitude"].cause is Cause.LINK_DOWN, "silence is seen")
    assert port.bad("corrections") is Cause.LINK_DOWN
    for running in (task, receiving):
        running.cancel()
    await asyncio.gather(task, receiving, return_exceptions=True)
    await driver.close()
    await receiver.stop()
