"""The delivered Mosquitto configuration with users, ACL and TLS: it lets us work, and nobody else."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatectl.model.errors import DeviceError
from gatectl.model.messages import (
    LeaseReceived,
    OperatorCommand,
    OrderIssued,
    OrderReceived,
    VehicleConnection,
    VehicleReport,
    VehicleStateReport,
)
from gatectl.model.node import MqttConfig
from gatectl.north.session import Publication, Session
from gatectl.north.settings import settings
from hil.broker import MOSQUITTO_CONFIG, free_port, mosquitto_binary
from tests.support.device_port import eventually
from tests.support.north_nodes import make_node, order, serving, state
from tests.support.north_port import FakeNorthPort

PASSWD = shutil.which("mosquitto_passwd")
pytestmark = pytest.mark.skipif(
    mosquitto_binary() is None or PASSWD is None, reason="Mosquitto is not installed"
)
Users = Callable[[str], MqttConfig]


def certificate(folder: Path) -> None:
    """A self-signed one for the loopback: cert.pem, key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    """A running Mosquitto; gives a user's [mqtt] table. Every password is the user's name."""
    assert PASSWD is not None
    certificate(tmp_path)
    passwords = tmp_path / "passwd"
    passwords.touch(mode=0o600)
    for user in ("AGV01", "gate-1", "operator"):
        subprocess.run([PASSWD, "-b", str(passwords), user, user], check=True, capture_output=True)
        (tmp_path / user).write_text(user + "\n")
    acl = (MOSQUITTO_CONFIG.parent / "gatectl.acl").read_text()
    (tmp_path / "acl").write_text(acl.replace("SITE", "demo").replace("GATE", "gate-1"))
    (tmp_path / "acl").chmod(0o600)
    port = free_port()
    changes = {
        "listener": f"listener {port} 127.0.0.1\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem",
        "password_file": f"password_file {passwords}",
        "acl_file": f"acl_file {tmp_path}/acl",
        "persistence_location": f"persistence_location {tmp_path}/",
    }
    lines = MOSQUITTO_CONFIG.read_text().splitlines()
    text = "\n".join([changes.get(line.split(" ")[0], line) for line in lines] + ["user root", ""])
    (tmp_path / "mosquitto.conf").write_text(text)
    binary = mosquitto_binary()
    assert binary is not None
    process = subprocess.Popen([binary, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    try:
        yield lambda user: MqttConfig(
            port=port,
            username=user,
            password_file=str(tmp_path / user),
            tls=True,
            ca_file=str(tmp_path / "cert.pem"),
        )
    finally:
        process.terminate()
        process.wait()


def has(port: FakeNorthPort, kind: type) -> bool:
    return any(isinstance(m, kind) for m in (*port.accepted, *port.forwarded))


async def session(config: MqttConfig) -> Session:
    opened = Session(settings(config, "probe", "/nowhere/node.toml"), None, lambda _session, _message: None)
    for _ in range(100):
        try:
            await opened.open()
        except DeviceError as error:
            if "refused" not in error.cause:  # it is still starting
                raise
            await asyncio.sleep(0.05)
            opened = Session(
                settings(config, "probe", "/nowhere/node.toml"), None, lambda _session, _message: None
            )
        else:
            return opened
    raise AssertionError("the broker does not come up")


async def test_nodes_work_with_users_acl_and_tls(users: Users) -> None:
    async with (
        serving(make_node("gate", 0, mqtt=users("gate-1"))) as gate,
        serving(make_node("vehicle", 0, mqtt=users("AGV01"))) as vehicle,
    ):
        await eventually(lambda: has(gate, VehicleConnection))
        gate.emit(OrderIssued(id="g", serial="AGV01", order=order()))
        vehicle.emit(VehicleStateReport(id="v", state=state()))
        await eventually(lambda: has(vehicle, OrderReceived) and has(gate, VehicleReport))
        operator = await session(users("operator"))
        body = b'{"id":"C1","who":"lan","command":"reset","issued_at":"2026-03-01T08:00:00Z"}'
        operator.publish(Publication("gatectl/v1/demo/operator/command", body, 1))
        await eventually(lambda: has(vehicle, OperatorCommand) and has(gate, OperatorCommand))
        # An operator gives no leases and no orders, a vehicle speaks for nobody else.
        for topic in ("gatectl/v1/demo/lease/AGV01", "uagv/v2/gatectl/AGV01/order"):
            refused = operator.publish(Publication(topic, b"{}", 1))
            assert refused is not None
            await refused
        await operator.close()
        impostor = await session(users("AGV01"))
        ack = impostor.publish(Publication("uagv/v2/gatectl/AGV02/state", b"{}", 1))
        assert ack is not None
        await ack
        await impostor.close()
        assert vehicle.texts("warning") == gate.texts("warning") == []
        assert not has(vehicle, LeaseReceived)


async def test_a_wrong_password_and_a_strange_certificate_are_said(users: Users, tmp_path: Path) -> None:
    await (await session(users("operator"))).close()
    good = users("AGV01")
    wrong = MqttConfig(
        port=good.port,
        username="AGV01",
        password_file=str(tmp_path / "gate-1"),
        tls=True,
        ca_file=good.ca_file,
    )
    with pytest.raises(DeviceError, match=r"refuses the login.*username"):
        await session(wrong)
    strange = MqttConfig(port=good.port, username="AGV01", password_file=good.password_file, tls=True)
    with pytest.raises(DeviceError, match=r"(?i)certificate"):
        await session(strange)
    plain = MqttConfig(port=good.port, username="AGV01", password_file=good.password_file)
    with pytest.raises(DeviceError, match=r"login|ended"):
        await session(plain)
