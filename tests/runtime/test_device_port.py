"""What a driver sees of the field process."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest

from gatectl.model import Block, Cause, DeviceError, Direction, Layout, Quality, TagSpec
from gatectl.model.messages import Fact
from gatectl.model.quality import GOOD_BYTE, NEVER_BYTE
from gatectl.runtime import clock
from gatectl.runtime.device_port import Port
from gatectl.runtime.image import Image

LAYOUT = Layout(
    [
        Block("d", Direction.STATE, (TagSpec(name="alive"), TagSpec(name="level"))),
        Block("d", Direction.COMMAND, (TagSpec(name="valve", direction=Direction.COMMAND, safe_value=-1.0),)),
        Block("mute", Direction.STATE, (TagSpec(name="alive"),)),
    ]
)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image.create(tmp_path / "image", LAYOUT)


def make_port(image: Image, name: str = "d", facts: list[Fact] | None = None) -> Port:
    return Port(
        name,
        "node",
        image,
        command_timeout_ns=200_000_000,
        emit=(facts if facts is not None else []).append,
        log=logging.getLogger("gatectl.test_port"),
    )


def test_nothing_is_seen_before_commit_and_all_of_it_after(image: Image) -> None:
    port = make_port(image)
    port.put("alive", 1.0, stamp_mono_ns=5)
    port.put("level", 2.5, Quality.UNCERTAIN, Cause.UNSTABLE, stamp_mono_ns=6)
    assert image.read_block("d/state").qualities == bytes([NEVER_BYTE]) * 2
    port.commit()
    block = image.read_block("d/state")
    assert block.sample(0, 0, 9) == (1.0, Quality.GOOD, Cause.NONE, 5)
    assert block.sample(1, 0, 9) == (2.5, Quality.UNCERTAIN, Cause.UNSTABLE, 6)


def test_put_all_keeps_values_and_spoils_quality(image: Image) -> None:
    port = make_port(image)
    port.put("level", 2.5)
    port.put_all(Quality.BAD, Cause.LINK_DOWN)
    port.commit()
    sample = image.read_block("d/state").sample(1, 0, 0)
    assert (sample.value, sample.quality, sample.cause) == (2.5, Quality.BAD, Cause.LINK_DOWN)
    port.put("level", 3.0)
    port.commit()
    assert [image.read_block("d/state").sample(i, 0, 0).good for i in (0, 1)] == [False, True]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_good(image: Image, value: float) -> None:
    port = make_port(image)
    port.put("level", value)
    port.commit()
    sample = image.read_block("d/state").sample(1, 0, 0)
    assert (sample.quality, sample.cause) == (Quality.BAD, Cause.OUT_OF_RANGE)


def test_a_new_port_forgets_what_an_earlier_life_knew(image: Image) -> None:
    port = make_port(image)
    port.put("alive", 1.0)
    port.commit()
    make_port(image)
    assert image.read_block("d/state").sample(0, 0, 0).cause is Cause.NEVER_WRITTEN


def test_commands_are_fresh_only_while_the_scan_writes(image: Image) -> None:
    port = make_port(image)
    assert not port.commands_fresh()
    assert port.command("valve").value == -1.0
    writer = image.writer("d/command")
    writer.write([1.0], bytes([GOOD_BYTE]), [clock.mono_ns()])
    assert port.commands_fresh()
    assert port.command("valve").value == 1.0
    writer.write([1.0], bytes([GOOD_BYTE]), [clock.mono_ns() - 300_000_000])
    assert not port.commands_fresh()


def test_a_device_without_commands_never_has_fresh_ones(image: Image) -> None:
    assert not make_port(image, "mute").commands_fresh()


def test_undeclared_tags_are_the_drivers_mistake(image: Image) -> None:
    port = make_port(image)
    for wrong in (
        lambda: port.put("valve", 1.0),
        lambda: port.put("leve", 1.0),
        lambda: port.command("level"),
    ):
        with pytest.raises(DeviceError, match="does not declare"):
            wrong()


def test_ids_differ_also_between_lives(image: Image) -> None:
    ids = [port.next_id() for port in (make_port(image), make_port(image)) for _ in range(3)]
    assert len(set(ids)) == 6
    assert all(i.startswith("node-d-") for i in ids)


def test_logs_carry_the_device(image: Image, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gatectl.test_port"):
        make_port(image).log("error", "no answer")
    assert caplog.record_tuples == [("gatectl.test_port", logging.ERROR, "d: no answer")]
