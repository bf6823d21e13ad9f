"""What an operator does with rentals by hand: gives numbers, moves them, takes them back and lets them go on.

Touches: clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numberdesk.core.interventions import Warrant
from numberdesk.core.rental import Rental
from numberdesk.flows.rentals.assign_numbers import Assign, GivenPrices, assign_numbers
from numberdesk.flows.rentals.restore_rentals import Restore, restore_rentals
from numberdesk.flows.rentals.take_back_numbers import TakeBack
from numberdesk.flows.rentals.transfer_numbers import NumberTransfer, transfer_numbers
from numberdesk.wiring import Services
from simulation.months.customers import Customer
from simulation.months.desk import Desk, plain
from simulation.months.facts import POOL, Facts
from simulation.world import World


class Hands:
    """The deeds of one person, each with what it is to come to."""

    def __init__(self, world: World, desk: Desk, facts: Facts, customers: Sequence[Customer]) -> None:
        self._world = world
        self._desk = desk
        self._facts = facts
        self._customers = {customer.account_id: customer for customer in customers}

    async def give(self) -> None:
        """Let an account have a number of the pool without its buying it."""
        customer = self._somebody()
        e164 = self._world.one_of([one for one, carrier in self._facts.carriers.items() if carrier == POOL])
        charge, connection = self._world.happens(0.5), self._world.one_of([None, *customer.routes])
        self._facts.asked.add(("give", customer.account_id, e164, connection))

        def command(services: Services, now: int) -> Assign:
            prices, order_id = GivenPrices(), services.new_id("ord")
            return Assign(customer.account_id, e164, prices, charge, connection, order_id, _why(services, now))

        await self._do("given", plain(assign_numbers), command)

    async def move(self) -> None:
        """Let another account have a number."""
        rental, customer = self._some(ended=False), self._somebody()
        if rental is None:
            return
        connection = self._world.one_of([None, *customer.routes])
        self._facts.asked.add(("transfer", customer.account_id, rental.e164, connection))

        def command(services: Services, now: int) -> NumberTransfer:
            order_id, terms = services.new_id("ord"), services.rent_terms
            return NumberTransfer(rental.e164, customer.account_id, connection, order_id, _why(services, now), terms)

        await self._do("moved", plain(transfer_numbers), command)

    async def take(self) -> None:
        """Take a number back, and think better of it now and then."""
        rental = self._some(ended=False)
        if rental is None:
            return
        self._facts.asked.add(("take back", rental.e164))
        taken = await self._do(
            "taken_back",
            lambda services: services.take_back,
            lambda services, now: TakeBack(rental.e164, _why(services, now)),
        )
        if taken is not None and self._world.happens(0.5):
            await self._restore(rental.e164)

    async def bring_back(self) -> None:
        """Let a rental go on that has ended, for whatever reason."""
        rental = self._some(ended=True)
        if rental is not None:
            await self._restore(rental.e164)

    async def _restore(self, e164: str) -> None:
        self._facts.asked.add(("restore", e164))
        await self._do(
            "restored",
            plain(restore_rentals),
            lambda services, now: Restore(e164, services.new_id("ord"), _why(services, now)),
        )

    async def _do(self, what: str, flow: Callable[[Services], Any], command: Callable[..., Any]) -> Rental | None:
        """The rental that there is then, which its account knows of; None where it was refused."""
        outcome = await self._desk.submit(flow, command)
        if not isinstance(outcome, Rental):
            self._world.reached(f"not_{what}")
            return None
        self._world.reached(what)
        live = self._facts.live(outcome.e164)
        for account_id, customer in self._customers.items():
            if live is not None and account_id == live.account_id:
                customer.mine[outcome.e164] = live.rental_id
            else:
                customer.mine.pop(outcome.e164, None)
        return outcome

    def _somebody(self) -> Customer:
        return self._world.one_of(list(self._customers.values()))

    def _some(self, *, ended: bool) -> Any:
        found = [one for one in self._facts.rented.values() if (one.ended_at is not None) is ended]
        if not ended and self._world.happens(0.5):  # where there is most to be undone
            found = [one for one in found if any(self._facts.settings.get(one.rental_id, ()))] or found
        return self._world.one_of(found[-30:] if ended else found) if found else None


def _why(services: Services, now: int) -> Warrant:
    return Warrant(services.new_id("itv"), "boss", "as agreed", now)
