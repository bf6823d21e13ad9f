"""Backups of PostgreSQL: a base backup with archived WAL, and a dump, each restored and then verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from numberdesk.infra.settings import load_settings
from numberdesk.verify.books import verify
from numberdesk.wiring import build
from testbed.books import Books, make_books
from testbed.customers import Customers
from testbed.databases import Postgreses
from testbed.postgres import QUICK, Server, run
from testbed.service import Service


@pytest.fixture
def archived() -> Iterator[Server]:
    """A server that archives its WAL beside its data."""
    server = Server({**QUICK, "wal_level": "replica", "archive_mode": "on"})
    try:
        server.create()
        server.start(archive_command=f"mkdir -p {archive_of(server)} && cp %p {archive_of(server)}/%f")
        yield server
    finally:
        server.delete()


def archive_of(server: Server) -> Path:
    return server.folder / "archive"


def bought_in(url: str) -> int:
    """How many orders the books hold, which have to be in order."""
    services = build(load_settings(database_url=url))
    try:
        assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
        return int(services.reader.read_now(lambda tx: tx.fetch("SELECT count(*) FROM orders", [])[0][0]))
    finally:
        services.close()


def buy(books: Books, first: int, last: int) -> Customers:
    """Let customers have their wishes of a part of the list, once."""
    customers = Customers(books.wishes[first:last])
    with Service(books.url) as service:
        customers.ask(service.port)
        assert service.stop() == 0
    assert customers.open == []
    return customers


def test_restored_to_an_instant_the_books_hold_what_was_bought_until_then(archived: Server) -> None:
    books = make_books(archived.make_database("books"), numbers=60)
    restored = Server()
    try:
        restored.backup_of(archived)
        before = len(buy(books, 0, 60).bought)
        with archived.session() as session:
            instant = str(session.execute("SELECT clock_timestamp()").fetchone()[0])  # type: ignore[index]  # it has a row
        assert len(buy(books, 60, 120).bought) > 0
        with archived.session() as session:
            session.execute("SELECT pg_switch_wal()")
        archived.stop()
        restored.recover_from(archive_of(archived), instant)
        assert bought_in(restored.url("books")) == before
    finally:
        restored.delete()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_dump_restored_into_an_empty_database_is_the_same_books(
    made: Postgreses, books: Books, empty_url: str
) -> None:
    bought = len(buy(books, 0, 40).bought)
    dump = made.server.folder / "books.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", books.url)
    run("pg_restore", "--no-owner", f"--dbname={empty_url}", str(dump))
    assert bought_in(empty_url) == bought
