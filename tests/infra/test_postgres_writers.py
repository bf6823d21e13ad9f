"""The row of `writers` where a process notes its transactions: made, made again, left, deleted when it is old."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from numberdesk.infra.db import Database, StorageFailedError
from numberdesk.infra.postgres import _MOST_TRANSACTIONS
from numberdesk.infra.writer import Writer
from numberdesk.tables import writers
from tests.infra.conftest import Notes, Session, keep, keep_one, run

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def test_a_writer_whose_registration_was_not_answered_registers_again(notes: Notes, other: Session) -> None:
    writer = notes.database._engine._writer  # type: ignore[union-attr]  # SQLite's has none
    other.execute("INSERT INTO writers VALUES (%s, 0, %s)", [writer, time.time_ns() // 1000])
    keep_one(notes.database)
    assert notes.kept == ["a"]
    assert other.execute("SELECT transactions FROM writers WHERE id = %s", [writer]).fetchone() == (1,)


def test_a_writer_whose_row_is_gone_makes_another_and_goes_on(notes: Notes, writer: Writer, other: Session) -> None:
    """As after a failover to a standby, or a restore, that had not got the row."""
    assert run(writer.submit(keep, "a")) == "A"
    before = other.execute("DELETE FROM writers RETURNING id").fetchall()
    assert run(writer.submit(keep, "b")) == "B"
    assert run(writer.submit(keep, "c")) == "C"
    ((anew, transactions),) = other.execute("SELECT id, transactions FROM writers").fetchall()
    assert (anew,) not in before
    assert transactions == 2
    assert notes.kept == ["a", "b", "c"]
    assert (writer.figures.retries, writer.figures.failed_commits) == (0, 0)


def fill_the_row(database: Database) -> str:
    """Let a process note as many transactions in its row as it may; the row's id."""
    keep_one(database)
    engine: Any = database._engine
    engine._number = _MOST_TRANSACTIONS - 1
    keep_word(database, "b")
    return str(engine._writer)


def keep_word(database: Database, word: str) -> None:
    with database.write() as tx:
        keep(tx, [word])


def rows_of(other: Session) -> dict[str, int]:
    return dict(other.execute("SELECT id, transactions FROM writers").fetchall())


def test_a_row_that_has_many_former_versions_is_left_for_another(notes: Notes, other: Session) -> None:
    other.execute("DELETE FROM writers")
    former = fill_the_row(notes.database)
    assert rows_of(other) == {former: _MOST_TRANSACTIONS}
    keep_word(notes.database, "c")
    keep_word(notes.database, "d")
    assert list(rows_of(other).values()) == [2]
    assert former not in rows_of(other)
    assert notes.kept == ["a", "b", "c", "d"]


def test_a_row_that_is_left_while_somebody_holds_it_locked_stays_and_nobody_waits(notes: Notes, other: Session) -> None:
    """A transaction that was given up may still be on its way, and its process be asking for it."""
    other.execute("DELETE FROM writers")
    former = fill_the_row(notes.database)
    with other.transaction():
        other.execute("SELECT * FROM writers WHERE id = %s FOR UPDATE", [former])
        keep_word(notes.database, "c")
    assert rows_of(other).pop(former) == _MOST_TRANSACTIONS
    assert len(rows_of(other)) == 2


def test_a_commit_that_is_the_last_or_the_first_of_a_row_is_looked_up_in_that_row(notes: Notes, other: Session) -> None:
    """Cut between COMMIT and its answer, which the test does by asking as if it had been."""
    other.execute("DELETE FROM writers")
    fill_the_row(notes.database)
    engine: Any = notes.database._engine
    assert engine.resolve_commit() is True
    keep_word(notes.database, "c")
    assert engine.resolve_commit() is True
    engine._number += 1
    assert engine.resolve_commit() is False


def test_a_writer_whose_rows_are_never_there_refuses_what_it_could_not_look_up(notes: Notes, other: Session) -> None:
    other.execute("CREATE RULE unkept AS ON INSERT TO writers DO INSTEAD NOTHING")
    try:
        with pytest.raises(StorageFailedError, match="is not there, though it was just made"):
            keep_one(notes.database)
    finally:
        other.execute("DROP RULE unkept ON writers")
    assert notes.kept == []
    keep_one(notes.database)
    assert notes.kept == ["a"]


def test_a_forgotten_writer_that_somebody_holds_locked_keeps_no_other_from_writing(
    notes: Notes, other: Session
) -> None:
    other.execute("INSERT INTO writers VALUES ('wrt_old', 7, 0), ('wrt_older', 7, 0)")
    with other.transaction():
        other.execute("SELECT * FROM writers WHERE id = 'wrt_old' FOR UPDATE")
        keep_one(notes.database)
    assert notes.kept == ["a"]
    left = other.execute("DELETE FROM writers WHERE id LIKE 'wrt_old%' RETURNING id").fetchall()
    assert left == [("wrt_old",)]


def test_writing_goes_on_though_forgotten_writers_cannot_be_deleted(notes: Notes, other: Session) -> None:
    other.execute("INSERT INTO writers VALUES ('wrt_old', 7, 0)")
    other.execute("CREATE RULE kept AS ON DELETE TO writers DO INSTEAD SELECT 1 / 0")
    try:
        keep_one(notes.database)
        with notes.database.write() as tx:
            keep(tx, ["b"])
    finally:
        other.execute("DROP RULE kept ON writers")
    assert notes.kept == ["a", "b"]


def test_each_process_notes_its_transactions_in_a_row_of_its_own(notes: Notes) -> None:
    mine = Database(notes.url)
    for database in (notes.database, mine, mine):
        with database.write() as tx:
            tx.fetch("SELECT 1", [])
    with pytest.raises(ZeroDivisionError), mine.write() as tx:
        tx.fetch("SELECT 1", [1 // 0])
    with mine.write() as tx:
        rows = {row.id: row.transactions for row in tx.execute(select(writers))}
    ours = {database._engine._writer for database in (notes.database, mine)}  # type: ignore[union-attr]  # SQLite's has none
    assert {rows[writer] for writer in ours} == {1, 4}
    mine.close()
