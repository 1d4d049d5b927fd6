"""The journal of a node: facts are durable here before they are acted on, acknowledged or published.

SQLite in WAL mode with synchronous=FULL: a transaction that returned survives power loss. Entries
form a chain of hashes: whoever changes or removes one must recompute all later ones; it makes
tampering and damage visible, not impossible (a copy of the last link elsewhere would).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from gatectl.model import JournalError
from gatectl.model.messages import AnyMessage, Checkpoint, Fact, Telemetry
from gatectl.model.scan import Recovered
from gatectl.runtime.frames import Batch
from gatectl.runtime.journal_file import own, remedy
from gatectl.runtime.journal_schema import GENESIS, TABLES, VERSION, digest_of, link

_message = msgspec.msgpack.Decoder(AnyMessage)
_encode = msgspec.msgpack.Encoder().encode
_BUSY_TIMEOUT_S = 2.0

# Enough to notice damage at the end, where a crash would do it, without reading years at every start.
VERIFIED_AT_OPEN = 1000


class Entry(NamedTuple):
    """A journaled fact and its number."""

    entry: int
    message: AnyMessage


class Journal:
    """One node's journal, with one writing process."""

    def __init__(self, path: Path, *, utc_ns: int) -> None:
        """Open or create it. utc_ns: now, for the log of boots and entries until `now_utc_ns` is set.

        Raises JournalError: unreadable, damaged, of another version, or owned by another process.
        """
        self.path = path
        self.now_utc_ns = utc_ns
        self._last: int = 0
        self._chain: bytes = GENESIS
        self._lock = own(path)
        try:
            with self._errors("opened"):
                self._db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        except JournalError:
            os.close(self._lock)
            raise
        try:
            self._open()
        except JournalError:
            self.close()
            raise

    def _open(self) -> None:
        path = self.path
        with self._errors("opened"):
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                self._db.executescript(f"BEGIN IMMEDIATE;{TABLES}PRAGMA user_version={VERSION};COMMIT;")
            elif found != VERSION:
                raise JournalError(
                    f"written by another version (format {found}, this is {VERSION})",
                    "run the version of gatectl that wrote it, or move the file away to start afresh",
                    where=str(path),
                )
            last = self._db.execute("SELECT entry, chain FROM entries ORDER BY entry DESC LIMIT 1").fetchone()
        if last:
            self._last, self._chain = last
        self.verify(VERIFIED_AT_OPEN)

    # ---- towards the scan ----------------------------------------------------------------------

    def accept(self, fact: Fact, key: str) -> int | None:
        """Make an inbound fact durable: its entry number, or None if its key is known already.

        Raises JournalError; then nothing was stored and the sender must not be acknowledged.
        """
        with self._errors("written"), self._transaction():
            if self._known("in", key):
                return None
            return self._append("in", key, _encode(fact))

    def unconsumed(self) -> list[Entry]:
        """Inbound facts that no committed batch has consumed, oldest first."""
        query = "SELECT entry, body FROM entries WHERE kind = 'in' AND consumed = 0 ORDER BY entry"
        with self._errors("read"):
            return [Entry(number, _message.decode(body)) for number, body in self._db.execute(query)]

    def boot(self, instance: str) -> Recovered:
        """Count a start of the scan process and collect what it begins with; idempotent per instance."""
        with self._errors("written"), self._transaction():
            row = self._db.execute(
                "SELECT boot_no, cold FROM boots WHERE instance = ?", (instance,)
            ).fetchone()
            if row is None:
                # Facts of devices may be older than the first start of the scan: they owe nothing.
                cold = not self._db.execute("SELECT 1 FROM boots").fetchone()
                done = self._db.execute(
                    "INSERT INTO boots (instance, cold, utc_ns) VALUES (?, ?, ?)",
                    (instance, int(cold), self.now_utc_ns),
                )
                row = (done.lastrowid, int(cold))
            bodies = self._db.execute(
                "SELECT body FROM entries JOIN checkpoints USING (entry) ORDER BY checkpoints.key"
            ).fetchall()
        checkpoints = [m for (body,) in bodies if isinstance(m := _message.decode(body), Checkpoint)]
        return Recovered(boot_no=row[0], cold=bool(row[1]), checkpoints=checkpoints)

    def commit(self, batch: Batch) -> bool:
        """Apply a batch in one transaction: what it consumed and all that it produced.

        False if it was applied before (nothing happens). Raises JournalError.
        """
        key = f"{batch.boot_no}/{batch.number}"
        with self._errors("written"), self._transaction():
            if self._known("batch", key):
                return False
            self._append("batch", key, _encode((batch.scan_no, batch.consumed)))
            self._db.executemany(
                "UPDATE entries SET consumed = 1 WHERE entry = ? AND kind = 'in'",
                [(number,) for number in batch.consumed],
            )
            for message in batch.produced:
                if isinstance(message, Checkpoint):
                    self._keep_newest(message)
                elif not isinstance(message, Telemetry) and not self._known("out", message.id):
                    self._append("out", message.id, _encode(message))
        return True

    # ---- towards the outside -------------------------------------------------------------------

    def unpublished(self, after: int = 0, limit: int = 64) -> list[Entry]:
        """Produced facts that nobody has acknowledged, above entry `after`, oldest first."""
        query = (
            "SELECT entry, body FROM entries WHERE kind = 'out' AND published = 0 AND entry > ? "
            "ORDER BY entry LIMIT ?"
        )
        with self._errors("read"):
            rows = self._db.execute(query, (after, limit))
            return [Entry(number, _message.decode(body)) for number, body in rows]

    def published(self, entry: int) -> None:
        """This entry need not be offered again. Raises JournalError."""
        with self._errors("written"), self._transaction():
            self._db.execute("UPDATE entries SET published = 1 WHERE entry = ?", (entry,))

    # ---- upkeep --------------------------------------------------------------------------------

    def verify(self, newest: int | None = None) -> int:
        """Recompute the chain, of all entries or of so many newest: how many were looked at.

        Raises JournalError at the first break.
        """
        before = 0 if newest is None else max(0, self._last - newest)
        chain, count = GENESIS, before
        query = (
            "SELECT entry, kind, key, body, digest, chain, utc_ns FROM entries WHERE entry > ? ORDER BY entry"
        )
        with self._errors("read"):
            if before:
                row = self._db.execute("SELECT chain FROM entries WHERE entry = ?", (before,)).fetchone()
                chain = row[0] if row else GENESIS  # none: the next link will not hold
            for number, kind, key, body, digest, stored, utc_ns in self._db.execute(query, (before,)):
                count += 1
                chain = link(chain, entry=number, kind=kind, key=key, utc_ns=utc_ns, digest=digest)
                damaged = body is not None and digest_of(body) != digest
                if number != count or damaged or chain != stored or (body is None and kind != "checkpoint"):
                    raise JournalError(
                        f"entry {count} is not what was written (its chain of hashes does not hold)",
                        "restore the file from a copy; what follows this entry cannot be trusted",
                        where=str(self.path),
                    )
        return count - before

    def close(self) -> None:
        """Close and release it. Idempotent."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _known(self, kind: str, key: str) -> bool:
        query = "SELECT 1 FROM entries WHERE kind = ? AND key = ?"
        return self._db.execute(query, (kind, key)).fetchone() is not None

    def _append(self, kind: str, key: str, body: bytes) -> int:
        number, digest = self._last + 1, digest_of(body)
        chain = link(self._chain, entry=number, kind=kind, key=key, utc_ns=self.now_utc_ns, digest=digest)
        self._db.execute(
            "INSERT INTO entries (entry, kind, key, body, digest, chain, utc_ns) VALUES (?,?,?,?,?,?,?)",
            (number, kind, key, body, digest, chain, self.now_utc_ns),
        )
        self._last, self._chain = number, chain
        return number

    def _keep_newest(self, checkpoint: Checkpoint) -> None:
        self._db.execute(
            "UPDATE entries SET body = NULL WHERE entry = (SELECT entry FROM checkpoints WHERE key = ?)",
            (checkpoint.key,),
        )
        number = self._append("checkpoint", checkpoint.key, _encode(checkpoint))
        self._db.execute(
            "INSERT OR REPLACE INTO checkpoints (key, entry) VALUES (?, ?)", (checkpoint.key, number)
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before = (self._last, self._chain)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._last, self._chain = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal cannot be {what}: {error}", remedy(error), where=str(self.path)
            ) from error
        except msgspec.MsgspecError as error:
            raise JournalError(
                f"the journal holds a message that this version cannot read: {error}",
                "run the version of gatectl that wrote it",
                where=str(self.path),
            ) from error
