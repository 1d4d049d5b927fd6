"""A node: one machine with one role. These structs are the shape of NODE.toml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from gatectl.model.site import Id, NonNegative, Positive, Site, Strict, TagName, Text

TcpPort = Annotated[int, Meta(ge=1, le=65535)]


class MqttConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker. Changing host and port is all it takes to use another one."""

    host: Text = "127.0.0.1"
    port: TcpPort = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    tls: bool = False
    keepalive_s: Annotated[int, Meta(ge=1, le=65535)] = 5


class PathsConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state_dir: journal and recordings (persistent). runtime_dir: image and sockets (tmpfs)."""

    state_dir: Text
    runtime_dir: Text


class ScanConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """period_ms: of the scan. fifo_priority: SCHED_FIFO priority of the scan process, 0 = none."""

    period_ms: Annotated[float, Meta(ge=1, le=1000)] = 20.0
    fifo_priority: Annotated[int, Meta(ge=0, le=98)] = 50
    command_timeout_ms: Positive = 200.0


class AntennaConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lever arm of the GNSS antenna from the control point: m forward, m left, m up.

    heading_offset_deg: from the vehicle's forward axis to the antenna baseline, clockwise.
    """

    forward_m: float = 0.0
    left_m: float = 0.0
    up_m: float = 0.0
    heading_offset_deg: Annotated[float, Meta(ge=-360, le=360)] = 0.0


class VehicleConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vehicle's own data, as a commissioning engineer knows it.

    steering front: the control point is the rear-axle centre; all_wheel (both axles, symmetric and
    opposite): the middle of the wheelbase. slip_coeff: slip angle there per lateral acceleration,
    rad/(m/s2). steer_offset_deg: angle of the wheels beyond the sensor's, as identified at commissioning;
    the tracker goes on learning it. dead times and lags: command to effect, s. accel_max_mps2,
    decel_max_mps2: planned with; drive_accel_max_mps2: the most the drive is ever asked for, which drag and
    grades need on top. reverse_speed_max_mps: 0 = the vehicle may not drive backwards. transponder: the
    device that reads the site's transponders, "" if there is none; its antenna stands transponder_forward_m
    before and transponder_left_m left of the control point.
    """

    serial: Id
    manufacturer: Id
    wheelbase_m: Positive = 8.0
    steering: Literal["front", "all_wheel"] = "front"
    steer_offset_deg: Annotated[float, Meta(ge=-5, le=5)] = 0.0
    steer_max_deg: Annotated[float, Meta(gt=0, lt=90)] = 35.0
    steer_rate_max_dps: Positive = 15.0
    steer_dead_s: NonNegative = 0.12
    steer_tau_s: NonNegative = 0.18
    drive_dead_s: NonNegative = 0.10
    drive_tau_s: NonNegative = 0.33
    accel_max_mps2: Positive = 0.5
    decel_max_mps2: Positive = 0.5
    brake_mps2: Positive = 1.2
    drive_accel_max_mps2: Positive = 1.2
    speed_max_mps: Positive = 6.9
    reverse_speed_max_mps: NonNegative = 0.0
    slip_coeff: NonNegative = 0.017
    antenna: AntennaConfig = field(default_factory=AntennaConfig)
    gnss: TagName = "gnss"
    mcu: TagName = "mcu"
    transponder: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]*)?$")] = ""
    transponder_forward_m: float = 0.0
    transponder_left_m: float = 0.0

    @property
    def effective_wheelbase_m(self) -> float:
        """L in yaw_rate = speed * tan(steer) / L at the control point, without tyre slip."""
        return self.wheelbase_m if self.steering == "front" else 0.5 * self.wheelbase_m


class DeviceConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[device]]`: the common keys; everything under `config` belongs to the driver.

    group: devices of one group share a field process; realtime groups run below the scan's
    priority.
    """

    name: TagName
    driver: str
    group: TagName = "field"
    realtime: bool = False
    config: dict[str, Any] = field(default_factory=dict)


class NodeConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NODE.toml. site: path of site.toml, relative to this file."""

    name: Id
    role: Literal["vehicle", "gate"]
    site: str
    paths: PathsConfig
    mqtt: MqttConfig
    scan: ScanConfig = field(default_factory=ScanConfig)
    vehicle: VehicleConfig | None = None
    device: tuple[DeviceConfig, ...] = ()


class Node(Struct, frozen=True, kw_only=True):
    """A node and its site, checked and resolved.

    file: absolute path of NODE.toml; digest: SHA-256 over all files that were read, hex.
    """

    file: str
    digest: str
    config: NodeConfig
    site: Site
    sources: dict[str, str]
