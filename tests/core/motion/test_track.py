"""The lateral law in closed loop with the plant, on its exact pose: what is left is the law's own error."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatectl.core.motion import Estimate, Route, Tracker, TrackState
from gatectl.model.node import VehicleConfig
from hil.plant.vehicle import VehicleParams, VehiclePlant

DT = 0.02
Steering = Literal["front", "all_wheel"]
CLEAN = VehicleParams(steer_bias_rad=0.0, steer_backlash_rad=0.0)


def lane(segments: list[tuple[float, float]], name: str = "lane") -> Route:
    """A route from (length m, curvature 1/m at its end), linear in between, from (0, 0) eastwards."""
    step, bend, bends = 0.02, 0.0, [0.0]
    for length, end in segments:
        n = round(length / step)
        bends += [bend + (end - bend) * (i + 1) / n for i in range(n)]
        bend = end
    yaw = np.cumsum(np.asarray(bends) * step)
    x, y = np.cumsum(np.cos(yaw) * step), np.cumsum(np.sin(yaw) * step)
    return Route(name, [(float(a), float(b)) for a, b in zip(x[::25], y[::25], strict=True)])


BEND = lane([(35, 0.0), (12, 1 / 15), (12, 1 / 15), (12, 0.0), (40, 0.0)])
STRAIGHT = lane([(200, 0.0)])
LONG = lane([(360, 0.0)])


class Drive:
    """Plant and tracker; the speed is held by a simple law."""

    def __init__(
        self,
        route: Route,
        params: VehicleParams = CLEAN,
        *,
        at_m: float = 0.0,
        lateral_m: float = 0.0,
        turned_rad: float = 0.0,
        reverse: bool = False,
        load_kg: float = 25_000.0,
        config: VehicleConfig | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        start = route.at(at_m)
        x, y = start.x - lateral_m * math.sin(start.yaw), start.y + lateral_m * math.cos(start.yaw)
        self.plant = VehiclePlant(params, x, y, start.yaw + turned_rad, rng)
        self.plant.load_kg = load_kg
        self.config = config or VehicleConfig(serial="v", manufacturer="m", steering=params.steering)
        self.tracker = Tracker(self.config, DT)
        self.state = self.tracker.start()
        self.state.s = at_m
        self.route, self.reverse = route, reverse
        self.commands: list[float] = []
        self.laterals: list[float] = []

    def step(self, speed: float) -> None:
        p = self.plant
        slip = 1 / (9.81 * p._mix(p.params.cornering))
        pose = Estimate(True, p.x, p.y, p.yaw, p.speed, p.yaw_rate, slip, 0.0)
        self.laterals.append(self.tracker.deviation(self.state, self.route, pose).lateral)
        self.commands.append(self.tracker.step(self.state, self.route, pose, p.steer_rad, DT))
        accel = max(-0.5, min(0.5, 0.8 * (speed - abs(p.speed)))) + 0.08
        p.advance(self.commands[-1], accel, False, DT, reverse=self.reverse)

    def to(self, s: float, speed: float) -> None:
        """Until the place s m, in the direction of travel."""
        for _ in range(20_000):
            self.step(speed)
            if (self.state.s <= s) if self.reverse else (self.state.s >= s):
                return
        raise AssertionError(f"never came to {s} m, is at {self.state.s:.1f} m")


@pytest.mark.parametrize("steering", ["front", "all_wheel"])
@pytest.mark.parametrize("load_kg", [0.0, 25_000.0])
def test_keeps_to_a_tight_bend(steering: Steering, load_kg: float) -> None:
    drive = Drive(BEND, replace(CLEAN, steering=steering), load_kg=load_kg)
    drive.to(BEND.length - 2.0, 3.0)
    assert max(map(abs, drive.laterals)) < 0.012
    assert float(np.sqrt(np.mean(np.square(drive.laterals)))) < 0.005


def test_the_slip_is_steered_for_and_not_left_to_the_feedback() -> None:
    drive = Drive(BEND, replace(CLEAN, cornering=(3.0, 3.0)))
    drive.to(BEND.length - 2.0, 3.0)
    assert max(map(abs, drive.laterals)) < 0.015


@pytest.mark.parametrize("steering", ["front", "all_wheel"])
def test_backwards_it_follows_the_same_route(steering: Steering) -> None:
    drive = Drive(
        BEND, replace(CLEAN, steering=steering), at_m=BEND.length - 1.0, lateral_m=0.15, reverse=True
    )
    drive.to(BEND.length - 20.0, 1.5)
    assert abs(drive.laterals[-1]) < 0.02
    assert min(drive.laterals) > -0.03
    drive.laterals.clear()
    drive.to(2.0, 1.5)
    assert max(map(abs, drive.laterals)) < 0.02


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steering", ["front", "all_wheel"])
def test_a_wide_start_is_steered_out_without_overshoot(steering: Steering, reverse: bool) -> None:
    begin, end = (100.0, 40.0) if reverse else (0.0, 60.0)
    drive = Drive(
        STRAIGHT,
        replace(CLEAN, steering=steering),
        at_m=begin,
        lateral_m=0.3,
        turned_rad=math.radians(-1.0 if reverse else 1.0),
        reverse=reverse,
    )
    drive.to(end, 2.0)
    assert min(drive.laterals) > -0.03
    assert abs(drive.laterals[-1]) < 0.01


@settings(max_examples=8, deadline=None)
@given(
    turned=st.floats(-1.4, 1.4),
    lateral=st.floats(-3.0, 3.0),
    speed=st.sampled_from([1.5, 4.0]),
    steering=st.sampled_from(["front", "all_wheel"]),
)
@example(turned=1.4, lateral=0.0, speed=4.0, steering="front")
def test_no_start_however_wide_makes_it_unstable(
    turned: float, lateral: float, speed: float, steering: Steering
) -> None:
    drive = Drive(LONG, replace(CLEAN, steering=steering), at_m=40.0, lateral_m=lateral, turned_rad=turned)
    drive.to(340.0, speed)
    assert max(map(abs, drive.laterals)) < 15.0
    assert abs(drive.laterals[-1]) < 0.03


def test_another_route_over_the_same_ground_makes_no_jump() -> None:
    head = [(35.0, 0.0), (12.0, 1 / 15), (12.0, 1 / 15)]
    first = lane([*head, (12, 0.0), (40, 0.0)], "first")
    second = lane([*head, (12, -1 / 30), (20, 0.0), (30, 0.0)], "second")
    kept, changed = Drive(first), Drive(first)
    kept.to(40.0, 3.0)
    changed.to(40.0, 3.0)
    changed.route = second
    x, y = changed.plant.x, changed.plant.y
    changed.state.s = second.locate(x, y).s
    kept.step(3.0)
    changed.step(3.0)
    assert changed.commands[-1] == pytest.approx(kept.commands[-1], abs=math.radians(0.1))
    changed.laterals.clear()
    changed.to(second.length - 5.0, 3.0)
    assert max(map(abs, changed.laterals)) < 0.015


def test_learns_the_steering_offset_and_starts_from_the_configured_one() -> None:
    drive = Drive(STRAIGHT, replace(CLEAN, steer_bias_rad=math.radians(0.8)))
    drive.to(120.0, 4.0)
    assert math.degrees(drive.state.offset) == pytest.approx(0.8, abs=0.05)
    assert abs(drive.laterals[-1]) < 0.005
    config = VehicleConfig(serial="v", manufacturer="m", steer_offset_deg=0.8)
    known = Drive(STRAIGHT, replace(CLEAN, steer_bias_rad=math.radians(0.8)), config=config)
    known.to(120.0, 4.0)
    assert max(map(abs, known.laterals)) < 0.3 * max(map(abs, drive.laterals))


def test_road_disturbance_and_backlash_are_steered_out() -> None:
    drive = Drive(STRAIGHT, VehicleParams(), rng=np.random.default_rng(3))
    drive.to(180.0, 5.5)
    assert float(np.sqrt(np.mean(np.square(drive.laterals)))) < 0.004


def test_a_standing_vehicle_leaves_its_wheels_where_they_are() -> None:
    drive = Drive(BEND, lateral_m=0.3)
    drive.plant.steer_rad = drive.plant._wheel = 0.2
    for _ in range(20):
        pose = Estimate(True, drive.plant.x, drive.plant.y, drive.plant.yaw, 0.0, 0.0, 0.017, 0.0)
        assert drive.tracker.step(drive.state, BEND, pose, 0.2, DT) == pytest.approx(0.2)


def test_commands_keep_to_the_actuator() -> None:
    drive = Drive(BEND, at_m=30.0, lateral_m=-2.0, turned_rad=-1.0)
    drive.to(90.0, 2.0)
    limit = math.radians(drive.config.steer_rate_max_dps) * DT
    assert (
        max(abs(b - a) for a, b in zip(drive.commands[:-1], drive.commands[1:], strict=True)) <= limit * 1.1
    )
    assert max(map(abs, drive.commands)) <= math.radians(drive.config.steer_max_deg) + 1e-9


def test_its_state_survives_a_recording_bit_for_bit() -> None:
    drive = Drive(BEND, rng=np.random.default_rng(1))
    drive.to(40.0, 3.0)
    other = msgspec.msgpack.decode(msgspec.msgpack.encode(drive.state), type=TrackState)
    p = drive.plant
    pose = Estimate(True, p.x, p.y, p.yaw, p.speed, p.yaw_rate, 0.017, 0.0)
    for _ in range(30):
        one = drive.tracker.step(drive.state, BEND, pose, p.steer_rad, DT)
        assert one == drive.tracker.step(other, BEND, pose, p.steer_rad, DT)
    assert drive.state == other
