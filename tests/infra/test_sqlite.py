"""SQLite's own: pragmas in force, files and folders, locks of other processes, full disks and damaged pages."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from numberdesk.infra.db import Database, DatabaseError, StorageFailedError, Tx
from numberdesk.infra.serve_lock import is_served, only_server
from tests.infra.conftest import NOTES, BreakableDatabase, Notes, keep, run, started, words_in
from tests.infra.test_db import WAYS, Write

INSERT = "INSERT INTO notes VALUES (?)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a table of words."""
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE notes (word TEXT PRIMARY KEY)")
    return path


@pytest.fixture
def notes(file: Path) -> Iterator[Database]:
    """The same as a database, which waits for nobody's lock for long."""
    database = Database(f"sqlite:///{file}", busy_seconds=0.05)
    yield database
    database.close()


def kept(file: Path) -> list[str]:
    return words_in(f"sqlite:///{file}")


def pragma(tx: Tx, name: str) -> object:
    return tx.fetch(f"PRAGMA {name}", [])[0][0]


def test_writes_are_durable_and_references_are_checked(notes: Database) -> None:
    with notes.write() as tx:
        assert pragma(tx, "journal_mode") == "wal"
        assert pragma(tx, "synchronous") == 2
        assert pragma(tx, "foreign_keys") == 1
        assert pragma(tx, "busy_timeout") == 50


def test_who_writes_much_has_the_wal_folded_rarely_and_everything_as_durable(file: Path, notes: Database) -> None:
    def write_much() -> int:
        for place in range(40):
            with notes.write() as tx:
                tx.execute(
                    text("INSERT INTO notes VALUES (:word)"), [{"word": f"{place} {n}" * 40} for n in range(300)]
                )
        return file.stat().st_size

    folded = write_much()
    assert folded > 2**20
    with notes.write() as tx:
        tx.execute(text("DELETE FROM notes"))
    notes.fold_rarely()
    before = file.stat().st_size
    assert write_much() == before
    with notes.write() as tx:
        assert pragma(tx, "synchronous") == 2
    notes.close()
    assert len(kept(file)) == 12_000
    assert not file.with_name("notes.db-wal").exists()


def test_reads_and_migrations_have_the_same_pragmas(notes: Database) -> None:
    with notes.read() as tx:
        assert [pragma(tx, name) for name in ("journal_mode", "synchronous", "foreign_keys")] == ["wal", 2, 1]
    with notes.raw() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


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


def test_a_database_locked_by_another_process_is_failed_storage_and_nothing_is_kept(
    notes: Database, file: Path
) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailedError, match="locked"), notes.write() as tx:
            tx.run(INSERT, ["a"])
        with notes.read() as tx:
            assert tx.fetch("SELECT count(*) FROM notes", []) == [(0,)]
        other.execute("ROLLBACK")
    assert kept(file) == []
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
    assert kept(file) == ["a"]


def test_a_lock_held_by_another_connection_fails_the_batch_and_not_the_writer(file: Path) -> None:
    impatient = Notes(f"sqlite:///{file}")
    impatient.database = BreakableDatabase(impatient.url, busy_seconds=0.05)
    with (
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other,
        started(impatient.database) as writer,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailedError, match="locked"):
            run(writer.submit(keep, "a"))
        other.execute("ROLLBACK")
        assert run(writer.submit(keep, "a")) == "A"
    assert impatient.kept == ["a"]
    impatient.database.close()


@pytest.mark.parametrize("write", WAYS)
def test_a_full_disk_is_failed_storage_keeps_nothing_and_heals_by_itself(
    notes: Database, file: Path, write: Write
) -> None:
    words = [f"{number:04}" + "x" * 2000 for number in range(200)]
    with notes.write() as tx:
        tx.run(INSERT, ["before"])
        limit = int(str(pragma(tx, "page_count"))) + 4
        pragma(tx, f"max_page_count = {limit}")
    for _ in range(2):
        with pytest.raises(StorageFailedError, match="full"), notes.write() as tx:
            write(tx, words)
        assert kept(file) == ["before"]
    with notes.write() as tx:
        tx.run(INSERT, ["small"])
    with notes.write() as tx:
        pragma(tx, "max_page_count = 1000000")
        write(tx, words)
    assert kept(file) == [*words, "before", "small"]


def test_a_file_that_may_not_be_written_is_failed_storage(file: Path) -> None:
    database = Database(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert not Path("file:").exists()
    with pytest.raises(StorageFailedError, match="readonly"), database.write() as tx:
        tx.execute(NOTES.insert(), {"word": "a"})
    database.close()


def test_a_damaged_file_is_failed_storage(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.write_bytes(b"this is no database at all" * 1000)
    database = Database(f"sqlite:///{path}")
    for begin in (database.read, database.write, database.raw):
        with pytest.raises(StorageFailedError, match="not a database"), begin():
            pass
    database.close()


def test_a_page_damaged_under_a_running_service_is_failed_storage(notes: Database, file: Path) -> None:
    with notes.write() as tx:
        for number in range(500):
            tx.run(INSERT, [f"{number:04}" + "x" * 500])
    notes.close()
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096))
    with pytest.raises(StorageFailedError, match="malformed"), notes.read() as tx:
        tx.fetch("SELECT count(*) FROM notes WHERE word > ?", ["0100"])
    with pytest.raises(StorageFailedError, match="malformed"), notes.write() as tx:
        tx.run(INSERT, ["0100"])


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_a_new_file_and_what_stands_beside_it_are_for_their_owner_alone(tmp_path: Path, mask: int) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "books.db")
    before = os.umask(mask)
    try:
        database = Database(f"sqlite:///{tmp_path}/link.db")
        with database.write() as tx:
            tx.run("CREATE TABLE notes (word TEXT PRIMARY KEY)", [])
        with only_server(database), database.read() as tx:
            assert tx.fetch("SELECT count(*) FROM notes", []) == [(0,)]
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("books.db*")}
        database.close()
    finally:
        os.umask(before)
    assert {"books.db", "books.db-wal", "books.db-shm", "books.db-serve"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_whether_a_file_is_served_is_seen_beside_it(file: Path) -> None:
    server, beside = Database(f"sqlite:///{file}"), Database(f"sqlite:///{file}")
    assert not is_served(beside)
    with only_server(server):
        assert is_served(beside)
    assert not is_served(beside)
    with only_server(server):  # looking has left nothing locked
        pass
    server.close()
    beside.close()


def test_a_file_that_is_there_keeps_the_mode_that_its_owner_gave_it(file: Path) -> None:
    file.chmod(0o640)
    database = Database(f"sqlite:///{file}")
    with database.write() as tx:
        tx.run(INSERT, ["a"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    database.close()


def test_closing_leaves_one_file_that_holds_everything(notes: Database, file: Path) -> None:
    with notes.write() as tx:
        tx.run(INSERT, ["a"])
    notes.close()
    assert [left.name for left in file.parent.iterdir()] == ["notes.db"]
    assert stat.S_ISREG(file.stat().st_mode)
    assert kept(file) == ["a"]
