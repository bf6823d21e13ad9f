"""Digits that many numbers have, all of them late in the order that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.catalog.search import Sort
from numberdesk.flows.catalog.search_numbers import Bounds
from numberdesk.infra.db import Database
from testbed.databases import Databases
from tests.flows.test_search_numbers import DOLLAR, listing, pages, stocked


@pytest.fixture(scope="module")
def database(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = made.prepared(tmp_path_factory.mktemp("late"))
    database = Database(url)
    yield database
    database.close()
    made.done(url)


@pytest.mark.parametrize("sort", [Sort.PRICE, Sort.MEMORABLE])
def test_digits_of_many_numbers_that_all_come_late_in_the_order_are_found_whole(database: Database, sort: Sort) -> None:
    """More of them than are looked up at once, and none among those that a walk comes to."""
    first = [listing(f"3610000{n:03}")._replace(memorability=900) for n in range(500)]
    late = [listing(f"36177777{n:02}", price=2 * DOLLAR)._replace(memorability=5) for n in range(60)]
    search = ("US", "USD", {"contains": ["7777"], "sort": sort, "page_size": "7"})
    bounds = Bounds(walked=100, glance=10, read_whole=10, looked_up=20)
    with stocked(database, [*first, *late]) as tx:
        found = list(pages(tx, search, bounds))
    assert sorted(offer.e164 for page in found for offer in page.offers) == [item.e164 for item in late]
    assert {page.incomplete for page in found} == {()}
