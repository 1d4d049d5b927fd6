"""Messages between a node's processes: local datagrams, and a reliable order on top of them.

Every process binds one socket of its own; nothing ever blocks. A datagram that the kernel took is
only lost if its receiver dies; one that it did not take (receiver absent, or its queue of about 10
is full) is tried again by whoever must not lose it (`ReliableSender`), or dropped.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gatectl.model import UsageError
from gatectl.runtime.frames import Ack, Data, encode

_WANTED_BUFFER = 1 << 20
_LONGEST_SUN_PATH = 107


def check_place(path: Path) -> None:
    """Raises UsageError if the path is too long for a socket."""
    if len(os.fsencode(path)) > _LONGEST_SUN_PATH:
        raise UsageError(
            f"the socket path is longer than {_LONGEST_SUN_PATH} bytes",
            "choose a shorter paths.runtime_dir",
            where=str(path),
        )


class Endpoint:
    """This process's socket. path: where it is bound; a stale file of a dead process is replaced."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError if the socket cannot be made."""
        check_place(path)
        self.path = path
        self.refused = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        # The kernel cuts this to net.core.wmem_max; the smallest usual value still holds 200 kB.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WANTED_BUFFER)
        self._buffer = bytearray(2 * _WANTED_BUFFER)
        self._view = memoryview(self._buffer)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            self._inode = path.stat().st_ino
        except OSError as error:
            self._socket.close()
            raise UsageError(
                f"the socket cannot be made: {error.strerror}",
                "make runtime_dir writable for the daemon",
                where=str(path),
            ) from error

    def fileno(self) -> int:
        """For selectors and asyncio."""
        return self._socket.fileno()

    def send(self, to: Path, datagram: bytes) -> bool:
        """False when the receiver is absent or its queue is full. Never blocks.

        A datagram larger than the kernel takes raises UsageError: trying again would not help.
        """
        try:
            self._socket.sendto(datagram, str(to))
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise UsageError(
                    f"a message of {len(datagram)} bytes is too long for a local datagram",
                    "raise the kernel setting net.core.wmem_max (sysctl)",
                    where=str(to),
                ) from error
            self.refused += 1
            return False
        return True

    def receive(self, limit: int = 64) -> list[bytes]:
        """Up to `limit` datagrams that have arrived, oldest first."""
        datagrams: list[bytes] = []
        while len(datagrams) < limit:
            try:
                size = self._socket.recv_into(self._buffer)
            except OSError:
                break
            datagrams.append(bytes(self._view[:size]))
        return datagrams

    def close(self) -> None:
        """Close and remove the socket. Idempotent."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            with suppress(OSError):
                if self.path.stat().st_ino == self._inode:  # not a successor's
                    self.path.unlink()


class ReliableSender:
    """Keeps bodies until they are acknowledged; sends them in order; goes back when none comes.

    send: one datagram, False when not taken. Times are the caller's monotonic ns.
    """

    def __init__(
        self,
        send: Callable[[bytes], bool],
        sender: str,
        instance: str,
        *,
        capacity: int = 10_000,
        resend_ns: int = 250_000_000,
    ) -> None:
        self._send = send
        self._sender = sender
        self.instance = instance
        self._capacity = capacity
        self._resend_ns = resend_ns
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._sent = 0  # how many of the waiting ones are on their way
        self._number = 0
        self._progress_mono_ns = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """True when `put` would refuse."""
        return len(self._waiting) >= self._capacity

    def put(self, body: bytes) -> int:
        """Queue a body; its number. Raises UsageError when the queue is full."""
        if self.full:
            raise UsageError(
                f"{self._capacity} messages of {self._sender} wait for their receiver",
                "see in `gatectl status` why it does not take them",
            )
        self._number += 1
        self._waiting.append((self._number, body))
        return self._number

    def acknowledged(self, ack: Ack, now_mono_ns: int) -> None:
        """The receiver has everything up to ack.number."""
        if ack.instance != self.instance:
            return
        while self._waiting and self._waiting[0][0] <= ack.number:
            self._waiting.popleft()
            self._sent = max(0, self._sent - 1)
            self._progress_mono_ns = now_mono_ns

    def pump(self, now_mono_ns: int) -> None:
        """Send what is due, as far as the receiver takes it."""
        if self._sent and now_mono_ns - self._progress_mono_ns > self._resend_ns:
            self._sent = 0
        while self._sent < len(self._waiting):
            number, body = self._waiting[self._sent]
            frame = Data(self._sender, self.instance, number, self._waiting[0][0], body)
            if not self._send(encode(frame)):
                return
            self._sent += 1
            self._progress_mono_ns = now_mono_ns


class ReliableReceiver:
    """Accepts each sender's bodies once and in order."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}

    def accept(self, data: Data) -> bool:
        """True if this is the next body of its sender: act on it, then `done`."""
        instance, last = self._last.get(data.sender, ("", 0))
        if instance != data.instance:
            # A sender (or this receiver) has started anew: it begins with what is still unacknowledged.
            last = data.oldest - 1
            self._last[data.sender] = (data.instance, last)
        return data.number == last + 1

    def done(self, data: Data) -> None:
        """The accepted body is dealt with and may be acknowledged."""
        self._last[data.sender] = (data.instance, data.number)

    def ack(self, data: Data) -> Ack:
        """The acknowledgement that answers this frame, whether it was accepted or not."""
        return Ack(data.instance, self._last[data.sender][1])
