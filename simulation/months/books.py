"""The books as they are, read past the product, and who rents what since when, held against what was asked.

Touches: database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from simulation.months.facts import NORTH, NOTHING_SET, RATES, Facts, Rented, Tariff
from simulation.plan import DAY, HOUR
from simulation.storage import Disk
from simulation.world import MICROSECONDS, World

NOTICE = 30 * DAY * MICROSECONDS
_FAR = 30 * DAY * MICROSECONDS
_FURTHER = 400 * DAY * MICROSECONDS
_RENTALS = """SELECT r.id, r.released_at, r.account_id, r.e164, r.anchor, r.created_at,
    o.origin, o.from_rental_id, o.connection_id FROM rentals r JOIN orders o ON o.id = r.order_id"""
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
        known, query = self._facts.rented, _RENTALS
        ((there,),) = self.rows("SELECT count(*) FROM rentals")
        rows = self.those(f"{query} WHERE r.id IN", list(changed)) if there == len(known) else self.rows(query)
        for rental_id, released_at, *row in sorted(rows, key=lambda row: row[1] is None):  # those that ended first
            if rental_id not in known:
                self._learn(rental_id, *row)
            rental = known[rental_id]
            if rental.ended_at is not None and rental.ended_at != released_at:
                raise self._world.broken("rent", f"{rental_id} ended at {rental.ended_at}, and now at {released_at}")
            rental.ended_at = released_at

    def _learn(self, rental_id: str, account_id: str, e164: str, *row: Any) -> None:
        """A rental that is new: who had it begin, and what it takes over from the one before."""
        anchor, began_at, origin, before_id, connection_id = row
        asked, before = self._facts.asked, self._facts.rented.get(before_id)
        carrier, tariff = self._facts.carriers[e164], self._facts.tariffs[e164]
        may = {
            "purchase": ("buy", account_id, e164),
            "assignment": ("give", account_id, e164, connection_id),
            "transfer": ("transfer", account_id, e164, connection_id),
            "restoration": ("restore", e164),
            "adoption": ("adopt", account_id, e164, connection_id),
        }
        if may[origin] not in asked or (before is None) is (origin in ("transfer", "restoration")):
            raise self._world.broken("rent", f"{account_id} never asked for {e164}")
        rental = Rented(rental_id, account_id, e164, carrier, anchor, tariff, began_at)
        if origin == "purchase":
            self._facts.leads[rental_id] = None
        else:
            rental.is_given, rental.tariff = True, tariff._replace(setup=0)
            self._facts.leads[rental_id] = connection_id
        if origin == "adoption":
            self._judge_began(rental)
        if before is not None:
            self._take_over(rental, before, goes_on=origin == "restoration")
        self._facts.rent(rental)

    def _judge_began(self, rental: Rented) -> None:
        """An adopted rental began or renews when it was said to."""
        rental.is_adopted, rental.first = True, self._first_period(rental)
        asked = self._facts.renewals[rental.account_id, rental.e164]
        is_so = {
            "renews_at": rental.begin_of(rental.first + 1),
            "since": rental.anchor,
            "": 0,
        }
        if not any(is_so[column] == instant for column, instant in asked):
            raise self._world.broken(
                "adoptions", f"{rental.rental_id} is in period {rental.first} since {rental.anchor}: {asked} was said"
            )

    def _first_period(self, rental: Rented) -> int:
        query = "SELECT min(period) FROM rent_charges WHERE account_id = ? AND rental_id = ?"
        ((first,),) = self.rows(query, rental.account_id, rental.rental_id)
        return int(first)

    def _take_over(self, rental: Rented, before: Rented, *, goes_on: bool) -> None:
        """What goes on: its periods and prices, and where it goes on with the same account what is set for it."""
        facts = self._facts
        rental.first = self._first_period(rental)
        rental.before, usual = before, before.tariff_in(rental.first)
        inbound, outbound = (before.set_rates.get(way) if usual.rate(way) is None else usual.rate(way) for way in RATES)
        rental.tariff = Tariff(usual.price, inbound, outbound, 0)
        if goes_on and not before.is_forgotten and rental.carrier == NORTH:
            facts.settings[rental.rental_id] = facts.settings.get(before.rental_id, NOTHING_SET)
        if goes_on and facts.leads[rental.rental_id] != facts.leads[before.rental_id]:
            raise self._world.broken("routes", f"{rental.rental_id} goes on, and leads elsewhere than before")

    def learn_prices(self) -> None:
        """Prices that were announced: as they were asked for, and no earlier than the notice."""
        query = (
            "SELECT rental_id, from_period, price, inbound, outbound FROM rent_prices ORDER BY rental_id, from_period"
        )
        for rental_id, period, price, inbound, outbound in self.rows(query):
            rental = self._facts.rented[rental_id]
            if period in rental.announced:
                continue
            if rental.before is not None and price in (one.price for one in rental.before.announced.values()):
                rental.announced[period] = self._carried(rental, period, Tariff(price, inbound, outbound, 0))
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

    def _carried(self, rental: Rented, period: int, new: Tariff) -> Tariff:
        """What was announced before holds for the rental that goes on; another account has notice of its own."""
        before = rental.before
        if before is None or new.price not in {
            one.price for since, one in before.announced.items() if rental.first < since <= period
        }:
            raise self._world.broken("prices", f"{rental.rental_id} is to cost {new}, which nobody announced")
        is_late = rental.begin_of(period) < self._world.now() + NOTICE - _SLACK
        if is_late and before.account_id != rental.account_id:
            raise self._world.broken("prices", f"{rental.rental_id} costs more from {period} on, which is too early")
        return new

    def learn_terms(self) -> None:
        """Sources that were appointed, and rates that a person set."""
        for rental_id, since, source in self.rows("SELECT rental_id, since, source FROM usage_sources"):
            if ("source", self._facts.rented[rental_id].e164, source) not in self._facts.asked:
                raise self._world.broken("calls", f"nobody let {source} charge for {rental_id}")
            rental = self._facts.rented[rental_id]
            if (since, source) not in rental.sources:
                rental.sources.append((since, source))
        for rental_id, direction, rate in self.rows("SELECT rental_id, direction, per_minute FROM usage_rates"):
            if ("rate", self._facts.rented[rental_id].e164, direction, rate) not in self._facts.asked:
                raise self._world.broken("calls", f"nobody let {rental_id} cost {rate} a minute")
            self._facts.rented[rental_id].set_rates[direction] = rate

    def at_carrier(self) -> list[Rented]:
        """The rentals of carriers' numbers that go on."""
        return [one for one in self._facts.rented.values() if one.carrier == NORTH and one.ended_at is None]
