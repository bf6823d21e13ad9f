"""Killed with -9 while a carrier's calls are read: whoever comes next reads the day, and each call is charged once."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from carrier_mock.running import Config
from numberdesk.flows.usage.pull_calls import CALL_PULLS
from numberdesk.infra import clock
from numberdesk.infra.due_work import DueWorker, points_of
from numberdesk.infra.writer import FAILPOINTS as WRITER_POINTS
from numberdesk.usage.pull_store import PULL_LEASE
from numberdesk.verify.books import verify
from numberdesk.wiring import HOUR, Services
from testbed.carrier_mock import MockUrls, simulated
from testbed.customers import Customers, Wish
from testbed.remote import SETTINGS, MovingClock, RemoteBooks, make_remote_books
from testbed.samples import PRICE
from testbed.service import Service

NUMBER: Final = "+13615550100"
SECOND: Final = 1_000_000
RATE: Final = 8_500
CALLS: Final = 3
COST: Final = 8_500
"""What the carrier asks for a call, and tells with it."""

ENGINES: Final = ("sqlite", "postgresql")
KEPT: Final = tuple(f"{CALL_PULLS}.taken_up:{point}" for point in WRITER_POINTS)
NOTED: Final = tuple(f"{CALL_PULLS}.acted:{point}" for point in WRITER_POINTS)
POINTS: Final = (*points_of(CALL_PULLS), *KEPT, *NOTED)
NOW: Final = tuple(point for point in POINTS if point in points_of(CALL_PULLS) or point.endswith(":committed"))
"""Of a batch right after its commit: the others are passed alike by all (test_kills.py)."""


def cells() -> list[object]:
    """Some points on one engine or the other now, all on both in the long run."""
    now = {point: place % 2 for place, point in enumerate(NOW)}
    return [
        (engine, point) if now.get(point) == which else pytest.param(engine, point, marks=pytest.mark.long)
        for point in POINTS
        for which, engine in enumerate(ENGINES)
    ]


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config()) as running:
        yield running


@pytest.fixture
def books(database_url: str, carriers: MockUrls) -> RemoteBooks:
    """A number of the carrier has been bought, and called three times since; nobody has read its calls yet."""
    carriers.control.reset()
    books = make_remote_books(database_url, carriers, numbers=[NUMBER], options={})
    customers = Customers([Wish(books.stock.account_ids[0], books.stock.keys[0], NUMBER, "wish")], count=1)
    with Service(books.url, **SETTINGS, usage_pull_minutes="0") as service:
        customers.ask(service.port)
    began = (clock.now() // SECOND + 1) * SECOND  # a carrier tells whole seconds, and no call begins before its rental
    for place in range(CALLS):
        books.control.call(NUMBER, 1, started_at=began + place * SECOND // 2)
    while clock.now() < began + CALLS * SECOND:
        time.sleep(0.05)
    return books


def read_again(books: RemoteBooks, hours: int) -> None:
    """What the next process does, when the lease of the one that is gone is over."""
    later = MovingClock()
    later.move_to(later() + hours * HOUR)
    with books.running(later) as services:
        asyncio.run(_read(services))


async def _read(services: Services) -> None:
    async def past() -> int:
        return services.now()

    try:
        (work,) = replace(services.call_puller, past=past).due_work
        worker = DueWorker(work, services.writer, services.reader, now=services.now)
        while await worker.run_once():
            pass
    finally:
        await services.hang_up()


@pytest.mark.parametrize(("engine", "point"), cells(), indirect=["engine"])
def test_a_day_of_calls_whose_reading_is_killed_is_read_again_and_charged_once(books: RemoteBooks, point: str) -> None:
    with Service(books.url, "testbed.crashing", point, "1", **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL
    for round_ in (1, 2):  # and once more, an interval later: it is told the same again
        read_again(books, round_ * (PULL_LEASE // HOUR + 1))
        with books.running() as services:
            charged = services.reader.read_now(
                lambda tx: tx.fetch("SELECT source, state, amount FROM calls ORDER BY id", [])
            )
            costs = services.reader.read_now(lambda tx: tx.fetch("SELECT amount FROM call_costs", []))
            spent = services.reader.read_now(lambda tx: tx.fetch("SELECT posted FROM wallets ORDER BY posted", []))
            pulls = services.reader.read_now(lambda tx: tx.fetch("SELECT listed FROM call_pulls ORDER BY id", []))
            assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
        assert [tuple(row) for row in charged] == [("twilio", "charged", RATE)] * CALLS
        assert [amount for (amount,) in costs] == [COST] * CALLS
        assert books.stock.balance - spent[0][0] == PRICE + CALLS * RATE
        assert pulls[0][0] == CALLS
