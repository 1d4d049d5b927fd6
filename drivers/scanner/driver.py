"""The two scanner drivers, under the file name that every driver folder has."""

from drivers.scanner.camera_driver import CameraDriver
from drivers.scanner.portal_driver import PortalDriver

__all__ = ["CameraDriver", "PortalDriver"]
