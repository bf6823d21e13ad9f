"""Killed with -9 at every point of a renewal: whoever comes next charges what was not charged, and nothing twice."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

import pytest

from numberdesk.core.periods import add_months
from numberdesk.flows.rentals.renew_rentals import RENEWALS, renewals
from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import DueWorker, points_of
from testbed.service import Service
from tests.flows.conftest import PRICE, Shop

RENTALS: Final = 4
PAID: Final = 3
"""So many of them does the wallet pay."""

ENGINES: Final = ("sqlite", "postgresql")
NOTED: Final = tuple(f"{RENEWALS}.acted:{point}" for point in ("taken", "begun", "applied", "committed", "resolved"))
POINTS: Final = (*points_of(RENEWALS), *NOTED)
NOW: Final = tuple(point for point in POINTS if point not in NOTED or point.endswith(("applied", "committed")))
"""Of a batch right before its commit and right after: the others are passed alike by all (test_kills.py)."""


def cells() -> list[object]:
    """Some points on one engine or the other now, all on both in the long run."""
    now = {point: place % 2 for place, point in enumerate(NOW)}
    return [
        (engine, point) if now.get(point) == which else pytest.param(engine, point, marks=pytest.mark.long)
        for point in POINTS
        for which, engine in enumerate(ENGINES)
    ]


@pytest.fixture
def shop(database: Database) -> Shop:
    """A month ago an account bought its numbers, and it has money for all but one of them now."""
    shop = Shop(database)
    shop.now = add_months(time_of_day(), -1) - 60_000_000
    account_id = shop.account((RENTALS + PAID) * PRICE)
    for _ in range(RENTALS):
        shop.buy(account_id, shop.number())
    return shop


def recover(shop: Shop) -> None:
    """What the next process does, when the lease of the one that is gone is over."""
    shop.now = time_of_day() + 600_000_000

    async def past() -> int:
        return shop.now

    work = renewals(shop.writer, shop.renew_rentals, lambda: shop.now, past)

    async def renewed() -> None:
        worker = DueWorker(work, shop.writer, shop.reader, now=lambda: shop.now)
        while await worker.run_once():
            pass

    shop.writer.start()
    try:
        asyncio.run(renewed())
    finally:
        shop.writer.close()


@pytest.mark.parametrize(("engine", "point"), cells(), indirect=["engine"])
def test_a_renewal_that_is_killed_is_made_once_by_whoever_comes_next(shop: Shop, database_url: str, point: str) -> None:
    with Service(database_url, "testbed.crashing", point, "1") as doomed:
        assert doomed.died() == -signal.SIGKILL
    recover(shop)
    assert sorted(shop.rows("SELECT period, state FROM rent_charges")) == sorted(
        [(0, "purchased")] * RENTALS + [(1, "charged")] * PAID
    )
    assert sorted(shop.rows("SELECT state FROM rentals")) == sorted([("active",)] * PAID + [("past_due",)])
    assert shop.rows("SELECT posted FROM wallets") == [(0,)]
    assert shop.rows("SELECT kind, count(*) FROM events WHERE kind LIKE 'rental.%' GROUP BY kind ORDER BY kind") == [
        ("rental.past_due", 1),
        ("rental.renewed", PAID),
    ]
    shop.verified()
    shop.audit()
    shop.reader.close()
