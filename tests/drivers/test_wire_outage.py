"""What a listening driver tells while its device is not heard."""

from __future__ import annotations

import asyncio

from device_port import FakePort, eventually

from drivers._wire import Outage
from gatectl.model import Cause, DeviceError, TagSpec

TAGS = (TagSpec(name="alive", kind="bool"), TagSpec(name="weight", unit="kg"))


def test_every_tag_is_bad_and_the_log_is_told_once():
    port = FakePort("scale1", TAGS)
    outage = Outage("scale1", port)
    for _ in range(3):
        outage.lost(DeviceError("there is no such port", "check the cable"))
    assert outage.cause is port.bad("weight") is Cause.LINK_DOWN
    assert port.value("alive") == 0.0
    assert len(port.logs) == 1
    assert port.logs[0][0] == "warning"
    outage.over()
    assert outage.cause is None
    outage.lost(DeviceError("there is no such port", "check the cable"))
    assert len(port.logs) == 2


async def test_it_is_told_again_only_while_the_device_is_not_heard():
    port = FakePort("scale1", TAGS)
    outage = Outage("scale1", port)
    telling = asyncio.create_task(outage.keep_telling(0.02))
    outage.tell(Cause.NOT_VALID, alive=1.0)  # it answers: what it says is told when it says it
    await asyncio.sleep(0.05)
    assert (len(port.commits), port.value("alive")) == (1, 1.0)
    outage.tell(Cause.FROZEN)
    await eventually(lambda: len(port.commits) >= 4)
    assert port.bad("weight") is Cause.FROZEN
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
