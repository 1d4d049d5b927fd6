"""What tests of the runtime start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_node import RunningNode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningNode]]:
    nodes: list[RunningNode] = []

    def make(fifo_priority: int = 0, **ill: str) -> RunningNode:
        nodes.append(RunningNode(tmp_path, fifo_priority, **ill))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()
