"""The journal: durable, once, chained, and honest about its failures."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gatectl.model import JournalError
from gatectl.model.messages import BrokerLink, Checkpoint, OperatorCommand, Receipt
from gatectl.runtime.frames import Batch
from gatectl.runtime.journal import Journal


def command(number: int) -> OperatorCommand:
    return OperatorCommand(id=f"c{number}", command="hold", subject="", who="test", issued_utc_ns=number)


def receipt(number: int) -> Receipt:
    return Receipt(id=f"r{number}", to="test", correlation=f"c{number}", accepted=True, at_utc_ns=number)


def checkpoint(number: int, key: str = "k") -> Checkpoint:
    return Checkpoint(id=f"k{number}", key=key, body=str(number).encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def reopened(journal: Journal) -> Journal:
    journal.close()
    return Journal(journal.path, utc_ns=2)


def test_a_fact_is_kept_once_by_its_key_until_a_batch_consumes_it(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    assert journal.accept(command(1), "key1") == 1
    assert journal.accept(command(1), "key1") is None
    assert journal.accept(command(2), "key2") == 2
    journal = reopened(journal)
    assert [(e.entry, e.message) for e in journal.unconsumed()] == [(1, command(1)), (2, command(2))]
    assert journal.commit(Batch(1, 1, 10, [1], []))
    journal = reopened(journal)
    assert [e.message for e in journal.unconsumed()] == [command(2)]
    assert journal.accept(command(1), "key1") is None
    journal.close()


def test_a_batch_is_applied_once_and_telemetry_is_not_kept(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    batch = Batch(1, 1, 10, [], [receipt(1), BrokerLink(id="b", connected=True), receipt(2)])
    assert journal.commit(batch)
    assert not journal.commit(batch)
    assert journal.commit(Batch(2, 1, 1, [], [receipt(3)]))  # same number, later boot
    assert [e.message for e in journal.unpublished()] == [receipt(1), receipt(2), receipt(3)]
    assert journal.commit(Batch(2, 2, 2, [], [receipt(3)]))  # an id that is known is not applied again
    assert len(journal.unpublished()) == 3
    journal.close()


def test_what_is_published_is_not_offered_again(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    journal.commit(Batch(1, 1, 1, [], [receipt(n) for n in range(5)]))
    entries = [e.entry for e in journal.unpublished()]
    journal.published(entries[1])
    journal = reopened(journal)
    assert [e.entry for e in journal.unpublished()] == [entries[0], *entries[2:]]
    assert [e.entry for e in journal.unpublished(after=entries[2], limit=1)] == [entries[3]]
    journal.close()


def test_recovery_counts_boots_and_gives_the_newest_checkpoint_of_each_key(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    journal.accept(command(1), "from a device, before the first start")
    first = journal.boot("life1")
    assert (first.boot_no, first.cold, first.checkpoints) == (1, True, [])
    assert journal.boot("life1") == first  # a repeated hello is not another start
    journal.commit(Batch(1, 1, 1, [], [checkpoint(1), checkpoint(2, "other")]))
    journal.commit(Batch(1, 2, 2, [], [checkpoint(3)]))
    journal = reopened(journal)
    second = journal.boot("life2")
    assert (second.boot_no, second.cold) == (2, False)
    assert {c.key: c.body for c in second.checkpoints} == {"k": b"3", "other": b"2"}
    assert journal.verify() == 6
    journal.close()


def test_a_failed_batch_leaves_nothing_behind(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    journal.accept(command(1), "k1")
    broken = Batch(1, 1, 1, [1], [receipt(1), object()])  # type: ignore[list-item]  # on purpose
    with pytest.raises(AttributeError):
        journal.commit(broken)
    assert journal.unpublished() == []
    assert len(journal.unconsumed()) == 1
    assert journal.commit(Batch(1, 1, 1, [1], [receipt(1)]))
    assert journal.verify() == 3
    journal.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE entries SET body = x'00' WHERE entry = 2",
        "UPDATE entries SET key = 'other' WHERE entry = 2",
        "UPDATE entries SET utc_ns = 77 WHERE entry = 2",
        "UPDATE entries SET digest = zeroblob(32) WHERE entry = 2",
        "UPDATE entries SET body = NULL WHERE entry = 2",
        "DELETE FROM entries WHERE entry = 2",
    ],
)
def test_the_chain_shows_what_was_changed(
    path: Path, tampering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path, utc_ns=1)
    for number in range(1, 5):
        journal.accept(command(number), f"k{number}")
    assert journal.verify() == 4
    journal.close()
    db = sqlite3.connect(path)
    db.execute(tampering)
    db.commit()
    db.close()
    with pytest.raises(JournalError, match="entry 2 is not what was written"):
        Journal(path, utc_ns=1)
    monkeypatch.setattr("gatectl.runtime.journal.VERIFIED_AT_OPEN", 1)
    journal = Journal(path, utc_ns=1)  # what is far back is not looked at again at every start
    assert journal.verify(1) == 1
    with pytest.raises(JournalError, match="entry 2 is not what was written"):
        journal.verify()
    journal.close()


def test_only_one_process_writes_it(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    with pytest.raises(JournalError, match="another process"):
        Journal(path, utc_ns=1)
    journal.close()
    Journal(path, utc_ns=1).close()


def test_a_damaged_file_is_refused(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 500)
    with pytest.raises(JournalError, match=r"move it away"):
        Journal(path, utc_ns=1)
    path.unlink()
    Journal(path, utc_ns=1).close()  # and the refused one keeps no lock


def test_another_format_is_refused(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError, match="another version"):
        Journal(path, utc_ns=1)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="state_dir"):
        Journal(tmp_path / "no" / "journal.sqlite", utc_ns=1)


def test_a_locked_file_is_an_error_and_then_goes_on(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    journal._db.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="another program holds"):
        journal.accept(command(1), "k1")
    other.execute("ROLLBACK")
    other.close()
    assert journal.accept(command(1), "k1") == 1
    journal.close()


def test_a_full_disk_is_an_error_and_then_goes_on(path: Path) -> None:
    journal = Journal(path, utc_ns=1)
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages + 1}")
    stored = 0
    with pytest.raises(JournalError, match="make room"):  # noqa: PT012 - how many fit is not known
        while stored < 1000:
            journal.accept(command(stored), f"k{stored}")
            stored += 1
    journal._db.execute("PRAGMA max_page_count=1000000")
    assert journal.accept(command(stored), f"k{stored}") == stored + 1
    assert journal.verify() == stored + 1
    journal.close()


# Accepts facts and commits batches for ever; says on stdout what was acknowledged.
WORKER = """
import sys
from pathlib import Path
from gatectl.model.messages import OperatorCommand, Receipt
from gatectl.runtime.journal import Journal
from gatectl.runtime.frames import Batch
journal = Journal(Path(sys.argv[1]), utc_ns=1)
boot = journal.boot(sys.argv[2]).boot_no
n = int(sys.argv[3])
batch = 0
while True:
    fact = OperatorCommand(id=f"c{n}", command="hold", subject="", who="t", issued_utc_ns=n)
    entry = journal.accept(fact, f"k{n}")
    print("accepted", n, flush=True)
    batch += 1
    made = Receipt(id=f"r{n}", to="t", correlation=f"c{n}", accepted=True, at_utc_ns=n)
    for repeat in range(2):
        journal.commit(Batch(boot, batch, n, [entry], [made]))
    print("committed", n, flush=True)
    n += 1
"""


def test_killed_at_any_moment_nothing_acknowledged_is_lost_or_doubled(path: Path) -> None:
    accepted: set[int] = set()
    committed: set[int] = set()
    for life in range(3):
        start = max(accepted, default=-1) + 2  # the unacknowledged one may or may not be there
        argv = [sys.executable, "-c", WORKER, str(path), f"life{life}", str(start)]
        worker = subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        for count, line in enumerate(worker.stdout):
            if count == 41 + life:
                os.kill(worker.pid, signal.SIGKILL)  # somewhere inside of what it does now
            word, number = line.split()
            (accepted if word == "accepted" else committed).add(int(number))
        worker.wait()
        worker.stdout.close()
    journal = Journal(path, utc_ns=1)
    journal.verify()
    stored = {e.message.id for e in journal.unconsumed()}
    produced = [e.message.id for e in journal.unpublished(limit=100_000)]
    assert len(produced) == len(set(produced))
    assert {f"r{n}" for n in committed} <= set(produced)
    for n in accepted:
        assert (f"c{n}" in stored) != (f"r{n}" in produced)  # consumed with its batch, or still owed
    journal.close()
