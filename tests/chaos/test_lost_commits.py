"""A connection that is cut or falls silent during COMMIT: what became of it is looked up, never guessed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Replayed, Sold
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.infra.db import CommitUnknownError
from numberdesk.infra.settings import load_settings
from numberdesk.ledger.store import find_wallet
from numberdesk.verify.books import verify
from numberdesk.wiring import Services, build
from testbed import nursery
from testbed.databases import Postgreses
from testbed.proxy import HOW, Relay, relay_to
from testbed.samples import PRICE
from testbed.stock import Stock, stocked

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

SETTLED = HOW[:-1]
"""After these the database can be asked."""
GONE = HOW[-1]
AT_ONCE = HOW[:3]
"""After these the client knows at once that it has to ask."""


@pytest.fixture
def relay(made: Postgreses) -> Iterator[Relay]:
    with relay_to(made.server.port) as relay:
        yield relay


@pytest.fixture
def services(relay: Relay, database_url: str) -> Iterator[Services]:
    name = database_url.partition("///")[2].partition("?")[0]
    running = build(load_settings(database_url=relay.url(name), answer_timeout_seconds=2))
    running.writer.start()
    yield running
    running.close()


@pytest.fixture
def stock(services: Services) -> Iterator[Stock]:
    """An account with money and numbers to buy. Whatever was lost, the books are in order at the end."""
    yield stocked(services, accounts=2, numbers=4)
    assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()


def buy_of(services: Services, account_id: str, e164: str) -> Buy:
    confirmed = Confirmation(PRICE, None, None)
    return Buy(account_id, e164, confirmed, None, services.new_id("req"), services.new_id("ord"), services.now())


def submitted(services: Services, flow: Any, command: Any) -> Any:
    """The outcome of a command, or the exception it ended with."""

    async def story() -> Any:
        return await services.writer.submit(flow, command)

    return asyncio.run(story())


def posted(services: Services, account_id: str) -> int:
    wallet = services.reader.read_now(lambda tx: find_wallet(tx, account_id))
    assert wallet is not None
    return wallet.posted


@pytest.mark.parametrize("how", SETTLED)
def test_a_purchase_whose_commit_was_lost_is_answered_as_sold_and_charged_once(
    services: Services, stock: Stock, relay: Relay, how: str
) -> None:
    account_id = stock.account_ids[0]
    relay.lose(how)
    decision = submitted(services, services.open_orders, buy_of(services, account_id, stock.e164s[0]))
    assert relay.lost == 1
    assert isinstance(decision, Sold)
    assert posted(services, account_id) == stock.balance - PRICE
    assert services.writer.figures.retries == (how == HOW[0])


@pytest.mark.parametrize("how", SETTLED)
def test_a_top_up_without_a_reference_is_paid_in_once_though_its_commit_was_lost(
    services: Services, stock: Stock, relay: Relay, how: str
) -> None:
    account_id = stock.account_ids[0]
    paid = Funding(services.new_id("trf"), TOP_UP, account_id, 5_000_000, "manual", None, services.now())
    relay.lose(how)
    submitted(services, fund_wallets, paid)
    assert relay.lost == 1
    assert posted(services, account_id) == stock.balance + 5_000_000


def test_a_command_of_a_person_is_done_once_though_its_commit_was_lost(
    services: Services, stock: Stock, relay: Relay
) -> None:
    account_id = stock.account_ids[0]
    for how in AT_ONCE:
        paid = Funding(services.new_id("trf"), TOP_UP, account_id, 1_000_000, "manual", None, services.now())
        relay.lose(how)
        services.writer.apply(fund_wallets, paid)
    assert relay.lost == 3
    assert posted(services, account_id) == stock.balance + 3_000_000


def test_an_outcome_that_nobody_can_tell_is_said_to_be_unknown_and_the_next_try_tells(
    relay: Relay, database_url: str
) -> None:
    name = database_url.partition("///")[2].partition("?")[0]
    running = build(load_settings(database_url=relay.url(name), answer_timeout_seconds=0.5), lock_seconds=0.1)
    running.writer.start()
    try:
        stock = stocked(running, accounts=1, numbers=1)
        buy = buy_of(running, stock.account_ids[0], stock.e164s[0])
        relay.lose(GONE)
        with pytest.raises(CommitUnknownError, match="could not be looked up"):
            submitted(running, running.open_orders, buy)
        relay.reopen()
        again = submitted(running, running.open_orders, buy_of(running, stock.account_ids[0], stock.e164s[0]))
        assert isinstance(again, Replayed)
        assert again.order.id == buy.order_id
        assert posted(running, stock.account_ids[0]) == stock.balance - PRICE
    finally:
        running.close()


def test_a_command_whose_outcome_nobody_can_tell_says_so_and_not_that_nothing_was_changed(
    relay: Relay, database_url: str
) -> None:
    name = database_url.partition("///")[2].partition("?")[0]
    direct = build(load_settings(database_url=database_url))
    try:
        stock = stocked(direct, accounts=1, numbers=1)
        relay.lose(GONE, passing=1)
        settings = {"NUMBERDESK_DATABASE_URL": relay.url(name), "NUMBERDESK_ANSWER_TIMEOUT_SECONDS": "0.5"}
        done = nursery.run(
            "numberdesk", "wallet", "top-up", stock.account_ids[0], "5",
            cwd=Path.cwd(), env={**os.environ, **settings}, timeout=60,
        )  # fmt: skip
        assert relay.lost == 1
        assert done.returncode == 1
        assert "it is not known whether the change was kept" in done.stderr
        assert "nothing was changed" not in done.stderr
        assert posted(direct, stock.account_ids[0]) == stock.balance + 5_000_000
    finally:
        direct.close()


@pytest.mark.parametrize("share", [30, pytest.param(300, marks=pytest.mark.long)])
def test_every_tenth_commit_lost_under_load_loses_and_doubles_nothing(
    services: Services, relay: Relay, stock: Stock, share: int
) -> None:
    wanted = stocked(services, accounts=4, numbers=4 * share)

    def customer(place: int) -> int:
        bought = 0
        for e164 in wanted.e164s[place::4]:
            if int(e164[-1]) % 5 == 0:
                relay.lose(AT_ONCE[place % 3])
            decision = submitted(services, services.open_orders, buy_of(services, wanted.account_ids[place], e164))
            bought += isinstance(decision, Sold | Replayed)
        return bought

    with ThreadPoolExecutor(4) as customers:
        bought = list(customers.map(customer, range(4)))
    assert bought == [share] * 4
    assert relay.lost > share // 6
    assert [posted(services, account_id) for account_id in wanted.account_ids] == [wanted.balance - share * PRICE] * 4
    assert posted(services, stock.account_ids[0]) == stock.balance
