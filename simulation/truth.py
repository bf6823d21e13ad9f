"""Holds the books against what the carriers know: after every commit, whenever a number goes back, and at rest.

Touches: nothing.

The carriers' own books say what was bought for which order and whose every number is, whatever they
told us of it. They are the truth of I7 and I8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numberdesk.core.carrier_order import OutcomeReport, Pending
from numberdesk.core.purchase import POOL
from simulation.books import Books, Order
from simulation.company import Company
from simulation.world import World
from testbed.carrier_books import Held

_PROOF = "voided_after_proof"


class Truth:
    """The books and the carriers of one simulation."""

    def __init__(self, world: World, books: Books, companies: Mapping[str, Company]) -> None:
        self._world = world
        self._books = books
        self._companies = companies
        for company in companies.values():
            company.noted = self.noted
            company.gone = self.gone

    def noted(self, reference: str) -> int:
        """How often an order may have been sent, as the books have it; 0 for one that they do not know."""
        carrier_order = self._books.carrier_orders.get(reference)
        return 0 if carrier_order is None else carrier_order.attempt

    def look(self, flow: str, command: Any, goals: list[str]) -> None:
        """After a word about an order, or about a number on its way back: what ended it must be so."""
        if flow == "settle" and "heard_after_the_end" not in goals:
            self._look_at_order(self._books.orders[command.order_id], command, goals)
        elif flow == "note releases":
            one = self._books.releases[command.release_id]
            held = self._companies[one.carrier].has(one.e164)
            if one.confirmed_at is not None and held is not None and held.reference == one.id.replace("rel_", "ord_"):
                self._world.broken("I7", f"{one.e164} is noted to be back, and {one.carrier} has it as {held}")

    def _look_at_order(self, order: Order, command: OutcomeReport, goals: list[str]) -> None:
        company = self._companies[order.carrier]
        held = company.has(order.e164)
        if order.state == "completed" and held is not None and self._may_be_taken(company, held, command):
            held.reference = order.id
            company.bought[order.id, order.e164] += 1
        if order.state == "completed" and not _is_of(held, order) and not self._was_lost(company, order):
            self._world.broken("I7", f"{order.id} is completed, and {company.name} has {order.e164} as {held}")
        if order.state == "failed" and _is_of(held, order):
            self._early_void(order, proven=_PROOF in goals)
        if "second_attempt" in goals and _is_of(held, order):
            self._early_second(order)

    def gone(self, held: Held) -> None:
        """A number has just gone back to its carrier: nobody may rent it."""
        number = self._books.numbers.get(held.e164)
        order = None if number is None or number.state != "assigned" else self._books.orders[number.order_id or ""]
        if order is not None and order.carrier != POOL:
            self._world.broken("I7", f"{held.e164} goes back to its carrier while {order.account_id} rents it")

    def open_orders(self) -> list[str]:
        """Orders that are open and may be so no longer: their carriers know what became of them."""
        return [
            order.id
            for order in self._books.orders.values()
            if order.state == "ordering" and not (self._is_stuck(order) and self._is_parked(order))
        ]

    def going_back(self) -> bool:
        """Whether a number is on its way back to its carrier, and not left to a person."""
        return any(one.confirmed_at is None and not one.parked for one in self._books.releases.values())

    def unsettled(self) -> str | None:
        """At rest and after an audit: in what the carriers' books do not agree with ours (I7)."""
        wanted = {
            (rental.order.carrier, rental.order.e164): rental.order
            for rental in self._books.rentals.values()
            if rental.released_at is None and rental.order.carrier != POOL
        }
        for company in self._companies.values():
            for held in company.ours.values():
                if not self._is_known(company, held, wanted):
                    return f"{company.name} has {held.e164} for us by {held.reference}, which nobody knows"
        for (carrier, e164), order in wanted.items():
            there = self._companies[carrier].has(e164)
            lost = self._finding(carrier, e164, "lost")
            young = (order.completed_at or 0) > self._world.now() - self._companies[carrier].window
            if there is None and lost != "open" and not young:  # by a clock that was wrong, it may be
                return f"{order.account_id} rents {e164}, and {carrier} does not have it for us"
            if there is not None and (lost == "open" or there.number_id != order.number_id):
                return f"{order.account_id} rents {e164} as {order.number_id}, which is {there} and {lost}"
        return self._unpaid()

    def orphans(self) -> list[tuple[str, str]]:
        """The findings that a person is to give back: carrier and number."""
        return [key[:2] for key, row in self._books.findings.items() if key[2] == "orphan" and row[0] == "open"]

    def _was_lost(self, company: Company, order: Order) -> bool:
        """A carrier that loses numbers had it a moment ago."""
        had = any(held.e164 == order.e164 for held in company.sold)
        if not self._world.plan.slips or not had or company.has(order.e164) is not None:
            return False
        company.bought[order.id, order.e164] += 1
        return True

    def _may_be_taken(self, company: Company, held: Held, heard: OutcomeReport) -> bool:
        """What was bought for another order, or unasked, is good enough where nobody can tell, and where a person says.

        Not when somebody else rents it, or when it is on its way back.
        """
        if held.reference == heard.order_id or (company.keeps_references and heard.order_id not in self._world.adopted):
            return False
        other = self._books.orders.get(held.reference)
        going = any(one.e164 == held.e164 and one.confirmed_at is None for one in self._books.releases.values())
        return not going and (other is None or other.state != "completed" or other.e164 != held.e164)

    def _unpaid(self) -> str | None:
        for order in self._books.orders.values():
            bought = order.carrier != POOL and self._companies[order.carrier].bought[order.id, order.e164]
            if order.carrier != POOL and order.state == "completed" and not bought:
                return f"{order.id} is completed, and {order.carrier} never sold {order.e164} for it"
        return None

    def _is_known(self, company: Company, held: Held, wanted: Mapping[tuple[str, str], Order]) -> bool:
        order = wanted.get((company.name, held.e164))
        if _is_of(held, order):
            return True
        number = self._books.numbers.get(held.e164)
        open_order = None if number is None or number.state != "claimed" else number.order_id
        parked = any(one.parked and one.e164 == held.e164 for one in self._books.releases.values())
        own = number is not None and number.carrier == POOL  # an import took it, and the audit logs that
        return own or open_order is not None or parked or self._finding(company.name, held.e164, "orphan") == "kept"

    def _finding(self, carrier: str, e164: str, kind: str) -> str | None:
        row = self._books.findings.get((carrier, e164, kind))
        return None if row is None or row[0] == "ended" else str(row[0])

    def _early_second(self, order: Order) -> None:
        """Nothing is ordered again that its carrier has done, however clocks are set, unless its lists lag too long."""
        self._world.reached("sent_again_too_early")
        if not self._world.plan.breaks_window:
            self._world.broken("I8", f"{order.id} is sent again, and {order.carrier} has {order.e164} for us by it")

    def _early_void(self, order: Order, *, proven: bool) -> None:
        """Only absence can deceive, and only where lists lag more than is promised: no clock can."""
        self._world.reached("voided_too_early")
        if not (proven and self._world.plan.breaks_window):
            self._world.broken(
                "early void", f"{order.id} is given up, and {order.carrier} has {order.e164} for us by it"
            )

    def _is_stuck(self, order: Order) -> bool:
        """Its carrier never says what became of it: it has not decided, or has done something else.

        Nor does one that took it, keeps no reference to ask by, and refused it later; nor one that lost what it sold.
        """
        company = self._companies[order.carrier]
        taken = any(isinstance(word, Pending) for word in self._books.carrier_orders[order.id].words)
        known, held = company.orders.get(order.id), company.has(order.e164)
        astray = known is not None and known.held is not None and known.held.e164 != order.e164
        sold = any(one.e164 == order.e164 and one.reference == order.id for one in company.sold)
        silent = taken and held is None and (sold or not company.keeps_references)
        return order.id in company.undecided or astray or silent or (held is not None and held.reference != order.id)

    def _is_parked(self, order: Order) -> bool:
        carrier_order, hold = self._books.carrier_orders[order.id], self._books.holds[order.id]
        return carrier_order.parked_at is not None and hold[3] == "open"


def _is_of(held: Held | None, order: Order | None) -> bool:
    return held is not None and order is not None and held.reference == order.id
