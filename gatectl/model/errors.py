"""The one exception tree. Every error a user can cause carries its cause and its remedy."""

from __future__ import annotations

from dataclasses import dataclass


class GatectlError(Exception):
    """Base of all errors raised on purpose.

    cause: what is wrong, in one sentence; remedy: what the reader can do about it;
    where: file, section, device or topic, if known.
    """

    def __init__(self, cause: str, remedy: str = "", *, where: str = "") -> None:
        self.cause = cause
        self.remedy = remedy
        self.where = where
        super().__init__(self.text())

    def text(self) -> str:
        """One line: where, cause, remedy."""
        head = f"{self.where}: " if self.where else ""
        tail = f" - {self.remedy}" if self.remedy else ""
        return f"{head}{self.cause}{tail}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in a configuration: file, key (dotted path), cause, remedy."""

    file: str
    key: str
    cause: str
    remedy: str

    def text(self) -> str:
        """One line, in the order a reader looks for it."""
        return f"{self.file}: {self.key}: {self.cause} - {self.remedy}"


class ConfigError(GatectlError):
    """Configuration that is refused, with every mistake found (`findings`)."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        count = len(findings)
        super().__init__(
            "\n".join(f.text() for f in findings) or "configuration refused",
            f"{count} mistake{'s' if count != 1 else ''} to correct",
        )


class UsageError(GatectlError):
    """A command line or request that cannot be carried out as asked."""


class WireError(GatectlError):
    """Bytes from a device or a peer that do not fit its protocol."""


class DeviceError(GatectlError):
    """A device that does not answer, refuses, or cannot be opened."""


class JournalError(GatectlError):
    """The journal cannot be read or written; nothing was acknowledged."""


class RecordingError(GatectlError):
    """A black-box file that cannot be read, replayed or recovered."""
