"""The process image: consistent blocks whatever happens to the writer."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model import Block, Cause, Direction, Layout, Quality, TagSpec, UsageError
from gatectl.model.quality import GOOD_BYTE, NEVER_BYTE
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout, save_layout

TAGS = tuple(TagSpec(name=f"t{i}", safe_value=float(-i)) for i in range(40))
LAYOUT = Layout(
    [
        Block("crane", Direction.STATE, TAGS),
        Block("crane", Direction.COMMAND, (TagSpec(name="job", direction=Direction.COMMAND),)),
    ]
)
GOOD = bytes([GOOD_BYTE]) * len(TAGS)

# Writes one number into all values and stamps of the block, as fast as it can, until it is killed.
WRITER = """
import sys
from pathlib import Path
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
image = Image.attach(Path(sys.argv[1]), load_layout(Path(sys.argv[2])))
writer = image.writer("crane/state")
n = 0
while True:
    n += 1
    writer.write([float(n)] * 40, bytes([n % 64 + 64]) * 40, [n] * 40)
"""


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image.create(tmp_path / "image", LAYOUT)


def test_a_new_image_is_never_written_and_safe(image: Image) -> None:
    snapshot = image.snapshot()
    assert snapshot.values == [*(float(-i) for i in range(40)), 0.0]
    assert snapshot.qualities == bytes([NEVER_BYTE]) * 41
    assert snapshot.sample(0, 0, 0).cause is Cause.NEVER_WRITTEN


def test_one_block_reaches_another_mapping_and_leaves_the_others(image: Image, tmp_path: Path) -> None:
    other = Image.attach(tmp_path / "image", LAYOUT)
    image.writer("crane/command").write([7.0], bytes([GOOD_BYTE]), [123])
    snapshot = other.snapshot()
    assert snapshot.sample(40, 0, 0) == (7.0, Quality.GOOD, Cause.NONE, 123)
    assert snapshot.qualities[:40] == bytes([NEVER_BYTE]) * 40
    assert other.read_block("crane/command").values == [7.0]


@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(allow_nan=False), min_size=3, max_size=3),
            st.binary(min_size=3, max_size=3),
            st.lists(st.integers(0, 2**63 - 1), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_newest_write_is_read_exactly(tmp_path_factory, writes) -> None:
    layout = Layout([Block("d", Direction.STATE, TAGS[:3])])
    image = Image.create(tmp_path_factory.mktemp("image") / "image", layout)
    writer = image.writer("d/state")
    for values, qualities, stamps in writes:
        writer.write(values, qualities, stamps)
        snapshot = image.snapshot()
        assert (snapshot.values, snapshot.qualities, snapshot.stamps_mono_ns) == (values, qualities, stamps)


def test_a_write_of_the_wrong_length_changes_nothing(image: Image) -> None:
    writer = image.writer("crane/state")
    writer.write([1.0] * 40, GOOD, [1] * 40)
    for bad in (([1.0] * 39, GOOD, [2] * 40), ([1.0] * 40, GOOD[:-1], [2] * 40)):
        with pytest.raises(struct.error):
            writer.write(*bad)
    assert image.read_block("crane/state").stamps_mono_ns == [1] * 40
    writer.write([3.0] * 40, GOOD, [3] * 40)
    assert image.read_block("crane/state").stamps_mono_ns == [3] * 40


def test_a_half_written_buffer_is_not_seen_and_the_next_writer_goes_on(image: Image) -> None:
    first = image.writer("crane/state")
    for n in (1, 2, 3):
        first.write([float(n)] * 40, GOOD, [n] * 40)
    # What a writer leaves that is killed in the middle: the next buffer begun and scrambled.
    place = image._places["crane/state"]
    start = place.buffers[4 % 3]
    image._memory[start : start + 8] = struct.pack("=Q", 4)
    image._memory[start + 16 : start + 100] = b"\xff" * 84
    assert image.read_block("crane/state").values == [3.0] * 40
    image.writer("crane/state").write([5.0] * 40, GOOD, [5] * 40)
    assert image.read_block("crane/state").values == [5.0] * 40


def test_a_reader_that_is_always_overtaken_gives_up_with_its_last_copy(image: Image) -> None:
    writer = image.writer("crane/state")
    writer.write([1.0] * 40, GOOD, [1] * 40)
    assert image.read_block("crane/state").values == [1.0] * 40
    place = image._places["crane/state"]
    writer.write([2.0] * 40, GOOD, [2] * 40)
    # A writer two writes ahead has begun this buffer again, but not yet said so.
    image._memory[place.buffers[2] : place.buffers[2] + 8] = struct.pack("=Q", 5)
    assert image.read_block("crane/state").values == [1.0] * 40
    assert image.retries_exhausted == 1


def test_readers_never_see_a_torn_block_and_survive_killed_writers(image: Image, tmp_path: Path) -> None:
    save_layout(tmp_path / "layout.json", LAYOUT)
    argv = [sys.executable, "-c", WRITER, str(tmp_path / "image"), str(tmp_path / "layout.json")]
    seen: set[int] = set()
    for _ in range(2):
        writer = subprocess.Popen(argv, cwd=Path(__file__).parents[2])
        try:
            before = len(seen)
            deadline = time.monotonic() + 20
            while len(seen) < before + 2000:
                assert time.monotonic() < deadline, "the writer does not write"
                block = image.read_block("crane/state")
                number = block.stamps_mono_ns[0]
                if number:
                    assert block.stamps_mono_ns == [number] * 40
                    assert block.values == [float(number)] * 40
                    assert block.qualities == bytes([number % 64 + 64]) * 40
                    seen.add(number)
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        block = image.read_block("crane/state")
        assert block.values == [float(block.stamps_mono_ns[0])] * 40


def test_another_layout_is_refused(image: Image, tmp_path: Path) -> None:
    spec = TagSpec(name="job", direction=Direction.COMMAND, safe_value=1.0)  # only a safe value differs
    other = Layout([LAYOUT.blocks[0], Block("crane", Direction.COMMAND, (spec,))])
    with pytest.raises(UsageError, match="another layout"):
        Image.attach(tmp_path / "image", other)
    with pytest.raises(UsageError, match="another layout"):
        Image.attach(tmp_path / "image", Layout([LAYOUT.blocks[0]]))


def test_absent_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gatectl run"):
        Image.attach(tmp_path / "none", LAYOUT)
    (tmp_path / "short").write_bytes(b"GATE")
    with pytest.raises(UsageError, match="another layout"):
        Image.attach(tmp_path / "short", LAYOUT)
    with pytest.raises(UsageError, match="cannot be made"):
        Image.create(tmp_path / "no" / "dir", LAYOUT)


def test_the_layout_survives_its_file(tmp_path: Path) -> None:
    save_layout(tmp_path / "layout.json", LAYOUT)
    loaded = load_layout(tmp_path / "layout.json")
    assert loaded.digest == LAYOUT.digest
    assert loaded.names == LAYOUT.names
    (tmp_path / "layout.json").write_text("[")
    with pytest.raises(UsageError, match="damaged"):
        load_layout(tmp_path / "layout.json")
    with pytest.raises(UsageError, match="gatectl run"):
        load_layout(tmp_path / "none.json")


def test_who_may_only_read_reads(image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image.writer("crane/state").write([7.0] * 40, GOOD, [7] * 40)
    (tmp_path / "image").chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write everything
    reader = Image.attach(tmp_path / "image", LAYOUT)
    assert reader.read_block("crane/state").values == [7.0] * 40
    with pytest.raises(UsageError, match="may only be read"):
        reader.writer("crane/state")
