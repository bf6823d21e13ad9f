"""Two processes that insert one row: the second is run again, sees the row, and decides by it. A defect stays one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from numberdesk.catalog.model import ListingChunk, SavedChunk
from numberdesk.core.errors import PriceChanged
from numberdesk.core.purchase import POOL, Buy, Order, Refusal, Sold
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.infra.writer import Apply
from numberdesk.tables import numbers
from testbed.samples import listing_of
from tests.flows.conftest import PRICE, Shop

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

E164, OTHER = "+13612738809", "+13612738810"
DEAR = PRICE + 500_000
PATIENCE = 20.0


@pytest.fixture
def other(beside: Callable[[], Shop]) -> Iterator[Shop]:
    """Another process."""
    other = beside()
    other.writer.start()
    yield other
    other.writer.close()


def chunk_of(*e164s: str) -> ListingChunk:
    """Lines of a file in which numbers are dearer than where they were searched."""
    listings = tuple(listing_of(e164, price=DEAR) for e164 in e164s)
    return ListingChunk(POOL, listings, tuple(range(len(e164s))))


def submitted(shop: Shop, flow: Apply[Any, Any], *commands: Any) -> list[Any]:
    """The outcomes of commands that come at once, as requests do."""

    async def story() -> list[Any]:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*(shop.writer.submit(flow, command) for command in commands))

    return asyncio.run(story())


def second_to(shop: Shop, flow: Apply[Any, Any], command: Any, work: Callable[[], Any]) -> Any:
    """What comes of a work that another process begins before a command is committed, and that has to wait for it."""
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            flow(tx, [command])
            second = pool.submit(work)
            wait_until(lambda: waits_for_a_lock(shop) or second.done())
            assert not second.done()
        return second.result(PATIENCE)


def waits_for_a_lock(shop: Shop) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return shop.rows(waiting) != []


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.005)


def came_second_once(other: Shop) -> None:
    figures = other.writer.figures
    assert (figures.retries, figures.failed_commits, figures.isolated) == (1, 0, 0)


def test_a_purchase_of_a_number_that_is_being_imported_is_told_what_it_costs_now(shop: Shop, other: Shop) -> None:
    shop.offer(E164, carrier="acme")
    buy = shop.wants(shop.account(10 * PRICE), E164)
    (refused,) = second_to(shop, shop.save_listings, chunk_of(E164), lambda: submitted(other, other.open_orders, buy))
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, PriceChanged)
    assert shop.rows("SELECT carrier, state, price FROM numbers") == [(POOL, "available", DEAR)]
    came_second_once(other)


def test_its_neighbours_in_the_batch_buy_what_they_want(shop: Shop, other: Shop) -> None:
    shop.offer(E164, carrier="acme")
    shop.offer(OTHER, carrier="acme")
    account_id = shop.account(10 * PRICE)
    buys = [shop.wants(account_id, E164), shop.wants(account_id, OTHER), shop.wants(account_id, shop.number())]
    outcomes = second_to(shop, shop.save_listings, chunk_of(E164), lambda: submitted(other, other.open_orders, *buys))
    assert [type(outcome) for outcome in outcomes] == [Refusal, Sold, Sold]
    came_second_once(other)


def test_a_number_that_is_being_bought_is_a_conflict_to_an_import(shop: Shop, other: Shop) -> None:
    shop.offer(E164, carrier="acme")
    buy = shop.wants(shop.account(10 * PRICE), E164)
    (saved,) = second_to(
        shop, shop.open_orders, buy, lambda: submitted(other, other.save_listings, chunk_of(E164, OTHER))
    )
    assert (saved.counts.new, saved.counts.conflicts) == (1, 1)
    assert shop.rows("SELECT e164, carrier, state FROM numbers ORDER BY 1") == [
        (E164, "acme", "claimed"),
        (OTHER, POOL, "available"),
    ]
    came_second_once(other)


def test_an_import_of_the_command_line_goes_on_too(shop: Shop, other: Shop) -> None:
    shop.offer(E164, carrier="acme")
    buy = shop.wants(shop.account(10 * PRICE), E164)
    saved = second_to(
        shop, shop.open_orders, buy, lambda: other.writer.apply(other.save_listings, chunk_of(E164, OTHER))
    )
    assert isinstance(saved, SavedChunk)
    assert (saved.counts.new, saved.counts.conflicts) == (1, 1)


def test_a_row_that_is_inserted_whatever_is_there_is_a_defect_and_is_tried_twice(shop: Shop) -> None:
    shop.number()
    tries: list[int] = []
    columns = ", ".join(InsertRows(numbers).names)

    def blind(tx: Tx, buys: Sequence[Buy]) -> list[Order]:
        tries.append(len(buys))
        tx.run(f"INSERT INTO numbers ({columns}) SELECT {columns} FROM numbers", [])  # noqa: S608  the table's own
        return []

    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.writer.apply(blind, shop.wants("acc_nobody", E164))
    assert tries == [1, 1]
