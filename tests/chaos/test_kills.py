"""The service killed with -9, at every named point and at any time: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from testbed.books import Books, make_books
from testbed.crashing import FAILPOINTS
from testbed.customers import Customers
from testbed.service import Service

ENGINES_TAKE_TURNS = "a point of the code is passed on either engine"

KILLS = int(os.environ.get("NUMBERDESK_TEST_KILLS", "120"))
"""Random kills of each engine in the long run."""

MOST_BETWEEN = 60
"""Answers between two of them, and numbers for sale for each."""


@pytest.mark.parametrize("hits", [3, pytest.param(1, marks=pytest.mark.long), pytest.param(7, marks=pytest.mark.long)])
@pytest.mark.parametrize("point", FAILPOINTS)
def test_killed_at_a_point_nothing_is_lost_or_doubled_and_every_request_may_be_sent_again(
    books: Books, point: str, hits: int
) -> None:
    customers = Customers(books.wishes)
    with Service(books.url, "testbed.crashing", point, str(hits)) as doomed:
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


class Disaster:
    """Ends a service amid its purchases, a few milliseconds later, and notes how far they were."""

    def __init__(self, service: Service, customers: Customers, after: float) -> None:
        self._service = service
        self._customers = customers
        self._after = after
        self.told = self.left = 0

    def strike(self) -> None:
        time.sleep(self._after)
        self.told, self.left = len(self._customers.told), len(self._customers.open)
        self._service.kill()


def kill_at_random(url: str, kills: int, *, seed: int) -> None:
    """Keep customers buying while the service is killed again and again, and look at the books after every kill."""
    books = make_books(url, numbers=MOST_BETWEEN * kills, seed=seed)
    chance = random.Random(seed)
    customers = Customers(books.wishes)
    for _ in range(kills):
        before = len(customers.told)
        due = before + chance.randrange(1, MOST_BETWEEN)
        with Service(books.url) as service:
            disaster = Disaster(service, customers, chance.uniform(0.0, 0.005))
            with customers.once_told(due, disaster.strike):
                customers.ask(service.port)
            assert service.died() == -signal.SIGKILL
        assert disaster.told >= due, "the kill came before anything was sold"
        assert disaster.left > 0, "the kill came when everything was done"
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
