"""The demo is clean; whatever is changed in it is found, with a text, and never raises."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatectl.model import ConfigError
from gatectl.model.node import NodeConfig
from gatectl.model.site import InterlockConfig, SiteConfig
from gatectl.runtime.config import check_node, load_node, load_node_from_sources
from gatectl.runtime.config_walk import walk

DEMO = Path(__file__).parents[2] / "config" / "demo"
TYPES = {"gate": NodeConfig, "vehicle1": NodeConfig, "site": SiteConfig, "interlocks": InterlockConfig}


@pytest.mark.parametrize("name", ["gate", "vehicle1", "vehicle2"])
def test_demo_is_clean_and_rebuilt_from_its_sources(name: str) -> None:
    path = DEMO / f"{name}.toml"
    assert check_node(path) == []
    node = load_node(path)
    assert load_node_from_sources(node.sources, node.file) == node
    assert load_node_from_sources(node.sources, node.file, node.site.lanes) == node
    assert next(iter(node.sources)) == path.name
    assert {"site.toml", "interlocks.toml", "lane.geojson"} <= set(node.sources)


def _paths(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _paths(item, (*path, key))
    return found


RAW = {name: tomllib.loads((DEMO / f"{name}.toml").read_text()) for name in TYPES}
PLACES = [(name, path) for name, raw in RAW.items() for path in _paths(raw) if "config" not in path]


@given(place=st.sampled_from(PLACES), how=st.sampled_from(["retype", "rename"]))
@settings(max_examples=300, deadline=None)
def test_any_retyped_value_or_renamed_key_is_found(place: tuple[str, tuple[object, ...]], how: str) -> None:
    name, path = place
    raw = json.loads(json.dumps(RAW[name]))
    parent = raw
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if how == "rename" and isinstance(parent, dict) and path[:-1][-1:] != ("slots",):
        parent[f"{last}_x"] = parent.pop(last)
        named = f"{last}_x"
    else:
        parent[last] = {"no": [object]} if not isinstance(parent[last], dict) else "text"
        named = str(last)
    findings = walk(raw, TYPES[name], f"{name}.toml")
    assert findings
    assert all(f.cause and f.remedy and f.key for f in findings)
    assert any(named in f.key for f in findings)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(place=st.sampled_from(PLACES), junk=JUNK)
@settings(max_examples=200, deadline=None)
def test_the_walk_agrees_with_msgspec(place: tuple[str, tuple[object, ...]], junk: object) -> None:
    name, path = place
    raw = json.loads(json.dumps(RAW[name]))
    parent = raw
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = junk
    walk(raw, TYPES[name], "x")  # an empty list promises that convert works; walk itself converts


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "demo"))


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_a_line_less_never_raises(demo: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["gate.toml", "site.toml", "interlocks.toml"]))
    lines = (DEMO / name).read_text().splitlines()
    gone = data.draw(st.integers(0, len(lines) - 1))
    (demo / name).write_text("\n".join(lines[:gone] + lines[gone + 1 :]))
    for finding in check_node(demo / "gate.toml"):
        assert finding.text()
    shutil.copy(DEMO / name, demo / name)


CHANGES = [
    ("gate.toml", 'host = "127.0.0.1"', 'hots = "127.0.0.1"', "mqtt.hots", "did you mean host?"),
    ("gate.toml", "port = 1883", 'port = "1883"', "mqtt.port", "an integer"),
    ("gate.toml", "port = 1883", "port = 70000", "mqtt.port", "65535"),
    ("gate.toml", "period_ms = 50.0", "period_ms = nan", "scan.period_ms", "finite"),
    ("gate.toml", 'role = "gate"', 'role = "gates"', "role", "did you mean gate?"),
    ("gate.toml", 'role = "gate"', 'role = "vehicle"', "vehicle", "[vehicle]"),
    ("gate.toml", 'driver = "crane"', 'driver = "krane"', "device[0 crane_cn].driver", "did you mean crane?"),
    ("gate.toml", 'name = "scale_cn"', 'name = "core"', "device[2 core].name", "another name"),
    ("gate.toml", 'name = "crane_vn"', 'name = "crane_cn"', "device[0 crane_cn].name", "rename"),
    ("gate.toml", "192.0.2.12", "192.0.2.11", "device[1 crane_vn].config.wire.tcp_port", "wire of its own"),
    ("gate.toml", "/dev/ttyUSB1", "/dev/ttyUSB0", "device[3 scale_vn].config.wire.port", "wire of its own"),
    ("gate.toml", 'baud = 9600 }, protocol = "xk', 'baud = 0 }, protocol = "xk', "config.wire.baud", "baud"),
    ("gate.toml", "[mqtt]", "[mqtt", "line 10", "syntax"),
    ("gate.toml", 'site = "site.toml"', 'site = "nosite.toml"', "site", "path"),
    (
        "site.toml",
        'scale = "scale_cn"',
        'scale = "scale_c"',
        "node[1 e_cn_check].scale",
        "did you mean scale_cn?",
    ),
    (
        "site.toml",
        'crane = "crane_cn"',
        'crane = "crane_no"',
        "block[0 cn_crane].crane",
        "did you mean crane_",
    ),
    (
        "site.toml",
        "from_m = 80.0",
        "from_m = 79.0",
        "block[2 e_cn_queue].spans[0 east].from_m",
        "begin at 80",
    ),
    (
        "site.toml",
        "from_m = 80.0",
        "from_m = 81.0",
        "block[2 e_cn_queue].spans[0 east].from_m",
        "begin at 80",
    ),
    ("site.toml", "to_m = 328.12", "to_m = 320.0", "block[6 vn_crane].spans[0 east].to_m", "328.12"),
    ("site.toml", "at_m = 100.0", "at_m = 103.0", "node[2 e_line].at_m", "between 82.5 and 102.5"),
    (
        "site.toml",
        'nodes = ["e_cn_crane", "e_cn_check"',
        'nodes = ["e_cn_check", "e_cn_crane"',
        "route[0 import].nodes[1]",
        "driving order",
    ),
    ("site.toml", '"e_line", ', "", "route[0 import].nodes", "stop_line"),
    ("site.toml", 'serial = "AGV02"', 'serial = "AGV01"', "vehicle[0 AGV01].serial", "rename"),
    ("site.toml", "4RKlV+Kf", "4RKlV*Kf", "customs[0 cn].public_key", "base64"),
    ("site.toml", "4RKlV+Kf", "", "customs[0 cn].public_key", "raw key"),
    ("site.toml", 'side = "vn"\npublic_key', 'side = "cn"\npublic_key', "customs", 'side = "vn"'),
    (
        "site.toml",
        'start_node = "w_vn_crane"',
        'start_node = "w_vn_cran"',
        "vehicle[1 AGV02].start_node",
        "w_vn_crane",
    ),
    (
        "interlocks.toml",
        '"mcu_armed", "pos',
        '"mcu_army", "pos',
        "effect[0 drive].permissives[0]",
        "did you mean mcu_armed?",
    ),
    (
        "interlocks.toml",
        'tag = "{device}.mode"',
        'tag = "{device}.mod"',
        "cause[12 crane_automatic].tag",
        "did you mean mode?",
    ),
    (
        "interlocks.toml",
        "core.{device}_envelope_held",
        "core.{device}_envelop_held",
        "cause[18 envelope_held].tag",
        "crane_cn_envelope_held",
    ),
    (
        "interlocks.toml",
        '"alert_limit_m"',
        '"alert_limit"',
        "cause[5 position_trusted].limit_key",
        "did you mean alert_limit_m?",
    ),
    ("lane.geojson", '"coordinateEpoch":2026.9,', "", "coordinateEpoch", "2026.9"),
    ("lane.geojson", "EPSG:4326", "GCJ-02", "crs.properties.name", "survey"),
    ("lane.geojson", "EPSG:4326", "EPSG:4756", "datum.accuracy_m", "control points"),
    ("site.toml", 'crs = "EPSG:4326"', 'crs = "EPSG:9000"', "datum.accuracy_m", "control points"),
    ("site.toml", 'crs = "EPSG:4326"', 'crs = "GCJ-02"', "datum.crs", "survey"),
    ("site.toml", "epoch = 2026.9", "epoch = 26.9", "datum.epoch", "1980"),
    ("site.toml", "[datum]", "[datums]", "datum", "correction service"),
]


@pytest.mark.parametrize("change", CHANGES, ids=[f"{c[3]}-{i}" for i, c in enumerate(CHANGES)])
def test_each_mistake_is_named(demo: Path, change: tuple[str, str, str, str, str]) -> None:
    file, old, new, key, remedy = change
    text = (demo / file).read_text()
    assert old in text
    (demo / file).write_text(text.replace(old, new, 1))
    findings = check_node(demo / "gate.toml")
    assert any(key in f.key and remedy in f.remedy + f.cause for f in findings), findings
    with pytest.raises(ConfigError):
        load_node(demo / "gate.toml")


def test_mistakes_in_all_files_are_found_at_once(demo: Path) -> None:
    for file, old, new in (
        ("gate.toml", "port = 1883", "port = -1"),
        ("site.toml", "at_m = 100.0", "at_m = 103.0"),
        ("interlocks.toml", '"mcu_armed", "pos', '"mcu_army", "pos'),
        ("lane.geojson", '"coordinateEpoch":2026.9,', ""),
    ):
        (demo / file).write_text((demo / file).read_text().replace(old, new, 1))
    assert {f.file for f in check_node(demo / "gate.toml")} == {
        "gate.toml",
        "site.toml",
        "interlocks.toml",
        "lane.geojson",
    }


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"a" * 100, b"[[[[", b"\x00"])
def test_files_that_are_no_configuration(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(body)
    assert check_node(path)
    assert check_node(tmp_path)
    assert check_node(tmp_path / "absent.toml")
