"""Behind PgBouncer: noticed, taken as it is where transactions are whole, and refused where they are not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from numberdesk.infra.db import Database, DatabaseError
from numberdesk.infra.failures import UnfitServerError
from numberdesk.migrations import HEAD, current, prepare, upgrade
from testbed.pgbouncer import Pooler, missing
from testbed.postgres import Server

pytestmark = [pytest.mark.long, pytest.mark.timeout(120), pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    made.create()
    made.start()
    yield made
    made.delete()


@pytest.fixture
def pooler(server: Server, request: pytest.FixtureRequest) -> Iterator[Pooler]:
    made = Pooler(server.port, sessions=2, pool_mode=getattr(request, "param", "transaction"))
    made.start()
    yield made
    made.delete()


def url_of(server: Server, pooler: Pooler | None, name: str) -> str:
    direct = f"postgresql://postgres@127.0.0.1:{server.port}"
    with psycopg.connect(f"{direct}/postgres", autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return f"{direct}/{name}" if pooler is None else pooler.url(f"{direct}/{name}")


def test_a_schema_is_made_and_statements_repeat_in_two_sessions(server: Server, pooler: Pooler) -> None:
    database = Database(url_of(server, pooler, "repeats"))
    prepare(database)
    assert (database.pooled, current(database), upgrade(database)) == (True, HEAD, [])
    for _ in range(12):  # a driver that prepares does so at the fifth
        with database.write() as tx:
            tx.execute(text("SELECT count(*) FROM events WHERE number > :number"), {"number": 1})
        with database.read() as tx:
            tx.execute(text("SELECT count(*) FROM events WHERE number > :number"), {"number": 1})
    database.close()


def test_without_a_pooler_none_is_noticed(server: Server) -> None:
    database = Database(url_of(server, None, "direct"))
    prepare(database)
    assert database.pooled is False
    database.close()


@pytest.mark.parametrize("pooler", ["statement"], indirect=True)
def test_a_pooler_that_keeps_no_transaction_together_is_refused_with_what_to_set(
    server: Server, pooler: Pooler
) -> None:
    database = Database(url_of(server, pooler, "single"))
    with pytest.raises(DatabaseError, match=r"takes no transactions .*: set pool_mode = transaction"):
        prepare(database)
    database.close()


def test_a_server_that_could_lose_commits_is_noticed_behind_a_connection_that_stays(
    server: Server, pooler: Pooler
) -> None:
    database = Database(url_of(server, pooler, "unfit"))
    prepare(database)
    with database.write():
        pass
    _set(server, "off")
    with pytest.raises(UnfitServerError, match="synchronous_commit=off"):
        _write_for_a_while(database)
    _set(server, "on")
    _write_until_it_works(database)
    database.close()


def _set(server: Server, value: str) -> None:
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres", autocommit=True) as session:
        session.execute(f"ALTER SYSTEM SET synchronous_commit = '{value}'".encode())
        session.execute("SELECT pg_reload_conf()")


def _write_for_a_while(database: Database) -> None:
    """Sessions take a new setting when they are told of it, some moments later."""
    for _ in range(200):
        with database.write():
            time.sleep(0.02)


def _write_until_it_works(database: Database) -> None:
    for _ in range(200):
        try:
            with database.write():
                return
        except UnfitServerError:
            time.sleep(0.05)
    raise AssertionError("the server is fit again, and refused")
