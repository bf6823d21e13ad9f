"""The database on either engine: addresses refused, transactions whole or not at all, defects told from failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select, text

from numberdesk.infra.db import Database, DatabaseError, Tx
from numberdesk.infra.statements import InsertRows
from tests.infra.conftest import BROKEN_CONSTRAINT, NOTES, words_in


@pytest.fixture
def notes(notes_url: str) -> Iterator[Database]:
    """A database with a table of words."""
    database = Database(notes_url)
    yield database
    database.close()


def count(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(NOTES)).scalar_one())


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
        ("postgresql+psycopg://host/books", "leave the driver out"),
        ("postgresql+asyncpg://host/books", "leave the driver out"),
        ("postgresql://host/books?sslmood=require", "not a PostgreSQL URL"),
        ("postgresql://[::1/books", "not a PostgreSQL URL"),
        ("postgres://host/%zz", "not a PostgreSQL URL"),
    ],
)
def test_an_address_that_is_no_supported_database_is_refused_by_its_setting(url: str, reason: str) -> None:
    with pytest.raises(DatabaseError, match=f"NUMBERDESK_DATABASE_URL.*{reason}"):
        Database(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://books:topsecret@host/books",
        "postgresql+psycopg://books:topsecret@host/books",
        "postgresql://books:topsecret@[::1/books",
        "postgresql://books:topsecret@[::1]x/books",
        "postgresql://books:topsecret@host/books?sslmood=require",
        "postgresql://books:topsecret@host/books?sslmode",
        "postgresql://books:topsecret%zz@host/books",
        "postgresql://books:topsecret@host:port:1/books",
        "postgresql://host/books?password=topsecret&a=b=c",
    ],
)
def test_a_refused_address_is_not_repeated_for_it_may_hold_a_password(url: str) -> None:
    try:
        database = Database(url)
        with database.read():
            pass
    except Exception as error:  # noqa: BLE001  whatever it is, what is shown of it may not tell
        told: BaseException | None = error
        while told is not None:
            assert "topsecret" not in str(told)
            told = told.__cause__
        return
    pytest.fail("it was not refused")


def test_what_is_raised_inside_rolls_the_transaction_back(notes: Database, notes_url: str) -> None:
    with pytest.raises(ZeroDivisionError), notes.write() as tx:
        tx.run("INSERT INTO notes VALUES ('b')", [tx.run("INSERT INTO notes VALUES ('a')", []) // 0])
    assert words_in(notes_url) == []
    with notes.write() as tx:
        tx.execute(NOTES.insert(), {"word": "a"})
    assert words_in(notes_url) == ["a"]


def test_a_transaction_is_seen_by_others_only_after_its_end(notes: Database, notes_url: str) -> None:
    with notes.write() as tx:
        tx.execute(NOTES.insert(), {"word": "a"})
        with notes.read() as reading:
            assert count(reading) == 0
    assert words_in(notes_url) == ["a"]


def test_a_read_is_one_consistent_view_however_much_is_written_meanwhile(notes: Database) -> None:
    with notes.read() as reading:
        assert count(reading) == 0
        with notes.write() as tx:
            tx.execute(NOTES.insert(), {"word": "a"})
        assert count(reading) == 0
    with notes.read() as reading:
        assert count(reading) == 1


def through_the_driver(tx: Tx, words: list[str]) -> None:
    for word in words:
        quoted = word.replace("'", "''")
        assert tx.run(f"INSERT INTO notes VALUES ('{quoted}')", []) == 1  # noqa: S608  the tests' own words


def through_many_at_once(tx: Tx, words: list[str]) -> None:
    InsertRows(NOTES).run(tx, [(word,) for word in words])


def through_sqlalchemy(tx: Tx, words: list[str]) -> None:
    tx.execute(NOTES.insert(), [{"word": word} for word in words])


Write = Callable[[Tx, list[str]], None]
WAYS: list[Write] = [through_the_driver, through_many_at_once, through_sqlalchemy]


def test_every_way_to_run_a_statement_sees_the_others(notes: Database, notes_url: str) -> None:
    with notes.write() as tx:
        for write, words in zip(WAYS, (["a", "b"], ["c"], ["d", "it's"]), strict=True):
            write(tx, words)
        assert tx.fetch("SELECT count(*) FROM notes WHERE word < 'd'", []) == [(3,)]
        assert tx.run("DELETE FROM notes WHERE word < 'c'", []) == 2
        assert count(tx) == 3
    assert words_in(notes_url) == ["c", "d", "it's"]


@pytest.mark.parametrize("write", WAYS)
def test_a_broken_constraint_is_a_defect_and_no_failure_of_the_storage(
    notes: Database, notes_url: str, write: Write
) -> None:
    with pytest.raises(BROKEN_CONSTRAINT), notes.write() as tx:
        write(tx, ["a", "a"])
    assert words_in(notes_url) == []
    with notes.write() as tx:
        write(tx, ["a"])
    assert words_in(notes_url) == ["a"]


def test_a_statement_that_makes_no_sense_is_no_failure_that_is_tried_again(notes: Database, notes_url: str) -> None:
    with pytest.raises(Exception, match="nowhere"), notes.write() as tx:
        tx.execute(text("INSERT INTO notes SELECT word FROM nowhere"))
    assert words_in(notes_url) == []


def test_raw_keeps_nothing_unless_it_is_committed(notes: Database, notes_url: str) -> None:
    for committed in (False, True):
        with notes.raw(writing=True) as connection:
            connection.execute(text("CREATE TABLE half (word TEXT)"))
            connection.execute(NOTES.insert(), {"word": "a"})
            if committed:
                connection.execute(text("DROP TABLE half"))
                connection.commit()
        assert words_in(notes_url) == ["a"] * committed
    with notes.read() as tx, pytest.raises(Exception, match="half"):
        tx.execute(text("SELECT * FROM half"))


def test_a_closed_database_opens_again_when_it_is_used(notes: Database, notes_url: str) -> None:
    with notes.write() as tx:
        tx.execute(NOTES.insert(), {"word": "a"})
    notes.close()
    with notes.write() as tx:
        tx.execute(NOTES.insert(), {"word": "b"})
    assert words_in(notes_url) == ["a", "b"]
