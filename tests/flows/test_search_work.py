"""How much a search makes the engine do: it does not grow with the inventory.

Touches: database, files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from numberdesk.catalog.search import OfferQuery
from numberdesk.catalog.store import insert_listings
from numberdesk.flows.catalog.search_numbers import Bounds, search_numbers
from numberdesk.infra.db import Database, Tx
from numberdesk.migrations import prepare
from testbed.databases import Databases
from testbed.offer_queries import sent_query
from tests.flows.test_search_numbers import DOLLAR, listing


@pytest.fixture(scope="module")
def small_and_large(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    """Two inventories that differ in their size alone, on databases in which nothing was deleted before."""
    opened = {}
    for size in (3_000, 12_000):
        url = made.empty(tmp_path_factory.mktemp("work"))
        opened[url] = Database(url)
        prepare(opened[url])
        with opened[url].write() as tx:
            insert_listings(tx, "pool", [listing(f"3610{n:06}", price=DOLLAR + n % 3) for n in range(size)], now=1)
    yield list(opened.values())
    for url, database in opened.items():
        database.close()
        made.done(url)


@pytest.mark.parametrize(
    "parameters",
    [
        {"contains": ["98989"]},
        {"contains": ["98989"], "sort": "price"},
        {"pattern": "%98*89%", "sort": "memorable"},
        {"excludes": ["0"]},
        {"region": "ZZ"},
        {"capabilities": "fax", "sort": "price"},
        {"max_price": "0.5"},
        {"starts_with": "36100", "contains": ["989"], "sort": "memorable"},
        {"ends_with": "9", "contains": ["9898"]},
    ],
)
def test_the_work_of_a_search_does_not_grow_with_the_inventory(
    small_and_large: list[Database], parameters: dict[str, str | list[str]]
) -> None:
    bounds = Bounds(walked=400, glance=50, read_whole=100)
    work = []
    for database in small_and_large:
        with database.read() as tx:
            work.append(work_of(tx, sent_query("US", "USD", parameters), bounds))
    assert 0 < work[1] < 1.5 * work[0]


def work_of(tx: Tx, query: OfferQuery, bounds: Bounds) -> int:
    """How much the engine did for a search: hundreds of SQLite's instructions, or rows and entries PostgreSQL read."""
    if tx.engine_name == "postgresql":
        before = read_so_far(tx)
        search_numbers(tx, query, bounds)
        return read_so_far(tx) - before
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    connection: Any = tx._connection.connection.dbapi_connection
    connection.set_progress_handler(count, 100)
    search_numbers(tx, query, bounds)
    connection.set_progress_handler(None, 0)
    return counted[0]


def read_so_far(tx: Tx) -> int:
    """What this transaction read of the numbers: rows of the table, entries of its indexes."""
    query = """
        SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)) FROM pg_class
        WHERE oid = 'numbers'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'numbers'::regclass)
    """
    return int(tx.fetch(query, [])[0][0])
