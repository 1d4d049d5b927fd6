"""One byte stream over a tty or a socket, without threads."""

from __future__ import annotations

import asyncio
import os
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from gatectl.model.errors import DeviceError

READ_SIZE = 4096
WRITE_LIMIT = 65_536  # bytes that may wait for a slow wire; more means that it takes nothing any more


class ByteStream:
    """A full-duplex stream of bytes on one file descriptor (tty or socket). One reader at a time.

    where: what it is, for messages (`/dev/ttyS1` or `192.0.2.1:502`).
    """

    def __init__(self, fd: int, where: str, release: Callable[[], None]) -> None:
        """fd: non-blocking and owned by `release`, which closes it."""
        self.where = where
        self._fd = fd
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._drainer: asyncio.Future[None] | None = None
        self._failure: DeviceError | None = None

    async def read(self, n: int = READ_SIZE) -> bytes:
        """What has arrived, at least one byte and at most n; waits for it.

        Raises DeviceError when the wire is gone. Put `asyncio.timeout` around it to notice silence.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                data = os.read(self._fd, n)
            except BlockingIOError:
                await self._readable()
                continue
            except InterruptedError:
                continue
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._lost(None)
            return data

    def write(self, data: bytes) -> None:
        """Send, or queue what the wire does not take at once. Never blocks.

        Raises DeviceError when the wire is gone or has not taken WRITE_LIMIT bytes.
        """
        if self._failure is not None:
            raise self._failure
        view = memoryview(data)
        if not self._unsent:
            view = view[self._send(view) :]
        if view:
            self._unsent.append(view)
            self._unsent_bytes += len(view)
            if self._unsent_bytes > WRITE_LIMIT:
                failure = DeviceError(
                    "the device takes no more data",
                    "check that it is switched on, and its baud rate and flow control",
                    where=self.where,
                )
                self._fail(failure)
                raise failure
            self._loop.add_writer(self._fd, self._writable)

    async def drain(self) -> None:
        """Wait until everything written has been handed to the wire. Raises DeviceError."""
        if self._failure is not None:
            raise self._failure
        if self._unsent:
            if self._drainer is None:
                self._drainer = self._loop.create_future()
            await asyncio.shield(self._drainer)

    def close(self) -> None:
        """Release the wire; a waiting `read` or `drain` raises DeviceError. Idempotent."""
        self._fail(DeviceError("the wire was closed", where=self.where))

    async def _readable(self) -> None:
        if self._reader is not None:
            raise RuntimeError(f"{self.where}: two readers on one stream")
        self._reader = self._loop.create_future()
        self._loop.add_reader(self._fd, _wake, self._reader)
        try:
            await self._reader
        finally:
            self._reader = None
            if self._fd >= 0:
                self._loop.remove_reader(self._fd)

    def _send(self, view: memoryview) -> int:
        try:
            return os.write(self._fd, view)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise self._lost(error) from error

    def _writable(self) -> None:
        try:
            while self._unsent:
                sent = self._send(self._unsent[0])
                self._unsent_bytes -= sent
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                    return
                self._unsent.popleft()
        except DeviceError:
            return  # _lost has told readers and drainers
        self._loop.remove_writer(self._fd)
        _wake(self._drainer)
        self._drainer = None

    def _lost(self, error: OSError | None) -> DeviceError:
        cause = "the other side closed the wire" if error is None else f"the wire is gone ({error.strerror})"
        failure = DeviceError(
            cause, "check cable, converter and the device's supply; it is reopened", where=self.where
        )
        self._fail(failure)
        return failure

    def _fail(self, failure: DeviceError) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._fd = -1
        with suppress(OSError, termios.error):
            self._release()
        self._unsent.clear()
        _wake(self._reader)  # its read sees the failure and raises it
        if self._drainer is not None and not self._drainer.done():
            self._drainer.set_exception(failure)
            self._drainer.exception()  # marks it as seen: the drainer may have been cancelled
        self._drainer = None


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
