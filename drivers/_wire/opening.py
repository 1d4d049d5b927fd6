"""Opening a serial port or a TCP connection, with errors that a field engineer can act on."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import termios
from contextlib import suppress

import serial

from drivers._wire.check import FRAME
from drivers._wire.stream import ByteStream
from gatectl.model.device import Wire
from gatectl.model.errors import DeviceError

CONNECT_TIMEOUT_S = 3.0


async def open_stream(wire: Wire) -> ByteStream:
    """Open the serial port or TCP connection that `wire` names.

    Raises DeviceError (cause and remedy) when it cannot be opened. Serial ports are opened
    exclusively, raw, without flow control.
    """
    if wire.port:
        return _open_serial(wire)
    if wire.host and wire.tcp_port:
        return await _open_tcp(wire)
    raise DeviceError("no wire is configured", "give wire.port, or wire.host and wire.tcp_port")


def _open_serial(wire: Wire) -> ByteStream:
    frame = FRAME.fullmatch(wire.frame)
    if frame is None:
        raise DeviceError(f"{wire.frame!r} is not a serial frame", 'use e.g. "8N1" or "7E1"', where=wire.port)
    tty = None
    try:
        tty = serial.Serial(
            wire.port,
            wire.baud,
            bytesize=int(frame[1]),
            parity=frame[2],
            stopbits=float(frame[3]),
            timeout=0,
            exclusive=True,
        )
        fd: int = tty.fileno()
        os.set_blocking(fd, False)
        # pyserial sets VMIN = 0, where "nothing yet" and "hung up" both read as b"".
        attributes = termios.tcgetattr(fd)
        attributes[6][termios.VMIN] = 1
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
        if tty is not None:
            tty.close()
        raise _serial_error(wire, error) from error
    with suppress(OSError, ValueError):  # USB converters else hold bytes back for 16 ms
        tty.set_low_latency_mode(True)
    return ByteStream(fd, wire.port, tty.close)


def _serial_error(wire: Wire, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        cause, remedy = (
            "there is no such port",
            "check the cable; ls /dev/serial/by-id shows what is attached",
        )
    elif number == errno.EACCES:
        cause, remedy = "no permission to open the port", "put the daemon's user into the group dialout"
    elif number in (errno.EAGAIN, errno.EBUSY):
        cause, remedy = "another program has the port open", "end it (fuser shows which), then it is reopened"
    elif isinstance(error, ValueError):
        cause, remedy = f"the port refuses its settings: {error}", "check wire.baud and wire.frame"
    else:
        cause, remedy = f"the port cannot be opened: {error}", "check that wire.port names a serial port"
    return DeviceError(cause, remedy, where=wire.port)


async def _open_tcp(wire: Wire) -> ByteStream:
    where = f"{wire.host}:{wire.tcp_port}"
    loop = asyncio.get_running_loop()
    sock: socket.socket | None = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            # Only a host name costs a look-up (in asyncio's helper thread); numbers do not.
            try:
                found = socket.getaddrinfo(
                    wire.host, wire.tcp_port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
                )
            except socket.gaierror:
                found = await loop.getaddrinfo(wire.host, wire.tcp_port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A peer that lost its power says nothing: ask after 2 s, give up after 5 s.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
    except TimeoutError as error:
        _close(sock)
        raise DeviceError(
            f"no answer within {CONNECT_TIMEOUT_S:g} s", "check address, network and supply", where=where
        ) from error
    except OSError as error:
        _close(sock)
        raise DeviceError(
            f"cannot connect: {_reason(error)}", "check host, tcp_port and the device", where=where
        ) from error
    except BaseException:  # cancelled while connecting
        _close(sock)
        raise
    return ByteStream(sock.fileno(), where, sock.close)


def _reason(error: OSError) -> str:
    """asyncio puts its own words into strerror; gaierror has no errno of the system."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
