"""`serve` on PostgreSQL when the database is not as it should be: refused, silent, gone for a while, or full."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from numberdesk.core.money import MICROS
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.ledger.store import find_wallet
from numberdesk.migrations import upgrade
from numberdesk.orders.store import list_orders
from numberdesk.verify.books import verify
from numberdesk.wiring import build
from testbed import nursery
from testbed.databases import prepared
from testbed.postgres import Server
from testbed.proxy import HOW, relay_to
from tests.cli.conftest import PATIENCE, Books, Running, Start, environment, filled, wait_until

COUNT = 40
UNKNOWN = "cannot tell yet whether it did"
HURRIED = {"answer_timeout_seconds": "1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of these tests' own: its settings change, it goes and comes back. Its WAL is in small files."""
    server = Server()
    try:
        server.create(segment_megabytes=1)
        server.start()
        yield server
    finally:
        server.delete()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """An empty database."""
    yield server.make_database("books")
    server.drop_database("books")


@pytest.fixture
def books(url: str, tmp_path: Path) -> Books:
    """A few numbers for sale, and money for all of them."""
    prepared(url)
    return filled(url, tmp_path, count=COUNT)


@contextlib.contextmanager
def _set(server: Server, name: str, value: str) -> Iterator[None]:
    """A running server with another setting, which is taken back."""
    before = _shown(server, name)
    _alter(server, f"SET {name} = '{value}'")
    wait_until(lambda: _shown(server, name) == value)
    try:
        yield
    finally:
        _alter(server, f"RESET {name}")
        wait_until(lambda: _shown(server, name) == before)


def _alter(server: Server, change: str) -> None:
    with server.session() as session:
        session.execute(f"ALTER SYSTEM {change}".encode())
        session.execute("SELECT pg_reload_conf()")


def _shown(server: Server, name: str) -> str:
    with server.session() as session:
        return str((session.execute("SELECT current_setting(%s)", [name]).fetchone() or ("",))[0])


def _refusal(url: str, folder: Path) -> str:
    """What `serve` says on a database that it does not take."""
    done = nursery.run(
        "numberdesk", "serve", "--port", "0", cwd=folder, env=environment(database_url=url), timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def _serve(start: Start, url: str) -> Running:
    return start("serve", "--port", "0", until="Numberdesk on", database_url=url, **HURRIED)


def _buy(server: Running, books: Books, place: int) -> httpx.Response:
    body = {"phone_number": books.numbers[place], "price": 1.15}
    headers = {"X-Api-Key": books.key}
    return httpx.post(f"{server.url}/phone-numbers/buy/", json=body, headers=headers, timeout=PATIENCE)


def _ready(server: Running) -> int:
    host, port = server.address
    return httpx.get(f"http://{host}:{port}/readyz", timeout=PATIENCE).status_code


def _until_it_sells(server: Running, books: Books, place: int) -> None:
    wait_until(lambda: _ready(server) == 200)
    wait_until(lambda: _buy(server, books, place).status_code == 200)


def _check(books: Books, *bought: int) -> None:
    """These numbers were bought, each charged once, and nothing is broken."""
    services = build(load_settings(database_url=books.url))
    try:
        assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
        orders = services.reader.read_now(lambda tx: list_orders(tx, None, limit=COUNT))
        wallet = services.reader.read_now(lambda tx: find_wallet(tx, books.account_id))
    finally:
        services.close()
    assert sorted(order.e164 for order in orders) == [books.numbers[place] for place in bought]
    assert wallet is not None
    assert wallet.posted == books.paid_in * MICROS - 1_150_000 * len(bought)


def test_a_server_that_could_lose_purchases_and_an_old_schema_are_refused_with_what_to_do(
    server: Server, url: str, tmp_path: Path
) -> None:
    with _set(server, "fsync", "off"):
        assert "runs with fsync=off and can lose paid purchases: set fsync=on" in _refusal(url, tmp_path)
    with server.session("books") as session:
        assert session.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    database = Database(url)
    upgrade(database, "0001")
    database.close()
    assert "is at revision 0001" in _refusal(url, tmp_path)
    assert "run numberdesk db upgrade" in _refusal(url, tmp_path)


def test_a_standby_is_refused_with_what_to_do(server: Server, tmp_path: Path) -> None:
    standby = Server()
    try:
        standby.copy_of(server, "follower")
        standby.start()
        says = _refusal(f"{standby.url('postgres')}&target_session_attrs=any", tmp_path)
        assert "The database is a standby; give NUMBERDESK_DATABASE_URL the primary" in says
        assert "is read-only" in _refusal(standby.url("postgres"), tmp_path)
    finally:
        standby.delete()


def test_commits_that_wait_for_a_standby_that_is_gone_are_answered_in_time_and_so_is_sigterm(
    start: Start, server: Server, books: Books
) -> None:
    running = _serve(start, books.url)
    assert _buy(running, books, 0).status_code == 200
    with _set(server, "synchronous_standby_names", "gone"):
        answer = _buy(running, books, 1)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        wait_until(lambda: _ready(running) == 503)
        for place in (2, 3):
            assert _buy(running, books, place).status_code == 503
        assert httpx.get(f"{running.url}/balance/", headers={"X-Api-Key": books.key}).status_code == 200
        assert _waiting(server) == 1
    _until_it_sells(running, books, 1)
    with _set(server, "synchronous_standby_names", "gone"):
        assert _buy(running, books, 4).status_code == 503
        assert running.stop() == 0
    again = _serve(start, books.url)
    for place in (1, 4):
        assert _buy(again, books, place).status_code == 200
    assert again.stop() == 0
    _check(books, 0, 1, 4)


def _waiting(server: Server) -> int:
    """How many commits wait for a standby. The service must not leave more behind with every try."""
    with server.session() as session:
        found = session.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
    return int(found[0]) if found else 0


def test_a_commit_whose_outcome_nobody_can_tell_is_answered_with_a_promise_of_nothing(
    start: Start, server: Server, books: Books
) -> None:
    with relay_to(server.port) as relay:
        running = _serve(start, relay.url("books"))
        number = books.numbers[0].encode()
        relay.lose(HOW[-1], having=(b"UPDATE writers", number))
        answer = _buy(running, books, 0)
        assert relay.lost == 1
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert UNKNOWN in answer.json()["message"]
        assert "othing was charged" not in answer.text
        relay.reopen()
        _until_it_sells(running, books, 0)
        assert running.stop() == 0
    _check(books, 0)


@pytest.mark.long
def test_a_server_that_goes_and_comes_back_is_found_again_without_a_restart(
    start: Start, server: Server, books: Books
) -> None:
    running = _serve(start, books.url)
    assert _buy(running, books, 0).status_code == 200
    server.stop()
    try:
        assert _buy(running, books, 1).status_code == 503
        assert _ready(running) == 503
    finally:
        server.start()
    _until_it_sells(running, books, 1)
    assert running.stop() == 0
    _check(books, 0, 1)


@pytest.mark.long
def test_a_full_disk_of_the_log_ends_the_server_and_once_it_is_back_purchases_go_on(
    start: Start, server: Server, books: Books
) -> None:
    """PostgreSQL cannot go on without its log. What was acknowledged is there, whatever else the last seconds did."""
    running = _serve(start, books.url)
    assert _buy(running, books, 0).status_code == 200
    with server.no_file_past(2**19, sessions_only=False):
        _write_until_it_fails(server)
        wait_until(lambda: server.ended)
        assert "PANIC" in server.log()
        assert _buy(running, books, 1).status_code == 503
        assert _ready(running) == 503
    server.start()
    _until_it_sells(running, books, 1)
    assert running.stop() == 0
    _check(books, 0, 1)


def _write_until_it_fails(server: Server) -> None:
    """Fill the log with what nobody needs."""
    with contextlib.suppress(psycopg.Error), server.session() as session:
        while True:
            session.execute("SELECT pg_logical_emit_message(true, 'ballast', repeat('x', 100000))")
