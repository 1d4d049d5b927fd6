"""NTRIP client: RTCM 3 corrections from a caster, versions 1 and 2, with or without TLS.

Pure parts: `requests` and `answers` (the HTTP dialect), `sourcetable`, `rtcm` (frames), `gga`.
With I/O: `connection` (one connection to a caster) and `client` (which never gives up).

Sources: RTCM 10410.0 (NTRIP 1.0), RTCM 10410.1 (NTRIP 2.0), RTCM 10403.x (RTCM 3 frames). aiohttp is
not used here because a v1 caster does not speak HTTP: it answers `ICY 200 OK` and one line end.
"""

from drivers.gnss.ntrip.client import NtripClient, Status
from drivers.gnss.ntrip.config import NtripConfig, check_ntrip
from drivers.gnss.ntrip.gga import Position

__all__ = ["NtripClient", "NtripConfig", "Position", "Status", "check_ntrip"]
