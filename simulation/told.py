"""What clients were told for certain: every word of it must be found in the books, at once and for ever.

Touches: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulation.audit import Auditor
from simulation.books import Books
from simulation.world import World


@dataclass
class Acknowledged:
    """Acknowledged purchases, releases and movements of all clients."""

    world: World
    auditor: Auditor
    orders: dict[str, tuple[str, str]] = field(default_factory=dict)
    opened: dict[str, tuple[str, str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    releases: set[tuple[str, str]] = field(default_factory=set)
    movements: dict[str, tuple[str, int]] = field(default_factory=dict)
    unsure: dict[str, list[int]] = field(default_factory=dict)

    def bought(self, account_id: str, e164: str, order_id: str) -> None:
        """A purchase was acknowledged."""
        self.orders[order_id] = account_id, e164
        self._require("orders", order_id)

    def pending(self, account_id: str, e164: str, order_id: str) -> None:
        """An order was acknowledged whose carrier has not answered."""
        self.opened[order_id] = account_id, e164
        self._require("orders", order_id)

    def failed(self, request_id: str) -> None:
        """A purchase was refused: nothing may ever be charged for it."""
        self.refused.add(request_id)

    def released(self, account_id: str, e164: str) -> None:
        """A release was acknowledged."""
        self.releases.add((account_id, e164))

    def moved(self, account_id: str, transfer_id: str, amount: int) -> None:
        """A top-up or an adjustment was acknowledged."""
        self.movements[transfer_id] = account_id, amount
        self._require("transfers", transfer_id)

    def maybe_moved(self, account_id: str, amount: int) -> None:
        """A movement without a reference was sent and never answered."""
        self.unsure.setdefault(account_id, []).append(amount)

    def check(self, books: Books) -> None:
        """At the end: nothing of it is lost, and each account has what it paid in less what it bought."""
        for order_id, named in (*self.opened.items(), *self.orders.items()):
            order = books.orders.get(order_id)
            there = order is not None and self.auditor.has("orders", order_id)
            done = order is not None and (order_id not in self.orders or order.state == "completed")
            if order is None or (order.account_id, order.e164) != named or not there or not done:
                raise self.world.broken("acknowledged", f"purchase {order_id} by {named} is {order}")
        for order in books.orders.values():
            if order.request_id in self.refused and order.state == "completed":
                raise self.world.broken("acknowledged", f"{order} was answered as failed by {order.request_id}")
        for account_id, e164 in sorted(self.releases):
            mine = [
                one for one in books.rentals.values() if (one.order.account_id, one.order.e164) == (account_id, e164)
            ]
            if not any(rental.released_at is not None for rental in mine):
                raise self.world.broken("acknowledged", f"release of {e164} by {account_id} is {mine}")
        for account_id, wallet in books.wallets.items():
            self._check_balance(books, account_id, wallet.posted)

    def _check_balance(self, books: Books, account_id: str, posted: int) -> None:
        paid = sum(amount for owner, amount in self.movements.values() if owner == account_id)
        mine = [order for order in books.orders.values() if order.account_id == account_id]
        spent = sum(order.prices.total for order in mine if order.state == "completed")
        rentals = [rental for rental in books.rentals.values() if rental.order.account_id == account_id]
        spent += sum(rental.charged * rental.order.prices.monthly for rental in rentals)
        possible = {paid - spent}
        for amount in self.unsure.get(account_id, []):
            possible |= {balance + amount for balance in possible}
        if posted not in possible:
            raise self.world.broken("balance", f"{account_id} has {posted}, and paid {paid} less {spent} spent")

    def _require(self, table: str, row_id: str) -> None:
        if not self.auditor.has(table, row_id):
            raise self.world.broken("acknowledged", f"{row_id} was acknowledged and is not in {table}")
