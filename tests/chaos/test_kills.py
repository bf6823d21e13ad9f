"""The service killed with -9, at every named point and at any time: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from testbed.books import Books, make_books
from testbed.crashing import POINTS
from testbed.customers import Customers
from testbed.service import Service

KILLS = int(os.environ.get("NUMBERDESK_TEST_KILLS", "120"))
"""Random kills of each engine in the long run."""


@pytest.mark.parametrize("hits", [3, pytest.param(1, marks=pytest.mark.long), pytest.param(7, marks=pytest.mark.long)])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_nothing_is_lost_or_doubled_and_every_request_may_be_sent_again(
    books: Books, point: str, hits: int
) -> None:
    customers = Customers(books.wishes)
    with Service(books.url, "-m", "testbed.crashing", point, str(hits)) as doomed:
        customers.ask(doomed.port)
        assert doomed.died() == -signal.SIGKILL
    books.audit(customers)
    assert customers.open, "the kill came after everything was done"
    with Service(books.url) as recovered:
        customers.ask(recovered.port)
        assert customers.open == []
        customers.ask(recovered.port, books.wishes)
        assert recovered.stop() == 0
    books.audit(customers)
    assert len(customers.bought) == len(books.stock.e164s)


def kill_at_random(url: str, kills: int, *, seed: int) -> None:
    """Keep customers buying while the service is killed again and again, and look at the books after every kill."""
    books = make_books(url, numbers=50 * kills, seed=seed)
    chance = random.Random(seed)
    customers = Customers(books.wishes)
    survived = 0
    while customers.open and survived < kills:
        with Service(books.url) as service:
            timer = threading.Timer(chance.uniform(0.0, 0.15), service.kill)
            timer.start()
            customers.ask(service.port)
            timer.join()
        survived += 1
        books.audit(customers)
    with Service(books.url) as service:
        for _ in range(3):
            customers.ask(service.port)
        customers.ask(service.port, books.wishes)
    books.audit(customers)
    assert customers.open == []
    assert customers.unanswered >= kills, "the kills came when nobody was asking"
    assert len(customers.bought) == len(books.stock.e164s)


def test_killed_at_random_under_load_nothing_is_lost_or_doubled(database_url: str) -> None:
    kill_at_random(database_url, 3, seed=11)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_hundreds_of_times_under_load_nothing_is_lost_or_doubled(database_url: str) -> None:
    kill_at_random(database_url, KILLS, seed=13)
