"""`[mqtt]` of a node, checked and turned into what a session needs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from gatectl.model.errors import ConfigError, Finding
from gatectl.model.node import MqttConfig


class Settings(NamedTuple):
    """A broker and how to log in. tls: None for a plain connection."""

    host: str
    port: int
    client_id: str
    keepalive_s: int = 5
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None


def settings(config: MqttConfig, client_id: str, file: str) -> Settings:
    """Read what `config` names. Paths are relative to `file`, the node file.

    Raises ConfigError with every file that cannot be read or used.
    """
    folder = Path(file).parent
    findings: list[Finding] = []

    def path(key: str, text: str) -> Path | None:
        if not text:
            return None
        full = folder / text
        try:
            full.read_bytes()
        except OSError as error:
            remedy = "correct the path, or let the daemon's user read it"
            findings.append(Finding(file, f"mqtt.{key}", f"{full}: {error.strerror}", remedy))
            return None
        return full

    password = ""
    if (password_file := path("password_file", config.password_file)) is not None:
        password = password_file.read_text(encoding="utf-8").split("\n", 1)[0].strip("\r")
    ca, cert, key = (
        path(name, text)
        for name, text in (
            ("ca_file", config.ca_file),
            ("cert_file", config.cert_file),
            ("key_file", config.key_file),
        )
    )
    if config.password_file and not config.username:
        findings.append(Finding(file, "mqtt.username", "a password but no user name", "add username"))
    if not config.tls and (config.ca_file or config.cert_file or config.key_file):
        findings.append(Finding(file, "mqtt.tls", "certificates but no TLS", "set tls = true"))
    if bool(config.cert_file) != bool(config.key_file):
        findings.append(
            Finding(file, "mqtt.cert_file", "certificate and key go together", "give both or none")
        )
    tls = None if findings or not config.tls else _context(file, ca, cert, key, findings)
    if findings:
        raise ConfigError(findings)
    return Settings(config.host, config.port, client_id, config.keepalive_s, config.username, password, tls)


class ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho-mqtt forgets it open, once per attempt."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _context(
    file: str, ca: Path | None, cert: Path | None, key: Path | None, findings: list[Finding]
) -> ssl.SSLContext | None:
    """TLS 1.2 or newer, the broker's name checked."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.sslsocket_class = ClosingSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca is not None:
            context.load_verify_locations(cafile=str(ca))
    except ssl.SSLError as error:
        findings.append(Finding(file, "mqtt.ca_file", f"{ca}: no certificates ({error})", "give a PEM file"))
    try:
        if cert is not None and key is not None:
            context.load_cert_chain(str(cert), str(key))
    except ssl.SSLError as error:
        remedy = "give a PEM certificate and its own unencrypted PEM key"
        findings.append(Finding(file, "mqtt.cert_file", f"{cert}, {key}: unusable ({error})", remedy))
    return context
