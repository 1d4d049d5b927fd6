"""The vehicle's physics: a bicycle with tyres, a steering actuator and a drive that answer late.

Lateral: single-track model with tyre forces saturating at mu * axle load, cornering stiffness per
axle load falling with mass (R. Rajamani, Vehicle Dynamics and Control, ch. 2); kinematic at walking
pace, where that model is singular. Backwards a tyre's slip angle counts from the mirrored wheel plane, so
that the same forces hold. Control point: rear-axle centre, or the middle of the wheelbase if all wheels
steer (rear against front). Frame: site ENU.

Along: the drive pushes along the engaged direction; its own deceleration, the brake and the rolling
resistance only ever resist motion, so that they hold on a grade what they can hold.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

GRAVITY_MPS2 = 9.81
STEP_S = 0.005

Slope = float | Callable[[float, float, float], float]
"""Rise per horizontal length, everywhere or at a pose (x m, y m, yaw rad)."""


@dataclass(frozen=True, slots=True)
class VehicleParams:
    """One vehicle. Pairs are (empty, with `load_ref_kg` on board), interpolated over the load.

    steering "all_wheel": the rear wheels turn by the same angle the other way.
    cg_to_front_m: centre of gravity to front axle. cornering: per unit of axle load, 1/rad.
    gyration_m2: yaw inertia per mass. drive_gain: achieved per commanded acceleration.
    steer_bias_rad, steer_backlash_rad: between the actuator (which the sensor sees) and the wheels.
    steer_jitter_rad: 1-sigma road disturbance of the wheels. rolling_mps2: drag. accel_max_mps2,
    accel_min_mps2: along the direction of travel.
    """

    tare_kg: float = 18_000.0
    load_ref_kg: float = 25_000.0
    wheelbase_m: float = 8.0
    steering: Literal["front", "all_wheel"] = "front"
    cg_to_front_m: tuple[float, float] = (4.0, 4.7)
    cornering: tuple[float, float] = (7.5, 6.4)
    gyration_m2: tuple[float, float] = (22.0, 17.5)
    friction: float = 0.7
    steer_max_rad: float = math.radians(35.0)
    steer_rate_max_radps: float = math.radians(15.0)
    steer_wn_radps: tuple[float, float] = (2 * math.pi * 1.8, 2 * math.pi * 1.6)
    steer_damping: float = 0.9
    steer_dead_s: float = 0.12
    steer_bias_rad: float = math.radians(0.10)
    steer_backlash_rad: float = math.radians(0.06)
    steer_jitter_rad: float = math.radians(0.04)
    steer_jitter_tau_s: float = 0.2
    drive_dead_s: float = 0.10
    drive_tau_s: tuple[float, float] = (0.30, 0.34)
    drive_gain: tuple[float, float] = (1.06, 0.94)
    drive_jerk_mps3: float = 2.0
    accel_max_mps2: float = 1.2
    accel_min_mps2: float = -1.6
    rolling_mps2: float = 0.08
    brake_mps2: float = 1.2
    brake_tau_s: float = 0.15

    @property
    def effective_wheelbase_m(self) -> float:
        """L in yaw_rate = speed * tan(steer) / L at the control point, without slip."""
        return self.wheelbase_m if self.steering == "front" else 0.5 * self.wheelbase_m


class VehiclePlant:
    """Truth. x, y (m), yaw (rad) of the control point; speed (m/s, negative backwards), yaw_rate (rad/s),
    accel (m/s2, forwards along the vehicle), steer_rad (actuator angle, as its sensor sees it), reversing
    (the engaged direction).

    load_kg may be set at any time; mass_kg follows. So may grade (> 0: rises ahead) and camber (> 0:
    falls to the left). rng: the only source of randomness; without one
    there is no road disturbance.
    """

    def __init__(
        self,
        params: VehicleParams,
        x: float,
        y: float,
        yaw: float,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.params = params
        self.rng = rng
        self.x, self.y, self.yaw = x, y, yaw
        self.load_kg = 0.0
        self.grade: Slope = 0.0
        self.camber: Slope = 0.0
        self.reversing = False
        self.speed = self.yaw_rate = self.accel = 0.0
        self.side_mps = 0.0  # of the control point, to the left: tyre slip and crossfall
        self.steer_rad = 0.0
        self.time_s = 0.0
        self._side = 0.0  # sideways speed of the centre of gravity
        self._steer_speed = 0.0
        self._wheel = 0.0
        self._jitter = 0.0
        self._drive = 0.0
        self._brake = 0.0
        self._rest_s = 0.0
        self._steer_queue = deque([0.0] * max(1, round(params.steer_dead_s / STEP_S)))
        self._drive_queue = deque([0.0] * max(1, round(params.drive_dead_s / STEP_S)))

    @property
    def mass_kg(self) -> float:
        """Vehicle with its load."""
        return self.params.tare_kg + self.load_kg

    def advance(
        self, steer_rad: float, accel_mps2: float, brake: bool, dt_s: float, reverse: bool = False
    ) -> None:
        """Live for dt_s with constant commands, in steps of 5 ms (the rest is kept for the next call).

        accel_mps2: along the engaged direction. reverse: the direction wanted; engaged at standstill.
        """
        total = self._rest_s + dt_s
        steps = int(total / STEP_S + 1e-6)
        self._rest_s = max(0.0, total - steps * STEP_S)
        noise = self.rng.standard_normal(steps).tolist() if self.rng is not None else [0.0] * steps
        for value in noise:
            if reverse != self.reversing and self.speed == 0.0:
                self._engage(reverse)
            self._actuators(steer_rad, accel_mps2, brake, value)
            self._along(brake)
            self._across()
            self.time_s += STEP_S

    def _mix(self, pair: tuple[float, float]) -> float:
        return pair[0] + (pair[1] - pair[0]) * min(2.0, self.load_kg / self.params.load_ref_kg)

    def _engage(self, reverse: bool) -> None:
        self.reversing = reverse
        self._drive = 0.0  # the other way round: nothing of what was asked before is carried over
        self._drive_queue = deque([0.0] * len(self._drive_queue))

    def _actuators(self, steer: float, accel: float, brake: bool, noise: float) -> None:
        p = self.params
        self._steer_queue.append(max(-p.steer_max_rad, min(p.steer_max_rad, steer)))
        self._drive_queue.append(max(p.accel_min_mps2, min(p.accel_max_mps2, accel)))
        target, wanted = self._steer_queue.popleft(), self._drive_queue.popleft()
        wn = self._mix(p.steer_wn_radps)
        rate = self._steer_speed + STEP_S * (
            wn * wn * (target - self.steer_rad) - 2 * p.steer_damping * wn * self._steer_speed
        )
        self._steer_speed = max(-p.steer_rate_max_radps, min(p.steer_rate_max_radps, rate))
        self.steer_rad += STEP_S * self._steer_speed
        half = 0.5 * p.steer_backlash_rad
        self._wheel = max(self.steer_rad - half, min(self.steer_rad + half, self._wheel))
        keep = math.exp(-STEP_S / p.steer_jitter_tau_s)
        self._jitter = keep * self._jitter + noise * p.steer_jitter_rad * math.sqrt(1 - keep * keep)
        wanted = min(wanted, 0.0) if brake else wanted
        change = (self._mix(p.drive_gain) * wanted - self._drive) / self._mix(p.drive_tau_s)
        self._drive += STEP_S * max(-p.drive_jerk_mps3, min(p.drive_jerk_mps3, change))
        self._brake += STEP_S * ((p.brake_mps2 if brake else 0.0) - self._brake) / p.brake_tau_s

    def _along(self, brake: bool) -> None:
        p = self.params
        before = self.speed
        grade = self._slope(self.grade)
        # The service brake and the drive's own deceleration are not added: one controller arbitrates.
        # It takes the push away as soon as it brakes, but a released brake fades under the push.
        braking = self._brake >= 0.01
        push = 0.0 if brake and braking else max(self._drive, 0.0)
        active = (-push if self.reversing else push) - GRAVITY_MPS2 * grade / math.sqrt(1 + grade * grade)
        resist = max(self._brake if braking else 0.0, -self._drive) + p.rolling_mps2
        motion = before if before != 0.0 else active
        if before == 0.0 and abs(active) <= resist:
            self.speed = 0.0
        else:
            speed = before + STEP_S * (active - math.copysign(resist, motion))
            self.speed = speed if speed * motion > 0.0 else 0.0  # it stops before it turns round
        self.accel = (self.speed - before) / STEP_S

    def _across(self) -> None:
        p = self.params
        pace = abs(self.speed)
        to_front = self._mix(p.cg_to_front_m)
        to_rear = p.wheelbase_m - to_front
        behind = to_rear if p.steering == "front" else to_rear - 0.5 * p.wheelbase_m  # the control point
        angle = self._wheel + p.steer_bias_rad + self._jitter * min(1.0, pace)
        camber = self._slope(self.camber)
        rolling_rate = self.speed * math.tan(angle) / p.effective_wheelbase_m
        # Tyres that hold against the crossfall drift by their slip, however slowly they roll.
        rolling_side = rolling_rate * behind + pace * camber / self._mix(p.cornering)
        if pace < 0.3:
            self._side, self.yaw_rate = rolling_side, rolling_rate
        else:
            self._tyres(angle, to_front, to_rear, GRAVITY_MPS2 * camber)
            blend = min(1.0, (pace - 0.3) / 0.9)
            self._side = blend * self._side + (1 - blend) * rolling_side
            self.yaw_rate = blend * self.yaw_rate + (1 - blend) * rolling_rate
        side = self.side_mps = self._side - behind * self.yaw_rate
        middle = self.yaw + 0.5 * STEP_S * self.yaw_rate
        c, s = math.cos(middle), math.sin(middle)
        self.x += STEP_S * (self.speed * c - side * s)
        self.y += STEP_S * (self.speed * s + side * c)
        self.yaw += STEP_S * self.yaw_rate

    def _slope(self, slope: Slope) -> float:
        return slope(self.x, self.y, self.yaw) if callable(slope) else slope

    def _tyres(self, angle: float, to_front: float, to_rear: float, pull_mps2: float) -> None:
        p = self.params
        stiffness = self._mix(p.cornering)
        weight = GRAVITY_MPS2 / p.wheelbase_m
        load_front, load_rear = weight * to_rear, weight * to_front  # axle loads per mass
        pace = abs(self.speed)
        front_plane = angle if self.speed > 0 else -angle
        rear_plane = -front_plane if p.steering == "all_wheel" else 0.0
        slip_front = math.atan2(self._side + to_front * self.yaw_rate, pace) - front_plane
        slip_rear = math.atan2(self._side - to_rear * self.yaw_rate, pace) - rear_plane
        front = -p.friction * load_front * math.tanh(stiffness * slip_front / p.friction)
        rear = -p.friction * load_rear * math.tanh(stiffness * slip_rear / p.friction)
        front *= math.cos(front_plane)
        rear *= math.cos(rear_plane)
        # Implicit in the (stiff) tyre damping, so that 5 ms stays stable at walking pace.
        damping = 1 + 0.5 * STEP_S * stiffness * GRAVITY_MPS2 / pace
        self._side += STEP_S * (front + rear + pull_mps2 - self.speed * self.yaw_rate) / damping
        turn = (to_front * front - to_rear * rear) / self._mix(p.gyration_m2)
        self.yaw_rate += STEP_S * turn / damping
