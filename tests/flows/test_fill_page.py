"""Pages by price and by memorability of digits that many numbers have: what a naive search gives, for a page's work.

Touches: database, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from numberdesk.catalog.model import Listing
from numberdesk.catalog.search_plan import beginning
from numberdesk.catalog.search_store import look_up
from numberdesk.catalog.store import insert_listings
from numberdesk.flows.catalog.search_numbers import Bounds, search_numbers
from numberdesk.infra.db import Database
from numberdesk.tables import numbers
from testbed.databases import Databases
from testbed.offer_queries import sent_query
from testbed.work import work_of
from tests.flows.test_search_numbers import DOLLAR, listing, naive, pages, read, stocked, walked

CENT = 10_000
PRICED: dict[str, Callable[[Random, int], int]] = {
    "one price": lambda _chance, _area: DOLLAR,
    "a few": lambda chance, _area: DOLLAR + CENT * chance.randrange(3),
    "as many as numbers": lambda chance, _area: DOLLAR + chance.randrange(DOLLAR),
    "one an area, the cheapest last": lambda _chance, area: 2 * DOLLAR - CENT * area,
    "one and some oddities": lambda chance, _area: DOLLAR if chance.random() < 0.9 else CENT * chance.randrange(1, 200),
}
AREAS = ("361", "415", "808")


def inventory_of(seed: int, size: int, priced: str) -> list[Listing]:
    """Numbers of which most have the digits that are asked for, with prices of one kind."""
    chance, made = Random(seed), {}
    for _ in range(size):
        area = chance.randrange(len(AREAS))
        national = AREAS[area] + "".join(chance.choices("0777", k=6))
        item = listing(
            national,
            area_code=AREAS[area],
            region=chance.choice(("TX", "HI")),
            currency=chance.choice(["USD", "USD", "USD", "EUR", None]),
            price=PRICED[priced](chance, area),
        )
        made[item.e164] = item
    return list(made.values())


INVENTORIES = st.builds(inventory_of, st.integers(0, 2**32), st.sampled_from([20, 100]), st.sampled_from([*PRICED]))
# The index has too many of what is asked for to look it all up, and sets are too large to be read whole.
BOUNDS = st.builds(
    Bounds,
    glance=st.integers(1, 5),
    walked=st.integers(5, 40),
    looked_up=st.sampled_from([10, 200, 200]),
    matches=st.sampled_from([20, 1_000, 1_000]),
    skimmed=st.sampled_from([0, 1_000, 1_000]),
    read_whole=st.just(0),
    read_at_once=st.just(0),
)
DIGITS: list[dict[str, Any]] = [
    *({"contains": [digits]} for digits in ("0777", "7770", "77*07", "7777", "777", "07077")),
    *({"ends_with": digits} for digits in ("7", "77", "07")),
    {"contains": ["077", "770"]},
    {"contains": ["0777"], "ends_with": "7"},
]
SEARCHES = st.builds(
    lambda digits, rest: ("US", "USD", {**digits, **rest}),
    st.sampled_from(DIGITS),
    st.fixed_dictionaries(
        {"sort": st.sampled_from(["price", "memorable"]), "page_size": st.sampled_from(["1", "3", "20"])},
        optional={
            "excludes": st.sampled_from(["00", "707"]),
            "region": st.just("hi"),
            "max_price": st.sampled_from(["1", "1.5"]),
        },
    ),
)


@pytest.fixture(scope="module")
def database(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = made.prepared(tmp_path_factory.mktemp("fill"))
    database = Database(url)
    yield database
    database.close()
    made.done(url)


MANY = pytest.mark.parametrize("most", [40, pytest.param(300, marks=pytest.mark.long)])


def for_all(database: Database, most: int, holds: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Try so many examples; on PostgreSQL a quarter of them."""
    examples = most if database.engine_name == "sqlite" else most // 4
    settings(max_examples=examples)(given(**drawn)(holds))()


@MANY
def test_whatever_the_prices_are_the_pages_together_are_what_a_naive_search_finds(
    database: Database, most: int
) -> None:
    def holds(inventory: list[Listing], search: tuple[str, str, dict[str, Any]], bounds: Bounds) -> None:
        with stocked(database, inventory) as tx:
            assert walked(tx, search, bounds) == naive(inventory, read(search))

    for_all(database, most, holds, inventory=INVENTORIES, search=SEARCHES, bounds=BOUNDS)


@MANY
def test_while_numbers_are_sold_and_prices_change_every_number_that_keeps_both_comes_once_and_in_order(
    database: Database, most: int
) -> None:
    def holds(inventory: list[Listing], search: tuple[str, str, dict[str, Any]], bounds: Bounds, seed: int) -> None:
        chance, touched = Random(seed), set[str]()

        with stocked(database, inventory) as tx:

            def change() -> None:
                e164 = chance.choice(inventory).e164
                touched.add(e164)
                values = chance.choice(({"state": "withdrawn"}, {"price": CENT * chance.randrange(1, 300)}))
                tx.execute(update(numbers).where(numbers.c.e164 == e164, numbers.c.price > 0).values(values))

            shown = [offer.e164 for page in pages(tx, search, bounds, change) for offer in page.offers]
        kept = [e164 for e164 in naive(inventory, read(search)) if e164 not in touched]
        assert [e164 for e164 in shown if e164 not in touched] == kept

    for_all(database, most, holds, inventory=INVENTORIES, search=SEARCHES, bounds=BOUNDS, seed=st.integers(0, 2**32))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # an index that comes in order
@pytest.mark.parametrize("parameters", [{"contains": ["3610"]}, {"contains": ["3610"], "page_size": "50"}])
def test_a_page_by_price_of_digits_that_all_numbers_have_costs_no_more_where_there_are_more(
    made: Databases, tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, Any]
) -> None:
    work, query = [], sent_query("US", "USD", {**parameters, "sort": "price"})
    for size in (2_000, 8_000):
        url = made.fresh(tmp_path_factory.mktemp("fill"))
        database = Database(url)
        with database.write() as tx:
            insert_listings(tx, "pool", [listing(f"3610{n:06}", price=DOLLAR + n % 9) for n in range(size)], now=1)
        with database.read() as tx:
            work.append(work_of(tx, lambda tx: search_numbers(tx, query, Bounds(glance=500))))
        database.close()
        made.done(url)
    assert work[1] < 2 * work[0]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL's count has rows that others rolled back
@pytest.mark.parametrize("sort", ["price", "memorable"])
@pytest.mark.parametrize("parameters", [{"contains": ["1000"]}, {"ends_with": "7"}])
def test_a_page_costs_less_than_to_look_up_all_that_has_the_digits(
    database: Database, parameters: dict[str, Any], sort: str
) -> None:
    inventory = [listing(f"361000{n:04}", price=DOLLAR + n % 9) for n in range(5_000)]
    query = sent_query("US", "USD", {**parameters, "sort": sort})
    fitting = naive(inventory, query)
    with stocked(database, inventory) as tx:
        work = work_of(tx, lambda tx: search_numbers(tx, query, Bounds(glance=100, read_at_once=0)))
        to_compare = work_of(tx, lambda tx: look_up(tx, query, None, fitting, beginning(query.sort), 11))
        found = search_numbers(tx, query, Bounds(glance=100, read_at_once=0))
    assert [offer.e164 for offer in found.offers] == fitting[:10]
    assert work < to_compare
