"""`gatectl-hil up`: a gate to play with."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Literal

from hil.rig import DEMO_SITE, Rig


async def hold_up(
    run_dir: Path, site_dir: Path | None, broker: Literal["amqtt", "mosquitto"], real: list[str]
) -> None:
    """Start everything, say where it is, and wait until cancelled. Teardown is always attempted."""
    rig = Rig(run_dir, site_dir or DEMO_SITE, broker=broker, real=real)
    try:
        async with rig:
            print(f"broker: mqtt://127.0.0.1:{rig.broker.port}   topics: gatectl/v1/{rig.site}/#, uagv/v2/#")
            for name, daemon in rig.daemons.items():
                print(f"{name}: gatectl status {daemon.file}")
            for side, key in rig.signing_keys().items():
                file = run_dir / f"customs-{side}.key"
                file.write_text(base64.b64encode(key.private_bytes_raw()).decode() + "\n", "ascii")
                file.chmod(0o600)
                print(f"customs {side}: private key of this run in {file}")
            print("every node owes a reset: publish one on operator/command; Ctrl-C ends it all", flush=True)
            while True:
                rig.raise_if_failed()
                await asyncio.sleep(0.5)
    finally:
        for problem in rig.leftovers():
            print(f"left behind: {problem}")
