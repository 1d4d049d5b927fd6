"""The tables of container cameras and screening portals in the node file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gatectl.model.device import Wire

Seconds = Annotated[float, Meta(gt=0, le=60)]


class CameraConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A container-code camera that pushes its readings to us over HTTP.

    wire: listen_port, and host as the address to bind (one of this machine's own, not 0.0.0.0, where
    that is possible). lane: the site lane it looks at. allow: addresses of the cameras; empty
    accepts any, because the protocol has no password. silence_s: neither reading nor keep-alive for
    longer means link down.
    """

    wire: Wire
    lane: str = ""
    allow: tuple[str, ...] = ()
    silence_s: Seconds = 3.0


class PortalConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screening portal that gives its verdicts over TCP.

    wire: host and tcp_port of the portal. silence_s: neither verdict nor heartbeat for longer means
    link down.
    """

    wire: Wire
    silence_s: Seconds = 3.0
