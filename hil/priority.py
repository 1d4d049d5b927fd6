"""The rig stands in for hardware, and hardware is never late because a machine has other work."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator

# Below gatectl's own real-time processes: they must never wait for the simulation.
PRIORITY = 1


def prefer(pid: int = 0) -> None:
    """Real-time priority for a process (0: the calling thread) where the system allows it (root).

    What it starts afterwards is ordinary again. A nice value would not do: with autogroups it
    counts only among the processes of one terminal.
    """
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))


@contextlib.contextmanager
def like_hardware() -> Iterator[None]:
    """Prefer the calling thread; keep the collector from walking over what lives as long as the run."""
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    prefer()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, policy, param)
