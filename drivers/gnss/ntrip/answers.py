"""What a caster answers: its head, and the coding of what follows. No I/O.

Real casters bend the rules, so this reads as much as it needs: `ICY 200 OK` is followed by the data
behind a single line end (RTKLIB) or by an empty line; a v2 status line may run into the next
header (`HTTP/1.1 200 OKNtrip-Version: ...`, pygnssutils); v1 answers an unknown mount point with its
sourcetable, and a wrong password with `ERROR - Bad Password`.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from gatectl.model.errors import WireError

MAX_HEAD = 8192
MAX_LINE = 1024
MAX_CHUNK = 1 << 20

_STATUS = re.compile(r"(?:HTTP/\d(?:\.\d)?|ICY|SOURCETABLE)\s+(\d{3})(?!\d)\s*(.*)", re.IGNORECASE)


class Kind(StrEnum):
    """STREAM: corrections follow. TABLE: a sourcetable follows. REDIRECT: ask there. REFUSED: neither."""

    STREAM = "stream"
    TABLE = "table"
    REDIRECT = "redirect"
    REFUSED = "refused"


class Answer(Struct, frozen=True, kw_only=True):
    """The head of an answer. status: HTTP's (401 for `ERROR - Bad Password`, 0 for other errors of v1).

    reason: the caster's words. location: where a redirect leads. chunked: how the body is coded.
    """

    kind: Kind
    status: int
    reason: str
    location: str = ""
    chunked: bool = False


class HeadReader:
    """Bytes in until the head is complete; then `rest` is what came behind it."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def rest(self) -> bytes:
        """What belongs to the body already; valid once `feed` has returned an answer."""
        return bytes(self._data)

    def feed(self, data: bytes) -> Answer | None:
        """The answer once its head is complete. Raises WireError for what no caster sends."""
        self._data += data
        end = self._data.find(b"\n")
        first = bytes(self._data[: end if end >= 0 else len(self._data)])
        if first[:1] == b"\xd3":
            raise WireError(
                "sends data without having been asked", "this is a raw TCP port; give the NTRIP port"
            )
        if end < 0:
            if len(first) > MAX_LINE:
                raise WireError("answers with a line that does not end", "check host and port")
            return None
        line = first.decode("latin-1").strip()
        upper = line.upper()
        if upper.startswith("ERROR"):
            status = 401 if "PASSWORD" in upper or "AUTH" in upper else 0
            return Answer(kind=Kind.REFUSED, status=status, reason=line[:100])
        match = _STATUS.match(line)
        if match is None:
            shown = "".join(c if c.isprintable() else "." for c in line[:40])
            raise WireError(f"answers {shown!r}, which is not NTRIP", "check host and port")
        status, reason = int(match[1]), match[2][:100]
        if not upper.startswith("HTTP") and status == 200:
            del self._data[: end + 1]
            kind = Kind.TABLE if upper.startswith("SOURCETABLE") else Kind.STREAM
            return Answer(kind=kind, status=status, reason=reason)
        return self._http(status, reason)

    def _http(self, status: int, reason: str) -> Answer | None:
        match = re.search(rb"\r?\n\r?\n", self._data)
        if match is None:
            if len(self._data) > MAX_HEAD:
                raise WireError("answers with headers that do not end", "check host and port")
            if status != 200:  # RTKLIB sends no empty line behind a 401
                return Answer(kind=Kind.REFUSED, status=status, reason=reason) if status >= 400 else None
            return None
        head = bytes(self._data[: match.start()]).decode("latin-1")
        del self._data[: match.end()]
        headers: dict[str, str] = {}
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        content = headers.get("content-type", "").lower()
        if 300 <= status < 400 and headers.get("location"):
            kind = Kind.REDIRECT
        elif status != 200:
            kind = Kind.REFUSED
        elif content.startswith(("gnss/sourcetable", "text/plain")):
            kind = Kind.TABLE
        elif content.startswith("text/"):
            kind, reason = Kind.REFUSED, f"a web page ({content})"
        else:
            kind = Kind.STREAM
        return Answer(
            kind=kind,
            status=status,
            reason=reason,
            location=headers.get("location", ""),
            chunked="chunked" in headers.get("transfer-encoding", "").lower(),
        )


class Dechunker:
    """Takes the chunked coding off (RFC 9112, 7.1). `done` after the last chunk.

    Chunks and RTCM frames are not aligned; what it returns is the stream as it was before.
    """

    def __init__(self) -> None:
        self.done = False
        self._data = bytearray()
        self._left = 0  # bytes of the open chunk still to come
        self._behind = False  # the line end behind a chunk is still to come

    def feed(self, data: bytes) -> bytes:
        """What these bytes carry. Raises WireError for a size that is none."""
        self._data += data
        out = bytearray()
        while self._data and not self.done:
            if self._left:
                part = self._data[: self._left]
                out += part
                self._left -= len(part)
                self._behind = self._left == 0
                del self._data[: len(part)]
                continue
            end = self._data.find(b"\n")
            if end < 0:
                if len(self._data) > MAX_LINE:
                    raise WireError("sends a chunk without its size", "the connection is made anew")
                break
            line = bytes(self._data[:end]).strip()
            del self._data[: end + 1]
            if self._behind:
                if line:
                    raise WireError("sends a chunk longer than its size", "the connection is made anew")
                self._behind = False
                continue
            self._size(line)
        return bytes(out)

    def _size(self, line: bytes) -> None:
        digits = line.split(b";", 1)[0].strip()  # behind the semicolon: chunk extensions
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits) or int(digits, 16) > MAX_CHUNK:
            shown = line[:20].decode("latin-1")
            raise WireError(f"sends the chunk size {shown!r}", "the connection is made anew")
        self._left = int(digits, 16)
        self.done = self._left == 0
