"""What docs/integrator.md shows really works."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gatectl.model.node import MqttConfig
from gatectl.north import topics, wire
from gatectl.north.asyncapi import CHANNELS
from gatectl.north.facts import release
from gatectl.north.signing import refusal

PAGE = (Path(__file__).parents[2] / "docs" / "integrator.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[number]


def key() -> Ed25519PublicKey:
    entry = tomllib.loads(block("toml"))["customs"][0]
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(entry["public_key"]))


def test_the_signed_release_verifies() -> None:
    plain = wire.parse(block("json").encode(), "release")
    assert refusal(plain, key()) == ""
    message = wire.typed(plain, topics.ReleaseMessage, "release")
    assert release(message, plain, "cn", "demo", key()).verified
    assert not release(message, plain | {"container": "MSKU0000011"}, "cn", "demo", key()).verified


def test_the_python_example_makes_it() -> None:
    scope: dict[str, object] = {}
    exec(block("python"), scope)
    assert scope["release"] == json.loads(block("json"))


def test_every_topic_is_in_the_table() -> None:
    table = PAGE.replace("{cn\\|vn}", "{side}")
    for channel in CHANNELS:
        assert f"`{channel.address}`" in table
        assert channel.message.__name__ in table


def test_the_broker_keys_exist() -> None:
    shown = tomllib.loads(block("toml", 1))["mqtt"]
    named = re.findall(r"`(\w+_file|username|tls)", PAGE.split("## The broker")[1])
    assert set(shown) | set(named) <= set(MqttConfig.__struct_fields__)
