"""Container cranes behind a PLC that speaks Modbus TCP, described by a register map in TOML."""

from drivers.crane.config import CraneDriverConfig
from drivers.crane.driver import CraneDriver
from drivers.crane.register_map import RegisterMap, load_map
from drivers.crane.tags import Job, JobState, Mode, Refusal

__all__ = [
    "CraneDriver",
    "CraneDriverConfig",
    "Job",
    "JobState",
    "Mode",
    "Refusal",
    "RegisterMap",
    "load_map",
]
