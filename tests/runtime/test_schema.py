"""The committed JSON Schemas are current, valid, and accept the demo."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from gatectl.runtime.schema import schema_text, schemas

CONFIG = Path(__file__).parents[2] / "config"


def test_the_committed_schemas_are_current() -> None:
    made = {name: schema_text(schema) for name, schema in schemas().items()}
    kept = {path.name: path.read_text() for path in (CONFIG / "schema").glob("*.json")}
    assert kept == made, "run `gatectl schema config/schema`"


@pytest.mark.parametrize(
    ("file", "schema"),
    [("gate", "node"), ("vehicle1", "node"), ("site", "site"), ("interlocks", "interlocks")],
)
def test_the_demo_fits_the_schemas(file: str, schema: str) -> None:
    validator = jsonschema.Draft202012Validator(schemas()[f"{schema}.schema.json"])
    data = tomllib.loads((CONFIG / "demo" / f"{file}.toml").read_text())
    validator.validate(data)
    assert list(validator.iter_errors({**data, "unknown": 1}))
