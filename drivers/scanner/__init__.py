"""Scanners: container-code cameras (HTTP push) and screening portals (verdicts over TCP)."""

from drivers.scanner.config import CameraConfig, PortalConfig
from drivers.scanner.driver import CameraDriver, PortalDriver

__all__ = ["CameraConfig", "CameraDriver", "PortalConfig", "PortalDriver"]
