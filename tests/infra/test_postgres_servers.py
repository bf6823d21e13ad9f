"""Which PostgreSQL servers are accepted: not those that could lose what they acknowledge, standbys or strangers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from numberdesk.infra.db import (
    CommitUnknownError,
    Database,
    DatabaseError,
    StorageFailedError,
    TryAgainError,
    UnfitServerError,
)
from numberdesk.infra.writer import Writer
from numberdesk.migrations import HEAD, current, prepare
from testbed.postgres import Server

PATIENCE = 60.0


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    """A server of these tests' own, for its settings are changed."""
    with running(Server()) as server:
        server.create()
        server.start()
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    """A copy that follows it."""
    with running(Server()) as server:
        server.copy_of(primary, "follower")
        server.start()
        yield server


@pytest.fixture
def url(primary: Server) -> Iterator[str]:
    """An empty database on it."""
    primary.drop_database("books")
    yield primary.make_database("books")
    primary.drop_database("books")


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.delete()


@contextlib.contextmanager
def changed(server: Server, name: str, value: str) -> Iterator[None]:
    """A running server with another setting, which is taken back."""
    before = shown(server, name)
    alter(server, f"SET {name} = '{value}'")
    wait_until(lambda: shown(server, name) == value)
    try:
        yield
    finally:
        alter(server, f"RESET {name}")
        wait_until(lambda: shown(server, name) == before)


def alter(server: Server, change: str) -> None:
    with server.session() as session:
        session.execute(f"ALTER SYSTEM {change}".encode())
        session.execute("SELECT pg_reload_conf()")


def shown(server: Server, name: str) -> str:
    with server.session() as session:
        (value,) = session.execute("SELECT current_setting(%s)", [name]).fetchone() or ("",)
    return str(value)


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)


def refusal(url: str) -> str:
    """What a start on this database says, and that it left the database as it was."""
    database = Database(url)
    with pytest.raises(DatabaseError) as caught:
        prepare(database)
    database.close()
    return str(caught.value)


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_wrote_is_refused(primary: Server, url: str, name: str) -> None:
    with changed(primary, name, "off"):
        assert refusal(url) == f"PostgreSQL runs with {name}=off and can lose paid purchases: set {name}=on"
    empty_until_accepted(url)


def empty_until_accepted(url: str) -> None:
    database = Database(url)
    assert current(database) is None
    prepare(database)
    assert current(database) == HEAD
    database.close()


def test_commits_that_are_not_waited_for_are_refused(url: str) -> None:
    says = "PostgreSQL runs with synchronous_commit=off and can lose paid purchases: set synchronous_commit=on"
    assert refusal(f"{url}&options=-c%20synchronous_commit%3Doff") == says
    empty_until_accepted(url)


def test_commits_that_wait_for_no_standby_are_refused_where_there_are_synchronous_ones(
    primary: Server, url: str
) -> None:
    local = f"{url}&options=-c%20synchronous_commit%3Dlocal"
    with changed(primary, "synchronous_standby_names", "another"):
        assert "synchronous_commit=local" in refusal(local)
    empty_until_accepted(local)


@pytest.fixture
def books(url: str) -> Iterator[Database]:
    """A database that was accepted and written to."""
    database = Database(url)
    prepare(database)
    write(database)
    yield database
    database.close()


def write(database: Database) -> None:
    with database.write() as tx:
        tx.run("UPDATE accounts SET name = name", [])


def end_sessions(server: Server) -> None:
    """Whoever comes back is on a new connection, as after a failover."""
    with server.session() as session:
        session.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'books'")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_is_reached_later_is_refused_for_what_one_is_refused_for_at_the_start(
    primary: Server, books: Database, name: str
) -> None:
    with changed(primary, name, "off"):
        end_sessions(primary)
        with pytest.raises(TryAgainError):
            write(books)
        for _ in range(2):
            with pytest.raises(UnfitServerError, match=f"can lose paid purchases: set {name}=on"):
                write(books)
        with books.read() as tx:
            assert tx.fetch("SELECT count(*) FROM accounts", []) == [(0,)]
    write(books)


def test_the_command_line_is_told_so_too(primary: Server, books: Database) -> None:
    with changed(primary, "fsync", "off"):
        end_sessions(primary)
        with pytest.raises(UnfitServerError, match="set fsync=on"):
            Writer(books).apply(lambda tx, _commands: [tx.run("UPDATE accounts SET name = name", [])], None)


def test_a_standby_that_is_reached_later_is_left_and_asked_for_again(standby: Server) -> None:
    """It may be promoted at any moment, or the address lead to the primary."""
    database = Database(f"{standby.url('postgres')}&target_session_attrs=any")
    with pytest.raises(TryAgainError, match="The database is a standby"):
        write(database)
    database.close()


@pytest.fixture
def hurried(url: str) -> Iterator[Database]:
    """A database that is asked for a second only what became of a commit. Its role has a timeout for statements."""
    database = Database(f"{url}&options=-c%20statement_timeout%3D500", resolve_seconds=1.0)
    prepare(database)
    with database.write() as tx:
        tx.fetch("SELECT 1", [])
    yield database
    database.close()


def cancel_a_wait_for_standbys(server: Server) -> None:
    """End the first that there is, as a person might who wants to help."""
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1"
    with server.session() as session:
        wait_until(lambda: session.execute(cancel).fetchall() != [])


@pytest.mark.parametrize("cancelled", [False, True], ids=["timed out", "cancelled"])
def test_a_commit_that_no_standby_has_is_not_taken_for_durable(
    primary: Server, hurried: Database, *, cancelled: bool
) -> None:
    """PostgreSQL answers one whose wait was cancelled as if all were well, but for a warning."""
    helping = threading.Thread(target=cancel_a_wait_for_standbys, args=(primary,) if cancelled else ())
    with changed(primary, "synchronous_standby_names", "another"):
        if cancelled:
            helping.start()
        with pytest.raises(CommitUnknownError), hurried.write() as tx:
            tx.run("INSERT INTO accounts VALUES ('acc_1', 'a', 'USD', 'active', 0, 'customer', NULL)", [])
        if cancelled:
            helping.join()
    with hurried.write() as tx:
        assert tx.fetch("SELECT id FROM accounts", []) == [("acc_1",)]


@pytest.mark.usefixtures("standby")
@pytest.mark.parametrize("level", ["on", "remote_apply", "remote_write"])
def test_commits_that_wait_for_standbys_are_accepted(primary: Server, url: str, level: str) -> None:
    with changed(primary, "synchronous_standby_names", "follower"):
        empty_until_accepted(f"{url}&options=-c%20synchronous_commit%3D{level}")


def test_a_standby_is_refused_by_its_url_alone(standby: Server) -> None:
    """Of one host libpq does not connect at all; past that, with the host's word that anything goes, the check does."""
    alone = Database(standby.url("postgres"), busy_seconds=0.0)
    with pytest.raises(StorageFailedError, match="read-only"), alone.read():
        pass
    alone.close()
    says = refusal(f"{standby.url('postgres')}&target_session_attrs=any")
    assert says.startswith("The database is a standby; give NUMBERDESK_DATABASE_URL the primary")


def test_of_several_hosts_the_primary_is_found_wherever_it_stands(primary: Server, standby: Server, url: str) -> None:
    assert url
    for first, second in ((primary, standby), (standby, primary)):
        database = Database(f"postgresql://postgres@{first.address()},{second.address()}/books")
        prepare(database)
        with database.write() as tx:
            assert tx.fetch("SELECT pg_is_in_recovery(), inet_server_port()", []) == [(False, primary.port)]
        with database.read() as tx:
            assert tx.fetch("SELECT inet_server_port()", []) == [(primary.port,)]
        database.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(primary: Server, encoding: str) -> None:
    with primary.session() as session:
        session.execute(f"CREATE DATABASE odd ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode())
    try:
        assert refusal(primary.url("odd")) == f"The database is encoded in {encoding}; create one with UTF8"
    finally:
        primary.drop_database("odd")


NOBODY_THERE = [
    "postgresql://books:topsecret@127.0.0.1:1/books",
    "postgresql://books:topsecret@127.0.0.1:1,127.0.0.1:2/books?connect_timeout=2",
    "postgresql:///books?host=%2Fnowhere&user=books&password=topsecret",
    "postgresql://books:topsecret@nowhere.invalid/books",
]


@pytest.mark.parametrize("address", NOBODY_THERE)
def test_a_server_that_cannot_be_reached_is_failed_storage_and_keeps_the_password_to_itself(address: str) -> None:
    database = Database(address, busy_seconds=0.0)
    for begin in (database.read, database.write, database.raw):
        with pytest.raises(TryAgainError) as caught, begin():
            pass
        assert "topsecret" not in repr(caught.value) + repr(caught.value.__cause__) + str(caught.value.__cause__)
        assert "connect" in str(caught.value) or "resolve" in str(caught.value)
    with pytest.raises(TryAgainError):
        prepare(database)
    database.close()


def test_a_database_or_user_that_is_not_there_is_named(primary: Server) -> None:
    for url, name in (
        (primary.url("nothing"), 'database "nothing" does not exist'),
        (f"postgresql://nobody:topsecret@{primary.address()}/postgres", 'role "nobody" does not exist'),
    ):
        database = Database(url)
        with pytest.raises(StorageFailedError, match=name) as caught:
            prepare(database)
        assert "topsecret" not in str(caught.value)
        database.close()


def test_a_user_that_may_not_make_tables_is_told_so(primary: Server, url: str) -> None:
    with primary.session() as session:
        session.execute("DROP ROLE IF EXISTS clerk")
        session.execute("CREATE ROLE clerk LOGIN")
    database = Database(url.replace("user=postgres", "user=clerk"))
    with pytest.raises(StorageFailedError, match="permission denied"):
        prepare(database)
    assert current(database) is None
    database.close()
