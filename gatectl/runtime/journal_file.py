"""The journal's file: who owns it, and what to do when it fails."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from gatectl.model import JournalError


def own(path: Path) -> int:
    """Lock the journal for this process, for as long as it keeps the returned descriptor open.

    Raises JournalError if another process has it.
    """
    lock = -1
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise JournalError(
            "another process writes this journal",
            "stop the other node, or give each its own paths.state_dir",
            where=str(path),
        ) from error
    except OSError as error:
        raise JournalError(
            f"the journal cannot be opened: {error.strerror}",
            "make state_dir exist and writable for the daemon",
            where=str(path),
        ) from error
    return lock


def remedy(error: sqlite3.Error) -> str:
    """What a person can do about an error of SQLite."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return "the disk is full: make room in state_dir; the node goes on by itself"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program holds the file locked: close it"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return "make state_dir and the file writable for the daemon"
    if name.startswith("SQLITE_IOERR"):
        return "the disk reports errors or is full: check it"
    return (
        "the file is damaged: move it away to start afresh (a reset is then owed), and keep it for analysis"
    )
