"""Transponders of the site and the vehicle's reader: checked, and where they lie."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from gatectl.model.site import Lane, TransponderConfig
from gatectl.runtime.config import check_node, load_node, load_node_from_sources

DEMO = Path(__file__).parents[2] / "config" / "demo"
TWO = """
[[transponder]]
id = 17
lane = "east"
at_m = 20.0

[[transponder]]
id = 18
lane = "east"
at_m = 22.5
lateral_m = -0.25
"""
VEHICLE = 'manufacturer = "gatectl"\n'


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    target = Path(shutil.copytree(DEMO, tmp_path / "demo"))
    site, vehicle = target / "site.toml", target / "vehicle1.toml"
    site.write_text(site.read_text() + TWO)
    keys = 'transponder = "reader"\ntransponder_forward_m = 3.5\ntransponder_left_m = -0.1\n'
    device = (
        '\n[[device]]\nname = "reader"\ndriver = "transponder"\nconfig = { wire = { port = "/dev/ttyS7" } }\n'
    )
    vehicle.write_text(vehicle.read_text().replace(VEHICLE, VEHICLE + keys) + device)
    return target


def test_a_vehicle_with_a_reader_is_clean_and_rebuilt_from_its_sources(demo: Path) -> None:
    assert check_node(demo / "vehicle1.toml") == []
    node = load_node(demo / "vehicle1.toml")
    assert node.config.vehicle is not None
    assert node.config.vehicle.transponder == "reader"
    again = load_node_from_sources(node.sources, node.file, node.site.lanes)
    assert again.site.transponders() == node.site.transponders()
    assert [t.id for t in node.site.transponders()] == [17, 18]


CHANGES = [
    ("site.toml", "id = 18", "id = 17", "transponder[0 17].id", "is there twice"),
    ("site.toml", "id = 18", "id = 0", "transponder[1 0].id", "1"),
    ("site.toml", "at_m = 22.5", "at_m = 2250.0", "transponder[1 18].at_m", "beyond the end of lane east"),
    (
        "site.toml",
        "lateral_m = -0.25",
        "lateral_m = -2.5",
        "transponder[1 18].lateral_m",
        "no vehicle passes",
    ),
    ("site.toml", TWO, TWO.replace('"east"', '"eats"'), "transponder[0 17].lane", "did you mean east?"),
    ("site.toml", TWO, "", "vehicle.transponder", "the site has no transponders"),
    ("vehicle1.toml", '"reader"\ntr', '"readers"\ntr', "vehicle.transponder", "did you mean reader?"),
    (
        "vehicle1.toml",
        '"reader"\ntr',
        '"gnss"\ntr',
        "vehicle.transponder",
        "it has no tag count, id, lateral",
    ),
    ("vehicle1.toml", '"reader"\ntr', '"Reader"\ntr', "vehicle.transponder", ""),
]


@pytest.mark.parametrize(("file", "old", "new", "key", "says"), CHANGES)
def test_mistakes_are_found(demo: Path, file: str, old: str, new: str, key: str, says: str) -> None:
    path = demo / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found = {finding.key: finding.text() for finding in check_node(demo / "vehicle1.toml")}
    assert key in found, found
    assert says in found[key]


def test_places_are_along_the_drawn_line_and_to_its_left(demo: Path) -> None:
    site = load_node(demo / "vehicle1.toml").site
    corner = Lane(id="east", points=((0.0, 0.0), (10.0, 0.0), (10.0, 10.0)))
    places = [(17, 4.0, 0.0), (18, 10.0, 0.5), (19, 14.0, 0.5), (20, 14.0, -0.5), (21, 20.0, 0.0)]
    table = tuple(TransponderConfig(id=i, lane="east", at_m=s, lateral_m=d) for i, s, d in places)
    config = type(site.config)(
        **{f: getattr(site.config, f) for f in site.config.__struct_fields__ if f != "transponder"},
        transponder=table,
    )
    found = type(site)(config=config, lanes=(corner,), interlocks=site.interlocks).transponders()
    wanted = [(4.0, 0.0), (10.0, 0.5), (9.5, 4.0), (10.5, 4.0), (10.0, 10.0)]
    for transponder, place in zip(found, wanted, strict=True):
        assert math.dist((transponder.x, transponder.y), place) < 1e-9
