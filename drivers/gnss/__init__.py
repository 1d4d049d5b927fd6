"""GNSS receivers that speak NMEA 0183."""

from drivers.gnss.config import GnssConfig
from drivers.gnss.driver import GnssDriver

__all__ = ["GnssConfig", "GnssDriver"]
