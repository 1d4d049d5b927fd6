"""Signatures hold for exactly what was signed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.errors import ConfigError
from gatectl.model.site import CustomsConfig
from gatectl.north.signing import canonical, public_keys, refusal, sign
from tests.support.north_nodes import KEYS, public_text, site

KEY = KEYS["cn"]
MESSAGES = st.dictionaries(
    st.text(max_size=5).filter(lambda k: k != "signature"),
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=5,
)


@given(MESSAGES)
def test_a_signature_survives_the_wire_and_the_order_of_keys(message: dict[str, Any]) -> None:
    signed = sign(message, KEY)
    travelled = json.loads(json.dumps(dict(reversed(signed.items())), indent=3))
    assert refusal(travelled, KEY.public_key()) == ""


@given(MESSAGES, st.data())
def test_any_change_breaks_it(message: dict[str, Any], data: st.DataObject) -> None:
    signed = sign(message, KEY)
    key = data.draw(st.sampled_from(sorted(message)))
    changed = data.draw(
        st.sampled_from([signed | {key: "changed!!"}, {k: v for k, v in signed.items() if k != key}])
    )
    assert "does not match" in refusal(changed | {"added": 1}, KEY.public_key())
    assert "does not match" in refusal(changed, KEY.public_key())


@pytest.mark.parametrize("signature", ["", "AAAA", "*", None, 7, "é", "A" * 88])
def test_what_is_no_signature_is_refused(signature: object) -> None:
    message = {"id": "1", "signature": signature}
    assert refusal(message, KEY.public_key())


def test_another_key_or_none_is_refused() -> None:
    signed = sign({"id": "1"}, KEY)
    assert "key" in refusal(signed, KEYS["vn"].public_key())
    assert "site.toml" in refusal(signed, None)


def test_ed25519_is_the_rfc_8032_one() -> None:
    """RFC 8032, 7.1, test 1: the empty message."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    key = Ed25519PrivateKey.from_private_bytes(secret)
    assert key.public_key().public_bytes_raw().hex() == public
    assert base64.b64decode(sign({}, key)["signature"]) == key.sign(b"{}")


def test_canonical_form_is_rfc_8785() -> None:
    """Section 3.2.2 and 3.2.3: numbers as ECMAScript writes them, keys in UTF-16 order."""
    message = {"b": 1e30, "a": 4.5, "\u20ac": 2e-3, "signature": "x", "\r": 1.0, "1": "€\n"}
    assert canonical(message).decode() == ('{"\\r":1,"1":"€\\n","a":4.5,"b":1e+30,"€":0.002}')
    with pytest.raises(ValueError, match="9007199254740993"):
        canonical({"a": 2**53 + 1})


def test_bad_keys_in_site_toml_are_named() -> None:
    good = site()
    assert set(public_keys(good, "site.toml")) == {"cn", "vn"}
    bad = site(
        customs=(
            CustomsConfig(side="cn", public_key="%%%"),
            CustomsConfig(side="vn", public_key=public_text(KEY)[:20]),
        )
    )
    with pytest.raises(ConfigError) as caught:
        public_keys(bad, "site.toml")
    assert [f.key for f in caught.value.findings] == ["customs[0].public_key", "customs[1].public_key"]
