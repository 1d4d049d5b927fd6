"""Signed releases: Ed25519 (RFC 8032) over RFC 8785 canonical JSON without the `signature` member."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gatectl.model.errors import ConfigError, Finding
from gatectl.model.messages import Side
from gatectl.model.site import SiteConfig

SIGNATURE = "signature"


def canonical(message: dict[str, Any]) -> bytes:
    """The bytes that are signed. Raises ValueError for values that RFC 8785 cannot express."""
    try:
        return rfc8785.dumps({k: v for k, v in message.items() if k != SIGNATURE})
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def sign(message: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The message with its signature (replacing one that is there). Raises ValueError."""
    signature = base64.b64encode(key.sign(canonical(message))).decode()
    return {**message, SIGNATURE: signature}


def refusal(message: dict[str, Any], key: Ed25519PublicKey | None) -> str:
    """Why the signature does not hold, with the remedy; "" when it does."""
    if key is None:
        return "no public key is configured for this customs; add it to [[customs]] in site.toml"
    try:
        key.verify(base64.b64decode(str(message.get(SIGNATURE, "")), validate=True), canonical(message))
    except (binascii.Error, ValueError) as error:
        return f"the signature cannot be read ({error}); send base64 of 64 bytes over RFC 8785 JSON"
    except InvalidSignature:
        return "the signature does not match this content and customs' key; sign with the registered key"
    return ""


def public_keys(site: SiteConfig, where: str) -> dict[Side, Ed25519PublicKey]:
    """The customs keys of a site. Raises ConfigError naming each key that is none."""
    keys: dict[Side, Ed25519PublicKey] = {}
    findings: list[Finding] = []
    for index, customs in enumerate(site.customs):
        try:
            raw = base64.b64decode(customs.public_key, validate=True)
            keys[customs.side] = Ed25519PublicKey.from_public_bytes(raw)
        except (binascii.Error, ValueError) as error:
            remedy = "give the base64 of the 32 raw bytes of an Ed25519 public key"
            findings.append(Finding(where, f"customs[{index}].public_key", f"no public key: {error}", remedy))
    if findings:
        raise ConfigError(findings)
    return keys
