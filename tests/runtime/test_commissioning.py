"""`gatectl commission` without wires: a recorded drive of the core in, values in the node's file out."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from vehicle_loop import PERIOD_NS, VehicleLoop
from vehicle_world import ALL, NODES

from gatectl.cli import commission as cli
from gatectl.core.motion.identify import identify
from gatectl.model import RecordingError, UsageError
from gatectl.runtime import commissioning, records
from gatectl.runtime.commissioning import Change, CommissionError
from gatectl.runtime.config import load_node
from gatectl.runtime.recorder import Recorder

DEMO = Path(__file__).parents[2] / "config" / "demo"


@pytest.fixture(scope="module")
def drive_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, VehicleLoop]]:
    """A drive over the first straights with the test asked for, in a recording that still grows."""
    folder = tmp_path_factory.mktemp("blackbox")
    loop = VehicleLoop(seed=3, load_kg=20_000.0)
    recorder = Recorder(folder, loop.node, loop.layout, 1)
    scan = loop.core.scan

    def recorded(state, inputs, dt_ns):
        given = copy.deepcopy(inputs)
        given.snapshot.qualities = bytes(given.snapshot.qualities)
        state, outputs = scan(state, inputs, dt_ns)
        recorder.write(records.encode(records.record_of(given, dt_ns, outputs)), given.now_utc_ns)
        return state, outputs

    loop.core.scan = recorded  # type: ignore[method-assign]
    loop.leased = ALL
    loop.ready()
    loop.command("commission")
    loop.run(2.0)
    assert loop.core_tag("commissioning") == 3.0
    loop.order(0, 2, NODES)
    assert loop.run(60, loop.standing_at(NODES[1]))
    loop.order(1, 6, NODES)
    assert loop.run(60, lambda x: x.core_tag("commissioning") == 0.0)
    loop.run(3.0)
    recorder.flush()
    assert recorder.path is not None
    yield recorder.path, loop
    recorder.close()


def test_the_drive_shows_the_plant_and_stays_on_its_lane(drive_file):
    path, loop = drive_file
    drive = commissioning.read_drive([path], loop.node.config.vehicle)
    found = identify(drive, 8.0, math.radians(15.0))
    params = loop.plant.params
    share = loop.plant.load_kg / params.load_ref_kg
    lag = (
        2
        * params.steer_damping
        / (params.steer_wn_radps[0] + share * (params.steer_wn_radps[1] - params.steer_wn_radps[0]))
    )
    # A command goes out at the end of a scan and its effect is seen at the next one's beginning.
    period_s = PERIOD_NS * 1e-9
    delay = found.steer_dead.value + found.steer_tau.value
    assert delay == pytest.approx(params.steer_dead_s + lag, abs=0.03 + period_s)
    assert math.degrees(found.steer_offset.value) == pytest.approx(
        math.degrees(params.steer_bias_rad), abs=0.05
    )
    drive_delay = found.drive_dead.value + found.drive_tau.value
    assert drive_delay == pytest.approx(params.drive_dead_s + params.drive_tau_s[1], abs=0.08 + period_s)
    assert commissioning.doubtful(commissioning.changes(found, loop.node.config.vehicle)) == []
    assert max(map(abs, loop.laterals)) < 0.12


def test_a_drive_begins_where_it_is_asked_to(drive_file):
    path, loop = drive_file
    whole = commissioning.read_drive([path], loop.node.config.vehicle)
    later = commissioning.read_drive([path], loop.node.config.vehicle, loop.utc - 2_000_000_000)
    assert len(later.t_s) == pytest.approx(2.0 / (PERIOD_NS * 1e-9), abs=2)
    assert len(whole.t_s) > 1000


def test_what_is_no_drive_is_refused(drive_file, tmp_path):
    path, loop = drive_file
    vehicle = loop.node.config.vehicle
    with pytest.raises(CommissionError, match="no scans"):
        commissioning.read_drive([path], vehicle, loop.utc + 10)
    with pytest.raises(CommissionError, match="gap"):
        commissioning.read_drive([path, path], vehicle)
    (tmp_path / "x.mcap").write_bytes(b"no recording")
    with pytest.raises(RecordingError, match="no MCAP"):
        commissioning.read_drive([tmp_path / "x.mcap"], vehicle)
    gate = load_node(DEMO / "gate.toml")
    with pytest.raises(UsageError, match="gate node"):
        commissioning.need_vehicle(gate.config)


def test_the_command_line_writes_and_draws(drive_file, tmp_path, capsys):
    path, _ = drive_file
    for name in ("site.toml", "interlocks.toml", "lane.geojson", "vehicle1.toml"):
        (tmp_path / name).write_bytes((DEMO / name).read_bytes())
    node = tmp_path / "vehicle1.toml"
    before = node.read_text("utf-8")
    cli.run(node, [path], tmp_path / "out", "", 1.0, dry_run=True)
    assert node.read_text("utf-8") == before
    cli.run(node, [path], tmp_path / "out", "", 1.0, dry_run=False)
    printed = capsys.readouterr().out
    assert "steer_offset_deg" in printed
    assert "written" in printed
    written = load_node(node).config.vehicle
    assert written is not None
    assert written.steer_offset_deg == pytest.approx(0.1, abs=0.05)
    assert max(p.stat().st_size for p in (tmp_path / "out").glob("*.png")) > 20_000


def test_a_node_that_does_not_run_is_told_plainly(tmp_path):
    for name in ("site.toml", "interlocks.toml", "lane.geojson", "vehicle1.toml"):
        text = (DEMO / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("/run/gatectl", str(tmp_path)), "utf-8")
    with pytest.raises(UsageError, match=r"no node runs|not run"):
        cli.run(tmp_path / "vehicle1.toml", [], None, "ann", 1.0, dry_run=True)


def test_only_the_values_change_in_the_node_file(tmp_path):
    text = (DEMO / "vehicle1.toml").read_text("utf-8").replace('serial = "AGV01"', 'serial = "AGV01"  # ours')
    file = tmp_path / "v.toml"
    file.write_text(text, "utf-8")
    rows = [Change(key="steer_dead_s", unit="s", before=0.12, after=0.14149, sigma=0.01)]
    kept = commissioning.write_values(file, rows)
    assert kept.read_text("utf-8") == text
    after = file.read_text("utf-8")
    assert "steer_dead_s = 0.141" in after
    assert after.replace("steer_dead_s = 0.141\n", "") == text
    commissioning.write_values(file, rows)
    assert file.read_text("utf-8") == after


def test_a_file_that_cannot_be_written_stays_as_it_is(tmp_path):
    rows = [Change(key="steer_dead_s", unit="s", before=0.12, after=0.14, sigma=0.01)]
    with pytest.raises(CommissionError, match="No such file"):
        commissioning.write_values(tmp_path / "missing.toml", rows)


def test_uncertain_values_are_named():
    rows = [
        Change(key="steer_dead_s", unit="s", before=0.12, after=0.14, sigma=0.2),
        Change(key="steer_offset_deg", unit="deg", before=0.0, after=0.1, sigma=0.02),
    ]
    assert commissioning.doubtful(rows) == ["steer_dead_s: 0.140 s +- 0.200"]
