"""A disk that fills up under load: refused whole, and sold again as soon as there is space."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from testbed.databases import Databases, Postgreses, prepared
from testbed.postgres import Server
from tests.cli.buyers import Buyers, Record
from tests.cli.conftest import Books, Running, Start, filled, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")

SMALL = 24 * 2**20
LEAST = 50
"""Purchases before the disk is full and refusals while it is."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own with little space, where the system lets us mount one."""
    place = Path(tempfile.mkdtemp(prefix="nd-small-", dir="/tmp"))
    place.chmod(0o755)  # PostgreSQL runs as nobody, who may not look into the folders of tests
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=1777", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        place.rmdir()
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)
    place.rmdir()


@pytest.fixture
def small_books(made: Databases, small_disk: Path, tmp_path: Path) -> Iterator[Books]:
    """Books on the small disk; of PostgreSQL its tables, its log stands elsewhere."""
    if not isinstance(made, Postgreses):
        yield filled(made.prepared(small_disk), tmp_path, count=2_000)
        return
    folder = small_disk / "tables"
    folder.mkdir()
    shutil.chown(folder, *_owner(made.server.data))
    with made.server.session() as session:
        session.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        session.execute("CREATE DATABASE small TEMPLATE template TABLESPACE small")
    yield filled(made.server.url("small"), tmp_path, count=2_000)
    made.server.drop_database("small")
    with made.server.session() as session:
        session.execute("DROP TABLESPACE small")


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


@contextlib.contextmanager
def _ballast(disk: Path) -> Iterator[None]:
    """Take all the space there is."""
    file = disk / "ballast"
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        file.unlink()


@contextlib.contextmanager
def _no_file_may_grow(server: Running) -> Iterator[None]:
    """Let the process write no file past 4 KiB: as on a full disk, the system refuses, its log too."""
    process = psutil.Process(server.process.pid)
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_full_disk_refuses_whole_purchases_and_sells_again_when_it_has_space(
    start: Start, small_books: Books, small_disk: Path
) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=small_books.url)
    _sell_through(server, small_books, lambda: _ballast(small_disk))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the file is the process's own
def test_a_file_that_may_not_grow_refuses_whole_purchases_until_it_may(start: Start, books: Books) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    _sell_through(server, books, lambda: _no_file_may_grow(server))


@pytest.fixture
def limited() -> Iterator[Server]:
    """A server of its own whose log is in small files, so that its tables can be the first to meet a limit."""
    server = Server()
    try:
        server.create(segment_megabytes=1)
        server.start()
        yield server
    finally:
        server.delete()


def _grown(server: Server) -> int:
    """Make one table's file the largest, of rows that were never there; a size that it reaches after some purchases."""
    with server.session("books") as session:
        session.execute("SET session_replication_role = replica")  # there is no such account
        with session.transaction(force_rollback=True):
            session.execute(
                "INSERT INTO events SELECT 'evt_' || n, 'acc', '', repeat('x', 300), 0 FROM generate_series(1, 4000) n"
            )
        found = session.execute("SELECT pg_relation_size('events')").fetchone()
    return int(found[0]) + 2**16 if found else 0


@pytest.mark.slow
def test_tables_that_may_not_grow_refuse_whole_purchases_until_they_may(
    start: Start, limited: Server, tmp_path: Path
) -> None:
    """As a full disk or a quota under PostgreSQL's tables does, where no file system may be mounted."""
    url = limited.make_database("books")
    prepared(url)
    books = filled(url, tmp_path, count=2_000)
    size = _grown(limited)
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=url)
    _sell_through(server, books, lambda: limited.no_file_past(size, sessions_only=True))
    assert "could not extend file" in limited.log()


def _sell_through(
    server: Running, books: Books, without_space: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    with Buyers(server.address, books.key, books.numbers[:1_500], persistent=True) as buyers:
        record = buyers.record
        wait_until(lambda: len(record.bought) >= LEAST)
        with without_space():
            wait_until(lambda: len(record.answered_otherwise) >= LEAST)
            _check_refusal(server, books)
            assert httpx.get(f"{server.url}/balance/", headers={"X-Api-Key": books.key}).status_code == 200
        buyers.finish()
    _check(record)
    assert sorted(record.bought) == books.numbers[:1_500]
    assert server.stop() == 0
    books.check()
    assert sorted(books.ordered()) == books.numbers[:1_500]


def _check_refusal(server: Running, books: Books) -> None:
    """While there is no space: the envelope, and nothing half done."""
    answer = httpx.post(
        f"{server.url}/phone-numbers/buy/",
        json={"phone_number": books.numbers[-1], "price": 1.15},
        headers={"X-Api-Key": books.key},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    rented = httpx.get(
        f"{server.url}/phone-numbers/", params={"phone_number": books.numbers[-1]}, headers={"X-Api-Key": books.key}
    )
    assert rented.json()["data"] == []
    assert books.command("verify")["ok"] is True


def _check(record: Record) -> None:
    assert {status for _, status in record.answered_otherwise} == {503}
    assert (record.cut, record.unanswered, record.unsent) == ([], [], [])
