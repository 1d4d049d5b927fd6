"""The rig's brokers come up, can be killed and restarted on their port, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatectl.model.errors import DeviceError, UsageError
from hil import broker as broker_module
from hil.broker import Broker, mosquitto_config
from tests.support.device_port import eventually
from tests.support.mqtt_brokers import KINDS, Listener

REPO = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("kind", KINDS)
async def test_kill_and_restart_keep_the_port(kind: str) -> None:
    broker = Broker(kind)  # type: ignore[arg-type]
    port = await broker.start()
    first = broker.pid
    assert alive(first)
    client = Listener(port, ["a"])
    task = asyncio.create_task(client.link.run())
    await asyncio.wait_for(client.link.up.wait(), 5)
    await client.say("a", "1")
    # A PUBACK does not say that it was passed on yet.
    await eventually(lambda: len(client.heard) == 1)
    await broker.kill()
    assert not alive(first)
    await eventually(lambda: not client.link.connected)
    await broker.restart()
    assert (broker.port, broker.pid != first) == (port, True)
    await asyncio.wait_for(client.link.up.wait(), 5)
    await client.say("a", "2")
    await eventually(lambda: [m.payload for m in client.heard] == [b"1", b"2"])
    with pytest.raises(UsageError):
        await broker.start()
    last = broker.pid
    await broker.stop()
    await broker.stop()
    assert not alive(last)
    await client.link.leave([])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_taken_port_is_an_error(kind: str) -> None:
    one, two = Broker(kind), Broker(kind)  # type: ignore[arg-type]
    port = await one.start()
    with pytest.raises(DeviceError, match="taken"):
        await two.start(port)
    assert two.pid == 0
    await two.stop()
    await one.stop()


@pytest.mark.parametrize("kind", KINDS)
async def test_it_ends_with_whoever_started_it(kind: str) -> None:
    script = (
        "import asyncio, sys\nfrom hil.broker import Broker\n"
        "async def main():\n    b = Broker(sys.argv[1]); await b.start(); print(b.pid, flush=True)\n"
        "    await asyncio.sleep(60)\nasyncio.run(main())"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", script, kind], cwd=REPO, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    await eventually(lambda: not alive(pid))


async def test_mosquitto_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "mosquitto_binary", lambda: None)
    broker = Broker("mosquitto")
    with pytest.raises(UsageError, match="not installed"):
        await broker.start()
    await broker.stop()


def test_the_delivered_configuration_is_the_one_that_runs() -> None:
    text = mosquitto_config(4711)
    lines = text.splitlines()
    assert "listener 4711 127.0.0.1" in lines
    assert "set_tcp_nodelay true" in lines
    assert "max_queued_messages 100000" in lines
    assert "allow_anonymous true" in lines
    assert not [line for line in lines if line.startswith(("password_file", "acl_file"))]
