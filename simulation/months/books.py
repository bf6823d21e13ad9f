"""The books as they are, read past the product, and who rents what since when, held against what was asked.

Touches: database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from simulation.months.facts import NORTH, Facts, Rented, Tariff
from simulation.plan import DAY, HOUR
from simulation.storage import Disk
from simulation.world import MICROSECONDS, World

NOTICE = 30 * DAY * MICROSECONDS
_FAR = 30 * DAY * MICROSECONDS
_FURTHER = 400 * DAY * MICROSECONDS
_TABLES = {"renewals": "rentals", "sessions": "usage_sessions"}
_SLACK = 2 * HOUR * MICROSECONDS


class Books:
    """A connection of its own to the file, and the facts that are learned by it."""

    def __init__(self, world: World, disk: Disk, facts: Facts) -> None:
        self._world = world
        self._disk = disk
        self._facts = facts
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query finds."""
        if self._connection is None:
            self._connection = sqlite3.connect(self._disk.path, isolation_level=None)
        return self._connection.execute(query, values).fetchall()

    def those(self, query: str, ids: list[str]) -> list[Any]:
        """The rows of some ids; the query ends in IN."""
        return self.rows(f"{query} ({','.join('?' * len(ids))})", *ids)

    def sends(self, order_id: str) -> int:
        """How often an order was to be sent to its carrier."""
        found = self.rows("SELECT sends FROM carrier_orders WHERE order_id = ?", order_id)
        return int(found[0][0]) if found else 0

    def is_due(self, kind: str, now: int) -> bool:
        """Whether there may be due work of a kind: to ask this way costs a hundredth of asking the service."""
        query = f"SELECT 1 FROM {_TABLES.get(kind, kind)} WHERE next_at <= ? OR next_at > ? LIMIT 1"  # noqa: S608
        return bool(self.rows(query, now, now + (_FURTHER if kind == "renewals" else _FAR)))

    # Rentals.

    def learn_rentals(self, changed: Collection[str] = ()) -> None:
        """Rentals that began, and what became of those that were changed."""
        known, query = self._facts.rented, "SELECT id, account_id, e164, anchor, released_at FROM rentals"
        ((there,),) = self.rows("SELECT count(*) FROM rentals")
        rows = self.those(f"{query} WHERE id IN", list(changed)) if there == len(known) else self.rows(query)
        for rental_id, account_id, e164, anchor, released_at in rows:
            if rental_id not in known:
                if ("buy", account_id, e164) not in self._facts.asked:
                    raise self._world.broken("rent", f"{account_id} never asked for {e164}")
                carrier, tariff = self._facts.carriers[e164], self._facts.tariffs[e164]
                self._facts.rent(Rented(rental_id, account_id, e164, carrier, anchor, tariff))
            rental = known[rental_id]
            if rental.ended_at is not None and rental.ended_at != released_at:
                raise self._world.broken("rent", f"{rental_id} ended at {rental.ended_at}, and now at {released_at}")
            rental.ended_at = released_at

    def learn_prices(self) -> None:
        """Prices that were announced: as they were asked for, and no earlier than the notice."""
        query = (
            "SELECT rental_id, from_period, price, inbound, outbound FROM rent_prices ORDER BY rental_id, from_period"
        )
        for rental_id, period, price, inbound, outbound in self.rows(query):
            rental = self._facts.rented[rental_id]
            if period in rental.announced:
                continue
            asked = {one[3] for one in self._facts.asked if one[:3] == ("price", rental_id, price)}
            before = [rental.announced[one] for one in sorted(rental.announced) if one < period]
            usual = before[-1] if before else rental.tariff
            if not asked & {inbound, None} or inbound not in asked | {usual.inbound} or outbound != usual.outbound:
                raise self._world.broken("prices", f"{rental_id} is to cost {price}, {inbound}, {outbound}")
            if rental.begin_of(period) < self._world.now() + NOTICE - _SLACK:
                raise self._world.broken(
                    "prices", f"{rental_id} costs more from period {period} on, which is too early"
                )
            rental.announced[period] = Tariff(price, inbound, outbound, 0)

    def learn_terms(self) -> None:
        """Sources that were appointed, and rates that a person set."""
        for rental_id, since, source in self.rows("SELECT rental_id, since, source FROM usage_sources"):
            if ("source", rental_id, source) not in self._facts.asked:
                raise self._world.broken("calls", f"nobody let {source} charge for {rental_id}")
            rental = self._facts.rented[rental_id]
            if (since, source) not in rental.sources:
                rental.sources.append((since, source))
        for rental_id, direction, rate in self.rows("SELECT rental_id, direction, per_minute FROM usage_rates"):
            if ("rate", rental_id, direction, rate) not in self._facts.asked:
                raise self._world.broken("calls", f"nobody let {rental_id} cost {rate} a minute")
            self._facts.rented[rental_id].set_rates[direction] = rate

    def at_carrier(self) -> list[Rented]:
        """The rentals of carriers' numbers that go on."""
        return [one for one in self._facts.rented.values() if one.carrier == NORTH and one.ended_at is None]
