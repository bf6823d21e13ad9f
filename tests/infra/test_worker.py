"""The background work beside a running service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from numberdesk import worker
from numberdesk.catalog.model import ListingChunk
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy
from numberdesk.flows.catalog.run_import import run_import
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.infra.settings import load_settings
from numberdesk.tables import metadata, numbers
from numberdesk.wiring import DAY, Parts, Services, build
from testbed.samples import PRICE, listing_of, price_rule
from testbed.stock import stocked

NOW = 1_750_000_000_000_000


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    running = build(load_settings(database_url=database_url))
    yield running
    running.close()


def _prices(services: Services) -> list[int | None]:
    return services.reader.read_now(lambda tx: [row[0] for row in tx.fetch("SELECT price FROM numbers", [])])


def _unpriced_number_and_a_rule(services: Services, folder: Path) -> None:
    file = folder / "numbers.csv"
    file.write_text("phone_number\n+13612738809\n")
    with file.open("rb") as source:
        run_import(
            source,
            carrier="pool",
            skip_bad=False,
            read=services.reader.read_now,
            save=lambda chunk: services.writer.apply(services.save_listings, chunk),
            progress=lambda *_: None,
        )
    rule = price_rule(round_to=10_000)
    services.writer.apply(set_price_rules, rule)


def test_the_worker_works_on_every_table_of_due_work(services: Services) -> None:
    due = {table.name for table in metadata.sorted_tables if "leased_until" in table.c}
    assert {each.work.table.name for each in worker.due_workers(services)} == due
    assert len({each.work.name for each in worker.due_workers(services)}) == len(due)


def test_the_worker_prices_numbers_after_a_rule_changed(services: Services, tmp_path: Path) -> None:
    _unpriced_number_and_a_rule(services, tmp_path)
    assert _prices(services) == [None]
    services.writer.start()
    stop = worker.start(services)
    for _ in range(500):
        if _prices(services) == [2_000_000]:
            break
        asyncio.run(asyncio.sleep(0.01))
    stop()
    assert _prices(services) == [2_000_000]


def test_a_step_of_the_clock_ends_no_quarantine(database_url: str) -> None:
    """The worker asks what time has surely passed; the same round ends it when that is so."""
    at = [NOW, 0]
    running = build(load_settings(database_url=database_url), Parts(now=lambda: at[0], seconds=lambda: at[-1] / 10**6))
    listing = ListingChunk("pool", (listing_of("+13612738809"),), (1,))
    running.writer.apply(running.save_listings, listing)
    with running.database.write() as tx:
        tx.execute(update(numbers).values(state="quarantined", quarantined_until=NOW + 10 * DAY))
    running.writer.start()
    states = []
    for day, elapsed in ((0, 0), (40, 0), (10, 10)):
        at[:] = [NOW + day * DAY, elapsed * DAY]
        asyncio.run(worker.clean_up_rounds(running, lambda: False))
        states += running.reader.read_now(lambda tx: [row[0] for row in tx.fetch("SELECT state FROM numbers", [])])
    running.close()
    assert states == ["quarantined", "quarantined", "available"]


def test_a_stopped_worker_stops_and_may_be_stopped_again(services: Services) -> None:
    services.writer.start()
    stop = worker.start(services)
    stop()
    stop()


def test_the_worker_goes_on_after_the_writer_turned_it_away(services: Services) -> None:
    services.writer.start()
    services.writer.close()

    async def some_rounds() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(services, stop))
        await asyncio.sleep(0)
        assert not task.done()
        stop.set()
        await task

    asyncio.run(some_rounds())


def test_an_event_is_numbered_and_sent_soon_after_its_commit(services: Services) -> None:
    """Nobody is waited for: the worker is woken by the commit, and looks every second besides."""
    stock = stocked(services, accounts=1, numbers=1)
    wanted = Buy(stock.account_ids[0], stock.e164s[0], Confirmation(PRICE), None, "req_1", "ord_1", services.now())
    services.writer.start()
    stop = worker.start(services)
    asyncio.run(services.writer.submit(services.open_orders, wanted))
    numbers_given: list[int | None] = []
    for _ in range(1000):
        numbers_given = services.reader.read_now(
            lambda tx: [row[0] for row in tx.fetch("SELECT number FROM events ORDER BY number", [])]
        )
        if numbers_given == [1, 2]:
            break
        time.sleep(0.01)
    stop()
    assert numbers_given == [1, 2]  # the top-up's event, and the purchase's


def test_a_loop_is_woken_by_the_first_commit_of_a_round_and_by_no_other() -> None:
    woken = []

    class Loop(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *_: object, **__: object) -> asyncio.Handle:
            woken.append(1)
            return asyncio.Handle(lambda: None, (), self)

    loop = Loop()
    bell = worker.CommitBell(loop)
    for commits in (3, 0, 1):
        bell.begin_round()
        for _ in range(commits):
            bell.tell()
    loop.close()
    assert len(woken) == 2
