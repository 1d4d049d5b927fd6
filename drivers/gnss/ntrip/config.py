"""The `ntrip` table of a gnss device."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gatectl.model.errors import DeviceError

NEAREST = "nearest"


class NtripConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A caster that corrections (RTCM 3) are taken from; they go to the receiver over `wire`.

    host, port: of the caster. tls: encrypted; its certificate and name are verified against ca_file (PEM),
    or against the system's authorities if that is empty.
    mountpoint: its name, or "nearest": of those in the sourcetable that offer RTCM 3 with carrier phase, the
    one nearest to the receiver, in country (three letters as in the sourcetable, empty: any) and
    no farther than max_distance_km. Near a border name the mount point: the neighbour's base
    stations may be nearer, and are in another datum.
    version: of NTRIP; "auto" tries 2 and falls back to 1.
    username, password_file: the password is the first line of a file that only the daemon may read.
    gga_interval_s: how often the position is sent to the caster once it is valid (a virtual
    reference station needs it); 0: never.
    inactivity_timeout_s: without a valid RTCM frame for so long the connection is made anew.
    connect_timeout_s: for the connection with TLS, and again for the caster's answer.
    backoff_first_s, backoff_limit_s: pauses between attempts: from the first one doubling up to the
    limit, shortened at random by up to a half; a refusal waits for the limit at once.
    """

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 2101
    tls: bool = False
    ca_file: str = ""
    mountpoint: Annotated[str, Meta(min_length=1, max_length=100)]
    country: str = ""
    max_distance_km: Annotated[float, Meta(gt=0, le=1000)] = 50.0
    version: Literal["auto", 1, 2] = "auto"
    username: str = ""
    password_file: str = ""
    gga_interval_s: Annotated[float, Meta(ge=0, le=600)] = 10.0
    inactivity_timeout_s: Annotated[float, Meta(ge=0.2, le=600)] = 20.0
    connect_timeout_s: Annotated[float, Meta(ge=0.2, le=60)] = 10.0
    backoff_first_s: Annotated[float, Meta(ge=0.01, le=60)] = 1.0
    backoff_limit_s: Annotated[float, Meta(ge=0.01, le=3600)] = 60.0


def check_ntrip(config: NtripConfig, base_dir: str) -> list[tuple[str, str, str]]:
    """Mistakes that types cannot see: (key, cause, remedy). base_dir: of relative file names."""
    found: list[tuple[str, str, str]] = []
    if "/" in config.host or not _plain(config.host):
        found.append(
            ("ntrip.host", f"{config.host!r} is no host name", "give the name alone, as in rtk.example.vn")
        )
    if "/" in config.mountpoint or not _plain(config.mountpoint):
        found.append(
            ("ntrip.mountpoint", f"{config.mountpoint!r} is no mount point", 'give its name, or "nearest"')
        )
    if config.country and (len(config.country) != 3 or not config.country.isalpha()):
        found.append(
            ("ntrip.country", f"{config.country!r} is no country code", 'three letters, as in "VNM"')
        )
    if config.country and config.mountpoint != NEAREST:
        found.append(("ntrip.country", 'only chooses among mount points with "nearest"', "remove it"))
    if config.ca_file and not config.tls:
        found.append(("ntrip.ca_file", "nothing is verified without TLS", "set tls = true or remove it"))
    elif config.ca_file and (cause := _no_authorities(Path(base_dir) / config.ca_file)):
        found.append(("ntrip.ca_file", f"{config.ca_file} {cause}", "give a PEM file of certificates"))
    if ":" in config.username or not config.username.isprintable():
        found.append(
            ("ntrip.username", "cannot be sent: a colon or control character", "ask for another one")
        )
    if config.username and not config.password_file:
        found.append(("ntrip.password_file", "missing", "name a file whose first line is the password"))
    if config.password_file:
        if not config.username:
            found.append(("ntrip.username", "missing", "a password needs a user name"))
        try:
            read_password(config, base_dir)
        except DeviceError as error:
            found.append(("ntrip.password_file", error.cause, error.remedy))
    if config.backoff_limit_s < config.backoff_first_s:
        found.append(("ntrip.backoff_limit_s", "shorter than backoff_first_s", "make it longer"))
    return found


def read_password(config: NtripConfig, base_dir: str) -> str:
    """The first line of the password file; empty if none is configured. Raises DeviceError."""
    if not config.password_file:
        return ""
    path = Path(base_dir) / config.password_file
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise DeviceError(
            f"{config.password_file} cannot be read: {reason}",
            "write the password into it and give it to the daemon's user (chmod 600)",
        ) from error
    if not lines or not lines[0].strip():
        raise DeviceError(f"{config.password_file} is empty", "write the password into its first line")
    return lines[0].strip()


def _no_authorities(file: Path) -> str:
    """Why the file cannot be used to verify a caster; empty if it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        return "holds no certificates"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _plain(text: str) -> bool:
    """Text that can stand in a request line: no blanks, no control characters, ASCII."""
    return text.isascii() and text.isprintable() and " " not in text
