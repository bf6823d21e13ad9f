"""The database: pragmas in force, addresses refused, and storage that fails without keeping anything."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import column, insert, table, text
from sqlalchemy.exc import IntegrityError

from numberdesk.infra.db import Database, DatabaseError, Prepared, StorageFailedError, Tx

WORDS = table("notes", column("word"))
INSERT = "INSERT INTO notes VALUES (?)"


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Database]:
    """A database with a table of words, which waits for nobody's lock for long."""
    database = Database(f"sqlite:///{tmp_path}/notes.db", busy_seconds=0.05)
    with database.write() as tx:
        tx.run("CREATE TABLE notes (word TEXT PRIMARY KEY)", [])
    yield database
    database.close()


def kept(database: Database) -> list[str]:
    with contextlib.closing(sqlite3.connect(str(database.url.database))) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM notes ORDER BY word")]


def pragma(tx: Tx, name: str) -> object:
    return tx.fetch(f"PRAGMA {name}", [])[0][0]


def test_writes_are_durable_and_references_are_checked(notes: Database) -> None:
    with notes.write() as tx:
        assert pragma(tx, "journal_mode") == "wal"
        assert pragma(tx, "synchronous") == 2
        assert pragma(tx, "foreign_keys") == 1
        assert pragma(tx, "busy_timeout") == 50


def test_reads_and_migrations_have_the_same_pragmas(notes: Database) -> None:
    with notes.read() as tx:
        assert [pragma(tx, name) for name in ("journal_mode", "synchronous", "foreign_keys")] == ["wal", 2, 1]
    with notes.raw() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a database URL"),
        ("var/books.db", "not a database URL"),
        ("sqlite:", "not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://host/books", "mysql is not supported"),
        ("oracle+oracledb://host/books", "oracle is not supported"),
    ],
)
def test_an_address_that_is_no_supported_database_is_refused_by_its_setting(url: str, reason: str) -> None:
    with pytest.raises(DatabaseError, match=f"NUMBERDESK_DATABASE_URL.*{reason}"):
        Database(url)


def test_a_refused_address_is_not_repeated_for_it_may_hold_a_password() -> None:
    with pytest.raises(DatabaseError) as caught:
        Database("mysql://books:topsecret@host/books")
    assert "topsecret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_an_answer_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"NUMBERDESK_DATABASE_URL: .*cannot be made"):
        Database(f"sqlite:///{tmp_path}/file/books.db")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/var/lib/books.db")
    with database.read() as tx:
        assert tx.engine_name == "sqlite"
    database.close()
    assert (tmp_path / "var/lib/books.db").exists()


def test_a_driver_named_for_sqlite_is_not_looked_for(tmp_path: Path) -> None:
    database = Database(f"sqlite+other:///{tmp_path}/books.db")
    with database.read() as tx:
        assert tx.fetch("SELECT 1", []) == [(1,)]
    database.close()


def test_a_folder_in_place_of_the_file_is_failed_storage(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}")
    with pytest.raises(StorageFailedError, match="unable to open"), database.read():
        pass
    database.close()


def test_what_is_raised_inside_rolls_the_transaction_back(notes: Database) -> None:
    with pytest.raises(ZeroDivisionError), notes.write() as tx:
        tx.run(INSERT, [tx.run(INSERT, ["a"]) // 0])
    assert kept(notes) == []
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
    assert kept(notes) == ["a"]


def test_a_transaction_is_seen_by_others_only_after_its_end(notes: Database) -> None:
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
        with notes.read() as reading:
            assert reading.fetch("SELECT word FROM notes", []) == []
    assert kept(notes) == ["a"]


def test_a_read_is_one_consistent_view_however_much_is_written_meanwhile(notes: Database) -> None:
    with notes.read() as reading:
        assert reading.fetch("SELECT count(*) FROM notes", []) == [(0,)]
        with notes.write() as tx:
            tx.run(INSERT, ["a"])
        assert reading.fetch("SELECT count(*) FROM notes", []) == [(0,)]
    with notes.read() as reading:
        assert reading.fetch("SELECT count(*) FROM notes", []) == [(1,)]


def test_every_way_to_run_a_statement_sees_the_others(notes: Database) -> None:
    prepared = Prepared(insert(WORDS).values(word=None))
    with notes.write() as tx:
        assert tx.run(INSERT, ["a"]) == 1
        assert tx.run_prepared("INSERT INTO notes VALUES (:word)", [{"word": "b"}, {"word": "c"}]) == 2
        tx.execute(insert(WORDS), [{"word": "d"}, {"word": "e"}])
        assert prepared.run(tx, [{"word": "f"}]) == 1
        assert prepared.run(tx, [{"word": "g"}, {"word": "h"}]) == 2
        assert prepared.run(tx, []) == 0
        assert tx.fetch("SELECT count(*) FROM notes WHERE word < ?", ["h"]) == [(7,)]
    assert kept(notes) == list("abcdefgh")


def test_a_database_locked_by_another_process_is_failed_storage_and_nothing_is_kept(notes: Database) -> None:
    with contextlib.closing(sqlite3.connect(str(notes.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailedError, match="locked"), notes.write() as tx:
            tx.run(INSERT, ["a"])
        with notes.read() as tx:
            assert tx.fetch("SELECT count(*) FROM notes", []) == [(0,)]
        other.execute("ROLLBACK")
    assert kept(notes) == []
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
    assert kept(notes) == ["a"]


def through_the_driver(tx: Tx, words: list[str]) -> None:
    for word in words:
        tx.run(INSERT, [word])


def through_many_at_once(tx: Tx, words: list[str]) -> None:
    tx.run_prepared("INSERT INTO notes VALUES (:word)", [{"word": word} for word in words])


def through_sqlalchemy(tx: Tx, words: list[str]) -> None:
    tx.execute(insert(WORDS), [{"word": word} for word in words])


Write = Callable[[Tx, list[str]], None]
WAYS: list[Write] = [through_the_driver, through_many_at_once, through_sqlalchemy]


@pytest.mark.parametrize("write", WAYS)
def test_a_full_disk_is_failed_storage_keeps_nothing_and_heals_by_itself(notes: Database, write: Write) -> None:
    words = [f"{number:04}" + "x" * 2000 for number in range(200)]
    with notes.write() as tx:
        tx.run(INSERT, ["before"])
        limit = int(str(pragma(tx, "page_count"))) + 4
        pragma(tx, f"max_page_count = {limit}")
    for _ in range(2):
        with pytest.raises(StorageFailedError, match="full"), notes.write() as tx:
            write(tx, words)
        assert kept(notes) == ["before"]
    with notes.write() as tx:
        tx.run(INSERT, ["small"])
    with notes.write() as tx:
        pragma(tx, "max_page_count = 1000000")
        write(tx, words)
    assert kept(notes) == [*words, "before", "small"]


@pytest.mark.parametrize("write", WAYS)
def test_a_broken_constraint_is_a_defect_and_no_failure_of_the_storage(notes: Database, write: Write) -> None:
    with pytest.raises((IntegrityError, sqlite3.IntegrityError)), notes.write() as tx:
        write(tx, ["a", "a"])
    assert kept(notes) == []


def test_a_file_that_may_not_be_written_is_failed_storage(tmp_path: Path, notes: Database) -> None:
    notes.close()
    database = Database(f"sqlite:///file:{tmp_path}/notes.db?mode=ro&uri=true")
    assert not Path("file:").exists()
    with pytest.raises(StorageFailedError, match="readonly"), database.write() as tx:
        tx.run(INSERT, ["a"])
    database.close()


def test_a_damaged_file_is_failed_storage(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_bytes(b"this is no database at all" * 1000)
    database = Database(f"sqlite:///{path}")
    for begin in (database.read, database.write, database.raw):
        with pytest.raises(StorageFailedError, match="not a database"), begin():
            pass
    database.close()


def test_a_page_damaged_under_a_running_service_is_failed_storage(notes: Database) -> None:
    with notes.write() as tx:
        for number in range(500):
            tx.run(INSERT, [f"{number:04}" + "x" * 500])
    notes.close()
    path = Path(str(notes.url.database))
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StorageFailedError, match="malformed"), notes.read() as tx:
        tx.fetch("SELECT count(*) FROM notes WHERE word > ?", ["0100"])
    with pytest.raises(StorageFailedError, match="malformed"), notes.write() as tx:
        tx.run(INSERT, ["0100"])


def test_raw_keeps_nothing_unless_it_is_committed(notes: Database) -> None:
    with notes.raw(writing=True) as connection:
        connection.execute(text("CREATE TABLE half (word TEXT)"))
        connection.execute(text("INSERT INTO notes VALUES ('a')"))
    with notes.read() as tx:
        assert tx.fetch("SELECT name FROM sqlite_master WHERE name = 'half'", []) == []
    assert kept(notes) == []


def test_closing_leaves_one_file_that_holds_everything(notes: Database) -> None:
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
    notes.close()
    path = Path(str(notes.url.database))
    assert [file.name for file in path.parent.iterdir()] == ["notes.db"]
    assert stat.S_ISREG(path.stat().st_mode)
    assert kept(notes) == ["a"]
