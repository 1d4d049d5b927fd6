"""The device's end of a serial line: a pseudo-terminal, whose other end the driver opens."""

from __future__ import annotations

import os
import pty
import tty
from contextlib import suppress


class SerialLine:
    """fd: our end, non-blocking; -1 while it is closed."""

    def __init__(self) -> None:
        self.fd = -1
        self._slave = -1

    def open(self) -> str:
        """A fresh pseudo-terminal; returns the port's path. It outlives the driver that opens it."""
        self.fd, self._slave = pty.openpty()
        tty.setraw(self._slave)  # before anybody else opens it: no echo back to us
        os.set_blocking(self.fd, False)
        return os.ttyname(self._slave)

    def write(self, data: bytes) -> None:
        """Send. What nobody reads is lost once the line is full, as is all while it is closed."""
        if data and self.fd >= 0:
            with suppress(BlockingIOError):
                os.write(self.fd, data)

    def close(self) -> None:
        """Hang up. Idempotent."""
        for fd in (self.fd, self._slave):
            if fd >= 0:
                os.close(fd)
        self.fd = self._slave = -1
