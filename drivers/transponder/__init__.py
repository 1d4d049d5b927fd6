"""Readers of transponders or coded magnets in the lane: an absolute position at every crossing."""

from drivers.transponder.config import TransponderReaderConfig
from drivers.transponder.driver import TransponderDriver

__all__ = ["TransponderDriver", "TransponderReaderConfig"]
