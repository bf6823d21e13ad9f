"""Books that a service process is killed on, and the audit that holds them against what customers were told."""

from __future__ import annotations

import random
from typing import NamedTuple

from numberdesk.infra.settings import load_settings
from numberdesk.ledger.store import find_wallet
from numberdesk.orders.store import list_orders
from numberdesk.verify.books import verify
from numberdesk.wiring import Services, build
from testbed.customers import Customers, Wish
from testbed.samples import PRICE
from testbed.stock import Stock, stocked


class Books(NamedTuple):
    """A database with four accounts, and numbers each of which two of them want."""

    url: str
    stock: Stock
    wishes: list[Wish]

    def audit(self, customers: Customers) -> None:
        """Hold the books against the customers' own record: nothing lost, nothing doubled, nothing unsound."""
        services = build(load_settings(database_url=self.url))
        try:
            self._audit(services, customers)
        finally:
            services.close()

    def _audit(self, services: Services, customers: Customers) -> None:
        assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
        orders = services.reader.read_now(lambda tx: list_orders(tx, None, limit=1_000_000))
        sold = {order.e164: order.account_id for order in orders}
        assert len(sold) == len(orders), "a number was sold twice"
        assert {wish.e164: wish.account_id for wish in customers.bought}.items() <= sold.items(), "a purchase was lost"
        assert customers.contradictions == []
        for account_id in self.stock.account_ids:
            wallet = services.reader.read_now(lambda tx, owner=account_id: find_wallet(tx, owner))  # type: ignore[misc]  # a default in a lambda
            assert wallet is not None
            spent = sum(order.account_id == account_id for order in orders) * PRICE
            assert (wallet.posted, wallet.held) == (self.stock.balance - spent, 0), "charged otherwise than once"


def make_books(url: str, *, numbers: int, seed: int = 7) -> Books:
    """Fill a database. Each account could pay for every number: who gets one is decided by nothing else."""
    services = build(load_settings(database_url=url))
    try:
        stock = stocked(services, accounts=4, numbers=numbers, balance=2 * PRICE * numbers)
    finally:
        services.close()
    chance = random.Random(seed)
    wishes = []
    for place, e164 in enumerate(stock.e164s):
        for rival in chance.sample(range(4), 2):
            key = f"wish-{place}-{rival}" if chance.random() < 0.5 else None
            wishes.append(Wish(stock.account_ids[rival], stock.keys[rival], e164, key))
    chance.shuffle(wishes)
    return Books(url, stock, wishes)
