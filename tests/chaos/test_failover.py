"""The PostgreSQL primary killed with -9 under load, its synchronous standby promoted: the service goes on by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from testbed.books import make_books
from testbed.customers import Customers
from testbed.postgres import QUICK, Server
from testbed.service import SERVE, Service

_REPLICATED = {**QUICK, "wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}
_MOST_ROUNDS = 200


class Pair(NamedTuple):
    """A primary, and a standby that every commit waits for."""

    primary: Server
    standby: Server

    def url(self, database: str) -> str:
        """Both hosts: whoever connects takes the one that is the primary at the time."""
        hosts = f"{self.primary.address()},{self.standby.address()}"
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write&connect_timeout=3"


@pytest.fixture
def pair() -> Iterator[Pair]:
    primary, standby = Server(_REPLICATED), Server(_REPLICATED)
    try:
        primary.create()
        primary.start()
        standby.copy_of(primary, "second")
        standby.start()
        with primary.session() as session:
            session.execute("ALTER SYSTEM SET synchronous_standby_names = 'second'")
            session.execute("SELECT pg_reload_conf()")
        yield Pair(primary, standby)
    finally:
        primary.delete()
        standby.delete()


def fail_over(pair: Pair, *, seed: int, workers: str) -> None:
    """Buy, lose the primary in the middle, and buy on until every customer has an answer."""
    pair.primary.make_database("books")
    books = make_books(pair.url("books"), numbers=200, seed=seed)
    with pair.primary.session() as session:
        states = session.execute("SELECT application_name, sync_state FROM pg_stat_replication").fetchall()
        assert states == [("second", "sync")]
    customers = Customers(books.wishes)
    told = bought = 0

    def lose_the_primary() -> None:
        nonlocal told, bought
        pair.primary.kill()
        told, bought = len(customers.told), len(customers.bought)
        pair.standby.promote()

    with Service(books.url, *SERVE, "--workers", workers) as service:
        with customers.once_told(random.Random(seed).randrange(10, len(books.wishes) // 2), lose_the_primary):
            for _ in range(_MOST_ROUNDS):
                customers.ask(service.port)
                if not customers.open:
                    break
        assert customers.open == []
        assert 0 < bought <= told < len(books.wishes), "the primary was not lost amid purchases"
        customers.ask(service.port, books.wishes)
        assert service.stop() == 0
    books.audit(customers)
    assert len(customers.bought) == len(books.stock.e164s)


def test_what_was_acknowledged_outlives_the_primary_and_the_service_goes_on_by_itself(pair: Pair) -> None:
    fail_over(pair, seed=5, workers="2")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(20))
def test_failover_at_any_moment_loses_and_doubles_nothing(pair: Pair, seed: int) -> None:
    fail_over(pair, seed=seed, workers=str(1 + seed % 2))
