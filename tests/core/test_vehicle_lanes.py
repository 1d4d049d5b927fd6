"""Going over from lane to lane at speed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from vehicle_loop import VehicleLoop
from vehicle_world import ALL, NODES, demo_site, split_site

from gatectl.core.motion import Route
from gatectl.core.motion.joint import join


def drive(loop: VehicleLoop, until_m: float, switch_at: float | None = None) -> list[tuple[float, ...]]:
    """From e_cn_crane to e_vn_crane, the later nodes as an update at switch_at; per scan: s, speed,
    steering, acceleration, lateral."""
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6 if switch_at is None else 2, NODES if switch_at is None else NODES[:2])
    seen, told = [], switch_at is None
    for _ in range(6000):
        loop.step()
        if not told and loop.s_true > (switch_at or 0.0):
            loop.order(1, 5, NODES[1:], first=1)
            told = True
        _, steer, accel, brake, _, _ = loop.outputs.commands
        assert not (brake and loop.plant.speed > 1.0)
        lateral = loop.laterals[-1] if loop.laterals else 0.0
        seen.append((loop.s_true, loop.plant.speed, steer, accel, lateral))
        if loop.s_true > until_m:
            return seen
    raise AssertionError(loop.status)


@pytest.mark.parametrize("cut_m", [85.0, 222.0, 250.0])
def test_a_lane_that_goes_on_from_another_is_driven_onto_as_if_it_were_one(cut_m: float) -> None:
    whole = drive(VehicleLoop(seed=3), 280.0)
    cut = drive(VehicleLoop(seed=3, site=split_site(demo_site(), cut_m)), 280.0)
    assert abs(len(whole) - len(cut)) < 25
    jump = [max(abs(b[k] - a[k]) for a, b in pairwise(seen)) for seen in (whole, cut) for k in (2, 3)]
    assert jump[2] < jump[0] + 0.003  # rad of steering in one scan
    assert jump[3] < jump[1] + 0.1  # m/s2
    assert max(abs(row[4]) for row in cut) < 0.06
    beside = [row[1] for row in cut if cut_m - 10.0 < row[0] < cut_m + 10.0]
    alone = [row[1] for row in whole if cut_m - 10.0 < row[0] < cut_m + 10.0]
    assert min(beside) > min(alone) - 0.3


def test_an_update_at_speed_leads_over_and_a_surveyed_gap_is_faded_out() -> None:
    loop = VehicleLoop(seed=4, site=split_site(demo_site(), 85.0, (0.03, 0.05)))
    seen = drive(loop, 107.0, switch_at=50.0)
    near = [row for row in seen if 70.0 < row[0] < 105.0]
    assert min(row[1] for row in near) > 4.0
    assert max(abs(b[2] - a[2]) for a, b in pairwise(near)) < 0.006
    assert abs(near[-1][4] - 0.05) < 0.05  # the second lane lies 5 cm to the left
    assert loop.state.order.lane == loop.state.way == "east2"
    assert loop.run(80, loop.standing_at("e_vn_crane")), loop.status
    assert abs(loop.stop_error("e_vn_crane") - 0.03) < 0.05


def test_a_stop_just_beyond_the_joint_is_precise() -> None:
    loop = VehicleLoop(seed=5, site=split_site(demo_site(), 92.0))
    loop.leased = ALL
    loop.ready()
    loop.order(0, 3, NODES[:3])
    assert loop.run(60, loop.standing_at("e_line")), loop.status
    assert abs(loop.stop_error("e_line")) < 0.04
    loop.run(1.5)
    assert loop.vda.node_states == ()


def test_the_lease_is_looked_at_across_the_joint() -> None:
    loop = VehicleLoop(site=split_site(demo_site(), 70.0))
    loop.leased = ALL[:2]  # to 80 m
    loop.ready()
    loop.order(0, 6, NODES)
    loop.run(40.0)
    assert loop.plant.speed == 0.0
    assert 65.0 < loop.s_true < 80.0 - 10.5


def test_cancelled_on_the_joint_it_stands_and_takes_another_order() -> None:
    loop = VehicleLoop(site=split_site(demo_site(), 75.0))
    loop.leased = ALL
    loop.ready()
    loop.order(0, 6, NODES)
    assert loop.run(60, lambda x: x.s_true > 73.0)
    loop.instant("cancelOrder")
    assert loop.run(30, lambda x: x.plant.speed == 0.0 and not x.state.order.nodes), loop.status
    assert loop.s_true > 75.0
    error = abs(loop.core_tag("x") - loop.plant.x) + abs(loop.core_tag("y") - loop.plant.y)
    assert error < 0.1


def test_lanes_that_do_not_join_are_refused() -> None:
    loop = VehicleLoop()
    loop.leased = ALL
    loop.ready()
    loop.order(0, 2, ["e_cn_crane", "w_line"])
    loop.run(1.5)
    assert any("does not go on from" in e.error_description for e in loop.vda.errors)


def test_a_branch_begins_on_the_way_and_a_far_or_turned_lane_is_none() -> None:
    main = Route("main", [(float(i), 0.0) for i in range(200)])
    branch = Route("branch", [(100.0 + i, 0.02 + 0.0004 * i * i) for i in range(60)])
    found = join(main, branch)
    assert found is not None
    assert found.leave_s == pytest.approx(100.0, abs=0.05)
    across = found.route
    for s in (20.0, 99.0):
        assert across.at(s).y == pytest.approx(0.0, abs=0.002)
    end = across.at(across.length)
    assert (end.x, end.y) == pytest.approx((branch.x[-1], branch.y[-1]), abs=0.005)
    assert max(abs(k) for k in across.curvature) < 0.003
    assert join(branch, main) is None
    assert join(main, Route("beside", [(100.0 + i, 0.5) for i in range(60)])) is None
    assert join(main, Route("turned", [(100.0 - i, 0.0) for i in range(60)])) is None


def test_a_lane_that_ends_on_another_joins_it() -> None:
    main = Route("main", [(float(i), 0.0) for i in range(200)])
    slip = Route("slip", [(20.0 + i, 0.0004 * (60 - i) ** 2) for i in range(61)])
    found = join(slip, main)
    assert found is not None
    assert found.leave_s == pytest.approx(slip.length)
    assert found.leave_s - found.shift == pytest.approx(80.0, abs=0.05)
