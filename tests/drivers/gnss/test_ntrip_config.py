"""The `ntrip` table in a node file: read, refused with the key's path, never recorded with its password."""

import shutil
from pathlib import Path

import pytest

from gatectl.runtime.config import check_node, load_node

DEMO = Path(__file__).parents[3] / "config" / "demo"
WIRE = 'config = { wire = { port = "/dev/ttyS1", baud = 115200 } }'
NTRIP = """[device.config]
wire = {{ port = "/dev/ttyS1", baud = 115200 }}
[device.config.ntrip]
host = "rtk.example.vn"
mountpoint = "nearest"
country = "VNM"
tls = true
username = "lan"
password_file = "caster.password"
{more}
"""


@pytest.fixture
def node(tmp_path):
    folder = tmp_path / "demo"
    shutil.copytree(DEMO, folder)

    def write(more: str = "") -> Path:
        path = folder / "vehicle1.toml"
        text = (DEMO / "vehicle1.toml").read_text()
        assert WIRE in text
        path.write_text(text.replace(WIRE, NTRIP.format(more=more)))
        return path

    return write


def test_a_node_with_a_caster_loads_and_holds_no_password(node):
    path = node("version = 2")
    (path.parent / "caster.password").write_text("top-secret\n")
    loaded = load_node(path)
    assert "top-secret" not in repr(loaded)
    [gnss] = [device for device in loaded.config.device if device.driver == "gnss"]
    assert gnss.config["base_dir"] == str(path.parent)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("", "device[0 gnss].config.ntrip.password_file"),
        ('password = "x"', "device[0 gnss].config.ntrip.password"),
        ("version = 3", "device[0 gnss].config.ntrip.version"),
        ("port = 0", "device[0 gnss].config.ntrip.port"),
    ],
)
def test_mistakes_have_their_path_and_a_remedy(node, more, key):
    findings = check_node(node(more))
    assert key in [finding.key for finding in findings], findings
    assert all(finding.remedy for finding in findings)
