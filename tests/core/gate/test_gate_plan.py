"""A route on which a transit cannot be carried out is refused with every mistake."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatectl.core.gate_plan import plans
from gatectl.core.traffic import BlockMap
from gatectl.model import ConfigError


@pytest.fixture
def site(rig):
    return rig.core._site


def problems(site, **changes) -> list[str]:
    changed = replace(site, **changes)
    with pytest.raises(ConfigError) as caught:
        plans(changed, BlockMap(changed.block))
    assert all(f.remedy for f in caught.value.findings)
    return [f"{f.key} {f.cause}" for f in caught.value.findings]


def routed(site, *nodes: str):
    return (replace(site.route[0], nodes=nodes), site.route[1])


def test_the_demo_site_has_both_plans(site):
    found = plans(site, BlockMap(site.block))
    assert {k: (p.origin, p.check, p.line, p.last) for k, p in found.items()} == {
        "import": ("cn", 1, 2, 5),
        "export": ("vn", 1, 2, 5),
    }
    assert found["import"].border == (113.0, 207.47)
    assert found["import"].check_from_m == 40.0


def test_mistakes_of_a_route(site):
    assert problems(site, route=routed(site, "e_cn_crane", "nowhere")) == [
        "route[0] names the nodes nowhere, which nobody defines"
    ]
    assert problems(site, route=routed(site, "e_cn_check", "e_cn_crane", "w_line")) == [
        "route[0] does not begin and end under a crane",
        "route[0] has nodes that are not on its lane east",
        "route[0] has nodes that are not in driving direction",
    ]
    assert problems(site, route=routed(site, "e_cn_crane", "e_vn_entry", "e_vn_yard", "e_vn_crane")) == [
        "route[0] has no check node before a stop line"
    ]


def test_the_border_block_and_the_check_block_are_needed(site):
    tracks = tuple(replace(b, kind="track") if b.kind == "border" else b for b in site.block)
    assert problems(site, block=tracks) == [
        f"route[{i}] has 0 border blocks on its lane, needed 1" for i in (0, 1)
    ]
    holed = tuple(b for b in site.block if b.id != "e_cn_check")
    assert problems(site, block=holed) == ["route[0] its check node e_cn_check lies in no block"]
