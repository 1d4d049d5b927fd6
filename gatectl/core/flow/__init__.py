"""The flow of a container: the transit and the crane cycle, both as transition tables.

`transit` says which step follows which and what it needs; `checks` compares evidence; `releases` keeps
the customs decisions; `crane` turns a transit's pick or drop into jobs for a PLC. Nothing here knows
of blocks or of the interlock matrix: `gatectl.core.gate` brings them together.
"""

from gatectl.core.flow.checks import GUARDS
from gatectl.core.flow.crane import (
    CRANE_TABLE,
    STEP_NUMBERS,
    CraneState,
    CraneView,
    Cycle,
    Job,
    crane_commands,
    crane_step,
)
from gatectl.core.flow.iso6346 import code_problem
from gatectl.core.flow.releases import Release, ReleaseBook, file_release, line_permit, release_problems
from gatectl.core.flow.transit import (
    TRANSIT_STATES,
    TRANSIT_TABLE,
    Note,
    Outcome,
    Step,
    Transit,
    View,
    Watch,
    reached,
    transit_step,
)
from gatectl.core.flow.vehicle_stand import Stand, stand_problems

__all__ = [
    "CRANE_TABLE",
    "GUARDS",
    "STEP_NUMBERS",
    "TRANSIT_STATES",
    "TRANSIT_TABLE",
    "CraneState",
    "CraneView",
    "Cycle",
    "Job",
    "Note",
    "Outcome",
    "Release",
    "ReleaseBook",
    "Stand",
    "Step",
    "Transit",
    "View",
    "Watch",
    "code_problem",
    "crane_commands",
    "crane_step",
    "file_release",
    "line_permit",
    "reached",
    "release_problems",
    "stand_problems",
    "transit_step",
]
