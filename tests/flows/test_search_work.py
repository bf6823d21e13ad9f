"""How much a search makes the engine do: it does not grow with the inventory.

Touches: database, files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from numberdesk.catalog.store import insert_listings
from numberdesk.catalog.suggestions import Sent
from numberdesk.flows.catalog.find_near_numbers import find_near_numbers
from numberdesk.flows.catalog.search_numbers import Bounds, search_numbers
from numberdesk.flows.catalog.suggest_searches import suggest_searches
from numberdesk.infra.db import Database
from testbed.databases import Databases
from testbed.offer_queries import sent_query
from testbed.work import work_of
from tests.flows.test_search_numbers import DOLLAR, listing

BOUNDS = Bounds(walked=400, glance=50, read_whole=100, read_at_once=100, skimmed=100)
HARDLY_ANY = 20
"""To look up the few numbers that the index finds in the larger inventory alone; to read that takes a thousand."""


@pytest.fixture(scope="module")
def small_and_large(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    """Two inventories that differ in their size alone, on databases in which nothing was deleted before."""
    opened = {}
    for size in (3_000, 12_000):
        url = made.fresh(tmp_path_factory.mktemp("work"))
        opened[url] = Database(url, resolve_seconds=60)
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
    bounds, query = BOUNDS, sent_query("US", "USD", parameters)
    work = []
    for database in small_and_large:
        with database.read() as tx:
            work.append(work_of(tx, lambda tx: search_numbers(tx, query, bounds)))
    assert work[1] < 1.5 * work[0] + HARDLY_ANY


def test_the_work_of_suggestions_and_of_numbers_like_one_does_not_grow_with_the_inventory(
    small_and_large: list[Database],
) -> None:
    bounds = BOUNDS
    query, sent = sent_query("US", "USD", {"page_size": "100"}), Sent(contains=["98989", "77"], locality="Nowhere")
    for question in (
        lambda tx: suggest_searches(tx, "US", "USD", sent, bounds=bounds),
        lambda tx: find_near_numbers(tx, query, "+13610001234", bounds),
    ):
        work = []
        for database in small_and_large:
            with database.read() as tx:
                work.append(work_of(tx, question))
        assert 0 < work[1] < 1.5 * work[0] + HARDLY_ANY


def test_the_work_of_suggestions_does_not_grow_with_the_area_codes_of_the_country(
    made: Databases, tmp_path: Path
) -> None:
    sent, work = Sent(area_code="220", contains=["98989"]), []
    for codes in (40, 400):
        folder = tmp_path / str(codes)
        folder.mkdir()
        url = made.prepared(folder)
        database = Database(url)
        listings = [listing(f"{200 + n}0000001", area_code=f"{200 + n}") for n in range(codes)]
        with database.write() as tx:
            insert_listings(tx, "pool", listings, now=1)
        with database.read() as tx:
            work.append(work_of(tx, lambda tx: suggest_searches(tx, "US", "USD", sent, bounds=BOUNDS)))
        database.close()
        made.done(url)
    assert work[1] < 1.5 * work[0] + HARDLY_ANY
