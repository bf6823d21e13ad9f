"""A shop without entry points: real flows on a real database, a clock that is set by hand, and an audit at the end."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from sqlalchemy import text

from numberdesk.carriers.port import CarrierAccount
from numberdesk.catalog.model import FROM_RULE, ListingChunk
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.core.lifecycle import AccountState, CarrierState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import POOL, Buy, Decision, Order, Refusal, Wallet
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Rental
from numberdesk.core.schedule import turn_of
from numberdesk.flows.accounts.change_accounts import AccountChange, change_accounts
from numberdesk.flows.accounts.create_accounts import (
    NewAccount,
    create_accounts,
)
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.carriers.confirm_carrier_releases import confirm_carrier_releases
from numberdesk.flows.catalog.import_inventory import save_listings
from numberdesk.flows.catalog.keep_offers import SLACK, Shown, keep_offers
from numberdesk.flows.catalog.reprice import reprice
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.flows.purchase.follow_carrier_orders import follow_carrier_orders
from numberdesk.flows.purchase.hurry_orders import hurry_answered
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.flows.rentals.release_numbers import Release, release_numbers
from numberdesk.flows.rentals.renew_rentals import renew_rentals
from numberdesk.infra.clock import ProcessTime
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import DueWork, DueWorker
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.writer import Writer
from numberdesk.ledger.model import Transfer
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.orders.carrier_order_store import list_unsettled
from numberdesk.verify.books import verify
from testbed import samples
from testbed.databases import Databases
from testbed.fake_carriers import FakeCarrier, FakeCarriers
from testbed.own_time import OwnTime
from testbed.samples import listing_of
from testbed.stock import store_accounts

Result = TypeVar("Result")

NOW = 1_750_000_000 * MICROSECONDS
QUOTE_LIFETIME = 600 * MICROSECONDS
QUARANTINE = 30 * 86_400 * MICROSECONDS
PRICE = samples.PRICE

_UNSOUND = {
    "a wallet is the sum of its transfers": """
        SELECT account_id FROM wallets AS w WHERE posted <> (
            SELECT coalesce(sum(CASE credit WHEN 'wallet:' || w.account_id THEN amount ELSE -amount END), 0)
            FROM transfers AS t WHERE 'wallet:' || w.account_id IN (t.debit, t.credit))""",
    "a wallet's entries count from 1 without gaps": """
        SELECT account_id FROM wallets AS w
        WHERE entries <> (SELECT count(*) FROM transfers AS t WHERE t.account_id = w.account_id)
        OR entries <> (SELECT coalesce(max(entry), 0) FROM transfers AS t WHERE t.account_id = w.account_id)""",
    "a statement's balances follow from each other": """
        SELECT t.id FROM transfers AS t
        LEFT JOIN transfers AS b ON b.account_id = t.account_id AND b.entry = t.entry - 1
        WHERE t.account_id IS NOT NULL AND coalesce(t.balance_after, -1) <> coalesce(b.balance_after, 0)
            + CASE t.credit WHEN 'wallet:' || t.account_id THEN t.amount ELSE -t.amount END""",
    "what is held is the sum of open holds": """
        SELECT account_id FROM wallets AS w WHERE held <> (
            SELECT coalesce(sum(amount), 0) FROM holds AS h WHERE h.account_id = w.account_id AND state = 'open')""",
    "a wallet stays above its limit in every entry": """
        SELECT t.id FROM transfers AS t JOIN wallets AS w USING (account_id) WHERE t.balance_after < -w.credit_limit""",
    "a completed order has one rental, one event, and is paid to the micro": """
        SELECT id FROM orders AS o WHERE state = 'completed' AND origin = 'purchase' AND (
            (SELECT count(*) FROM rentals AS r WHERE r.order_id = o.id) <> 1
            OR (SELECT coalesce(sum(amount), 0) FROM transfers AS t WHERE t.order_id = o.id) <> o.price + o.setup
            OR (SELECT count(*) FROM holds AS h WHERE h.owner_id = o.id AND state = 'captured') <> 1
            OR (SELECT count(*) FROM events AS e WHERE e.id = 'evt_' || substr(o.id, 5)) <> 1)""",
    "an open order is held for and not paid": """
        SELECT id FROM orders AS o WHERE state = 'ordering' AND (
            EXISTS (SELECT 1 FROM transfers AS t WHERE t.order_id = o.id)
            OR EXISTS (SELECT 1 FROM rentals AS r WHERE r.order_id = o.id)
            OR (SELECT coalesce(sum(amount), 0) FROM holds AS h WHERE h.owner_id = o.id AND state = 'open')
                <> o.price + o.setup)""",
    "an assigned number has one live rental, of its order": """
        SELECT e164 FROM numbers AS n WHERE (state = 'assigned') <> EXISTS (
            SELECT 1 FROM rentals AS r WHERE r.e164 = n.e164 AND r.released_at IS NULL
            AND r.order_id = n.order_id AND r.account_id = n.account_id)""",
    "a claimed number has one open order": """
        SELECT e164 FROM numbers AS n WHERE (state = 'claimed') <> EXISTS (
            SELECT 1 FROM orders AS o
            WHERE o.id = n.order_id AND o.state = 'ordering' AND o.account_id = n.account_id)""",
}


class Shop:
    """Accounts, money and numbers in one database. `now` moves only when a test moves it, or a story that is told.

    `step_clock` moves the time of day and no clock that only goes forward.
    `beside` is another process on the same database, in the same time, with the same carriers.
    """

    def __init__(self, database: Database, *, beside: Shop | None = None) -> None:
        self.database = database
        self.writer = Writer(database)
        self.open_orders = open_orders(QUOTE_LIFETIME)
        self.release_numbers = release_numbers(QUARANTINE)
        self.renew_rentals = renew_rentals(RentTerms(), QUARANTINE)
        self.save_listings = save_listings(lambda: self.now)
        self.reprice = reprice(lambda: self.now)
        self.reader = Reader(database, ReadLimits(threads=2))
        self._first = beside or self
        self._releaser: DueWorker[Any, Any] | None = None
        self._now = NOW
        self._stepped = 0
        self.time: OwnTime = OwnTime(self._pass) if beside is None else beside.time
        self.acme: FakeCarrier = FakeCarrier(now=lambda: self._now - self._stepped) if beside is None else beside.acme
        self._serials: Iterator[int] = itertools.count(1) if beside is None else beside._serials
        adapters: dict[str, FakeCarrier] = {"acme": self.acme} if beside is None else beside.carriers.carriers
        self.carriers: FakeCarriers = FakeCarriers(adapters, seconds=lambda: time.monotonic() + self.time.seconds())

    @property
    def now(self) -> int:
        """What all clocks show."""
        return self._first._now

    @now.setter
    def now(self, instant: int) -> None:
        self._first._now = instant

    @property
    def process_time(self) -> ProcessTime:
        """This process's clock that only goes forward."""
        first = self._first
        return ProcessTime(f"prc_{id(self)}", lambda: (first._now - first._stepped) / MICROSECONDS)

    def step_clock(self, microseconds: int) -> None:
        """The time of day is set, for all processes."""
        self._first._now += microseconds
        self._first._stepped += microseconds

    def _pass(self, microseconds: int) -> None:
        self._now += microseconds

    def placement(self, writer: Writer | None = None) -> Placement:
        """Orders on their way to carriers."""
        return Placement(
            writer or self.writer, self.reader, self.carriers, settle_orders, now=lambda: self.now,
            time=self.process_time,
        )  # fmt: skip

    def tell(self, story: Coroutine[Any, Any, Result], *others: Shop) -> Result:
        """Run a story to its end in no time. Writers that it needs are turned, not started."""
        return self.time.tell(story, self.writer, *(other.writer for other in others))

    async def purchase(self, placement: Placement, buy: Buy, seconds: float = 3.8) -> Order | Refusal:
        """The story of a purchase."""
        return await buy_number(self.writer, self.open_orders, placement, buy, seconds=seconds)

    async def carrier_order(self, placement: Placement) -> None:
        """What the worker does with orders that are due now."""
        await self.work_off(follow_carrier_orders(self.carriers, placement))

    async def chase_to_the_end(self, placement: Placement) -> int:
        """What the worker does in days: until every order has ended or is parked. How many rounds that took."""
        for rounds in range(100):
            await self.carrier_order(placement)
            due = [turn_of(one) for one in self.reader.read_now(lambda tx: list_unsettled(tx, parked=False, limit=99))]
            if not due:
                return rounds
            self.now = max(self.now, min(at for at in due if at is not None))
        raise AssertionError("never settled")

    async def hurry(self) -> None:
        """What the worker does for carriers that answer again."""
        await hurry_answered(self.carriers, self.writer, lambda: self.now)

    async def give_back(self) -> None:
        """What the worker does with releases that are due now. It remembers the leases that it has seen."""
        if self._releaser is None:
            work = confirm_carrier_releases(self.writer, self.reader, self.carriers, lambda: self.now)
            self._releaser = self.worker(work)
        while await self._releaser.run_once():
            pass

    def worker(self, work: DueWork[Any, Any]) -> DueWorker[Any, Any]:
        """Who works on a kind of due work here."""
        time = self.process_time
        return DueWorker(
            work, self.writer, self.reader, now=lambda: self.now, process=time.process, elapsed=time.elapsed
        )

    async def work_off(self, work: DueWork[Any, Any]) -> None:
        """What the worker does with one kind of work that is due now."""
        worker = self.worker(work)
        while await worker.run_once():
            pass

    def new_id(self, kind: str) -> str:
        """Ids that sort by the order of their making."""
        return f"{kind}_{next(self._serials):032x}"

    def account(self, balance: int = 0, *, currency: str = "USD", credit_limit: int = 0) -> str:
        """Open an account with `balance` micros in its wallet."""
        account_id = self.new_id("acc")
        new = NewAccount(account_id, f"Customer {account_id}", currency, credit_limit, self.now)
        account = self.writer.apply(create_accounts, new)
        if balance:
            self.top_up(account.id, balance)
        return account.id

    def top_up(self, account_id: str, amount: int, reference: str | None = None) -> Transfer:
        """Pay `amount` micros in."""
        command = Funding(self.new_id("trf"), TOP_UP, account_id, amount, "manual", reference, self.now)
        transfer = self.writer.apply(fund_wallets, command)
        assert isinstance(transfer, Transfer)
        return transfer

    def suspend(self, account_id: str) -> None:
        """Suspend an account."""
        self.writer.apply(change_accounts, AccountChange(account_id, self.now, state=AccountState.SUSPENDED))

    def number(self, *, carrier: str = POOL, **changes: Any) -> str:
        """Put a new number up for sale."""
        return self.offer(self._new_number(), carrier=carrier, **changes)

    def numbers(self, count: int) -> list[str]:
        """Put many new numbers up for sale, in one transaction."""
        listings = tuple(listing_of(self._new_number()) for _ in range(count))
        self.writer.apply(self.save_listings, ListingChunk(POOL, listings, tuple(range(count))))
        return [listing.e164 for listing in listings]

    def _new_number(self) -> str:
        return f"+1361{2_000_000 + next(self._serials)}"

    def connect(self, carrier: str) -> str:
        """Connect an account at a carrier, unless it is there."""
        account = CarrierAccount(carrier, "twilio", CarrierState.ACTIVE, {}, "", self.now, self.now)
        self.writer.apply(store_accounts, account)
        return carrier

    def offer(self, e164: str, *, carrier: str = POOL, lifetime: int = QUOTE_LIFETIME, **changes: Any) -> str:
        """Offer a number, or offer it at other prices; another carrier's for so long."""
        if carrier != POOL:
            self.connect(carrier)
            listing = listing_of(e164, **{"price_source": FROM_RULE, **changes})
            shown = RemoteOffer(carrier, listing, self.now, self.now + lifetime - SLACK)
            self.writer.apply(keep_offers, Shown((shown,)))
            return e164
        self.writer.apply(self.save_listings, ListingChunk(carrier, (listing_of(e164, **changes),), (1,)))
        return e164

    def wants(
        self,
        account_id: str,
        e164: str,
        price: int = PRICE,
        *,
        inbound: int | None = None,
        outbound: int | None = None,
        setup: int | None = None,
        key: str | None = None,
        now: int | None = None,
    ) -> Buy:
        """A buy as the entry point would read it."""
        instant = self.now if now is None else now
        confirmed = Confirmation(price, inbound, outbound, setup)
        return Buy(account_id, e164, confirmed, key, self.new_id("req"), self.new_id("ord"), instant)

    def buy(self, account_id: str, e164: str, price: int = PRICE, **given: Any) -> Decision:
        """One buy in its own transaction."""
        wanted = self.wants(account_id, e164, price, **given)
        return self.writer.apply(self.open_orders, wanted)  # type: ignore[return-value]  # mypy joins named tuples to a tuple

    def buy_all(self, buys: Sequence[Buy]) -> list[Decision]:
        """Many buys in one transaction."""
        with self.database.write() as tx:
            return self.open_orders(tx, buys)

    def release(self, account_id: str, e164: str) -> Rental:
        """Give a number back."""
        rental = self.writer.apply(self.release_numbers, Release(account_id, e164, self.now))
        assert isinstance(rental, Rental)
        return rental

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.database.read() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608  the tests' own table names

    def wallet(self, account_id: str) -> Wallet:
        """The wallet of an account."""
        with self.database.read() as tx:
            wallet = find_wallet(tx, account_id)
        assert wallet is not None
        return wallet

    def statement(self, account_id: str) -> list[Transfer]:
        """The wallet's transfers, oldest first."""
        with self.database.read() as tx:
            return list_statement(tx, account_id, before_entry=None, limit=1000)[::-1]

    def verified(self) -> None:
        """Fail when `verify` finds anything."""
        with self.database.read() as tx:
            assert verify(tx, lambda *_: None).violations == ()

    def audit(self) -> None:
        """Fail when the books do not hold together."""
        for what, query in _UNSOUND.items():
            assert self.rows(query) == [], what


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is logged: a traceback with all its variables takes longer than most tests."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    """A shop of the test's own. Its books must hold together when the test is over."""
    shop = Shop(database)
    yield shop
    shop.reader.close()
    shop.audit()


@pytest.fixture
def beside(shop: Shop, database_url: str) -> Iterator[Callable[[], Shop]]:
    """Makes other processes on the shop's database."""
    made: list[Shop] = []

    def make() -> Shop:
        made.append(Shop(Database(database_url), beside=shop))
        return made[-1]

    yield make
    for other in made:
        other.reader.close()
        other.database.close()


@pytest.fixture
def other_shop(made: Databases, tmp_path: Path) -> Iterator[Shop]:
    """A shop on a database of its own, to be compared with."""
    url = made.prepared(tmp_path)
    shop = Shop(Database(url))
    yield shop
    shop.reader.close()
    shop.audit()
    shop.database.close()
    made.done(url)
