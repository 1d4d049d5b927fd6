"""One connection to a caster: TCP, TLS, request, head of the answer, decoded body."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

from drivers.gnss.ntrip.answers import Answer, Dechunker, HeadReader, Kind
from drivers.gnss.ntrip.requests import request
from gatectl.model.errors import DeviceError, WireError

MAX_REDIRECTS = 3
MAX_TABLE = 4 << 20
READ_SIZE = 4096
UNSENT_LIMIT = 4096  # a caster that does not take a few positions does not listen any more


class CasterError(DeviceError):
    """A caster that does not answer or refuses.

    settled: asking again soon will not change it (wrong password, no such mount point).
    silent: it took the request and closed without an answer, or does not know this version.
    """

    def __init__(
        self, cause: str, remedy: str, *, where: str, settled: bool = False, silent: bool = False
    ) -> None:
        self.settled = settled
        self.silent = silent
        super().__init__(cause, remedy, where=where)


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a caster is. tls: None for plain TCP."""

    host: str
    port: int
    tls: ssl.SSLContext | None

    @property
    def where(self) -> str:
        """For messages: `caster rtk.example.vn:2101`."""
        return f"caster {self.host}:{self.port}"


class Ask(Struct, frozen=True, kw_only=True):
    """What to ask for. path: `/NAME` or `/`; timeout_s: to connect, and again to be answered."""

    path: str
    version: int
    username: str
    password: str
    gga: bytes
    timeout_s: float


async def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificate and name, TLS 1.2 or newer. Raises DeviceError for a file without certificates.

    In a thread: reading all the system's authorities takes tens of ms, in which no epoch would be stamped.
    """
    try:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise DeviceError(
            f"{ca_file} holds no certificates: {error}", "give a PEM file of authorities in ntrip.ca_file"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection:
    """An answered request. `answer` is its head; `read` gives the body with its coding taken off."""

    def __init__(
        self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.endpoint = endpoint
        self.answer = Answer(kind=Kind.REFUSED, status=0, reason="")
        self._reader = reader
        self._writer = writer
        self._pending = b""
        self._dechunker: Dechunker | None = None

    @classmethod
    async def ask(cls, endpoint: Endpoint, ask: Ask) -> Self:
        """Connect, request, follow redirects, read the head. Raises CasterError."""
        credentials = (ask.username, ask.password)
        for _ in range(MAX_REDIRECTS + 1):
            connection = await cls._open(endpoint, ask.timeout_s)
            try:
                await connection._request(ask, *credentials)
            except BaseException:
                connection.close()
                raise
            if connection.answer.kind is not Kind.REDIRECT:
                return connection
            connection.close()
            target, path = await _redirected(endpoint, connection.answer.location)
            if (target.host, target.port) != (endpoint.host, endpoint.port):
                credentials = ("", "")  # they are for the caster that is configured
            endpoint, ask = target, _with_path(ask, path)
        raise CasterError(
            f"redirects more than {MAX_REDIRECTS} times",
            "ask its operator for the address to use",
            where=endpoint.where,
            settled=True,
        )

    async def read(self) -> bytes:
        """Some bytes of the body (possibly none, when only coding arrived). Raises CasterError at its end."""
        data, self._pending = self._pending, b""
        if not data:
            if self._dechunker is not None and self._dechunker.done:
                raise self._closed()
            data = await self._receive()
        if self._dechunker is None:
            return data
        try:
            return self._dechunker.feed(data)
        except WireError as error:
            raise CasterError(error.cause, error.remedy, where=self.endpoint.where) from error

    def send(self, data: bytes) -> None:
        """Hand something to the caster without waiting. Raises CasterError if it takes nothing any more."""
        if self._writer.transport.get_write_buffer_size() > UNSENT_LIMIT:
            raise CasterError(
                "takes no more data", "check the link; it is connected anew", where=self.endpoint.where
            )
        self._writer.write(data)

    def close(self) -> None:
        """Drop the connection at once (a TLS farewell could wait for a dead peer). Idempotent."""
        self._writer.transport.abort()

    @classmethod
    async def _open(cls, endpoint: Endpoint, timeout_s: float) -> Self:
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(
                    endpoint.host,
                    endpoint.port,
                    ssl=endpoint.tls,
                    server_hostname=endpoint.host if endpoint.tls else None,
                )
        except (OSError, ssl.SSLError, UnicodeError) as error:  # TimeoutError is an OSError
            raise _connect_error(endpoint, error, timeout_s) from error
        sock = writer.get_extra_info("socket")
        if sock is not None:  # a link that lost its other end says nothing: ask, and give up
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
        return cls(endpoint, reader, writer)

    async def _request(self, ask: Ask, username: str, password: str) -> None:
        self._writer.write(
            request(
                ask.path,
                host=self.endpoint.host,
                port=self.endpoint.port,
                version=ask.version,
                username=username,
                password=password,
                gga=ask.gga,
            )
        )
        head = HeadReader()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(ask.timeout_s):
                while answer is None:
                    answer = head.feed(await self._receive(silent=True))
        except WireError as error:
            raise CasterError(error.cause, error.remedy, where=self.endpoint.where) from error
        except TimeoutError as error:
            raise CasterError(
                f"took the connection and did not answer within {ask.timeout_s:g} s",
                "check host and port, and the caster",
                where=self.endpoint.where,
                silent=True,
            ) from error
        self.answer = answer
        self._pending = head.rest
        self._dechunker = Dechunker() if answer.chunked else None

    async def _receive(self, *, silent: bool = False) -> bytes:
        """At least one byte. silent: nothing has been answered yet."""
        try:
            data = await self._reader.read(READ_SIZE)
        except OSError as error:  # also ETIMEDOUT, which must not look like our own time-out
            raise CasterError(
                f"the connection broke: {error.strerror or error}",
                "check the link; it is connected anew",
                where=self.endpoint.where,
                silent=silent,
            ) from error
        if not data:
            raise self._closed(silent=silent)
        return data

    def _closed(self, *, silent: bool = False) -> CasterError:
        return CasterError(
            "closed the connection" + (" without an answer" if silent else ""),
            "it is connected anew; if this repeats, ask its operator (too many users of one account?)",
            where=self.endpoint.where,
            silent=silent,
        )


async def read_table(connection: Connection, end: bytes, timeout_s: float) -> bytes:
    """A sourcetable to its end, or as far as it came. Raises CasterError for one without bounds."""
    table = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while end not in table:
                table += await connection.read()
                if len(table) > MAX_TABLE:
                    raise CasterError(
                        "sends a sourcetable without end",
                        "check host and port",
                        where=connection.endpoint.where,
                    )
    except TimeoutError:
        pass
    except CasterError:
        if not table:
            raise
    return bytes(table)


async def _redirected(endpoint: Endpoint, location: str) -> tuple[Endpoint, str]:
    """Where a redirect leads: an absolute URL or a path. TLS is never given up."""
    try:
        parts = urlsplit(location)
        tls = parts.scheme == "https" if parts.scheme else endpoint.tls is not None
        host = parts.hostname or endpoint.host
        standard = 443 if tls else 80
        port = parts.port or (standard if parts.hostname else endpoint.port)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("", "http", "https"):
        raise CasterError(
            f"redirects to {location[:80]!r}",
            "ask its operator for the address",
            where=endpoint.where,
            settled=True,
        )
    if endpoint.tls is not None and not tls:
        raise CasterError(
            f"redirects from TLS to plain text ({location[:80]})",
            "this is not followed; ask its operator",
            where=endpoint.where,
            settled=True,
        )
    context = (endpoint.tls or await tls_context(None)) if tls else None
    path = parts.path or "/"
    return Endpoint(host=host, port=port, tls=context), path + (f"?{parts.query}" if parts.query else "")


def _with_path(ask: Ask, path: str) -> Ask:
    return Ask(
        path=path,
        version=ask.version,
        username=ask.username,
        password=ask.password,
        gga=ask.gga,
        timeout_s=ask.timeout_s,
    )


_TLS_MISTAKES = {
    9: ("its certificate is not valid yet", "check this machine's clock (timedatectl)"),
    10: ("its certificate has expired", "tell its operator, and check this machine's clock (timedatectl)"),
    62: ("its certificate is for another name", "give the host name of the certificate in ntrip.host"),
    64: ("its certificate is for another address", "give the host name of the certificate in ntrip.host"),
}
"""X509_V_ERR_* of OpenSSL; all others mean that no trusted authority has signed it."""


def _connect_error(endpoint: Endpoint, error: Exception, timeout_s: float) -> CasterError:
    settled = False
    if isinstance(error, ssl.SSLCertVerificationError):
        unknown = (
            f"its certificate is not trusted ({error.verify_message})",
            "give the authority that signed it in ntrip.ca_file",
        )
        cause, remedy = _TLS_MISTAKES.get(error.verify_code, unknown)
        settled = True
    elif isinstance(error, ssl.SSLError):
        cause, remedy = (
            f"no TLS: {error.reason or error}",
            "check that this port speaks TLS, else set tls = false",
        )
    elif isinstance(error, socket.gaierror):
        cause, remedy = f"its name is not found ({error.strerror})", "check ntrip.host, network and DNS"
    elif isinstance(error, TimeoutError) and not error.errno:
        cause, remedy = f"no connection within {timeout_s:g} s", "check address, network and firewall"
        if endpoint.tls:
            remedy += ", and that this port speaks TLS"
    elif isinstance(error, UnicodeError):
        cause, remedy = "its name cannot be looked up", "check ntrip.host"
    else:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else str(error)
        cause, remedy = f"cannot connect: {reason}", "check ntrip.host, ntrip.port and the network"
    return CasterError(cause, remedy, where=endpoint.where, settled=settled)
