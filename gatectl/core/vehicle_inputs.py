"""The first step of a vehicle's scan: tags judged and turned into what motion works with."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from gatectl.core.motion import GnssFix, MarkerFix, Motion, SiteFrame
from gatectl.core.vehicle_marker import TAGS as MARKER_TAGS
from gatectl.core.vehicle_marker import MarkerReader
from gatectl.core.vehicle_state import VehicleState
from gatectl.model import ConfigError, Finding, Layout, Snapshot
from gatectl.model.node import Node, VehicleConfig

GNSS_TAGS = (
    "latitude",
    "longitude",
    "height",
    "fix",
    "sigma_north",
    "sigma_east",
    "heading",
    "correction_age",
    "epoch_utc",
    "epoch_age",
)
GNSS_EXTRA_TAGS = ("speed", "course", "sigma_heading", "receiver_level")  # not every receiver has them
MCU_TAGS = (
    "speed",
    "steer_angle",
    "yaw_rate",
    "brake_applied",
    "standstill",
    "load_present",
    "armed",
    "estop",
    "battery",
)
MCU_COMMANDS = ("enable", "steer", "accel", "brake", "reset_count")
REVERSE_TAG, REVERSE_COMMAND = "reversing", "reverse"  # of a vehicle that may drive backwards
UNKNOWN_AGE_S = 5.0  # a receiver that does not tell the age of its corrections
UNKNOWN_EPOCH_AGE_S = 0.1
GUESS_WALK = 0.3  # m/s^0.5: without odometry the speed is what braking should leave of it
STILL_MPS = 0.05  # the controller's own word for standstill decides; this only contradicts it
FIXED, FLOAT = 4.0, 5.0


class Readings(Struct, frozen=True):
    """One scan's judged inputs. steer rad or None; braked, armed, loaded, estop, battery: None or False
    when not known, whichever is the safe side. reversing: the direction that is engaged, None while not
    known; False where driving backwards is not configured. marker: a transponder crossed since the last
    scan; stranger: the id of one that the site does not know, else 0."""

    motion: Motion
    fix: GnssFix | None
    steer: float | None
    braked: bool
    armed: bool
    loaded: bool | None
    estop: bool
    battery: float
    reversing: bool | None = False
    marker: MarkerFix | None = None
    stranger: int = 0


def mcu_commands(vehicle: VehicleConfig) -> tuple[str, ...]:
    """The commands that the core gives this vehicle's controller, in the order of their values."""
    return (*MCU_COMMANDS, REVERSE_COMMAND) if vehicle.reverse_speed_max_mps > 0.0 else MCU_COMMANDS


def require_tags(node: Node, layout: Layout, vehicle: VehicleConfig) -> None:
    """Raises ConfigError if a configured device does not offer what the core reads or commands."""
    wanted = [("gnss", vehicle.gnss, t) for t in GNSS_TAGS]
    wanted += [("mcu", vehicle.mcu, t) for t in (*MCU_TAGS, *mcu_commands(vehicle))]
    if vehicle.reverse_speed_max_mps > 0.0:
        wanted.append(("mcu", vehicle.mcu, REVERSE_TAG))
    if vehicle.transponder:
        wanted += [("transponder", vehicle.transponder, t) for t in MARKER_TAGS]
    findings = [
        Finding(
            node.file,
            f"vehicle.{key}",
            f"device {device!r} has no tag {tag!r}",
            "name a device whose driver offers it, or add the [[device]]",
        )
        for key, device, tag in wanted
        if f"{device}.{tag}" not in layout.index
    ]
    if findings:
        raise ConfigError(findings)


class InputReader:
    """Reads the tags of one vehicle by their place in the image.

    height_m: ellipsoidal, where the receiver gives none. transponders: id -> x, y m in the site frame.
    """

    def __init__(
        self,
        vehicle: VehicleConfig,
        frame: SiteFrame,
        height_m: float,
        layout: Layout,
        transponders: Mapping[int, tuple[float, float]],
    ) -> None:
        self._gnss = [layout.index[f"{vehicle.gnss}.{t}"] for t in GNSS_TAGS]
        self._extra = [layout.index.get(f"{vehicle.gnss}.{t}") for t in GNSS_EXTRA_TAGS]
        self._mcu = [layout.index[f"{vehicle.mcu}.{t}"] for t in MCU_TAGS]
        may = vehicle.reverse_speed_max_mps > 0.0
        self._reversing = layout.index[f"{vehicle.mcu}.{REVERSE_TAG}"] if may else None
        self._marker = MarkerReader(vehicle, transponders, layout)
        self._stale = layout.stale_after_ns
        self._frame = frame
        self._height = height_m
        self._offset = math.radians(vehicle.antenna.heading_offset_deg)
        self._wheelbase = vehicle.effective_wheelbase_m
        self._brake = vehicle.brake_mps2

    def read(self, state: VehicleState, snapshot: Snapshot, now: int, dt: float) -> Readings:
        """Judge this scan's tags; remembers the epoch and the wheel speed."""
        values, stamps = snapshot.values, snapshot.stamps_mono_ns
        qualities, stale = snapshot.qualities, self._stale

        def good(i: int) -> float | None:
            # 64: UNCERTAIN and better; below is BAD.
            if qualities[i] < 64 or (stale[i] and now - stamps[i] > stale[i]):
                return None
            value = values[i]
            return value if math.isfinite(value) else None

        speed, steer, rate, brake, still, load, armed, estop, battery = (good(i) for i in self._mcu)
        if speed is None:
            # No odometry: the controller's own time-out and our command both brake.
            lost = self._brake * dt
            wheel, stamp, walk = (
                math.copysign(max(0.0, abs(state.wheel) - lost), state.wheel),
                now,
                GUESS_WALK,
            )
        else:
            walk = 0.0
            wheel, stamp = speed, stamps[self._mcu[0]]
        state.wheel = wheel
        turning = wheel * math.tan(steer) / self._wheelbase if steer is not None else 0.0
        gyro = turning if rate is None else rate
        standing = still == 1.0 and abs(wheel) < STILL_MPS
        motion = Motion(
            stamp,
            wheel,
            gyro,
            rate is not None,
            standing,
            None if load is None else load != 0.0,
            walk,
        )
        engaged = 0.0 if self._reversing is None else good(self._reversing)
        # One epoch is one stamp: everything is looked at only when a new one came.
        epoch = good(self._gnss[8])
        fix = None
        if epoch is not None and epoch != state.epoch_utc:
            state.epoch_utc = epoch
            extra = [None if i is None else good(i) for i in self._extra]
            fix = self._fix([good(i) for i in self._gnss], extra, stamps[self._gnss[8]])
        return Readings(
            motion,
            fix,
            steer,
            brake == 1.0,
            armed == 1.0,
            motion.loaded,
            estop != 0.0,
            0.0 if battery is None else battery,
            None if engaged is None else engaged != 0.0,
            *self._marker.read(state.marker, snapshot, now, wheel),
        )

    def _fix(self, tags: list[float | None], extra: list[float | None], stamp: int) -> GnssFix | None:
        latitude, longitude, height, fix, north, east, heading, age, _, epoch_age = tags
        speed, course, sigma_heading, receiver_level = extra
        if latitude is None or longitude is None or fix not in (FIXED, FLOAT):
            return None
        point = self._frame.to_site(latitude, longitude, self._height if height is None else height)
        yaw = None
        if heading is not None:
            yaw = math.remainder(0.5 * math.pi + point.convergence - (heading - self._offset), math.tau)
        velocity = None
        if speed is not None and course is not None:
            direction = 0.5 * math.pi + point.convergence - course
            velocity = (speed * math.cos(direction), speed * math.sin(direction))
        late = UNKNOWN_EPOCH_AGE_S if epoch_age is None else max(0.0, epoch_age)
        return GnssFix(
            stamp - round(late * 1e9),
            point.x,
            point.y,
            0.0 if east is None else east,
            0.0 if north is None else north,
            fix == FIXED,
            yaw,
            UNKNOWN_AGE_S if age is None else max(0.0, age),
            0.0 if sigma_heading is None else max(0.0, sigma_heading),
            velocity,
            0.0 if receiver_level is None else max(0.0, receiver_level),
        )
