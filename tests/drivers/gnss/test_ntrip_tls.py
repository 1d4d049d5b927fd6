"""TLS: a caster behind certificates of an authority made here; what does not verify is refused."""

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from device_port import eventually
from ntrip_bench import ClientBench
from ntrip_casters import EXAMPLE_1005, HOST, ScriptedCaster

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority in `folder`: `NAME.pem` is its certificate."""

    def __init__(self, folder, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(self.name, self.key, ca=True)
        self.ca_file = f"{name}.pem"
        (folder / self.ca_file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, address: str, *, ends: datetime.timedelta = DAY) -> ssl.SSLContext:
        """A server's context with a certificate for this IP address, valid until now + ends."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "caster")])
        certificate = self._sign(name, key, address=address, ends=ends)
        file = self.folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(self, name, key, *, ca=False, address="", ends=DAY) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


async def stream(visit):
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: gnss/data\r\n\r\n" + EXAMPLE_1005)
    await visit.listen()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "gate-authority")


def options(authority) -> dict:
    return {"tls": True, "ca_file": authority.ca_file, "base_dir": str(authority.folder)}


async def test_a_caster_whose_certificate_holds_is_taken(authority):
    async with (
        ScriptedCaster(stream, tls=authority.server(HOST)) as caster,
        ClientBench(caster.port, **options(authority)) as bench,
    ):
        await eventually(lambda: bench.frames, "corrections")
        assert bench.status.failures == 0


async def test_an_unknown_authority_is_refused(authority, tmp_path):
    other = Authority(tmp_path, "somebody")
    async with (
        ScriptedCaster(stream, tls=other.server(HOST)) as caster,
        ClientBench(caster.port, **options(authority)) as bench,
    ):
        await refused(bench, caster, "is not trusted", "ntrip.ca_file")


async def test_the_systems_authorities_do_not_know_it_either(authority):
    async with (
        ScriptedCaster(stream, tls=authority.server(HOST)) as caster,
        ClientBench(caster.port, tls=True) as bench,
    ):
        await refused(bench, caster, "is not trusted", "ntrip.ca_file")


async def test_a_certificate_for_another_address_is_refused(authority):
    async with (
        ScriptedCaster(stream, tls=authority.server("127.0.0.9")) as caster,
        ClientBench(caster.port, **options(authority)) as bench,
    ):
        await refused(bench, caster, "is for another address", "ntrip.host")


async def test_an_expired_certificate_is_refused(authority):
    async with (
        ScriptedCaster(stream, tls=authority.server(HOST, ends=-DAY)) as caster,
        ClientBench(caster.port, **options(authority)) as bench,
    ):
        await refused(bench, caster, "has expired", "clock")


async def test_plain_text_where_tls_is_wanted_is_told(authority):
    async with (
        ScriptedCaster(stream) as caster,
        ClientBench(caster.port, connect_timeout_s=0.3, **options(authority)) as bench,
    ):
        await refused(bench, caster, "no connection within 0.3 s", "that this port speaks TLS")


async def test_a_ca_file_without_certificates_is_told(authority, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    async with (
        ScriptedCaster(stream, tls=authority.server(HOST)) as caster,
        ClientBench(caster.port, tls=True, ca_file="ca.pem", base_dir=str(tmp_path)) as bench,
    ):
        await refused(bench, caster, "holds no certificates", "PEM")


async def test_a_redirect_out_of_tls_is_not_followed(authority):
    async def script(visit):
        await visit.send(f"HTTP/1.1 302 Found\r\nLocation: http://{HOST}:{plain.port}/BASE\r\n\r\n".encode())

    async with (
        ScriptedCaster(stream) as plain,
        ScriptedCaster(script, tls=authority.server(HOST)) as caster,
        ClientBench(caster.port, **options(authority)) as bench,
    ):
        await eventually(lambda: bench.heard("redirects from TLS to plain text"), "told")
        assert plain.visits == []
        assert bench.frames == []


async def refused(bench, caster, cause: str, remedy: str) -> None:
    await eventually(lambda: bench.status.failures >= 2, "two attempts")
    text = bench.said[0][1]
    assert cause in text, text
    assert remedy in text, text
    assert caster.visits == []  # not even the request was sent, so no password either
    assert bench.frames == []
