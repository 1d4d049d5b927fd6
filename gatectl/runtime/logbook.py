"""Where the log lines of a node's processes go: a file each, and the supervisor's stderr."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FILE_BYTES = 5_000_000
_FILES_KEPT = 3
_PREFIX = re.compile(rb"^<([0-7])>")
_LEVEL_OF_SYSLOG = {7: logging.DEBUG, 6: logging.INFO, 5: logging.INFO, 4: logging.WARNING, 3: logging.ERROR}
_WORD_TO_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class _UtcFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class _StderrHandler(logging.Handler):
    """With the level as journald wants it if journald listens, else as a word."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._journald = "JOURNAL_STREAM" in os.environ

    def emit(self, record: logging.LogRecord) -> None:
        """One line; one that cannot be written is lost."""
        if self._journald:
            head = f"<{_WORD_TO_SYSLOG.get(record.levelno, 6)}>{self._name}: "
        else:
            head = f"{record.levelname:7} {self._name}: "
        try:
            sys.stderr.write(head + record.getMessage() + "\n")
            sys.stderr.flush()
        except OSError:
            pass


def open_log(directory: Path, name: str) -> logging.Logger:
    """The log of one process, in DIRECTORY/NAME.log (bounded, rotated) and on stderr."""
    logging.raiseExceptions = False  # a full disk must not stop the node
    log = logging.getLogger(f"gatectl.logbook.{name}")
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    file = RotatingFileHandler(
        directory / f"{name}.log", maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, delay=True, encoding="utf-8"
    )
    file.setFormatter(_UtcFormatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(file)
    log.addHandler(_StderrHandler(name))
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


class ChildLog:
    """Cuts what a child writes to its stderr into lines and logs them."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Bytes as they came; `b""` flushes what is left."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data and self._rest:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            match = _PREFIX.match(line)
            level = _LEVEL_OF_SYSLOG.get(int(match[1]), logging.ERROR) if match else logging.WARNING
            text = (line[3:] if match else line).decode(errors="replace").rstrip()
            if text:
                self._log.log(level, "%s", text)
