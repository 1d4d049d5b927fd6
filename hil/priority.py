"""The rig stands in for hardware, and hardware is never late because a machine has other work."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator

NICE = -10


@contextlib.contextmanager
def like_hardware() -> Iterator[None]:
    """Prefer this process and the children it starts over other work where the system allows it (root);
    keep the collector from walking over what lives as long as the run."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(before, NICE))
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)
