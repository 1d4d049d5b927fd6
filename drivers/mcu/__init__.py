"""The drive controller of an unmanned vehicle, over firmware_bridge (docs/firmware-protocol.md)."""

from drivers.mcu.config import McuConfig
from drivers.mcu.driver import McuDriver

__all__ = ["McuConfig", "McuDriver"]
