"""The one error of this package."""

from __future__ import annotations


class BridgeError(Exception):
    """The controller cannot be used as it is. cause: what is wrong; remedy: what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{cause} - {remedy}")
