"""Several processes on one PostgreSQL database: purchases that meet, never in a deadlock, never twice, to the micro."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from numberdesk.catalog.model import ListingChunk, SavedChunk
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.findings import FindingKind
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.purchase import Buy, Order, Refusal
from numberdesk.flows.accounts.change_accounts import AccountChange, change_accounts
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.carriers.audit_carriers import AuditReport
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.flows.catalog.reprice import Reprice, reprice
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.flows.purchase.follow_carrier_orders import follow_carrier_orders
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder, resolve_orders
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import DueWorker
from numberdesk.orders.carrier_order_store import list_unsettled
from numberdesk.verify.books import verify
from testbed.fake_carriers import Does
from testbed.samples import listing_of
from tests.flows.audits import auditing
from tests.flows.carrier_orders import DAY
from tests.flows.conftest import PRICE, QUARANTINE, Shop

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

Outcome = Order | Refusal | BaseException
Work = Callable[[Shop], Any]

PATIENCE = 60.0

ENDING = (Does.BUYS, Does.BUYS, Does.REFUSES, Does.THROTTLES, Does.NOT_SENT, Does.BUYS_SILENTLY, Does.LOSES)
"""What the carrier does with orders, so that some end at once and some are looked up."""


@pytest.fixture
def shops(shop: Shop, database_url: str) -> Iterator[list[Shop]]:
    """Three shops on one database with the same carriers, each with a connection and a writer's thread of its own."""
    all_of_them = [shop, *(Shop(Database(database_url), beside=shop) for _ in range(2))]
    for each in all_of_them:
        each.writer.start()
    yield all_of_them
    for each in all_of_them:
        each.writer.close()
    for each in all_of_them[1:]:
        each.reader.close()
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


def buying(buy: Buy, *, seconds: float = PATIENCE / 2) -> Work:
    return lambda shop: buy_number(shop.writer, shop.open_orders, shop.placement(), buy, seconds=seconds)


def nobody_met_a_deadlock(shops: Sequence[Shop]) -> None:
    for shop in shops:
        figures = shop.writer.figures
        assert (figures.retries, figures.failed_commits, figures.isolated) == (0, 0, 0)


def in_order(shop: Shop) -> None:
    with shop.database.read() as tx:
        report = verify(tx, lambda _what, _done, _of: None)
    assert report.ok, report.violations
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
    assert {type(outcome) for outcome in outcomes} == {Order, Refusal}
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
    assert shop.count("idempotency_records") == 20
    nobody_met_a_deadlock(shops)
    in_order(shop)


class Business:
    """Any work at all on the same few accounts and numbers, drawn by a seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._chance = random.Random(seed)
        self._accounts = [shop.account(20 * PRICE) for _ in range(3)]
        self._pool = shop.numbers(12)
        self._remote = [shop.number(carrier="acme", setup=5, lifetime=9 * QUARANTINE) for _ in range(6)]
        self._odd = [f"+1361300000{last}" for last in range(9)]
        self._numbers = [*self._pool, *self._remote, *self._odd]
        self._later = 0
        self.deleted: list[tuple[int, int, int]] = []
        for e164 in self._remote:
            shop.acme.script(e164, *self._chance.choices(list(ENDING), k=4))

    def draw(self) -> Work:
        """Something to do."""
        kinds = {
            self._buy: 9, self._fund: 1, self._release: 2, self._offer: 1, self._stand: 1, self._keep_house: 1,
            self._show: 2, self._work: 3, self._audit: 1, self._resolve: 1,
        }  # fmt: skip
        (kind,) = self._chance.choices(list(kinds), list(kinds.values()))
        return kind()

    def _buy(self) -> Work:
        account_id, e164 = self._chance.choice(self._accounts), self._chance.choice(self._numbers)
        buy = self._shop.wants(account_id, e164, key=self._chance.choice([None, None, "k1", "k2"]))
        return buying(buy, seconds=0.3)  # what its carrier does not answer is left to the others

    def _fund(self) -> Work:
        account_id = self._chance.choice(self._accounts)
        funding = Funding(self._shop.new_id("trf"), TOP_UP, account_id, PRICE, "manual", None, self._shop.now)
        return lambda at: at.writer.submit(fund_wallets, funding)

    def _release(self) -> Work:
        release = Release(self._chance.choice(self._accounts), self._chance.choice(self._numbers), self._shop.now)
        return lambda at: at.writer.submit(at.release_numbers, release)

    def _offer(self) -> Work:
        offered = self._chance.sample(self._pool, 5)
        price = PRICE + self._chance.randrange(3)
        listings = tuple(
            listing_of(e164, price=price, locality=f"Town {self._chance.randrange(3)}") for e164 in offered
        )
        chunk = ListingChunk("pool", listings, tuple(range(5)))
        return lambda at: at.writer.submit(at.save_listings, chunk)

    def _stand(self) -> Work:
        state = self._chance.choice((AccountState.ACTIVE, AccountState.SUSPENDED))
        status = AccountChange(self._chance.choice(self._accounts), self._shop.now, state=state)
        return lambda at: at.writer.submit(change_accounts, status)

    def _show(self) -> Work:
        """Offers of old and new numbers, in any order."""
        offered = self._chance.sample([*self._remote, *self._odd], 8)
        listings = (listing_of(e164, setup=5, price_source="rule") for e164 in offered)
        until = self._shop.now + 9 * QUARANTINE + self._chance.randrange(10**9)
        shown = Shown(tuple(RemoteOffer("acme", listing, self._shop.now, until) for listing in listings))
        return lambda at: at.writer.submit(keep_offers, shown)

    def _work(self) -> Work:
        """What a worker does: orders looked up, numbers given back."""
        if self._chance.random() < 0.5:
            return lambda at: at.give_back()

        self._later += DAY
        later = self._shop.now + self._later

        async def chased(at: Shop) -> None:
            placement = Placement(
                at.writer, at.reader, at.carriers, settle_orders, now=lambda: later, time=at.process_time
            )
            work = follow_carrier_orders(at.carriers, placement)
            await DueWorker(work, at.writer, at.reader, now=lambda: later, process=at.process_time.process).run_once()

        return chased

    def _audit(self) -> Work:
        """A number that is on our account and in nobody's books, or so it seems."""
        e164 = self._chance.choice(self._odd)

        async def audited(at: Shop) -> AuditReport | None:
            if e164 not in at.acme.ours:
                at.acme.own([e164])
            return await auditing(at).run("acme")

        return audited

    def _resolve(self) -> Work:
        if self._chance.random() < 0.5:
            serial, e164 = self._shop.new_id("x"), self._chance.choice(self._odd)
            release = ResolveFinding("acme", e164, None, FindingResolution.RELEASE, serial, self._shop.now)
            return lambda at: at.writer.submit(resolve_findings, release)

        async def voided(at: Shop) -> None:
            unsettled = await at.reader.read(lambda tx: list_unsettled(tx, parked=None, limit=3), for_account=None)
            for carrier_order in unsettled:
                report = ResolveOrder(carrier_order.order_id, OrderResolution.VOID, 0, at.now)
                await at.writer.submit(resolve_orders, report)

        return voided

    def _keep_house(self) -> Work:
        """Quarantines are over and answers, offers and superseded prices old, whenever it comes."""
        later = self._shop.now + 10 * QUARANTINE

        async def kept_house(at: Shop) -> None:
            repriced = await at.writer.submit(reprice(lambda: later), Reprice())
            tidied = await at.writer.submit(clean_up, Cleanup(later, QUARANTINE))
            self.deleted.append((repriced.forgotten, tidied.answers_forgotten, tidied.offers_forgotten))

        return kept_house


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_at_once_nothing_waits_crosswise_and_the_books_hold(shops: list[Shop], seed: int) -> None:
    """Purchases, settlements, look-ups, releases, offers, audits and all the rest, in batches as they come."""
    business = Business(shops[0], seed)
    stories = [[business.draw() for _ in range(80)] for _ in shops]
    outcomes = [outcome for each in at_once(shops, stories) for outcome in each]
    defects = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, NumberdeskError)]
    assert defects == []
    assert any(isinstance(one, Order) for one in outcomes)
    assert shops[0].count("carrier_orders") > 0
    assert all(map(sum, zip(*business.deleted, strict=True))), "nothing was old"
    nobody_met_a_deadlock(shops)
    in_order(shops[0])
    at_rest(shops[0])


def test_what_another_process_is_deleting_is_left_to_it(shop: Shop, beside: Callable[[], Shop]) -> None:
    """By when they were made is no order of locks, so two that waited for each other's rows could wait crosswise."""
    account_id, other = shop.account(10 * PRICE), beside()
    for e164 in shop.numbers(3):
        shop.buy(account_id, e164, key=e164)
        shop.now += 1
        shop.offer(e164, price=PRICE + 5)
    later = shop.now + 10 * QUARANTINE
    with shop.database.write() as tx:
        (mine,) = clean_up(tx, [Cleanup(later, QUARANTINE)])
        (repriced,) = reprice(lambda: later)(tx, [Reprice()])
        assert (mine.answers_forgotten, repriced.forgotten) == (3, 3)
        assert other.writer.apply(clean_up, Cleanup(later, QUARANTINE)).answers_forgotten == 0
        assert other.writer.apply(reprice(lambda: later), Reprice()).forgotten == 0
    assert (shop.count("idempotency_records"), shop.count("superseded_prices")) == (0, 0)
    nobody_met_a_deadlock([other])


def at_rest(shop: Shop) -> None:
    """When all work is done, the carrier has what customers rent and what an audit finds, and nothing else."""

    async def done() -> AuditReport | None:
        for carrier_order in await shop.reader.read(
            lambda tx: list_unsettled(tx, parked=None, limit=99), for_account=None
        ):
            await shop.writer.submit(
                resolve_orders, ResolveOrder(carrier_order.order_id, OrderResolution.VOID, 0, shop.now)
            )
        shop.now += 1000 * DAY
        await shop.give_back()
        return await auditing(shop).run("acme")

    report = asyncio.run(done())
    assert report is not None
    rented = {e164 for (e164,) in shop.rows("SELECT e164 FROM numbers WHERE state = 'assigned' AND carrier = 'acme'")}
    assert {(one.e164, one.kind) for one in report.findings} == {
        (e164, FindingKind.ORPHAN) for e164 in set(shop.acme.ours) - rented
    }
    assert rented <= set(shop.acme.ours)
    in_order(shop)


def test_imports_in_one_batch_and_purchases_in_another_lock_numbers_in_one_order(shops: list[Shop]) -> None:
    """Whole batches, many times over, of chunks that lie crosswise to each other."""
    shop = shops[0]
    account_id, numbers = shop.account(1000 * PRICE), shop.numbers(40)

    def offering(place: int) -> Work:
        some = [numbers[39 - place], numbers[place]]
        listings = tuple(listing_of(e164, locality=f"Town {place}") for e164 in some)
        chunk = ListingChunk("pool", listings, (1, 2))
        return lambda at: at.writer.submit(at.save_listings, chunk)

    imports = [offering(chance) for chance in random.Random(7).choices(range(40), k=200)]
    buys = [buying(shop.wants(account_id, e164)) for e164 in numbers * 5]
    outcomes = [outcome for each in at_once(shops, [imports, buys, buys]) for outcome in each]
    assert {type(one) for one in outcomes} <= {Order, Refusal, SavedChunk}
    assert shop.wallet(account_id).posted == 960 * PRICE
    nobody_met_a_deadlock(shops)
    in_order(shop)
