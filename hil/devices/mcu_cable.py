"""The controller's cable: a pseudo-terminal, and while it is faulty a relay that spoils the bytes.

The port's name stays the same over power cycles (a symbolic link), as a udev name does.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import tty
from contextlib import suppress
from pathlib import Path

READ_SIZE = 4096
SLOW_PERIOD_S = 0.15


class CableFaults:
    """What the cable does to bytes. All off at first; random, but the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.clear()

    def clear(self) -> None:
        """A sound cable."""
        self.garbage_share = 0.0  # chance per chunk to be preceded by noise
        self.drop_share = 0.0  # chance per chunk to be lost
        self.corrupt_share = 0.0  # chance per byte to have a bit turned
        self.delay_s = 0.0
        self.slow_period_s = 0.0  # bytes come in bursts this far apart

    @property
    def active(self) -> bool:
        """Is anything wrong with the cable?"""
        shares = (self.garbage_share, self.drop_share, self.corrupt_share)
        return any((*shares, self.delay_s, self.slow_period_s))

    def apply(self, data: bytes) -> bytes:
        """The bytes as they come out; b"" if they are lost."""
        roll = self.random.random
        if self.drop_share and roll() < self.drop_share:
            data = b""
        if self.corrupt_share:
            data = bytes(
                byte ^ (1 << self.random.randrange(8)) if roll() < self.corrupt_share else byte
                for byte in data
            )
        if self.garbage_share and roll() < self.garbage_share:
            data = self.random.randbytes(self.random.randint(1, 60)) + data
        return data


class Cable:
    """A pty, whose other side the driver opens. A sound cable is the pty itself: the device's process
    inherits line_fd and this process has nothing to do. A faulty one is a relay in between."""

    def __init__(self, name: str) -> None:
        self.faults = CableFaults()
        self.line_fd = -1
        self._dir = Path(tempfile.mkdtemp(prefix="gatectl-hil-"))
        self.port = self._dir / name
        self._loop = asyncio.get_running_loop()
        self._slave = -1
        self._device = -1
        self._epoch = 0  # so that delayed bytes of an earlier connection find nobody

    @property
    def plugged(self) -> bool:
        """Is there a port for the driver to open?"""
        return self.line_fd >= 0

    @property
    def relaying(self) -> bool:
        """Does the relay stand in between?"""
        return self._device >= 0

    def plug(self) -> None:
        """A fresh pty under the old name."""
        self.unplug()
        self.line_fd, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.line_fd, False)
        # Our own slave descriptor stays open: else the line reads errors while no driver is there.
        fresh = self._dir / ".fresh"
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.port)

    def relay(self, device_fd: int) -> None:
        """Put the relay between the port and this (non-blocking) descriptor of the device."""
        self.detach()
        self._device = device_fd
        self._loop.add_reader(self.line_fd, self._pump, self.line_fd)
        self._loop.add_reader(device_fd, self._pump, device_fd)

    def detach(self) -> None:
        """Take the relay away. Idempotent."""
        self._epoch += 1
        if self._device >= 0:
            self._loop.remove_reader(self._device)
            self._loop.remove_reader(self.line_fd)
            self._device = -1

    def unplug(self) -> None:
        """The port hangs up and disappears. Idempotent."""
        self.detach()
        if self.line_fd >= 0:
            os.close(self.line_fd)
            os.close(self._slave)
            self.line_fd = self._slave = -1
            self.port.unlink(missing_ok=True)

    def close(self) -> None:
        """Unplug and leave nothing behind. Idempotent."""
        self.unplug()
        shutil.rmtree(self._dir, ignore_errors=True)

    def _pump(self, source: int) -> None:
        try:
            data = os.read(source, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if source == self._device:
                self.detach()
            return
        to_host = source == self._device
        data = self.faults.apply(data)
        wait_s = self.faults.delay_s
        if self.faults.slow_period_s:
            wait_s += self.faults.slow_period_s - self._loop.time() % self.faults.slow_period_s
        if wait_s:
            self._loop.call_later(wait_s, self._deliver, to_host, data, self._epoch)
        else:
            self._deliver(to_host, data, self._epoch)

    def _deliver(self, to_host: bool, data: bytes, epoch: int) -> None:
        target = self.line_fd if to_host else self._device
        if data and target >= 0 and epoch == self._epoch:
            with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                os.write(target, data)  # what the other side does not take is lost, as on a cable
