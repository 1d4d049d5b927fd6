"""The journal's tables and how its chain of hashes is computed."""

from __future__ import annotations

import hashlib

VERSION = 1
GENESIS = b"\0" * 32

# entry: number in the one order in which things became durable.
# kind: in (a fact towards the scan), out (a fact to publish), checkpoint, batch (what one scan
# consumed and produced). A superseded checkpoint keeps its digest but not its body.
# consumed, published: 0 = still owed.
TABLES = """
CREATE TABLE entries (
  entry     INTEGER PRIMARY KEY,
  kind      TEXT NOT NULL CHECK (kind IN ('in', 'out', 'checkpoint', 'batch')),
  key       TEXT NOT NULL,
  body      BLOB,
  digest    BLOB NOT NULL,
  chain     BLOB NOT NULL,
  utc_ns    INTEGER NOT NULL,
  consumed  INTEGER NOT NULL DEFAULT 0,
  published INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX entry_key ON entries (kind, key) WHERE kind IN ('in', 'out', 'batch');
CREATE INDEX to_consume ON entries (entry) WHERE kind = 'in' AND consumed = 0;
CREATE INDEX to_publish ON entries (entry) WHERE kind = 'out' AND published = 0;
CREATE TABLE checkpoints (key TEXT PRIMARY KEY, entry INTEGER NOT NULL) STRICT;
CREATE TABLE boots (
  boot_no  INTEGER PRIMARY KEY,
  instance TEXT NOT NULL UNIQUE,
  cold     INTEGER NOT NULL,
  utc_ns   INTEGER NOT NULL
) STRICT;
"""


def link(previous: bytes, *, entry: int, kind: str, key: str, utc_ns: int, digest: bytes) -> bytes:
    """SHA-256 over the previous link and this entry's number, kind, key, time and body digest.

    Every part is of fixed length or preceded by its length, so that no two entries hash alike.
    """
    head = f"{entry}:{kind}:{utc_ns}:{len(key.encode())}:{key}:".encode()
    return hashlib.sha256(previous + head + digest).digest()


def digest_of(body: bytes) -> bytes:
    """SHA-256 of an entry's body."""
    return hashlib.sha256(body).digest()
