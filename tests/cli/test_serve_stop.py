"""A stop in the middle of the sale: every request gets its whole answer, or was never begun."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from numberdesk.infra.db import Database
from tests.cli.buyers import Buyers, Record
from tests.cli.conftest import PATIENCE, Books, Running, Start, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what has been read is asked of Linux")

ON_EACH = pytest.mark.parametrize(
    ("engine", "workers"),
    [("sqlite", 1), pytest.param("postgresql", 1, marks=pytest.mark.long), ("postgresql", 2)],
    indirect=["engine"],
)
SEVERAL = pytest.mark.parametrize(("engine", "workers"), [("postgresql", 3)], indirect=["engine"])
LEAST = 100
"""Purchases before the signal comes."""


def _serve(start: Start, books: Books, workers: int) -> Running:
    return start("serve", "--port", "0", "--workers", str(workers), until="Numberdesk on", database_url=books.url)


@contextlib.contextmanager
def _everything_locked(url: str) -> Iterator[None]:
    """A transaction that no purchase can get past."""
    database = Database(url)
    try:
        with database.write() as tx:
            if database.engine_name == "postgresql":
                tx.fetch("SELECT account_id FROM wallets FOR UPDATE", [])
            yield
    finally:
        database.close()


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except ConnectionError:
        return False
    return True


def _begun_selling(buyers: Buyers) -> None:
    wait_until(lambda: len(buyers.record.bought) >= LEAST)


def _taken(buyers: Buyers, address: tuple[str, int]) -> set[str]:
    """The numbers in requests that the server has begun: it has read them to their end and not answered them.

    The system's queues say so, not a clock. A request that was sent before a signal may still lie there, unread.
    """
    sent = dict(buyers.record.under_way)
    read = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, _, _, _, _, inode, *_ = line.split()
        if (
            _port(local) == address[1] and int(queues.partition(":")[2], 16) == 0 and inode != "0"
        ):  # 0: not accepted yet
            read.add(_port(remote))
    return {number for port, number in sent.items() if port in read}


def _port(end: str) -> int:
    return int(end.partition(":")[2], 16)


def _nothing_failed(record: Record, books: Books, taken: set[str]) -> None:
    assert taken.isdisjoint(record.unanswered)
    assert (record.answered_otherwise, record.cut) == ([], [])
    ordered = set(books.ordered())
    assert set(record.bought) == ordered
    books.check()


@ON_EACH
@pytest.mark.parametrize("stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_stop_amid_purchases_answers_what_was_sent_or_leaves_it_undone(
    start: Start, books: Books, workers: int, stop: int
) -> None:
    server = _serve(start, books, workers)
    with Buyers(server.address, books.key, books.numbers, count=12) as buyers:
        _begun_selling(buyers)
        taken = _taken(buyers, server.address)
        assert server.stop(stop) == 0
        record = buyers.finish()
    assert record.unsent, "the customers were done before the stop"
    _nothing_failed(record, books, taken)
    again = _serve(start, books, workers)
    left = sorted({*record.unanswered, *record.unsent})
    with Buyers(again.address, books.key, left) as buyers:
        assert sorted(buyers.finish().bought) == left
    assert again.stop() == 0
    books.check()


@ON_EACH
def test_requests_that_wait_for_the_database_when_the_stop_comes_are_answered(
    start: Start, books: Books, workers: int
) -> None:
    server = _serve(start, books, workers)
    with Buyers(server.address, books.key, books.numbers[:1], count=1) as first:
        assert first.finish().bought
    with _everything_locked(books.url):
        waiting = Buyers(server.address, books.key, books.numbers[1:13], count=12)
        waiting.__enter__()
        wait_until(lambda: len(_taken(waiting, server.address)) == 12)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not _listens(server.address))
        time.sleep(0.5)  # in which a server that does not wait for its requests would have cut them
    record = waiting.finish()
    assert server.process.wait(PATIENCE) == 0
    # On a machine that stands still for seconds the lock is waited for in vain, which is answered too.
    assert {status for _, status in record.answered_otherwise} <= {503}
    assert (record.cut, record.unanswered) == ([], [])
    assert {*record.bought, *books.numbers[:1]} == set(books.ordered())
    books.check()


@SEVERAL
def test_a_process_that_is_stopped_is_replaced_while_the_others_sell(start: Start, books: Books, workers: int) -> None:
    server = _serve(start, books, workers)
    with Buyers(server.address, books.key, books.numbers, count=12) as buyers:
        _begun_selling(buyers)
        taken: set[str] = set()
        for _ in range(2):
            first = _processes(server, workers)[0]
            taken |= _taken(buyers, server.address)
            first.send_signal(signal.SIGTERM)
            wait_until(lambda first=first: not first.is_running())  # type: ignore[misc]  # mypy reads no default here
            _processes(server, workers)
        record = buyers.give_up()
    assert record.unsent == []
    assert server.stop() == 0
    assert server.said.count("process ended by itself") == 2
    _nothing_failed(record, books, taken)


@SEVERAL
def test_a_process_that_is_killed_takes_no_acknowledged_purchase_with_it(
    start: Start, books: Books, workers: int
) -> None:
    server = _serve(start, books, workers)
    with Buyers(server.address, books.key, books.numbers, count=12, persistent=True) as buyers:
        _begun_selling(buyers)
        for _ in range(2):
            _processes(server, workers)[0].kill()
            sold = len(buyers.record.bought)
            wait_until(lambda sold=sold: len(buyers.record.bought) > sold + LEAST)  # type: ignore[misc]  # as above
        record = buyers.give_up()
    assert server.stop() == 0
    assert record.answered_otherwise == []
    assert set(record.bought) <= set(books.ordered()) <= {*record.bought, *record.unanswered, *record.cut}
    books.check()


@SEVERAL
def test_no_server_process_outlives_its_parent(start: Start, books: Books, workers: int) -> None:
    server = _serve(start, books, workers)
    with Buyers(server.address, books.key, books.numbers, count=12) as buyers:
        _begun_selling(buyers)
        processes = _processes(server, workers)
        taken = _taken(buyers, server.address)
        server.process.kill()
        record = buyers.finish()
    assert psutil.wait_procs(processes, PATIENCE)[1] == []
    _nothing_failed(record, books, taken)


@SEVERAL
def test_connections_to_the_one_port_are_shared_among_all_processes(start: Start, books: Books, workers: int) -> None:
    server = _serve(start, books, workers)
    processes = _processes(server, workers)

    def each_has_some() -> bool:
        with contextlib.ExitStack() as connections:
            for _ in range(8 * workers):
                client = connections.enter_context(httpx.Client(headers={"X-Api-Key": books.key}))
                assert client.get(f"{server.url}/balance/").status_code == 200
            return all(_has_a_client(process, server.address[1]) for process in processes)

    wait_until(each_has_some)  # one that is up before the others takes what comes until then
    assert server.stop() == 0


def test_a_server_that_is_stopped_as_soon_as_it_has_said_its_address_ends_well(start: Start, books: Books) -> None:
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    assert server.stop() == 0


def _processes(server: Running, count: int) -> list[psutil.Process]:
    """The processes under the parent, once there are so many."""
    parent = psutil.Process(server.process.pid)
    wait_until(lambda: len([each for each in parent.children() if each.status() != psutil.STATUS_ZOMBIE]) == count)
    return parent.children()


def _has_a_client(process: psutil.Process, port: int) -> bool:
    connections = process.net_connections("tcp")
    return any(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in connections)
