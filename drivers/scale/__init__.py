"""Scales: weighing indicators that send their weight continuously over serial."""

from drivers.scale.config import ScaleConfig
from drivers.scale.driver import ScaleDriver

__all__ = ["ScaleConfig", "ScaleDriver"]
