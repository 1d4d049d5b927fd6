"""All commands are written together, or refused together."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gatectl.model import Block, Direction, Layout, TagSpec
from gatectl.runtime.commands import Commands
from gatectl.runtime.image import Image


def command(name: str, safe: float) -> TagSpec:
    return TagSpec(name=name, direction=Direction.COMMAND, safe_value=safe)


LAYOUT = Layout(
    [
        Block("a", Direction.STATE, (TagSpec(name="alive"),)),
        Block("a", Direction.COMMAND, (command("x", 1.0), command("y", 2.0))),
        Block("b", Direction.COMMAND, (command("z", 3.0),)),
    ]
)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image.create(tmp_path / "image", LAYOUT)


def test_each_device_gets_its_own_in_layout_order(image: Image) -> None:
    commands = Commands(image, LAYOUT)
    assert commands.safe == [1.0, 2.0, 3.0]
    commands.write([4.0, 5.0, 6.0], 77)
    assert image.read_block("a/command").values == [4.0, 5.0]
    assert image.read_block("b/command").sample(0, 0, 77) == (6.0, 2, 0, 77)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [1.0] * 4, [1.0, math.nan, 2.0], [math.inf, 1.0, 1.0]])
def test_what_is_no_command_is_refused_whole(image: Image, wrong: list[float]) -> None:
    commands = Commands(image, LAYOUT)
    commands.write(commands.safe, 1)
    with pytest.raises(ValueError, match="3 command tags"):
        commands.write(wrong, 2)
    assert image.read_block("a/command").stamps_mono_ns == [1, 1]
    assert image.read_block("b/command").stamps_mono_ns == [1]
