"""Several processes on one PostgreSQL database: purchases that meet, never in a deadlock, never twice, to the micro."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from numberdesk.catalog.model import ImportCounts, ListingChunk
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.purchase import Buy, Order, Refused
from numberdesk.flows.buy_number import buy_number
from numberdesk.flows.create_accounts import Standing, set_standings
from numberdesk.flows.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.import_inventory import save_listings
from numberdesk.flows.release_numbers import Release
from numberdesk.flows.reprice import Reprice, reprice
from numberdesk.flows.tidy import Tidy, tidy
from numberdesk.flows.verify import verify
from numberdesk.infra.db import Database
from tests.flows.conftest import PRICE, QUARANTINE, Shop, listing_of

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

Outcome = Order | Refused | BaseException
Work = Callable[[Shop], Any]

PATIENCE = 60.0


@pytest.fixture
def shops(shop: Shop, database_url: str) -> Iterator[list[Shop]]:
    """Three shops on one database, each with a connection and a writer's thread of its own."""
    all_of_them = [shop, *(Shop(Database(database_url)) for _ in range(2))]
    for each in all_of_them:
        each.writer.start()
    yield all_of_them
    for each in all_of_them:
        each.writer.close()
    for each in all_of_them[1:]:
        each.database.close()


def at_once(shops: Sequence[Shop], stories: Sequence[Sequence[Callable[[Shop], Any]]]) -> list[list[Any]]:
    """Each shop does its work in a thread and event loop of its own, all of it at the same time."""
    outcomes: dict[int, list[Any]] = {}
    start = threading.Barrier(len(shops))

    async def all_of(place: int) -> list[Any]:
        start.wait(PATIENCE)
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*(work(shops[place]) for work in stories[place]), return_exceptions=True)

    def run(place: int) -> None:
        outcomes[place] = asyncio.run(all_of(place))

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(shops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return [outcomes[place] for place in range(len(shops))]


def buying(buy: Buy) -> Work:
    return lambda shop: buy_number(shop.writer, shop.open_orders, buy)


def nobody_met_a_deadlock(shops: Sequence[Shop]) -> None:
    for shop in shops:
        figures = shop.writer.figures
        assert (figures.retries, figures.failed_commits, figures.isolated) == (0, 0, 0)


def in_order(shop: Shop) -> None:
    with shop.database.read() as tx:
        verdict = verify(tx, lambda _what, _done, _of: None)
    assert verdict.ok, verdict.violations
    shop.audit()


@pytest.mark.parametrize("shared", [True, False], ids=["of accounts of all", "of accounts of its own"])
def test_what_several_want_is_sold_once_and_paid_once(shops: list[Shop], shared: bool) -> None:  # noqa: FBT001  a case
    """Every shop is asked for every number, in an order of its own; with accounts of their own only numbers meet."""
    shop, chance = shops[0], random.Random(1)
    accounts = [shop.account(100 * PRICE) for _ in range(6)]
    numbers = shop.numbers(60)
    stories = []
    for place in range(3):
        buyers = accounts if shared else accounts[place::3]
        wanted = [shop.wants(chance.choice(buyers), e164) for e164 in numbers]
        stories.append([buying(buy) for buy in chance.sample(wanted, len(wanted))])
    outcomes = [outcome for each in at_once(shops, stories) for outcome in each]
    assert {type(outcome) for outcome in outcomes} == {Order, Refused}
    # An account that wants a number again within the same moments is told of the order that it has.
    orders = {outcome.id: outcome for outcome in outcomes if isinstance(outcome, Order)}
    assert Counter(order.e164 for order in orders.values()) == Counter(numbers)
    assert sum(shop.wallet(account_id).posted for account_id in accounts) == (600 - 60) * PRICE
    nobody_met_a_deadlock(shops)
    in_order(shop)


def test_a_wallet_that_several_spend_at_once_buys_what_it_can_pay(shops: list[Shop]) -> None:
    shop = shops[0]
    account_id, numbers = shop.account(17 * PRICE), shop.numbers(60)
    stories = [[buying(shop.wants(account_id, e164)) for e164 in numbers[place::3]] for place in range(3)]
    outcomes = [outcome for each in at_once(shops, stories) for outcome in each]
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 17
    assert shop.wallet(account_id).posted == 0
    nobody_met_a_deadlock(shops)
    in_order(shop)


def test_one_key_sent_to_several_is_one_purchase_with_one_answer(shops: list[Shop]) -> None:
    shop = shops[0]
    account_id, numbers = shop.account(100 * PRICE), shop.numbers(20)
    wants = [shop.wants(account_id, e164, key=f"key-{e164}") for e164 in numbers]
    stories = [[buying(buy._replace(order_id=shop.new_id("ord"))) for buy in wants] for _ in shops]
    answers = at_once(shops, stories)
    assert answers[0] == answers[1] == answers[2]
    assert all(isinstance(answer, Order) for answer in answers[0])
    assert shop.wallet(account_id).posted == 80 * PRICE
    assert shop.count("answers") == 20
    nobody_met_a_deadlock(shops)
    in_order(shop)


class Business:
    """Any work at all on the same few accounts and numbers, drawn by a seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._chance = random.Random(seed)
        self._accounts = [shop.account(20 * PRICE) for _ in range(3)]
        self._pool = shop.numbers(12)
        self._numbers = [*self._pool, *(shop.number(carrier="acme", setup=5) for _ in range(3))]

    def draw(self) -> Work:
        """Something to do."""
        kinds = {self._buy: 8, self._fund: 1, self._release: 2, self._offer: 1, self._stand: 1, self._keep_house: 1}
        (kind,) = self._chance.choices(list(kinds), list(kinds.values()))
        return kind()

    def _buy(self) -> Work:
        account_id, e164 = self._chance.choice(self._accounts), self._chance.choice(self._numbers)
        buy = self._shop.wants(account_id, e164, key=self._chance.choice([None, None, "k1", "k2"]))
        return buying(buy)

    def _fund(self) -> Work:
        account_id = self._chance.choice(self._accounts)
        funding = Funding(self._shop.new_id("trf"), TOP_UP, account_id, PRICE, "manual", None, self._shop.now)
        return lambda at: at.writer.submit(fund_wallets, funding)

    def _release(self) -> Work:
        release = Release(self._chance.choice(self._accounts), self._chance.choice(self._numbers), self._shop.now)
        return lambda at: at.writer.submit(at.release_numbers, release)

    def _offer(self) -> Work:
        offered = self._chance.sample(self._pool, 5)
        listings = tuple(listing_of(e164, locality=f"Town {self._chance.randrange(3)}") for e164 in offered)
        chunk = ListingChunk("pool", listings, tuple(range(5)), self._shop.now)
        return lambda at: at.writer.submit(save_listings, chunk)

    def _stand(self) -> Work:
        standing = Standing(self._chance.choice(self._accounts), self._chance.choice(list(AccountState)))
        return lambda at: at.writer.submit(set_standings, standing)

    def _keep_house(self) -> Work:
        later = self._shop.now + QUARANTINE
        if self._chance.random() < 0.5:
            return lambda at: at.writer.submit(tidy, Tidy(later, 2 * QUARANTINE))
        return lambda at: at.writer.submit(reprice, Reprice(later))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_at_once_nothing_waits_crosswise_and_the_books_hold(shops: list[Shop], seed: int) -> None:
    """Purchases, top-ups, releases, new prices, suspensions and housekeeping, in batches as they come."""
    business = Business(shops[0], seed)
    stories = [[business.draw() for _ in range(80)] for _ in shops]
    outcomes = [outcome for each in at_once(shops, stories) for outcome in each]
    defects = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, NumberdeskError)]
    assert defects == []
    assert any(isinstance(one, Order) for one in outcomes)
    nobody_met_a_deadlock(shops)
    in_order(shops[0])


def test_imports_in_one_batch_and_purchases_in_another_lock_numbers_in_one_order(shops: list[Shop]) -> None:
    """Whole batches, many times over, of chunks that lie crosswise to each other."""
    shop = shops[0]
    account_id, numbers = shop.account(1000 * PRICE), shop.numbers(40)

    def offering(place: int) -> Work:
        some = [numbers[39 - place], numbers[place]]
        listings = tuple(listing_of(e164, locality=f"Town {place}") for e164 in some)
        chunk = ListingChunk("pool", listings, (1, 2), shop.now)
        return lambda at: at.writer.submit(save_listings, chunk)

    imports = [offering(chance) for chance in random.Random(7).choices(range(40), k=200)]
    buys = [buying(shop.wants(account_id, e164)) for e164 in numbers * 5]
    outcomes = [outcome for each in at_once(shops, [imports, buys, buys]) for outcome in each]
    assert {type(one) for one in outcomes} <= {Order, Refused, ImportCounts}
    assert shop.wallet(account_id).posted == 960 * PRICE
    nobody_met_a_deadlock(shops)
    in_order(shop)
