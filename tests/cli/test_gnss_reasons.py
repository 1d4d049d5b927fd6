"""`gatectl why` tells what is wrong with the receiver, beside what the core says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drivers.gnss import GnssConfig, GnssDriver
from gatectl.cli import show
from gatectl.cli.gnss_reasons import reasons
from gatectl.model import Block, Cause, Direction, Layout, Quality, pack_quality
from gatectl.model.device import Wire
from gatectl.runtime.image import Image
from gatectl.runtime.layout import save_layout

TAGS = GnssDriver.tags(GnssConfig(wire=Wire(port="/dev/ttyS1"), rate_hz=10.0))
LAYOUT = Layout([Block("gnss", Direction.STATE, TAGS), Block("mcu", Direction.STATE, TAGS[:1])])


def image(directory: Path, marked: dict[str, tuple[Quality, Cause]]) -> Image:
    """A node's image whose gnss tags are GOOD except these."""
    save_layout(directory / "layout.json", LAYOUT)
    made = Image.create(directory / "image", LAYOUT)
    good = (Quality.GOOD, Cause.NONE)
    made.writer("gnss/state").write(
        [1.0] * len(TAGS),
        bytes(pack_quality(*marked.get(tag.name, good)) for tag in TAGS),
        [time.monotonic_ns()] * len(TAGS),
    )
    return made


def told(directory: Path, **marked: tuple[Quality, Cause]) -> list[tuple[str, str]]:
    snapshot = image(directory, marked).snapshot()
    found = reasons(LAYOUT, snapshot, time.monotonic_ns())
    assert all(item["remedy"] for item in found)
    return [(item["code"], item["text"]) for item in found]


def test_a_good_receiver_has_nothing_to_explain(tmp_path):
    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("tag", "quality", "cause", "part"),
    [
        ("latitude", Quality.BAD, Cause.CONFLICT, "jumped"),
        ("latitude", Quality.BAD, Cause.FROZEN, "repeats itself"),
        ("latitude", Quality.BAD, Cause.NOT_VALID, "no position"),
        ("latitude", Quality.UNCERTAIN, Cause.STALE, "corrections"),
        ("latitude", Quality.BAD, Cause.STALE, "no usable position"),
        ("heading", Quality.BAD, Cause.CONFLICT, "baseline"),
        ("heading", Quality.BAD, Cause.FROZEN, "course turns"),
        ("heading", Quality.BAD, Cause.NOT_CONFIGURED, "never sent"),
        ("epoch_utc", Quality.BAD, Cause.NOT_VALID, "no date"),
    ],
)
def test_every_mark_of_the_driver_has_words(tmp_path, tag, quality, cause, part):
    ((code, text),) = told(tmp_path, **{tag: (quality, cause)})
    assert code == f"gnss_{tag}"
    assert part in text
    assert f"gnss.{tag}: {quality.name}, {cause.name}" in text


def test_a_lost_link_is_one_reason(tmp_path):
    down = (Quality.BAD, Cause.LINK_DOWN)
    assert [text for _, text in told(tmp_path, latitude=down, heading=down, epoch_utc=down)] == [
        "the receiver is not heard (gnss.latitude: BAD, LINK_DOWN)"
    ]


def test_they_stand_under_the_position_and_nowhere_else(tmp_path, capsys):
    image(tmp_path, {"heading": (Quality.BAD, Cause.CONFLICT)})
    answer = {
        "explanations": [
            {"subject": "drive", "state": "idle", "summary": "no order", "reasons": []},
            {"subject": "position", "state": "unknown", "summary": "not known"},
        ]
    }
    show.add_receiver_reasons(answer, tmp_path)
    assert [len(item.get("reasons", ())) for item in answer["explanations"]] == [0, 1]
    show.explanations(answer)
    assert "baseline_m" in capsys.readouterr().out
    other = {"explanations": [{"subject": "drive", "state": "idle", "summary": ""}]}
    show.add_receiver_reasons(other, tmp_path / "not there")
    assert "reasons" not in other["explanations"][0]
