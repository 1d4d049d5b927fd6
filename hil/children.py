"""Child processes that cannot outlive the rig."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel ends this child (SIGTERM) when its parent ends, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def processes_naming(text: str) -> dict[int, str]:
    """Living processes whose command line contains `text`: pid -> command line.

    Not ourselves, and not those that started us: `timeout 600 gatectl-hil ...` names the run as well.
    """
    ours = _lineage()
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in ours:
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            state = _stat(entry)[0]
        except OSError:  # it ended while we looked
            continue
        if text in command and state != "Z":
            found[int(entry.name)] = command
    return found


def _lineage() -> set[int]:
    """Our own pid and those of our ancestors."""
    pids, pid = set(), os.getpid()
    while pid > 0:
        pids.add(pid)
        try:
            pid = int(_stat(Path("/proc") / str(pid))[1])
        except OSError:
            break
    return pids


def _stat(entry: Path) -> list[str]:
    """State, parent's pid, ... of a process (proc(5): the name before may hold spaces and brackets)."""
    return (entry / "stat").read_text().rpartition(")")[2].split()
