"""Where the shared tracking benchmark is, and its modules (they are not typed and not installed).

It lies beside the checkout, like the recordings that the tests read: ../shared/bench/trackbench.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "bench" / "trackbench"


def available() -> bool:
    """Whether the benchmark is there."""
    return (FOLDER / "trackbench" / "sim.py").is_file()


def module(name: str) -> Any:
    """The benchmark's module `trackbench.<name>`. Raises FileNotFoundError if it is not there."""
    if not available():
        raise FileNotFoundError(f"{FOLDER} is missing: put the shared tracking benchmark there")
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(f"trackbench.{name}")


def tuned() -> dict[str, dict[str, Any]]:
    """The benchmark's own tuned parameters, by controller."""
    found: dict[str, dict[str, Any]] = json.loads((FOLDER / "tuned.json").read_text(encoding="utf-8"))
    return found
