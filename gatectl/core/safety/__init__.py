"""The interlock matrix: what stops an effect, what came first, and what ends it.

One `Matrix` per role (and per crane on a gate), built from interlocks.toml; its memory is a
`MatrixState`. `explain` turns a result into what `gatectl why` shows. Supervisory: it never replaces
the stop functions in the drive controller and in the crane's PLC.
"""

from gatectl.core.safety.causes import CauseState, findings
from gatectl.core.safety.explain import explain
from gatectl.core.safety.matrix import EffectResult, EffectState, Latched, Matrix, MatrixState

__all__ = [
    "CauseState",
    "EffectResult",
    "EffectState",
    "Latched",
    "Matrix",
    "MatrixState",
    "explain",
    "findings",
]
