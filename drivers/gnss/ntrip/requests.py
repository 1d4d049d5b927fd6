"""What is sent to a caster. No I/O."""

from __future__ import annotations

import base64

from gatectl import __version__


def request(
    path: str, *, host: str, port: int, version: int, username: str, password: str, gga: bytes = b""
) -> bytes:
    """The request for a mount point (`/NAME`) or the sourcetable (`/`), as version 1 or 2 wants it.

    gga: the position to begin with, version 2 only (empty: none). Credentials go as Basic
    authentication (RFC 7617) in UTF-8.
    """
    lines = [f"GET {path} HTTP/1.{1 if version == 2 else 0}"]
    if version == 2:
        shown = f"[{host}]" if ":" in host else host
        lines += [f"Host: {shown}:{port}", "Ntrip-Version: Ntrip/2.0"]
    lines.append(f"User-Agent: NTRIP gatectl/{__version__}")
    if username:
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {token}")
    if version == 2:
        if gga:
            lines.append(f"Ntrip-GGA: {gga.decode('ascii').strip()}")
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
