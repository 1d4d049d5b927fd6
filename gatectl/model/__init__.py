"""The vocabulary: tags, samples, messages, errors, and the contracts between the rooms.

Imports nothing of ours and does no I/O.
"""

from gatectl.model.errors import (
    ConfigError,
    DeviceError,
    Finding,
    GatectlError,
    JournalError,
    RecordingError,
    UsageError,
    WireError,
)
from gatectl.model.quality import Cause, Quality, pack_quality, unpack_quality
from gatectl.model.tags import Block, Direction, Kind, Layout, Sample, Snapshot, TagSpec

__all__ = [
    "Block",
    "Cause",
    "ConfigError",
    "DeviceError",
    "Direction",
    "Finding",
    "GatectlError",
    "JournalError",
    "Kind",
    "Layout",
    "Quality",
    "RecordingError",
    "Sample",
    "Snapshot",
    "TagSpec",
    "UsageError",
    "WireError",
    "pack_quality",
    "unpack_quality",
]
