"""A node: one machine with one role. These structs are the shape of NODE.toml."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from gatectl.model.site import Site, Strict


class MqttConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker. Changing host and port is all it takes to use another one."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    tls: bool = False
    keepalive_s: int = 5


class PathsConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state_dir: journal and recordings (persistent). runtime_dir: image and sockets (tmpfs)."""

    state_dir: str
    runtime_dir: str


class ScanConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """period_ms: of the scan. fifo_priority: SCHED_FIFO priority of the scan process, 0 = none."""

    period_ms: float = 20.0
    fifo_priority: int = 50
    command_timeout_ms: float = 200.0


class AntennaConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lever arm of the GNSS antenna from the control point: m forward, m left, m up.

    heading_offset_deg: from the vehicle's forward axis to the antenna baseline, clockwise.
    """

    forward_m: float = 0.0
    left_m: float = 0.0
    up_m: float = 0.0
    heading_offset_deg: float = 0.0


class VehicleConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vehicle's own data, as a commissioning engineer knows it.

    Control point: rear-axle centre. slip_coeff: rear slip angle per lateral acceleration,
    rad/(m/s2). dead times and lags: command to effect, s.
    """

    serial: str
    manufacturer: str
    wheelbase_m: float = 8.0
    steer_max_deg: float = 35.0
    steer_rate_max_dps: float = 15.0
    steer_dead_s: float = 0.12
    steer_tau_s: float = 0.18
    drive_dead_s: float = 0.10
    drive_tau_s: float = 0.33
    accel_max_mps2: float = 0.5
    decel_max_mps2: float = 0.5
    brake_mps2: float = 1.2
    speed_max_mps: float = 6.9
    slip_coeff: float = 0.017
    antenna: AntennaConfig = field(default_factory=AntennaConfig)
    gnss: str = "gnss"
    mcu: str = "mcu"


class DeviceConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[device]]`: the common keys; everything under `config` belongs to the driver.

    group: devices of one group share a field process; realtime groups run below the scan's
    priority.
    """

    name: str
    driver: str
    group: str = "field"
    realtime: bool = False
    config: dict[str, Any] = field(default_factory=dict)


class NodeConfig(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NODE.toml. site: path of site.toml, relative to this file."""

    name: str
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
