"""Behind PgBouncer in transaction pooling while customers buy: it, and all around it, is killed. Nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import psycopg
import pytest

from testbed.books import make_books
from testbed.pgbouncer import Pooler, missing
from testbed.postgres import Server
from testbed.scripted import reply, scripted
from testbed.service import Service
from tests.chaos.amid import buy_amid

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.skipif(bool(missing()), reason=missing())]

_AWAY_SECONDS: Final = 2.0


class Pooled(NamedTuple):
    """A server with PgBouncer before it."""

    server: Server
    pooler: Pooler
    url: str


@pytest.fixture
def pooled() -> Iterator[Pooled]:
    server = Server()
    server.create()
    server.start()
    pooler = Pooler(server.port)
    try:
        pooler.start()
        direct = f"postgresql://postgres@127.0.0.1:{server.port}"
        with psycopg.connect(f"{direct}/postgres", autocommit=True) as session:
            session.execute("CREATE DATABASE books TEMPLATE template0")
        yield Pooled(server, pooler, pooler.url(f"{direct}/books"))
    finally:
        pooler.delete()
        server.delete()


def kill_the_pooler(pooled: Pooled, _service: Service) -> None:
    pooled.pooler.kill()
    time.sleep(_AWAY_SECONDS)
    pooled.pooler.start()


def kill_the_server(pooled: Pooled, _service: Service) -> None:
    pooled.server.kill()
    time.sleep(_AWAY_SECONDS)
    pooled.server.start()


def kill_the_service(_pooled: Pooled, service: Service) -> None:
    service.kill()


@pytest.mark.parametrize(
    "disturb",
    [
        [kill_the_pooler, kill_the_pooler, kill_the_pooler],
        [kill_the_server, kill_the_server],
        [kill_the_service, kill_the_pooler, kill_the_server],
    ],
    ids=["the pooler", "the server", "the service and both"],
)
def test_purchases_charges_and_deliveries_outlive_kills_behind_a_pooler(
    pooled: Pooled, disturb: list[Callable[[Pooled, Service], None]]
) -> None:
    happenings = [lambda service, event=event: event(pooled, service) for event in disturb]
    with scripted(lambda _seen: reply(204)) as receiver:
        buy_amid(make_books(pooled.url, numbers=100), receiver, happenings)
