"""The judge of connections: at rest every number is set as it was last wanted, or the books say why not.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.core.connection import carrier_route
from simulation.months.books import Books
from simulation.months.carrier import CallingCompany
from simulation.months.customers import Customer
from simulation.months.facts import Facts
from simulation.world import World


def judge_routes(
    world: World,
    books: Books,
    company: CallingCompany,
    customers: Sequence[Customer],
    facts: Facts,
    explained: set[str],
) -> set[str]:
    """What the carrier has is what was wanted, or it is said that it is not. The numbers that are otherwise.

    `explained` are those of which a person was told why.
    """
    board = company.switchboard
    routes = {name: carrier_route(route) for customer in customers for name, route in customer.routes.items()}
    said = {
        rental_id: (state, message)
        for rental_id, state, message in books.rows("SELECT rental_id, state, message FROM rental_connections")
    }
    needed, otherwise = set(), set()
    for rental in books.at_carrier():
        where = facts.leads.get(rental.rental_id)
        needed.add(where)
        there = board.set.get(rental.e164)
        nothing = facts.as_found.get(rental.e164)  # what was there before, where nobody has asked for anything
        if where is None:
            good = there == nothing
        else:
            good = there is not None and there[:2] == (where, routes[where]) and board.rings(rental.e164)
        if not good:
            otherwise.add(rental.e164)
        state, message = said.get(rental.rental_id, ("none", ""))
        if good and state == ("none" if where is None else "active"):
            world.reached("connected_as_wanted" if where else "connected_to_nothing")
        elif (state in ("failed", "unsupported") and message) or rental.e164 in explained:
            world.reached("said_why_not_connected")
        else:
            raise world.broken(
                "routes", f"{rental.e164} is to lead to {where}, is {state}, and the carrier has {there}"
            )
    _judge_leftovers(world, company, needed | _kept(world, books, company))
    return otherwise


def _kept(world: World, books: Books, company: CallingCompany) -> set[str | None]:
    """What numbers have by the books of which their carrier cannot be told: it lost them, or has them by another id."""
    rows = books.rows(
        """SELECT e164, carrier_reference, applied_connection_id FROM rental_connections
        WHERE applied_connection_id IS NOT NULL AND settled_at IS NULL AND message <> ''"""
    )
    kept = {connection_id for e164, reference, connection_id in rows if company.why_not(e164, reference)}
    if kept:
        world.reached("kept_for_what_cannot_be_told")
    return kept


def _judge_leftovers(world: World, company: CallingCompany, needed: set[str | None]) -> None:
    """What nobody needs is not there any more."""
    left = set(company.switchboard.made) - needed
    if left:
        raise world.broken("routes", f"the carrier still has what was made for {left}")
    for e164 in company.switchboard.set:
        if company.has(e164) is None:
            raise world.broken("routes", f"{e164} went back, and still leads somewhere")
