"""A shop without doors: real flows on a real database, a clock that is set by hand, and an audit at the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from numberdesk.catalog.model import Listing, ListingChunk
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import POOL, Buy, Decision
from numberdesk.flows.create_accounts import NewAccount, Standing, create_accounts, set_standings
from numberdesk.flows.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.import_inventory import save_listings
from numberdesk.flows.open_orders import open_orders
from numberdesk.flows.release_numbers import Release, release_numbers
from numberdesk.infra.db import Database
from numberdesk.infra.writer import Writer
from numberdesk.ledger.model import Transfer, Wallet
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.numbers.model import Rental
from testbed.databases import Databases

NOW = 1_750_000_000 * MICROSECONDS
QUOTE_LIFETIME = 600 * MICROSECONDS
QUARANTINE = 30 * 86_400 * MICROSECONDS
PRICE = 1_150_000

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
        WHERE coalesce(t.balance_after, -1) <> coalesce(b.balance_after, 0)
            + CASE t.credit WHEN 'wallet:' || t.account_id THEN t.amount ELSE -t.amount END""",
    "what is held is the sum of open holds": """
        SELECT account_id FROM wallets AS w WHERE held <> (
            SELECT coalesce(sum(amount), 0) FROM holds AS h WHERE h.account_id = w.account_id AND state = 'open')""",
    "a wallet stays above its limit in every entry": """
        SELECT t.id FROM transfers AS t JOIN wallets AS w USING (account_id) WHERE t.balance_after < -w.credit_limit""",
    "a completed order has one rental, one event, and is paid to the micro": """
        SELECT id FROM orders AS o WHERE state = 'completed' AND (
            (SELECT count(*) FROM rentals AS r WHERE r.order_id = o.id) <> 1
            OR (SELECT coalesce(sum(amount), 0) FROM transfers AS t WHERE t.order_id = o.id) <> o.price + o.setup
            OR (SELECT count(*) FROM holds AS h WHERE h.order_id = o.id AND state = 'captured') <> 1
            OR (SELECT count(*) FROM events AS e WHERE e.id = 'evt_' || substr(o.id, 5)) <> 1)""",
    "an open order is held for and not paid": """
        SELECT id FROM orders AS o WHERE state = 'ordering' AND (
            EXISTS (SELECT 1 FROM transfers AS t WHERE t.order_id = o.id)
            OR EXISTS (SELECT 1 FROM rentals AS r WHERE r.order_id = o.id)
            OR (SELECT coalesce(sum(amount), 0) FROM holds AS h WHERE h.order_id = o.id AND state = 'open')
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


def listing_of(e164: str, **changes: Any) -> Listing:
    """A number in Corpus Christi, or elsewhere."""
    listing = Listing(
        e164=e164,
        iso_country="US",
        number_type="local",
        region="TX",
        locality="Corpus Christi",
        area_code="361",
        national=e164[2:],
        capabilities=3,
        memorability=0,
        price_source="file",
        currency="USD",
        price=PRICE,
        inbound=8_500,
        outbound=94_500,
        setup=0,
        cost_currency=None,
        cost_monthly=None,
        cost_inbound=None,
        cost_outbound=None,
        cost_setup=None,
    )
    return listing._replace(**changes)


class Shop:
    """Accounts, money and numbers in one database. `now` moves only when a test moves it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.writer = Writer(database)
        self.now = NOW
        self.open_orders = open_orders(QUOTE_LIFETIME)
        self.release_numbers = release_numbers(QUARANTINE)
        self._serials = itertools.count(1)

    def new_id(self, kind: str) -> str:
        """Ids that sort by the order of their making."""
        return f"{kind}_{next(self._serials):032x}"

    def account(self, balance: int = 0, *, currency: str = "USD", credit_limit: int = 0) -> str:
        """Open an account with `balance` micros in its wallet."""
        new = NewAccount(self.new_id("acc"), "Customer", currency, credit_limit, self.now)
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
        self.writer.apply(set_standings, Standing(account_id, AccountState.SUSPENDED))

    def number(self, *, carrier: str = POOL, **changes: Any) -> str:
        """Put a new number up for sale."""
        return self.offer(self._new_number(), carrier=carrier, **changes)

    def numbers(self, count: int) -> list[str]:
        """Put many new numbers up for sale, in one transaction."""
        listings = tuple(listing_of(self._new_number()) for _ in range(count))
        self.writer.apply(save_listings, ListingChunk(POOL, listings, tuple(range(count)), self.now))
        return [listing.e164 for listing in listings]

    def _new_number(self) -> str:
        return f"+1361{2_000_000 + next(self._serials)}"

    def offer(self, e164: str, *, carrier: str = POOL, **changes: Any) -> str:
        """Offer a number, or offer it at other prices."""
        self.writer.apply(save_listings, ListingChunk(carrier, (listing_of(e164, **changes),), (1,), self.now))
        return e164

    def wants(
        self,
        account_id: str,
        e164: str,
        price: int = PRICE,
        *,
        inbound: int | None = None,
        outbound: int | None = None,
        key: str | None = None,
        now: int | None = None,
    ) -> Buy:
        """A buy as the door would read it."""
        instant = self.now if now is None else now
        confirmed = Confirmation(price, inbound, outbound)
        return Buy(account_id, e164, confirmed, key, self.new_id("req"), self.new_id("ord"), instant)

    def buy(self, account_id: str, e164: str, price: int = PRICE, **given: Any) -> Decision:
        """One buy in its own transaction."""
        return self.writer.apply(self.open_orders, self.wants(account_id, e164, price, **given))

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

    def audit(self) -> None:
        """Fail when the books do not hold together."""
        for what, query in _UNSOUND.items():
            assert self.rows(query) == [], what


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    """A shop of the test's own. Its books must hold together when the test is over."""
    shop = Shop(database)
    yield shop
    shop.audit()


@pytest.fixture
def other_shop(made: Databases, tmp_path: Path) -> Iterator[Shop]:
    """A shop on a database of its own, to be compared with."""
    url = made.prepared(tmp_path)
    shop = Shop(Database(url))
    yield shop
    shop.audit()
    shop.database.close()
    made.done(url)
