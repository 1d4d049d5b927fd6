"""The recorded drive through a pty, the real driver and the real localiser."""

from pathlib import Path

import pytest

from gatectl.model import UsageError
from hil.replay_feed import ReplayPort, bursts
from hil.replay_gnss import DRIVE, TRUTH, run

DATA = Path(__file__).parents[3] / "shared" / "data" / "gnss"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the GNSS recordings are not beside the repository")


@needs_data
def test_the_whole_drive_is_as_good_as_the_receiver_was(tmp_path):
    """Figures of the receiver itself, known beforehand: about 5 / 11 / 18 cm for fixed epochs."""
    told: list[float] = []
    result = run(DATA, 400.0, tmp_path / "out", progress=told.append)
    assert result.before.half_m > 0.4  # the lever arm of the truth's reference point
    assert result.after.count > 900
    assert 0.02 < result.after.half_m < 0.06
    assert result.after.p95_m < 0.12
    assert result.after.max_m < 0.19
    assert result.after.p95_m < result.float_after.p95_m < 0.6
    assert result.arm_m == pytest.approx((-0.47, -0.11), abs=0.03)
    assert result.localised_fixed.count > 800
    assert result.localised_fixed.half_m < 0.05
    assert result.localised_fixed.p95_m < 0.12
    assert result.localised_fixed.max_m < 0.25
    assert result.localised_all.p95_m < result.float_after.p95_m
    assert result.outside <= 5
    assert result.trusted.max_m < 0.5
    assert result.received["GGA"] == 1653
    assert result.rejected == {"checksum": 13}
    assert result.plot.read_bytes().startswith(b"\x89PNG")
    assert told
    assert told == sorted(told)
    text = result.text()
    assert "lever arm off" in text
    assert "checksum 13" in text


@needs_data
def test_speed_does_not_change_the_result(tmp_path):
    slow, fast = (run(DATA, speed, tmp_path, part_s=90.0) for speed in (20.0, 200.0))
    assert slow == fast
    assert slow.after.count > 15


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e6, float("nan")])
def test_a_speed_that_makes_no_sense(tmp_path, speed):
    with pytest.raises(UsageError, match="speed") as caught:
        run(tmp_path, speed, tmp_path)
    assert "20" in caught.value.remedy


def test_data_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=DRIVE):
        run(tmp_path, 20.0, tmp_path)
    (tmp_path / DRIVE).write_bytes(b"")
    with pytest.raises(UsageError, match=TRUTH):
        run(tmp_path, 20.0, tmp_path)
    (tmp_path / TRUTH).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="holds no truth"):
        run(tmp_path, 20.0, tmp_path)


@needs_data
def test_an_empty_recording_and_one_without_a_fixed_epoch(tmp_path):
    (tmp_path / TRUTH).write_bytes((DATA / TRUTH).read_bytes())
    (tmp_path / DRIVE).write_bytes(b"no sentences\r\n")
    with pytest.raises(UsageError, match="no NMEA sentence"):
        run(tmp_path, 20.0, tmp_path)
    with pytest.raises(UsageError, match="longer part"):
        run(DATA, 200.0, tmp_path, part_s=20.0)


def test_bursts_are_cut_by_time_and_lose_no_byte():
    data = b"noise\r\n$GNRMC,235959.00,A*00\r\n$GNGSV,x\r\n$GNGGA,235959.00,\r\n$GNRMC,000000.00,A\r\n"
    first, second = bursts(data)
    assert first.data + second.data == data
    assert (first.utc_s, second.utc_s) == (86_399.0, 86_400.0)


def test_only_epochs_are_kept():
    port = ReplayPort("gnss")
    port.put("alive", 1.0)
    port.commit()
    assert port.commits == []
    assert not port.committed.is_set()
    port.put("epoch_utc", 5.0)
    port.commit()
    port.commit()
    assert [commit["epoch_utc"].value for commit in port.commits] == [5.0]
    assert port.committed.is_set()
