"""Replays what a run recorded, in fresh interpreters, also under another PYTHONHASHSEED."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hil.checks import Checks

HASH_SEEDS = ("0", "4242")
AT_ONCE = 2


async def check_replays(run_dir: Path, nodes: list[str], checks: Checks) -> None:
    """One check per node and hash seed: every recording of the node must replay identically."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(file: Path, seed: str) -> tuple[int, str]:
        async with gate:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gatectl.cli", "replay", str(file),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "PYTHONHASHSEED": seed},
            )  # fmt: skip
            output, _ = await process.communicate()
            return process.returncode or 0, output.decode().strip()

    for node in nodes:
        files = sorted((run_dir / node / "blackbox").glob("*.mcap"))
        for seed in HASH_SEEDS:
            results = await asyncio.gather(*(one(f, seed) for f in files))
            bad = [text for code, text in results if code != 0]
            good = f"{len(files)} recording{'s' if len(files) != 1 else ''} identical"
            checks.add(
                f"{node} replays bit for bit (PYTHONHASHSEED={seed})",
                bool(files) and not bad,
                bad[0][:300] if bad else good,
                "identical",
            )
