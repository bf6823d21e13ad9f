"""Filling the index of trigrams with numbers that were there before it.

Touches: database.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from numberdesk import worker
from numberdesk.catalog.search_plan import ANY_DIGITS
from numberdesk.catalog.store import insert_listings
from numberdesk.catalog.trigram_store import begin_fill, find_matches, is_filled
from numberdesk.flows.catalog.fill_trigrams import FillTrigrams, TrigramsFilled, fill_trigrams
from numberdesk.flows.catalog.search_numbers import Bounds, search_numbers
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.settings import load_settings
from numberdesk.tables import number_trigrams, numbers
from numberdesk.wiring import build
from testbed.offer_queries import sent_query
from tests.flows.test_search_numbers import listing

LAST = "+999999999999999"
EVERY_NUMBER = [136, 361]


class _StopError(Exception):
    """Ends a transaction without a trace."""


def national(place: int) -> str:
    return f"3612{place:06}"


def insert(tx: Tx, *places: int) -> None:
    insert_listings(tx, "pool", [listing(national(place)) for place in places], now=1)


def unindexed(database: Database, *places: int) -> None:
    """Numbers as they are after the upgrade that made the index: none of them is in it."""
    with database.write() as tx:
        insert(tx, *places)
        if tx.engine_name == "sqlite":
            tx.run(f"INSERT INTO {number_trigrams.name}({number_trigrams.name}) VALUES ('delete-all')", [])  # noqa: S608  the table's own name
        else:
            tx.execute(number_trigrams.delete())
        begin_fill(tx)


def indexed(database: Database) -> list[int]:
    """Which numbers the index has, each as often as it is there."""
    with database.read() as tx:
        found = find_matches(tx, [EVERY_NUMBER], ANY_DIGITS, "+", LAST, 1000, 1000)
    return [int(e164[-6:]) for e164 in found.e164s]


def fill(database: Database, limit: int) -> TrigramsFilled:
    with database.write() as tx:
        return fill_trigrams(tx, [FillTrigrams(limit)])[0]


def test_an_index_is_filled_in_steps_each_of_which_goes_on_where_the_last_one_ended(database: Database) -> None:
    unindexed(database, *range(5))
    assert indexed(database) == []
    assert fill(database, 2) == TrigramsFilled(2, left=True)
    assert indexed(database) == [0, 1]
    assert fill(database, 2) == TrigramsFilled(4, left=True)
    assert fill(database, 2) == TrigramsFilled(5, left=False)
    assert indexed(database) == [0, 1, 2, 3, 4]
    assert fill(database, 2) == TrigramsFilled(None, left=False)
    assert indexed(database) == [0, 1, 2, 3, 4]


def test_a_step_that_is_rolled_back_is_made_again(database: Database) -> None:
    unindexed(database, *range(3))
    with contextlib.suppress(_StopError), database.write() as tx:
        fill_trigrams(tx, [FillTrigrams(2)])
        raise _StopError
    assert indexed(database) == []
    fill(database, 9)
    assert indexed(database) == [0, 1, 2]


def test_numbers_that_are_made_meanwhile_are_in_the_index_once_whether_before_or_behind_the_filling(
    database: Database,
) -> None:
    unindexed(database, 10, 20, 30, 40)
    fill(database, 2)
    with database.write() as tx:
        insert(tx, 15, 35, 50)
    assert indexed(database) == [10, 15, 20]
    fill(database, 9)
    with database.write() as tx:
        insert(tx, 5, 60)
    assert indexed(database) == [5, 10, 15, 20, 30, 35, 40, 50, 60]


def test_an_index_that_ends_with_a_full_step_is_whole_after_the_next(database: Database) -> None:
    unindexed(database, 1, 2)
    assert fill(database, 2).left
    assert fill(database, 2) == TrigramsFilled(2, left=False)
    assert indexed(database) == [1, 2]


def test_until_the_index_is_whole_searches_find_everything_without_it(database: Database) -> None:
    unindexed(database, *range(50))
    query = sent_query("US", "USD", {"contains": ["000047"], "sort": "memorable"})
    found = []
    for limit in (1, 60):
        with database.read() as tx:
            found.append(search_numbers(tx, query))
        fill(database, limit)
    with database.read() as tx:
        assert is_filled(tx)
        found.append(search_numbers(tx, query, Bounds(walked=0, glance=1, read_whole=0)))
    assert [[offer.e164 for offer in page.offers] for page in found] == [[f"+1{national(47)}"]] * 3


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_step_waits_for_numbers_that_are_being_made_so_that_it_passes_none_of_them(
    database: Database, database_url: str
) -> None:
    unindexed(database, 10, 20)
    other = Database(database_url)
    step = threading.Thread(target=fill, args=(other, 9))
    with database.write() as tx:
        insert(tx, 15)
        step.start()
        step.join(0.3)
        assert step.is_alive()
    step.join(20)
    other.close()
    assert indexed(database) == [10, 15, 20]


def test_the_worker_fills_the_index_beside_its_other_work(database: Database, database_url: str) -> None:
    unindexed(database, *range(30))
    services = build(load_settings(database_url=database_url))
    services.writer.start()
    asyncio.run(worker.fill_index(services, lambda: False))
    services.close()
    assert indexed(database) == list(range(30))


def test_a_sale_or_a_price_does_not_touch_the_index(database: Database) -> None:
    with database.write() as tx:
        insert(tx, 1, 2)
    with database.write() as tx:
        tx.execute(numbers.update().values(state="withdrawn", price=7))
    assert indexed(database) == [1, 2]
