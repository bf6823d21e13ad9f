"""A database with a table of notes, a writer on it, and flows that can be stopped and broken."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final, TypeVar

import psycopg
import pytest
from sqlalchemy import Column, MetaData, Table, Text
from sqlalchemy.exc import IntegrityError

from numberdesk.infra.db import Database, StorageFailedError, Tx
from numberdesk.infra.writer import Writer
from numberdesk.migrations import upgrade
from testbed.databases import Databases
from tests.infra.old_books import BOOKS, Old

Result = TypeVar("Result")
Session = psycopg.Connection[Any]

NOTES: Final = Table("notes", MetaData(), Column("word", Text, primary_key=True))
BROKEN_CONSTRAINT: Final = (sqlite3.IntegrityError, psycopg.IntegrityError, IntegrityError)
"""What a broken constraint is raised as, by the drivers and by SQLAlchemy."""

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for another thread; nothing is measured with it."""


class BreakableDatabase(Database):
    """A database whose commits can be stopped and made to fail.

    `failing` counts down: so many commits fail and are rolled back. While `open_gate` is clear,
    commits wait; `at_gate` tells that one does.
    """

    def __init__(self, url: str, *, busy_seconds: float = 2.0) -> None:
        super().__init__(url, busy_seconds=busy_seconds)
        self.failing = 0
        self.at_gate = threading.Event()
        self.open_gate = threading.Event()
        self.open_gate.set()

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        with super().write() as tx:
            yield tx
            self.at_gate.set()
            assert self.open_gate.wait(PATIENCE)
            if self.failing:
                self.failing -= 1
                raise StorageFailedError("disk full")


class Notes:
    """A table of words, read past the database under test: what is here is committed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = BreakableDatabase(url)

    @property
    def kept(self) -> list[str]:
        """The words that another connection sees, sorted."""
        return words_in(self.url)


def words_in(url: str) -> list[str]:
    """The words that a connection of its own sees, sorted."""
    with _connected(url) as connection:
        return sorted(word for (word,) in connection.execute("SELECT word FROM notes").fetchall())


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Any]:
    """A driver's connection in which every statement commits by itself."""
    connection: Any = (
        sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        if url.startswith("sqlite")
        else psycopg.connect(url, autocommit=True)
    )
    with contextlib.closing(connection):
        yield connection


def keep(tx: Tx, words: Sequence[str]) -> list[str]:
    """A flow: write words, answer with them in capitals. Fails on a `poison` after it has written."""
    for word in words:
        tx.execute(NOTES.insert(), {"word": word})
        if word.startswith("poison"):
            raise ValueError(word)
    return [word.upper() for word in words]


def keep_one(database: Database) -> None:
    """Keep one word, `a`."""
    with database.write() as tx:
        keep(tx, ["a"])


class Barrier:
    """A flow that waits in the writer's thread until it is let go, so that others queue up behind it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, _tx: Tx, commands: Sequence[str]) -> list[str]:
        self.reached.set()
        assert self.go.wait(PATIENCE)
        return list(commands)


class Recorder:
    """A flow that keeps words and remembers which came together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, tx: Tx, words: Sequence[str]) -> list[str]:
        self.batches.append(list(words))
        return keep(tx, words)


def run(story: Coroutine[Any, Any, Result]) -> Result:
    """Run a story to its end. One that waits for ever fails instead."""

    async def bounded() -> Result:
        async with asyncio.timeout(PATIENCE):
            return await story

    return asyncio.run(bounded())


@contextlib.contextmanager
def started(database: Database, **given: Any) -> Iterator[Writer]:
    """A started writer, closed at the end whatever happens: its thread would keep the tests from ending."""
    writer = Writer(database, **{"patience_seconds": PATIENCE, **given})
    writer.start()
    try:
        yield writer
    finally:
        writer.close()


async def queued(*waits: Coroutine[Any, Any, Result]) -> list[asyncio.Task[Result]]:
    """Start waits as tasks and let each run up to its wait."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.sleep(0)
    return tasks


async def ended(tasks: Sequence[asyncio.Task[Result]]) -> list[Result | BaseException]:
    """The outcomes of tasks, exceptions among them."""
    return await asyncio.gather(*tasks, return_exceptions=True)


async def reached(event: threading.Event) -> None:
    """Wait for another thread without blocking the loop."""
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def begun_to_close(writer: Writer) -> asyncio.Task[None]:
    """Close a writer in another thread; return when it takes no more commands, with the thread's end to wait for."""
    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    while writer.accepting:  # noqa: ASYNC110  there is no event: it is a flag of another thread
        await asyncio.sleep(0)
    return closing


@pytest.fixture(scope="session")
def notes_book(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a prepared database with a table of notes, for all tests of this process."""
    url = made.prepared(tmp_path_factory.mktemp("notes"))
    with _connected(url) as connection:
        connection.execute("CREATE TABLE notes (word TEXT PRIMARY KEY)")
    yield url
    made.done(url)


@pytest.fixture
def old(empty_url: str) -> Iterator[Old]:
    """Makes books at a revision, with rows in every table."""
    database = Database(empty_url)

    def filled(revision: str) -> Database:
        upgrade(database, revision)
        with database.raw(writing=True) as connection:
            for statement in (BOOKS / f"{revision}.sql").read_text().split(";\n"):
                if statement:
                    connection.exec_driver_sql(statement)
            connection.commit()
        return database

    yield filled
    database.close()


@pytest.fixture
def notes_url(notes_book: str) -> str:
    """The same with no words in it."""
    with _connected(notes_book) as connection:
        connection.execute("DELETE FROM notes")
    return notes_book


@pytest.fixture
def notes(notes_url: str) -> Iterator[Notes]:
    notes = Notes(notes_url)
    yield notes
    notes.database.close()


@pytest.fixture
def writer(notes: Notes) -> Iterator[Writer]:
    """A started writer, closed at the end."""
    with started(notes.database) as writer:
        yield writer


@pytest.fixture
def other(notes_url: str) -> Iterator[Session]:
    """A session of somebody else's."""
    with psycopg.connect(notes_url, autocommit=True) as session:
        yield session
